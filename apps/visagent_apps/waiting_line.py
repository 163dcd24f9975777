"""The line before a server's few places: in order of arrival, of bounded length, with a share for each caller."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class LineFull(Exception):
    """Nobody else may wait.

    Attributes:
        retry_after: Seconds after which a place in the line is likely to be free.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"ask again in {retry_after} s")
        self.retry_after = retry_after


class WaitingLine:
    """Places for work, and a line of those who wait for one.

    Whose turn it is: of those with the fewest places, whoever came first, so that one caller with many requests holds
    up nobody else.

    Args:
        places: Work at once.
        waiting: Most requests that wait; with 0 a request that finds no place free is refused.
    """

    def __init__(self, places: int, waiting: int) -> None:
        self._places, self._waiting = places, waiting
        self._line: list[tuple[str, asyncio.Future[None]]] = []
        self._taken: Counter[str] = Counter()
        self._seconds = 2.0

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """A place, for as long as the block lasts.

        Args:
            owner: Who asks.

        Raises:
            LineFull: too many wait already, or too many of this caller's while others wait too.
        """
        if self._taken.total() >= self._places or self._line:
            await self._wait(owner)
        else:
            self._taken[owner] += 1
        began = time.monotonic()
        try:
            yield
        finally:
            # A mean that forgets: the next ones take about as long as the last ones did.
            self._seconds += 0.2 * (time.monotonic() - began - self._seconds)
            self._taken[owner] -= 1
            self._next()

    async def _wait(self, owner: str) -> None:
        own = sum(one == owner for one, _ in self._line)
        others = len({one for one, _ in self._line} - {owner})
        if len(self._line) >= self._waiting or own >= max(1, self._waiting // (1 + others)):
            raise LineFull(max(1, math.ceil(self._seconds * (len(self._line) + 1) / self._places)))
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((owner, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if (owner, turn) in self._line:
                self._line.remove((owner, turn))
            elif not turn.cancelled():
                # The place was given at the moment of leaving: it goes to the next.
                self._taken[owner] -= 1
                self._next()
            raise

    def _next(self) -> None:
        while self._line and self._taken.total() < self._places:
            owner, turn = min(self._line, key=lambda waiting: self._taken[waiting[0]])
            self._line.remove((owner, turn))
            if not turn.done():
                self._taken[owner] += 1
                turn.set_result(None)
