"""Doing a piece of work once, however many threads ask for it. Knows nothing of what the work is."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

from visagent.core.forks import after_fork, leave_behind

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """The latest results by key: the first caller computes, callers that come meanwhile wait for its result.

    An error reaches everyone who waited for it and is then forgotten, so that the next call tries again.

    Args:
        limit: How many results are kept; the one that was not asked for the longest goes first.
    """

    def __init__(self, limit: int) -> None:
        self._futures: LRUCache[K, Future[V]] = LRUCache(limit)
        self._lock = threading.Lock()
        _memos.add(self)

    def begin_anew(self) -> None:
        """Forget every result without freeing it: in a forked process, a model's threads are not there any more."""
        leave_behind(self._futures)
        self._futures, self._lock = LRUCache(self._futures.maxsize), threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The result for a key, from `make` if it is not known yet.

        Raises:
            Exception: what `make` raises.
        """
        with self._lock:
            future = self._futures.get(key)
            first = future is None
            if future is None:
                future = self._futures[key] = Future()
        if first:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._futures.get(key) is future:
                        del self._futures[key]
                future.set_exception(error)
        return future.result()

    def clear(self) -> None:
        """Forget every result, for example to free the memory that a model takes."""
        with self._lock:
            self._futures.clear()


_memos: weakref.WeakSet[Memo[Any, Any]] = weakref.WeakSet()


def _begin_all_anew() -> None:
    for memo in list(_memos):
        memo.begin_anew()


after_fork(_begin_all_anew)
