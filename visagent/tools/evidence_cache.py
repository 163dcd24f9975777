"""Tool results on disk, kept as JSON and nothing else. Knows no tool.

diskcache would revive any Python object that a row holds, which runs code that anybody who can write the file has put
there; here a row that is not text is no row. A cache that cannot be read is set aside, and one that cannot be written
keeps nothing: results are computed again, and no run fails for it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from visagent.core.files import private_folder
from visagent.evidence.values import Value

if TYPE_CHECKING:
    from diskcache import Cache, Disk

T = TypeVar("T")

_log = logging.getLogger(__name__)
_VALUE: TypeAdapter[Value] = TypeAdapter(Value)
_FILE = re.compile(r"[0-9a-f/\\]+\.val")
_SECONDS = 5.0
MOST_BYTES = 1 << 30
"""Beyond which the least recently used values go first."""


class EvidenceCache:
    """Tool results on disk, addressed by what they were computed from: tool, version, arguments, media, options.

    Args:
        folder: Where to keep them; made when first needed, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache: Cache | None = None
        self._useless = False

    def get(self, key: str) -> Value | None:
        """The value kept under a key; None if there is none, or none that can be read."""
        stored = self._tried(lambda kept: kept.get(key))
        if stored is None:
            return None
        try:
            return _VALUE.validate_json(stored)
        except ValidationError:
            _log.warning("A result in %s cannot be read; it is computed again.", self._folder)
            self._tried(lambda kept: kept.delete(key))
            return None

    def put(self, key: str, value: Value, scope: str = "") -> None:
        """Keep a value, where that is possible.

        Args:
            key: See `visagent.tools.executor.cache_key`.
            value: The value.
            scope: See `scope_of`.
        """
        content = _VALUE.dump_json(value)
        self._tried(lambda kept: kept.set(key, content, tag=scope))

    def forget(self, scope: str) -> None:
        """Delete the values of a scope."""
        if self._folder.exists():
            self._tried(lambda kept: kept.evict(scope))

    def close(self) -> None:
        """Close the files; a call after that, such as one of an abandoned run, finds and keeps nothing."""
        self._useless = True
        self._close_files()

    def _close_files(self) -> None:
        if self._cache is not None:
            # The class's own: a setting of the file may stand in the name's place.
            with suppress(Exception):
                type(self._cache).close(self._cache)

    def _tried(self, use: Callable[[Cache], T]) -> T | None:
        """What a use of the cache gives; None where the cache is of no use."""
        from diskcache import Timeout

        if self._useless:
            return None
        for again in (True, False):
            try:
                return use(self._open())
            except _NoRow:
                return None
            except sqlite3.OperationalError as error:  # full, locked or read-only, and sound
                problem: Exception = error
            except sqlite3.DatabaseError as error:
                problem = error
                if again and self._set_aside(error):
                    continue
            except (OSError, Timeout) as error:
                problem = error
            except Exception as error:  # the library takes its settings from the file, whatever they are
                problem = error
                if again and self._set_aside(error):
                    continue
            break
        _log.warning("Results are not kept: %s cannot be used (%s).", self._folder, problem)
        self._useless = True
        return None

    def _open(self) -> Cache:
        if self._cache is None:
            from diskcache import Cache

            private_folder(self._folder)
            self._cache = Cache(
                str(self._folder),
                timeout=_SECONDS,
                disk=_text_disk(),
                size_limit=MOST_BYTES,
                eviction_policy="least-recently-used",
            )
        return self._cache

    def _set_aside(self, error: Exception) -> bool:
        """Move a damaged cache out of the way; whether that went well."""
        self._close_files()
        self._cache = None
        number = 1
        while (aside := self._folder.with_name(f"{self._folder.name}.damaged{number}")).exists():
            number += 1
        try:
            self._folder.rename(aside)
        except OSError:
            return False
        _log.warning("The cache %s is damaged (%s); it is set aside as %s.", self._folder, error, aside.name)
        return True


def scope_of(hashes: Iterable[str]) -> str:
    """The name under which the evidence about these media, by their content hashes, is deleted together."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


class _NoRow(Exception):
    """A row that is not text, or whose file lies elsewhere."""


@cache
def _text_disk() -> type[Disk]:
    """diskcache's way to store rows, for texts as keys and bytes as values alone."""
    from diskcache import Disk
    from diskcache.core import MODE_BINARY, MODE_RAW

    class TextDisk(Disk):  # type: ignore[misc]
        def put(self, key: Any) -> tuple[Any, bool]:
            if not isinstance(key, str):
                raise TypeError(f"a key is text, not {type(key).__name__}")
            return key, True

        def get(self, key: Any, raw: bool) -> Any:
            if not raw or not isinstance(key, str):
                raise _NoRow
            return key

        def store(self, value: Any, read: bool, key: Any = None) -> Any:
            if not isinstance(value, bytes):
                raise TypeError(f"a value is bytes, not {type(value).__name__}")
            return super().store(value, read, key=key)

        def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
            if mode not in (MODE_RAW, MODE_BINARY) or (filename is not None and not _FILE.fullmatch(filename)):
                raise _NoRow
            return super().fetch(mode, filename, value, read)

    return TextDisk
