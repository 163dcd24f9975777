"""`visagent batch --engine ray` on a Ray of this machine, with the real embedded models."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    """Of a small Ray that lives as long as these tests."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    context = ray.init(num_cpus=2, object_store_memory=100 << 20, include_dashboard=False, log_to_driver=False)
    yield context.address_info["address"]
    ray.shutdown()


def said(stderr: str) -> list[str]:
    """The lines that are ours: Ray's core says in one of its own that it will say no more."""
    return [line for line in stderr.splitlines() if line.strip() and "RAY_BACKEND_LOG_LEVEL" not in line]


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
    assert "1 answered" in ran.stderr and "1 failed" in ran.stderr
    assert len(said(ran.stderr)) == 2, ran.stderr
    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    assert rows["cup"] == done
    assert "1 cat" in rows["cats"]["answer"]["text"] and rows["cats"]["answer"]["evidence"]
    assert rows["none"]["error"]["type"] == "MediaError"


def test_a_benchmark_is_asked_on_ray_actors_and_scored_here(address: str, tmp_path: Path) -> None:
    (tmp_path / "test" / "images").mkdir(parents=True)
    (tmp_path / "test" / "questions.json").write_text('[["what color is it?", "gray", 0], ["is it red?", "no", 0]]')
    shutil.copy(EXAMPLES / "cat.png", tmp_path / "test" / "images" / "0.png")
    profile = "name: scripted\nmodels: {main: {backend: scripted, media: [image], replies: ['It is gray.']}}\n"
    profile += "roles: {controller: main, decider: rules, refiner: rules, verifier: rules, observer: main}\n"
    (tmp_path / "scripted.yaml").write_text(profile)
    command = [VISAGENT, "eval", "easy-vqa", "--data", ".", "--profile", "scripted.yaml", "--mode", "direct"]
    command += ["--out", "out", "--engine", "ray", "--actors", "1"]
    environment = os.environ | {"RAY_ADDRESS": address}
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=500, check=False, env=environment
    )
    assert ran.returncode == 0, ran.stderr
    assert "50.0" in ran.stdout and (tmp_path / "out" / "report.html").is_file()
    assert len((tmp_path / "out" / "attempts.jsonl").read_text().splitlines()) == 2


def test_a_model_that_an_actor_cannot_load_is_one_clear_line(address: str, tmp_path: Path) -> None:
    profile = (EXAMPLES.parent / "visagent" / "core" / "profiles" / "embedded.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(profile.replace("source: smollm2-135m-instruct-q4_1", "source: path:/no.gguf"))
    (tmp_path / "in.jsonl").write_text(json.dumps({"question": "How many?", "media": [str(EXAMPLES / "cat.png")]}))
    command = [VISAGENT, "batch", "in.jsonl", "out.jsonl", "--engine", "ray", "--actors", "1", "--profile", "mine.yaml"]
    environment = os.environ | {"RAY_ADDRESS": address}
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=500, check=False, env=environment
    )
    assert ran.returncode == 1 and not (tmp_path / "out.jsonl").read_text()
    (line,) = said(ran.stderr)
    assert line.startswith("ModelError: An actor cannot answer: SourceError: /no.gguf")
