"""Keeps what was decoded of media, up to so many bytes in the whole process. Knows no format.

A medium can be decoded again from its bytes, so pixels and samples are kept as a cache is: the least recently used go
first. What somebody still holds is found again, whatever the limit says, so that nothing is decoded twice at once.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class DecodedCache:
    """Decoded pictures and sounds by key.

    Args:
        limit: Bytes that are kept although nobody holds them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._held: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self._taken = 0
        self._lock = threading.Lock()

    def unlock(self) -> None:
        """Begin with a new lock: in a forked process, the old one may be held for ever."""
        self._lock = threading.Lock()

    def get(self, key: str, decode: Callable[[], T], size: Callable[[T], int]) -> T:
        """What is kept under a key, or else decoded now.

        Args:
            key: The content's address.
            decode: Called where nothing is kept; two threads may decode one key at the same time.
            size: Bytes that the result takes.
        """
        with self._lock:
            found: T | None = self._held.get(key)
            if found is not None:
                if key in self._kept:
                    self._kept.move_to_end(key)
                return found
        found = decode()
        with self._lock:
            self._held[key] = found
            if key not in self._kept and (taken := size(found)) <= self.limit:
                self._kept[key] = (found, taken)
                self._taken += taken
                while self._taken > self.limit:
                    self._taken -= self._kept.popitem(last=False)[1][1]
        return found


DECODED = DecodedCache(256 * 2**20)
"""Pictures that this process has decoded."""
