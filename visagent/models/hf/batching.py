"""Gathers calls that arrive together, so that one batch serves them all. Knows no model.

Callers neither know nor wait for each other: one thread takes what has arrived and runs it. What arrives meanwhile may
join what is running; what does not is run after it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Call(Generic[T, R]):
    """One caller's request, and where its reply goes."""

    request: T
    reply: Future[R] = field(default_factory=Future)

    @property
    def answered(self) -> bool:
        """Whether nobody waits for it any more: it has its reply, or its caller gave up."""
        return self.reply.done()

    def answer(self, reply: R) -> None:
        """Give the caller the reply, if one still waits."""
        if not self.reply.done() and self.reply.set_running_or_notify_cancel():
            self.reply.set_result(reply)

    def fail(self, error: BaseException) -> None:
        """Give the caller the error, if one still waits."""
        if not self.reply.done() and self.reply.set_running_or_notify_cancel():
            self.reply.set_exception(error)


class Batcher(Generic[T, R]):
    """Runs calls in batches, on one thread of its own.

    Args:
        run: Answers or fails each call of a batch, and of those that it takes with the function it is given, which
            gives what has arrived meanwhile. What it raises fails those that it left open.
        window: Seconds to wait for more calls after the first one of a batch.
        max_batch: Calls in a batch at most.
    """

    def __init__(
        self,
        run: Callable[[list[Call[T, R]], Callable[[], list[Call[T, R]]]], None],
        *,
        window: float = 0.005,
        max_batch: int = 32,
    ) -> None:
        self._run, self._window, self._max_batch = run, window, max_batch
        self._calls: queue.SimpleQueue[Call[T, R] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, request: T) -> Future[R]:
        """Hand over a request; the reply comes through the future, and cancelling it gives the request up."""
        call: Call[T, R] = Call(request)
        with self._lock:
            if self._thread is None:
                # A daemon, so that a long generation does not hold up the process's exit.
                self._thread = threading.Thread(target=self._work, name="visagent-batcher", daemon=True)
                self._thread.start()
            self._calls.put(call)
        return call.reply

    def close(self) -> None:
        """Finish what was handed over, and end the thread; the next `submit` starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._calls.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _work(self) -> None:
        open_ = True
        while open_:
            batch: list[Call[T, R]] = []
            deadline = 0.0
            while open_ and len(batch) < self._max_batch:
                try:
                    call = self._calls.get(timeout=max(0.0, deadline - time.monotonic()) if batch else None)
                except queue.Empty:
                    break
                if call is None:
                    open_ = False
                else:
                    deadline = deadline or time.monotonic() + self._window
                    batch.append(call)
            if batch:
                open_ = self._run_batch(batch) and open_

    def _run_batch(self, batch: list[Call[T, R]]) -> bool:
        """Run a batch; whether there may be another."""
        open_ = True

        def arrived() -> list[Call[T, R]]:
            nonlocal open_
            found: list[Call[T, R]] = []
            while open_:
                try:
                    call = self._calls.get_nowait()
                except queue.Empty:
                    break
                if call is None:
                    open_ = False
                else:
                    found.append(call)
            # A batch that others keep joining has no end: what was answered is let go.
            batch[:] = [call for call in batch if not call.answered] + found
            return found

        try:
            self._run(batch, arrived)
        except BaseException as error:
            # Whatever it is, the callers must hear of it: they would wait for ever.
            for call in batch:
                call.fail(error)
        return open_
