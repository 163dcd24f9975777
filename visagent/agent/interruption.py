"""A run that somebody stops: it ends at once, keeps what was found, and says how to go on. Knows no graph."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import aclosing
from typing import Any, TypeVar

T = TypeVar("T")


def resume_note(run_id: str) -> str:
    """The note below the error of a run that was stopped: that nothing is lost, and how to resume it."""
    return f'Run {run_id} is kept as far as it came. Go on: agent.resume("{run_id}").'


async def noted(items: AsyncGenerator[T, None], run_id: str) -> AsyncGenerator[T, None]:
    """The items of a run; if it is stopped, the error says how to resume it."""
    async with aclosing(items):
        try:
            async for item in items:
                yield item
        except (asyncio.CancelledError, KeyboardInterrupt) as stopped:
            stopped.add_note(resume_note(run_id))
            raise


def notes_of(error: BaseException) -> list[str]:
    """The notes of an error and of those that it came from, without repetition."""
    found: dict[str, None] = {}
    seen: BaseException | None = error
    while seen is not None:
        found |= dict.fromkeys(getattr(seen, "__notes__", ()))
        seen = seen.__cause__ or seen.__context__
    return list(found)


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop is running already, as in a notebook.

    Raises:
        KeyboardInterrupt: a person stopped it; its notes say how to go on.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        try:
            return asyncio.run(work)
        except KeyboardInterrupt as stopped:
            raise _noted(stopped, stopped) from None
    entered: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def interruptible() -> T:
        entered.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await work

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(asyncio.run, interruptible())
        try:
            return running.result()
        except KeyboardInterrupt as stopped:
            # It reached this thread, which only waits: the other one is notified.
            loop, task = entered.result()
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)
            try:
                running.result()
            except (asyncio.CancelledError, CancelledError) as cancelled:
                raise _noted(stopped, cancelled) from None
            raise


def _noted(error: KeyboardInterrupt, source: BaseException) -> KeyboardInterrupt:
    for note in notes_of(source):
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    return error
