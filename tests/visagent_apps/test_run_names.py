"""Runs as a person names them: the last one, by a short id, or by a whole one; and how they are listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from finished import STEPS, finished_run
from PIL import Image
from scripted_command import run, write_profile

from visagent.agent.runs import RunStore
from visagent.core.errors import RunNotFound
from visagent.media.media import Media
from visagent.media.store import MediaStore
from visagent_apps.run_names import find_run, short_id

OLD, NEW = "20261125-080000-000000-0a1b2c3d", "20261126-090000-000000-0a1bffff"
QUESTION = "How many dogs are lying in the grass behind the house?"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two finished runs."""
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    picture = Media.load(Image.new("RGB", (40, 30), "teal"))
    MediaStore(tmp_path / "media").put(picture)
    for run_id in (OLD, NEW):
        record = finished_run(picture, STEPS, question=QUESTION)
        assert record.answer is not None
        answer = record.answer.model_copy(update={"run_id": run_id})
        RunStore(tmp_path / "runs").save(record.model_copy(update={"id": run_id, "answer": answer}))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "meant"),
    [("last", NEW), (OLD, OLD), ("20261125", OLD), ("0a1b2c3d", OLD), ("0a1bf", NEW), ("0a1b2", OLD)],
)
def test_a_run_is_named_by_last_or_by_any_unique_part(home: Path, name: str, meant: str) -> None:
    assert find_run(RunStore(home / "runs"), name) == meant


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("0a1b", "2 runs have an id that begins with 0a1b. Name one of them: 0a1bffff, 0a1b2c3d"),
        ("0a1", "There is no run '0a1'"),
        ("0a1bfffe", "Did you mean 0a1bffff?"),
        ("../0a1b2c3d", "List them: visagent runs"),
        ("", "There is no run ''"),
    ],
)
def test_a_name_that_means_no_run_or_several_is_answered_with_what_could_be_meant(
    home: Path, name: str, says: str
) -> None:
    with pytest.raises(RunNotFound) as caught:
        find_run(RunStore(home / "runs"), name)
    assert says in str(caught.value)


def test_where_nothing_was_asked_last_means_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="There is no run yet"):
        find_run(RunStore(tmp_path / "runs"), "last")


def test_resume_and_report_understand_what_the_list_shows(home: Path, tmp_path: Path) -> None:
    assert json.loads(run("resume", "last", "--json").stdout)["run_id"] == NEW
    assert json.loads(run("resume", short_id(OLD), "--json").stdout)["run_id"] == OLD
    assert run("report", "last", tmp_path / "a.html").exit_code == 0
    assert QUESTION in (tmp_path / "a.html").read_text() or "How many dogs?" in (tmp_path / "a.html").read_text()
    assert run("runs", "--delete", short_id(OLD)).exit_code == 0
    assert RunStore(home / "runs").ids() == [NEW]


def test_a_follow_up_and_an_edit_go_on_from_the_last_run(home: Path) -> None:
    profile = write_profile(home)
    followed = run("ask", "And what color is it?", "--follows", "last", "--profile", profile, "--json")
    assert json.loads(followed.stdout)["parent"] == NEW
    edited = run("edit", short_id(OLD), "--remove", "q2", "--add", "count items=$q1", "--json")
    assert edited.exception is None or "run" not in str(edited.exception)


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_the_list_keeps_questions_and_ids_at_every_width(
    home: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    listed = run("runs").stdout
    assert short_id(OLD) in listed and short_id(NEW) in listed
    assert max(map(len, listed.splitlines())) <= columns
    if columns < 80:
        assert " ".join(listed.split()).count(QUESTION) == 2
    words = [word for word in QUESTION.split() if listed.count(word) < 2]
    assert words == []


def test_the_list_shows_a_chinese_question_whole_and_the_beginning_of_a_long_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    question, runs = "所有照片里都有猫或者狗或者鸟吗请你告诉我", RunStore(home / "runs")
    record = runs.load(NEW)
    assert record.answer is not None
    answer = record.answer.model_copy(update={"text": "Yes, there are many of them. " * 20})
    runs.save(record.model_copy(update={"question": question, "answer": answer}))
    listed = run("runs").stdout
    assert all(listed.count(character) >= question.count(character) for character in question)
    assert len(listed.splitlines()) < 30
