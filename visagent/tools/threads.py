"""Runs blocking functions for async callers, on threads that never hold up the process's exit. Knows no tool."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

from visagent.core.forks import after_fork

T = TypeVar("T")

IDLE_SECONDS = 30.0
"""For how long a thread waits for more work before it ends."""


class DaemonThreads:
    """As many daemon threads as there are functions running at once; one that is done takes the next function.

    A pool of `concurrent.futures` has its threads joined when the process exits, so a function that hangs would hang
    the process; and a thread for each call costs more than most calls of a quick function.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Callable[[], None]]] = []
        _pools.add(self)

    def forget(self) -> None:
        """Start over: the threads that waited do not exist any more."""
        self._lock, self._idle = threading.Lock(), []

    async def run(self, function: Callable[[], T]) -> T:
        """The function's result; it sees the caller's context variables.

        Cancelling the call leaves the function running: a thread cannot be stopped.

        Raises:
            BaseException: what the function raises, other than `StopIteration`, which no coroutine can raise.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: T | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, problem = None, None
            try:
                result = context.run(function)
            except BaseException as error:
                problem = error
            try:
                loop.call_soon_threadsafe(settle, result, problem)
            except RuntimeError:
                # The loop was closed: nobody waits any more.
                return

        self._hand_over(work)
        return await future

    def _hand_over(self, work: Callable[[], None]) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().put(work)
                return
        tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        tasks.put(work)
        threading.Thread(target=self._serve, args=(tasks,), daemon=True, name="visagent-tool").start()

    def _serve(self, tasks: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            try:
                work = tasks.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if tasks in self._idle:
                        self._idle.remove(tasks)
                        return
                # Work was handed over in the same moment.
                continue
            work()
            # What the function held is not kept while the thread waits.
            del work
            with self._lock:
                self._idle.append(tasks)


_pools: weakref.WeakSet[DaemonThreads] = weakref.WeakSet()


def _forget_all() -> None:
    for pool in list(_pools):
        pool.forget()


after_fork(_forget_all)
