"""Blocking functions on daemon threads that are used again."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time

import pytest

from visagent.tools import threads
from visagent.tools.threads import DaemonThreads

NAME = contextvars.ContextVar("NAME", default="nobody")


async def test_functions_one_after_another_share_a_thread_and_functions_at_once_do_not() -> None:
    pool = DaemonThreads()
    first = await pool.run(threading.get_ident)
    await asyncio.sleep(0.05)
    assert await pool.run(threading.get_ident) == first
    meet = threading.Barrier(3, timeout=10)
    together = await asyncio.gather(*(pool.run(lambda: (meet.wait(), threading.get_ident())[1]) for _ in range(3)))
    assert len(set(together)) == 3


async def test_a_function_sees_the_context_of_its_caller_and_not_of_the_call_before() -> None:
    pool = DaemonThreads()
    NAME.set("first")
    assert await pool.run(NAME.get) == "first"
    await pool.run(lambda: NAME.set("inside"))
    NAME.set("second")
    assert await pool.run(NAME.get) == "second"


async def test_what_a_function_raises_reaches_its_caller_and_the_thread_goes_on() -> None:
    pool = DaemonThreads()

    def broken() -> None:
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        await pool.run(broken)
    assert await pool.run(lambda: 1) == 1


async def test_a_call_that_is_given_up_leaves_its_thread_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, go_on = DaemonThreads(), threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await pool.run(lambda: go_on.wait(10))
    assert await pool.run(lambda: 2) == 2
    go_on.set()
    assert await pool.run(lambda: 3) == 3


async def test_threads_without_work_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_SECONDS", 0.02)
    before, pool = threading.active_count(), DaemonThreads()
    await asyncio.gather(*(pool.run(lambda: time.sleep(0.01)) for _ in range(4)))
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert threading.active_count() <= before
    assert await pool.run(lambda: 4) == 4


def test_a_function_that_hangs_does_not_hold_up_the_end_of_the_process() -> None:
    program = """
import asyncio, threading
from visagent.tools.threads import DaemonThreads
async def main():
    try:
        async with asyncio.timeout(0.05):
            await DaemonThreads().run(threading.Event().wait)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "given up\n" and done.stderr == ""
