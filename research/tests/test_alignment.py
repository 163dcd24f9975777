"""The command that measures what preferences and rewards give the planner; training itself is tested elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import alignment

BEFORE = {"right_plan": {"value": 0.66}}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that were run; one that trains plans before training unless its report has that figure."""
    found: list[tuple[str, ...]] = []

    def visagent(*arguments: str) -> None:
        found.append(arguments)
        folder = Path(arguments[-1])
        folder.mkdir(parents=True, exist_ok=True)
        if arguments[0] == "data":
            (folder / "train.jsonl").write_text("{}\n")
            (folder / "test.jsonl").write_text("{}\n")
            (folder / "report.json").write_text("{}")
            return
        report: dict[str, Any] = {"before": BEFORE, "planned": True}
        if (folder / "report.json").is_file():
            report = json.loads((folder / "report.json").read_text())
        (folder / "report.json").write_text(json.dumps(report))
        if "planned" in report:
            (folder / "test_before.json").write_text(json.dumps(["count()"]))
        if arguments[1] in alignment.PAIRED and not (folder / "pairs.jsonl").is_file():
            (folder / "pairs.jsonl").write_text(f"those of {arguments[1]}")

    monkeypatch.setattr(alignment, "visagent", visagent)
    return found


def test_questions_are_made_and_planned_before_training_once_for_all_methods(
    tmp_path: Path, commands: list[tuple[str, ...]]
) -> None:
    for method in alignment.METHODS:
        alignment.run(method, tmp_path)
    assert [command[:2] for command in commands[:2]] == [("data", "build"), ("train", "sft")]
    assert [command[1] for command in commands[1:]] == list(alignment.METHODS)
    reports = [json.loads((tmp_path / f"alignment-{one}" / "report.json").read_text()) for one in alignment.METHODS]
    assert all(report["before"] == BEFORE for report in reports)
    assert [report.get("planned", False) for report in reports] == [True, False, False, False]
    plans = [json.loads((tmp_path / f"alignment-{one}" / "test_before.json").read_text()) for one in alignment.METHODS]
    assert plans == [["count()"]] * len(alignment.METHODS)
    pairs = {one: (tmp_path / f"alignment-{one}" / "pairs.jsonl") for one in alignment.METHODS}
    assert {one: file.read_text() for one, file in pairs.items() if file.is_file()} == {
        "dpo": "those of dpo",
        "reward": "those of dpo",
    }


def test_other_questions_are_planned_anew(tmp_path: Path, commands: list[tuple[str, ...]]) -> None:
    alignment.run("sft", tmp_path)
    (tmp_path / "data" / "alignment" / "test.jsonl").write_text('{"id": "another"}\n')
    alignment.run("dpo", tmp_path)
    assert json.loads((tmp_path / "alignment-dpo" / "report.json").read_text())["planned"]
    assert len(commands) == 3


def test_every_method_has_a_configuration_of_the_same_size() -> None:
    import yaml

    configs = [yaml.safe_load((alignment.EXAMPLES / f"{one}.yaml").read_text()) for one in alignment.METHODS]
    same = [{name: one[name] for name in ("start_from", "data", "test_rows", "threads")} for one in configs]
    assert same.count(same[0]) == len(same)
    # Their pairs are made once.
    names = ("prompts", "samples", "negatives", "temperature", "seed")
    sampled = [[one.get(name) for name in names] for one in configs if "negatives" in one]
    assert len(sampled) == 2 and sampled[0] == sampled[1]
