"""ultralytics behind the segmenter protocol: a network with random weights, saved and loaded by the real path."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from numpy.typing import NDArray

from visagent.core.errors import ModelError, UnknownLabel
from visagent_tools.engines.outlining import Prompt
from visagent_tools.engines.ultralytics_segmenter import UltralyticsSegmenter
from visagent_tools.engines.yolo import import_ultralytics

pytest.importorskip("torch", reason="ultralytics needs torch: pip install 'visagent[local]'")

pytestmark = pytest.mark.slow

NOISE: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    # Not imported here: it reads its environment at import, which is ours to set.
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip("ultralytics is absent: pip install 'visagent[local]'")
    path = tmp_path_factory.mktemp("yolo") / "random-seg.pt"
    model = import_ultralytics().YOLO("yolo11n-seg.yaml")
    # What is built from its description has numbers for names.
    model.model.names = {**model.model.names, 0: "person", 2: "car", 16: "dog"}
    model.save(str(path))
    return str(path)


def test_yolo_outlines_the_class_that_it_is_asked_for_in_the_pictures_own_pixels(weights: str) -> None:
    network = UltralyticsSegmenter(weights, threshold=0.0, device="cpu")
    assert network.takes == {"phrase"}
    found = [outline for label in ("person", "dog", "car") for outline in network.outline(NOISE, Prompt(phrase=label))]
    assert all(outline.inside.shape == (90, 120) and 0 <= outline.score <= 1 for outline in found)
    with pytest.raises(UnknownLabel):
        network.outline(NOISE, Prompt(phrase="zebra crossing"))


def test_a_detector_without_masks_is_refused(weights: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("boxes") / "random.pt"
    import_ultralytics().YOLO("yolo11n.yaml").save(str(path))
    with pytest.raises(ModelError, match="for the task 'detect'"):
        UltralyticsSegmenter(str(path))
