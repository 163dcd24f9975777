"""`visagent batch --engine ray` on a Ray of this machine, with the real embedded models."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))


@pytest.fixture
def address() -> Generator[str]:
    """Of a small Ray that lives as long as the test."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    context = ray.init(num_cpus=2, object_store_memory=100 << 20, include_dashboard=False, log_to_driver=False)
    yield context.address_info["address"]
    ray.shutdown()


def test_a_batch_runs_on_ray_actors_and_goes_on_where_it_stopped(address: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from visagent import Crop, Number, tool\n"
        "@tool\ndef brightness(image: Crop) -> Number:\n"
        '    """Measure how bright a picture or object is."""\n'
        '    return Number(value=float(image.array().mean()) / 255 * 100, unit="%")\n'
    )
    items = [
        {"id": "cats", "question": "How many cats are there?", "media": [str(EXAMPLES / "cat.png")]},
        {"id": "none", "question": "How many cats are there?", "media": ["none.png"]},
        {"id": "cup", "question": "How bright is the picture?", "media": [str(EXAMPLES / "coffee.png")]},
    ]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in items))
    done = {"id": "cup", "question": "How bright is the picture?", "answer": {}}
    (tmp_path / "out.jsonl").write_text(f"{json.dumps(done)}\n")

    command = [VISAGENT, "batch", "in.jsonl", "out.jsonl", "--engine", "ray", "--actors", "1", "--workers", "2"]
    command += ["--tool", "mine.py:brightness"]
    environment = os.environ | {"RAY_ADDRESS": address}
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=500, check=False, env=environment
    )
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr and "1 answered" in ran.stderr and "1 failed" in ran.stderr
    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    assert rows["cup"] == done
    assert "1 cat" in rows["cats"]["answer"]["text"] and rows["cats"]["answer"]["evidence"]
    assert rows["none"]["error"]["type"] == "MediaError"
