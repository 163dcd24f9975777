"""A server on a port until it is ended, which says where once it listens. Knows nothing of what it serves."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn

from visagent_apps.model_server import require_free_port
from visagent_apps.slow_clients import TimedProtocol
from visagent_apps.terminal import say

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """A server that prints a line as soon as it can be reached, and not before."""

    def __init__(self, config: uvicorn.Config, line: str) -> None:
        super().__init__(config)
        self._line = line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            say(self._line, err=True)


def address(host: str, port: int, path: str = "/") -> str:
    """The URL of what listens there.

    >>> address("::1", 8000, "/v1")
    'http://[::1]:8000/v1'
    """
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"


def serve_until_stopped(app: ASGIApp, line: str, *, host: str, port: int, **options: Any) -> None:
    """Serve until Ctrl-C or SIGTERM; connections of clients that are too slow end (see `slow_clients`).

    Args:
        app: What is served.
        line: Printed on standard error once the port is listened at; names the address.
        host: To bind to.
        port: To bind to.
        **options: Further ones of `uvicorn.Config`.

    Raises:
        ConfigError: something else listens there, or the address is none of this machine.
    """
    require_free_port(host, port)
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", **{"http": TimedProtocol, **options})
    server = _Server(config, line)
    with suppress(KeyboardInterrupt):
        server.run()
