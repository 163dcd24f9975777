"""What a run keeps in its file."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from visagent.agent.checkpoints import checkpointer


@pytest.mark.parametrize("turns", [1, 2, 3, 50])
def test_a_run_that_is_stopped_while_its_file_is_opened_leaves_no_thread_behind(
    turns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda failed: problems.append(repr(failed.exc_value)))
    before = threading.active_count()

    async def use(file: Path) -> None:
        with checkpointer(file):
            await asyncio.sleep(60)

    async def stopped(file: Path) -> None:
        task = asyncio.create_task(use(file))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for number in range(30):
        asyncio.run(stopped(tmp_path / f"{number}.sqlite"))
    deadline = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert problems == [] and threading.active_count() <= before


async def test_a_file_that_a_power_cut_left_unreadable_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.sqlite"
    file.write_bytes(b"\0garbage" * 1000)
    (tmp_path / "checkpoints.sqlite-wal").write_bytes(b"more" * 1000)
    with checkpointer(file) as saver:
        assert await saver.aget_tuple({"configurable": {"thread_id": "run"}}) is None
    with checkpointer(file) as saver:
        assert await saver.aget_tuple({"configurable": {"thread_id": "run"}}) is None
