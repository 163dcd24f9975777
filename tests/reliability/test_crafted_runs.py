"""Run folders that somebody made by hand, copied, linked or broke cost themselves alone, also in pruning."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from visagent.agent import retention, runs
from visagent.agent.agent import Agent
from visagent.agent.retention import forget_expired, forget_runs, forget_unused_media, prune, start_pruning
from visagent.agent.runs import RunStore
from visagent.core.errors import ConfigError, RunNotFound, StorageError, VisagentError
from visagent.core.files import files_below
from visagent.testing import ScriptedModel
from visagent_apps import cli

PLAN = [{"tool": "dominant_colors"}]
SHORT = "171ba1c9"
MADE = f"20261126-181032-967169-{SHORT}"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent("embedded", home=tmp_path / "home", models={"controller": ScriptedModel(PLAN)})


def asked(agent: Agent, color: str = "red") -> str:
    return agent.ask("Which color?", Image.new("RGB", (8, 8), color), mode="tree").run_id


def changed(agent: Agent, run_id: str, **fields: object) -> None:
    file = agent.home / "runs" / run_id / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def _folder(record: Path) -> None:
    record.mkdir()


def _pipe(record: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    os.mkfifo(record)


def _circle(record: Path) -> None:
    record.symlink_to(record)


def _brackets(record: Path) -> None:
    record.write_text("[" * 100_000)


def _device(record: Path) -> None:
    record.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_folder, _pipe, _circle, _brackets, _device])
def test_a_record_that_is_no_file_is_left_out_in_one_line(
    agent: Agent, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = asked(agent)
    folder = agent.home / "runs" / MADE
    folder.mkdir()
    make(folder / "run.json")
    problems: list[RunNotFound] = []
    assert [record.id for record in agent.runs.list(problems.append)] == [kept]
    assert len(problems) == 1 and MADE in str(problems[0])
    assert [record.id for record in agent.runs.search("color")] == [kept]
    monkeypatch.setenv("VISAGENT_HOME", str(agent.home))
    shown = CliRunner().invoke(cli.app, ["runs"])
    assert shown.exit_code == 0 and "Which color?" in shown.output and "Left out" in shown.output


@pytest.mark.parametrize(
    "name", ["x\x1b[31mred", "a\nb", "a\u202egnp.exe", "\u200b", "..x", "a" * 200, b"\xff\xfe", "20261126 181032"]
)
def test_folders_of_hostile_names_are_no_runs_and_steer_no_terminal(
    agent: Agent, name: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = asked(agent)
    os.mkdir(os.path.join(os.fsencode(agent.home / "runs"), name if isinstance(name, bytes) else os.fsencode(name)))  # noqa: PTH102, PTH118
    monkeypatch.setenv("VISAGENT_HOME", str(agent.home))
    for line in (["runs"], ["runs", "--json"], ["resume", kept[:8]], ["runs", "prune", "--keep-days", "9"]):
        shown = CliRunner().invoke(cli.app, line)
        assert shown.exception is None or isinstance(shown.exception, SystemExit | VisagentError), line
        assert not set(shown.output) & set("\x1b\u202e\udcff"), line
    assert agent.runs.load(kept).answer is not None


def test_a_copied_folder_stands_for_no_run_and_keeps_none_from_being_deleted(agent: Agent) -> None:
    run_id = asked(agent)
    shutil.copytree(agent.home / "runs" / run_id, agent.home / "runs" / MADE)
    assert [record.id for record in agent.runs.list()] == [run_id]
    with pytest.raises(RunNotFound, match="that of another run"):
        agent.resume(MADE)
    assert prune(agent.home, keep_days=0) == [run_id]


def test_a_record_that_names_another_folder_leads_nowhere(agent: Agent, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    changed(agent, asked(agent), id="../../outside", expires="2020-01-01T00:00:00Z")
    assert forget_expired(agent.home) == [] and prune(agent.home, keep_days=0) == []
    assert outside.is_dir()


def test_times_without_a_zone_keep_no_other_run_from_being_deleted(agent: Agent) -> None:
    broken, run_id = asked(agent), asked(agent)
    changed(agent, broken, created="2020-01-01T00:00:00", expires="2020-01-01T00:00:00")
    changed(agent, run_id, expires="2020-01-01T00:00:00Z")
    assert forget_expired(agent.home) == [run_id]
    assert prune(agent.home, keep_days=0) == []


def test_a_run_that_is_a_link_keeps_no_other_from_being_deleted(agent: Agent, tmp_path: Path) -> None:
    linked, run_id = asked(agent), asked(agent)
    shutil.move(agent.home / "runs" / linked, tmp_path / "elsewhere")
    (agent.home / "runs" / linked).symlink_to(tmp_path / "elsewhere")
    assert prune(agent.home, keep_days=0) == [run_id]
    assert (tmp_path / "elsewhere" / "run.json").is_file()
    with pytest.raises(StorageError, match="cannot be deleted"):
        forget_runs(agent.home, [linked])


def test_two_processes_that_prune_at_once_delete_all_and_leave_no_empty_folder(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = asked(agent), asked(agent, "blue")
    owning = retention.owning

    def beaten(folder: Path) -> object:
        # The other process deletes the run between our look at it and our lock.
        if folder.name == first and folder.exists():
            shutil.rmtree(folder)
        return owning(folder)

    monkeypatch.setattr(retention, "owning", beaten)
    assert prune(agent.home, keep_days=0) == [second]
    assert agent.runs.ids() == []


def test_a_run_that_is_deleted_while_its_answer_is_stored_costs_no_answer(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = runs.write_whole

    def then_deleted(file: Path, content: str) -> None:
        written(file, content)
        if '"finished"' in content:
            shutil.rmtree(file.parent)

    monkeypatch.setattr(runs, "write_whole", then_deleted)
    answer = agent.ask("Which color?", Image.new("RGB", (8, 8), "red"), mode="tree")
    assert answer.status == "answered" and agent.runs.ids() == []


def test_a_file_that_goes_while_files_are_counted_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"12")
    counted = files_below(tmp_path)
    first, size = next(counted)
    assert size == 2
    for name in {"a", "b"} - {first.parent.name}:
        shutil.rmtree(tmp_path / name)
    assert list(counted) == [] and list(files_below(tmp_path / "none")) == []


def test_what_else_lies_among_the_media_ends_no_sweep(agent: Agent) -> None:
    asked(agent)
    strange = agent.home / "media" / "zz" / "folder"
    strange.mkdir(parents=True)
    unused = agent.home / "media" / "zz" / f"{'f' * 64}.raw"
    unused.write_bytes(b"nobody's")
    forget_unused_media(agent.home, older_than=-1)
    assert not unused.exists() and strange.is_dir()


def test_a_clock_that_was_put_back_does_not_end_pruning(agent: Agent) -> None:
    run_id = asked(agent)
    changed(agent, run_id, created=(datetime.now(UTC) - timedelta(days=8)).isoformat())
    stamp = agent.home / "runs" / ".pruned"
    stamp.touch()
    later = time.time() + 10 * 365 * 86_400
    os.utime(stamp, (later, later))
    thread = start_pruning(agent.home, keep_days=7)
    assert thread is not None
    thread.join()
    assert agent.runs.ids() == []


@pytest.mark.parametrize("option", ["--keep-days", "--max-gb"])
@pytest.mark.parametrize("value", ["inf", "1e308", "1e12", "nan", "-1", "-inf", "-0.0", "1e-320", "9" * 400])
def test_numbers_of_any_size_prune_or_are_refused(
    agent: Agent, option: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = asked(agent)
    monkeypatch.setenv("VISAGENT_HOME", str(agent.home))
    shown = CliRunner().invoke(cli.app, ["runs", "prune", option, value])
    assert shown.exit_code in (0, 2), shown.output
    kept = value in ("inf", "1e308", "1e12", "9" * 400) or shown.exit_code == 2
    assert (RunStore(agent.home / "runs").ids() == [run_id]) is kept


@pytest.mark.parametrize("line", [["runs"], ["demos", "bootstrap"]])
@pytest.mark.parametrize("value", ["1" + "0" * 30, str(2**63), "9" * 5000, "-1", "0", "nan", "1e3"])
def test_a_limit_of_any_size_lists_all_or_is_refused(
    agent: Agent, line: list[str], value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(agent.home))
    shown = CliRunner().invoke(cli.app, [*line, "--limit", value])
    assert shown.exit_code == (0 if value.startswith("1" + "0" * 30) or value == str(2**63) else 2), shown.output


@pytest.mark.parametrize("hours", [float("inf"), 1e12, 1e308])
def test_runs_that_are_kept_for_ages_never_expire(tmp_path: Path, hours: float) -> None:
    agent = Agent("embedded", home=tmp_path, models={"controller": ScriptedModel(PLAN)}, keep_hours=hours)
    assert agent.runs.load(asked(agent)).expires is None


@pytest.mark.parametrize("hours", [float("nan"), -1.0, float("-inf")])
def test_a_time_to_keep_runs_that_is_none_is_refused(tmp_path: Path, hours: float) -> None:
    with pytest.raises(ConfigError, match="keep_hours"):
        Agent("embedded", home=tmp_path, keep_hours=hours)
