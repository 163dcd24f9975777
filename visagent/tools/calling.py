"""Calls a person's function and reports the outcome, whatever it does. Knows no evidence and no run.

A function may raise what means something to the machinery around it: `StopIteration` to a generator, `CancelledError`
to a task, `GeneratorExit` to a coroutine, `SystemExit` to the process, `TimeoutError` to a time-out. So what it raises
is caught where it is raised, and handed on as a value.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from visagent.core.errors import VisagentError
from visagent.tools.binding import Tool
from visagent.tools.threads import DaemonThreads

_THREADS = DaemonThreads()


class Outcome(NamedTuple):
    """What a call came to.

    Attributes:
        value: What the function returned.
        error: What it raised; None where it returned.
    """

    value: Any = None
    error: BaseException | None = None


class Raised(Exception):
    """A tool raised something; never leaves the package.

    Attributes:
        error: What it raised.
        attempts: How often it had been called by then.
    """

    def __init__(self, error: BaseException, attempts: int) -> None:
        super().__init__(type(error).__name__)
        self.error, self.attempts = error, attempts

    @property
    def may_pass(self) -> bool:
        """Whether another try may end better: visagent's own errors say what is wrong with the input, which stays."""
        return isinstance(self.error, Exception) and not isinstance(self.error, VisagentError)


async def outcome(tool: Tool, arguments: Mapping[str, Any], seconds: float) -> Outcome | None:
    """What a tool returns or raises; None where it did neither in time.

    Cancelled, or out of time, it ends at once: an async function is cancelled, and a blocking one goes on in its thread
    with nobody listening.

    Args:
        tool: What to call.
        arguments: Arguments as `Tool.bind` gives them.
        seconds: How long to wait, in seconds.

    Raises:
        CancelledError: the waiting caller was cancelled.
    """
    if tool.is_async:
        work = _caught(lambda: tool.function(**arguments))
    else:
        work = _THREADS.run(lambda: _caught_here(lambda: tool.function(**arguments)))
    # A task of its own, so that what the function does to "the current task" does not reach the run.
    task = asyncio.get_running_loop().create_task(work, context=contextvars.copy_context())
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    return task.result() if task.done() and not task.cancelled() else None


def _caught_here(call: Callable[[], Any]) -> Outcome:
    try:
        return Outcome(call())
    except BaseException as error:
        return Outcome(error=error)


async def _caught(call: Callable[[], Awaitable[Any]]) -> Outcome:
    try:
        return Outcome(await call())
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return Outcome(error=error)
    except KeyboardInterrupt:
        raise
    except RuntimeError as error:
        # Python's own way to say that a coroutine raised one of these.
        stop = isinstance(error.__cause__, StopIteration | StopAsyncIteration)
        return Outcome(error=error.__cause__ if stop else error)
    except BaseException as error:
        return Outcome(error=error)
