"""Deletes the runs whose time is over, for as long as a server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from visagent.agent.retention import forget_expired
from visagent.core.errors import VisagentError

_log = logging.getLogger(__name__)
SWEEP_SECONDS = 600.0
"""Seconds between two searches for runs whose time is over."""


@asynccontextmanager
async def sweeping(home: Path) -> AsyncGenerator[None]:
    """Delete the runs of a home whose time is over, at once and then by and by, while the block lasts."""

    async def sweep() -> None:
        while True:
            try:
                await asyncio.to_thread(forget_expired, home)
            except (OSError, VisagentError) as error:
                _log.warning("old runs could not be deleted: %s", error)
            await asyncio.sleep(SWEEP_SECONDS)

    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
