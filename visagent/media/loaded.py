"""The media that somebody in this process holds: evidence names them by their hash. Holds none itself."""

from __future__ import annotations

import threading
import weakref
from typing import Any, Protocol

from visagent.core.forks import after_fork
from visagent.media.decoded import DECODED


class Held(Protocol):
    """A medium, which has a lock of its own."""

    @property
    def hash(self) -> str: ...
    def unlock(self) -> None: ...


_alive: weakref.WeakSet[Held] = weakref.WeakSet()
_lock = threading.Lock()


def remember(media: Held) -> None:
    """Let a medium be found for as long as somebody holds it."""
    with _lock:
        _alive.add(media)


def find(digest: str) -> Any:
    """A medium of this hash that somebody in this process holds, or None."""
    with _lock:
        return next((media for media in _alive if media.hash == digest), None)


def _unlock_all() -> None:
    """In a forked process, another thread of the parent may have held any of these locks."""
    global _lock
    _lock = threading.Lock()
    DECODED.unlock()
    for media in list(_alive):
        media.unlock()


after_fork(_unlock_all)
