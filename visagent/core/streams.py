"""An asynchronous stream that runs in a task of its own. Knows nothing of what flows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import Context
from typing import TypeVar

T = TypeVar("T")


async def in_own_task(
    items: AsyncIterator[T],
    *,
    context: Context | None = None,
    started: Callable[[asyncio.Task[None]], None] = lambda task: None,
    cancel: Callable[[asyncio.Task[None]], object] = asyncio.Task.cancel,
) -> AsyncIterator[T]:
    """The same items, made in another task, so that it can be cancelled, or run in another context, by itself.

    A reader who stops ends that task; if the task is cancelled, the items end without an error.

    Args:
        items: What to read; closed when the task ends.
        context: The context variables that the task sees; those of the caller where none are given.
        started: Called with the task before it runs.
        cancel: How to end the task.

    Raises:
        Exception: what `items` raises.
    """
    queue: asyncio.Queue[T | None] = asyncio.Queue()

    async def fetch() -> None:
        try:
            async for item in items:
                queue.put_nowait(item)
        finally:
            close = getattr(items, "aclose", None)
            try:
                if close is not None:
                    await close()
            finally:
                queue.put_nowait(None)

    task = asyncio.get_running_loop().create_task(fetch(), context=context)
    started(task)
    try:
        while (item := await queue.get()) is not None:
            yield item
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
    finally:
        cancel(task)
