"""HTTP connections that end when their client is too slow. Knows nothing of what is served.

uvicorn closes a connection that is idle after an answer, and waits without end for a header, a body, and for whoever
does not read what is sent.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedProtocol(H11Protocol):
    """uvicorn's protocol for one connection, with a time for what the client has to do.

    While the server works, or does not read, no time of the client's runs. A subclass may set other limits.

    Attributes:
        seconds: Seconds for a whole request, counted from the connection or from the end of the answer before.
        bytes_per_second: What comes buys more time for what is left: so many bytes a second.
        unread_seconds: Seconds that sent data may wait for the client to read on.
    """

    seconds: ClassVar[float] = 20.0
    bytes_per_second: ClassVar[float] = 1000.0
    unread_seconds: ClassVar[float] = 60.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count."""
        super().connection_made(transport)
        self._waited = self._unread = 0.0
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        self._waited -= len(data) / self.bytes_per_second
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Start counting again."""
        self._waited = 0.0
        super().on_response_complete()

    def _watch(self, passed: float = 0.0) -> None:
        """Look every so often whose turn it is, and for how long it has been the client's."""
        transport: Any = self.transport
        if transport.is_closing() or transport.get_protocol() is not self:
            return
        answered = self.cycle is None or self.cycle.response_complete
        if (answered or self.cycle.more_body) and not self.flow.read_paused:
            self._waited += passed
        self._unread = self._unread + passed if self.flow.write_paused else 0.0
        if self._waited > self.seconds or self._unread > self.unread_seconds:
            # What was written would wait for the client as well.
            transport.abort()
            return
        step = min(1.0, self.seconds / 4, self.unread_seconds / 4)
        self.loop.call_later(step, self._watch, step)
