"""The media that somebody in this process holds: evidence names them by their hash. Holds none itself."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from visagent.core.forks import after_fork
from visagent.media.decoded import DECODED

if TYPE_CHECKING:
    from visagent.media.media import Media

_alive: weakref.WeakSet[Media] = weakref.WeakSet()
_lock = threading.Lock()


def remember(media: Media) -> None:
    """Let a medium be found for as long as somebody holds it."""
    with _lock:
        _alive.add(media)


def find(digest: str) -> Media | None:
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
