"""A cache that was planted, damaged or is full runs no code and fails no run."""

from __future__ import annotations

import os
import pickle
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from visagent.evidence.values import Number
from visagent.tools.evidence_cache import EvidenceCache


class Planted:
    """Makes a file when it is revived."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def kept(folder: Path) -> EvidenceCache:
    cache = EvidenceCache(folder)
    cache.put("key", Number(value=2))
    cache.close()
    return cache


def change(folder: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(folder / "cache.db") as connection:
        connection.execute(statement, values)
    connection.close()


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    kept(tmp_path / "c")
    assert EvidenceCache(tmp_path / "c").get("key") == Number(value=2)
    assert (tmp_path / "c").stat().st_mode & 0o77 == 0


def test_a_cache_that_was_closed_is_not_opened_again(tmp_path: Path) -> None:
    # As by a call that goes on after its run was left: a file that it opened would stay open.
    cache = kept(tmp_path / "c")
    cache.put("late", Number(value=3))
    assert cache.get("key") is None
    assert EvidenceCache(tmp_path / "c").get("late") is None


@pytest.mark.parametrize("raw", [0, 1])
def test_a_planted_row_runs_no_code(tmp_path: Path, raw: int) -> None:
    kept(tmp_path / "c")
    mark = tmp_path / "mark"
    bomb = pickle.dumps(Planted(mark))
    change(tmp_path / "c", "UPDATE Cache SET mode = 4, raw = ?, value = ?", raw, sqlite3.Binary(bomb))
    assert EvidenceCache(tmp_path / "c").get("key") is None
    assert not mark.exists()


def test_a_planted_row_reads_no_file_elsewhere(tmp_path: Path) -> None:
    kept(tmp_path / "c")
    secret = tmp_path / "secret.val"
    secret.write_text('{"type": "number", "value": 42}')
    change(tmp_path / "c", "UPDATE Cache SET mode = 2, value = NULL, filename = ?", "../secret.val")
    assert EvidenceCache(tmp_path / "c").get("key") is None


def test_a_value_that_is_no_evidence_is_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept(tmp_path / "c")
    change(tmp_path / "c", "UPDATE Cache SET value = ?", sqlite3.Binary(b"no JSON"))
    cache = EvidenceCache(tmp_path / "c")
    assert cache.get("key") is None and len(caplog.records) == 1
    cache.put("key", Number(value=3))
    assert cache.get("key") == Number(value=3)


def test_a_damaged_cache_is_set_aside_with_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept(tmp_path / "c")
    (tmp_path / "c" / "cache.db").write_bytes(b"no database" * 1000)
    cache = EvidenceCache(tmp_path / "c")
    assert cache.get("key") is None
    cache.put("key", Number(value=3))
    assert cache.get("key") == Number(value=3)
    assert len(caplog.records) == 1 and (tmp_path / "c.damaged1" / "cache.db").exists()


def test_a_cache_that_cannot_be_made_keeps_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    cache = EvidenceCache(tmp_path / "file" / "c")
    cache.put("key", Number(value=3))
    assert cache.get("key") is None and len(caplog.records) == 1


@pytest.mark.parametrize(
    "name", ["get", "set", "close", "disk_min_file_size", "size_limit", "_con", "__class__", "sqlite_x y"]
)
def test_planted_settings_of_the_library_cost_the_cache_alone(tmp_path: Path, name: str) -> None:
    kept(tmp_path / "c")
    change(tmp_path / "c", "INSERT OR REPLACE INTO Settings VALUES (?, ?)", name, "planted")
    cache = EvidenceCache(tmp_path / "c")
    assert cache.get("key") in (None, Number(value=2))
    cache.put("key", Number(value=3))
    assert cache.get("key") in (None, Number(value=3))
    cache.close()
