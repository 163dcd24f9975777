"""ultralytics behind the detector protocol: a network with random weights, saved and loaded by the real path."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import JsonValue

from visagent.core.errors import ModelError
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent_tools.engines.detector import boxes_in, detector_for
from visagent_tools.engines.yolo import YoloDetector, import_ultralytics

ROOT = Path(__file__).resolve().parents[3]

pytest.importorskip("torch", reason="ultralytics needs torch: pip install 'visagent[local]'")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    # Not imported here: it reads its environment at import, which is ours to set.
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("ultralytics is absent: pip install 'visagent[local]'")
    path = tmp_path_factory.mktemp("yolo") / "random.pt"
    import_ultralytics().YOLO("yolo11n.yaml").save(str(path))
    return str(path)


def test_it_stays_offline_installs_nothing_and_unpickles_no_code(weights: str) -> None:
    code = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tools')]}\n"
        f"from visagent_tools.engines.yolo import YoloDetector; YoloDetector({weights!r})\n"
        "from ultralytics import utils; from ultralytics.utils.events import events\n"
        "assert not utils.ONLINE and not utils.AUTOINSTALL and utils.SAFE_LOAD and not events.enabled"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_boxes_lie_inside_the_picture_the_surest_first(weights: str) -> None:
    noise = Media.load(Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)))
    options: dict[str, JsonValue] = {"detector": "ultralytics", "weights": weights, "threshold": 0.0, "device": "cpu"}
    labels = detector_for(options).labels
    assert labels is not None and len(labels) == 80
    found = boxes_in(Crop.whole(noise), options)
    assert found, "with a threshold of 0 random weights report something"
    assert [box.confidence for box in found] == sorted((box.confidence for box in found), reverse=True)
    for box in found:
        x1, y1, x2, y2 = box.xyxy
        assert 0 <= x1 <= x2 <= 120 and 0 <= y1 <= y2 <= 90 and box.label in labels


def test_a_message_calls_it_by_its_file(weights: str) -> None:
    assert YoloDetector(weights).name == "the detector random.pt"


def test_weights_that_are_not_on_this_machine_are_not_downloaded(weights: str) -> None:
    with pytest.raises(ModelError, match=r"weights = 'yolo11x\.pt': there is no such file"):
        YoloDetector("yolo11x.pt")


def test_a_file_that_is_no_network_is_refused(weights: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.pt").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"wrong\.pt: ultralytics cannot load this"):
        YoloDetector(str(tmp_path / "wrong.pt"))
