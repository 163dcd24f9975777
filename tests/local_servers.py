"""Servers on this machine that tests talk to: a free port, and a handler that is served in a thread."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SHARE = 500
_FIRST = 12_000 + _SHARE * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 32)
_ports = itertools.count(os.getpid() % _SHARE)


def free_port() -> int:
    """A port of the loopback device that nothing listens at, and that nobody else takes before the test does.

    The system gives ports from 28,000 on (Linux: 32,768) to whoever asks for any, and to connections that go out; each
    process of a test run takes its own out of those below, and none twice in a row.
    """
    for _ in range(_SHARE):
        port = _FIRST + next(_ports) % _SHARE
        with socket.socket() as probe:
            # As servers do: a port whose last connections are only waiting for their end is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("there is no free port")


def await_port(port: int, seconds: float = 60) -> None:
    """Wait until something listens at a port of the loopback device; goes on after so many seconds all the same."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)


class Quiet(BaseHTTPRequestHandler):
    """A handler that writes no log."""

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on a free port, which ends with the context; calls that are running are left behind."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
