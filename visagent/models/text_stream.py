"""Carries a model's text from the thread that generates it into its caller's event loop. Knows no model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Relay:
    """One call's way back; made in the event loop of the caller."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def push(self, piece: str) -> None:
        """Pass on a piece of text; any thread may call."""
        # The caller's loop may be gone, when the process ends while a model still writes: nobody listens then.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    async def follow(self, work: asyncio.Future[T], on_text: Callable[[str], None] | None) -> T:
        """The result of the work, each piece of text passed to the listener as it comes; ends the work on any error.

        Args:
            work: Done when all pieces have been passed on.
            on_text: The listener, called in this event loop.
        """
        work.add_done_callback(lambda _: self._pieces.put_nowait(None))
        try:
            while (piece := await self._pieces.get()) is not None:
                if on_text is not None:
                    on_text(piece)
            return await work
        finally:
            work.cancel()
