"""Searching many runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from visagent.agent.run_index import FILE
from visagent.agent.runs import RunRecord, RunStore
from visagent.core.settings import load_profile
from visagent.media.media import MediaInfo

PROFILE = load_profile("embedded")


def record(number: int, question: str, file: str = "cat.jpg") -> RunRecord:
    return RunRecord(
        id=f"20260101-000000-{number:06d}-00000000",
        created=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=number),
        question=question,
        media={"image1": MediaInfo(hash="0" * 64, kind="image", name=file)},
        profile=PROFILE,
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path)
    for number, question in enumerate(["How many DOGS?", "Where is the dog's Straße?", "100% of _what_?"]):
        store.save(record(number, question, f"photo{number}.jpg"))
    return store


def found(store: RunStore, words: str) -> list[str]:
    return [run.question for run in store.search(words)]


def test_a_search_finds_each_word_in_questions_and_file_names_newest_first(store: RunStore) -> None:
    assert found(store, "dog") == ["Where is the dog's Straße?", "How many DOGS?"]
    assert found(store, "dog PHOTO0") == ["How many DOGS?"]
    assert found(store, "strasse") == ["Where is the dog's Straße?"]
    assert found(store, "0% _w") == ["100% of _what_?"]
    assert found(store, "zebra") == []
    assert len(found(store, " ")) == 3


def test_runs_that_come_change_or_go_after_a_search_are_known_to_the_next(store: RunStore) -> None:
    assert len(found(store, "dog")) == 2
    # As another process does it.
    other = RunStore(store.checkpoints("20260101-000000-000000-00000000").parents[1])
    other.save(record(3, "Is it a dog?"))
    other.save(record(0, "How many cats?"))
    other.delete("20260101-000000-000001-00000000")
    assert found(store, "dog") == ["Is it a dog?"]
    assert found(store, "cats") == ["How many cats?"]


def test_a_run_that_cannot_be_read_is_left_out(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "20260101-000000-000002-00000000" / "run.json").write_text("{")
    assert found(store, "photo") == ["Where is the dog's Straße?", "How many DOGS?"]


def test_an_index_that_cannot_be_used_is_made_anew_and_one_that_cannot_be_written_is_done_without(
    store: RunStore, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    assert len(found(store, "dog")) == 2
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    assert len(found(store, "dog")) == 2


def test_the_index_is_for_its_owner_alone(store: RunStore, tmp_path: Path) -> None:
    found(store, "dog")
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_a_search_reads_no_run_twice(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    found(store, "dog")
    read: list[str] = []
    load = RunStore.load
    monkeypatch.setattr(RunStore, "load", lambda self, run_id: (read.append(run_id), load(self, run_id))[1])
    assert found(store, "zebra") == [] and read == []
    assert len(found(store, "dog")) == 2 and len(read) == 2
