"""What stands in each run, in one SQLite file beside them, so that a search need not read them all. Knows no record.

The file is a cache: a run that is missing in it or has changed since is read again, and one that cannot be used is made
anew. Where none can be written, nothing is kept.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

FILE = ".index.sqlite"
VERSION = 1
"""Version of the texts: with another one, every run is read again."""


def run_ids(root: Path) -> list[str]:
    """Names of all folders of runs, newest first."""
    try:
        with os.scandir(root) as entries:
            return sorted((entry.name for entry in entries if entry.is_dir()), reverse=True)
    except FileNotFoundError:
        return []


class RunIndex:
    """The words of all runs.

    Args:
        root: The folder of their folders.
        read: The words of a run, by its id; None where it cannot be read.
    """

    def __init__(self, root: Path, read: Callable[[str], str | None]) -> None:
        self._root, self._read = root, read

    def find(self, words: Sequence[str]) -> Iterator[str]:
        """Ids of the runs in which each of some words stands, whatever their case, newest first."""
        folded = [word.casefold() for word in words]
        try:
            with self._opened() as connection:
                self._refresh(connection)
                where = " AND ".join(["instr(words, ?) > 0"] * len(folded)) or "1"
                # The words themselves go in as parameters.
                query = f"SELECT id FROM runs WHERE words IS NOT NULL AND {where} ORDER BY id DESC"
                found = [str(row[0]) for row in connection.execute(query, folded)]
        except sqlite3.Error:
            for run_id in run_ids(self._root):
                text = self._read(run_id)
                if text is not None and all(word in text.casefold() for word in folded):
                    yield run_id
            return
        yield from found

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        file = self._root / FILE
        try:
            connection = self._connect(file)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            file.unlink(missing_ok=True)
            connection = self._connect(file)
        with closing(connection), connection:
            yield connection

    def _connect(self, file: Path) -> sqlite3.Connection:
        try:
            # What people asked is theirs to read alone.
            file.touch(mode=0o600)
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        connection = sqlite3.connect(file, timeout=5)
        try:
            # Losing it costs nothing but reading the runs again.
            connection.execute("PRAGMA synchronous=OFF")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                connection.execute("DROP TABLE IF EXISTS runs")
                connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, changed INTEGER, words TEXT) WITHOUT ROWID"
            )
        except BaseException:
            connection.close()
            raise
        return connection

    def _refresh(self, connection: sqlite3.Connection) -> None:
        """Read what is new or has changed, and forget what is gone."""
        known: dict[str, int] = dict(connection.execute("SELECT id, changed FROM runs"))
        root = str(self._root)
        for run_id in run_ids(self._root):
            try:
                # Ten thousand times a search: paths as plain strings take a fifth of the time.
                changed = os.stat(f"{root}{os.sep}{run_id}{os.sep}run.json").st_mtime_ns  # noqa: PTH116
            except OSError:
                changed = 0
            if known.pop(run_id, None) != changed:
                text = self._read(run_id)
                row = (run_id, changed, None if text is None else text.casefold())
                connection.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", row)
        connection.executemany("DELETE FROM runs WHERE id = ?", [(run_id,) for run_id in known])
