"""The walk of docs/training.md in miniature: its own files and commands, on a Llama of two layers."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from visagent_apps.cli import app

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WALK = ROOT / "examples" / "training"
sys.path.insert(0, str(ROOT / "tests" / "visagent" / "training"))


def run(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The walk's files, with smaller numbers, and a base model that the test makes."""
    folder = tmp_path / "walk"
    shutil.copytree(WALK, folder, ignore=shutil.ignore_patterns("__pycache__"))
    mix = yaml.safe_load((folder / "data.yaml").read_text())
    for source in mix["sources"]:
        source |= {"count": 12} if "count" in source else {}
    (folder / "data.yaml").write_text(yaml.safe_dump(mix))
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return folder


def test_data_is_built_shown_and_checked_from_the_command_line(walk: Path) -> None:
    assert "questions" in run("data", "build", walk / "data.yaml", "--out", "mine")
    shown = run("data", "show", "mine", "--source", "questions", "--prompt", "--limit", "2")
    assert "tempo(clip: audio) -> number: Estimate the tempo" in shown and "[user]" in shown
    assert "Nothing is wrong" in run("data", "check", "mine")
    with Path("mine/train.jsonl").open("a") as file:
        file.write("{}\n")
    assert "Field required" in run("data", "check", "mine", code=2)


def test_the_walk_from_questions_to_an_installed_planner(walk: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("xllamacpp")
    pytest.importorskip("trl")
    from tiny_planner import as_gguf, tiny_llama

    base = tiny_llama(tmp_path / "tiny", spread=0.2)
    config = yaml.safe_load((walk / "train.yaml").read_text())
    changes = {"base": str(base), "data": "../mine", "steps": 8, "eval_every": 4, "eval_rows": 2, "test_rows": 4}
    config |= {**changes, "learning_rate": 5e-3, "threads": 1, "rank": 8}
    del config["start_from"]
    (walk / "train.yaml").write_text(yaml.safe_dump(config))
    run("data", "build", walk / "data.yaml", "--out", "mine")
    output = run("train", "sft", "--config", walk / "train.yaml", "--folder", "runs/mine")
    assert "right plan" in output and "before" in output and "after" in output
    rows = [json.loads(line) for line in Path("runs/mine/metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert len(losses) == 8 and losses[-1] < losses[0]
    gguf = as_gguf(base, tmp_path / "tiny.gguf")
    # So small a model has not learned to spell; that runtimes agree on what one knows, test_methods.py shows.
    exported = run("train", "export", "runs/mine", "--gguf", gguf, "--install", "--checks", "0")
    assert "Not checked in llama.cpp with tiny.gguf" in exported and "adapter: my-planner" in exported

    from visagent.planning.controller import known_tools

    assert "detect" in known_tools("tiny+my-planner") and "tempo" not in known_tools("tiny+my-planner")


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (("data", "build", "none.yaml"), "There is no file none.yaml"),
        (("data", "check", "none"), "none holds no examples"),
        (("train", "sft", "--config", "none.yaml"), "There is no file none.yaml"),
        (("train", "export", "none"), "none holds no adapter"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: tuple[str, ...],
    fact: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from visagent_apps.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["visagent", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and fact in capsys.readouterr().err
