"""Whoever sends a byte at a time, nothing at all, or does not read, is hung up on; others are answered meanwhile."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from local_servers import free_port

pytest.importorskip("uvicorn", reason='servers need an extra: pip install "visagent[serve]"')

CONNECTIONS = 300
SECONDS = 3.0
SERVER = f"""
import sys
from visagent_apps.listening import serve_until_stopped
from visagent_apps.slow_clients import TimedProtocol

class Quick(TimedProtocol):
    seconds, bytes_per_second, unread_seconds = {SECONDS}, 1000.0, 1.0

async def app(scope, receive, send):
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    body = b"x" * 50_000_000 if scope["path"] == "/large" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    for start in range(0, len(body), 65536):
        await send({{"type": "http.response.body", "body": body[start : start + 65536], "more_body": True}})
    await send({{"type": "http.response.body", "body": b""}})

serve_until_stopped(
    app, "ready", host="127.0.0.1", port=int(sys.argv[1]), lifespan="off", timeout_keep_alive=2, http=Quick
)
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server in a process of its own."""
    free = free_port()
    with subprocess.Popen([sys.executable, "-c", SERVER, str(free)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stderr.readline() == "ready\n"
        yield free
        process.terminate()


async def held(port: int, first: bytes, drip: bytes) -> float:
    """Seconds for which a connection was open that sends `first`, then `drip` byte by byte, without end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(first)
    closed = asyncio.create_task(reader.read())
    try:
        while not closed.done():
            await asyncio.wait([closed], timeout=0.25)
            if drip:
                writer.write(drip)
        await closed
    except ConnectionError:
        pass
    finally:
        writer.close()
    return time.monotonic() - began


async def answered(port: int, body: bytes = b"four") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    reply = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return reply


SLOW = [
    (b"", b""),
    (b"", b"G"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", b"a"),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", b"a"),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    # After an answer: the second request never ends.
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"G"),
]


@pytest.mark.slow
async def test_300_slow_connections_are_closed_and_hold_up_nobody(port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2 * CONNECTIONS), hard), hard))
    slow = [asyncio.create_task(held(port, *SLOW[number % len(SLOW)])) for number in range(CONNECTIONS)]
    beside = 0
    while not any(task.done() for task in slow):
        assert (await answered(port)).endswith(b"\r\n\r\n4")
        # Only what was answered before the first of them was closed has been answered beside them.
        beside += not any(task.done() for task in slow)
    assert beside
    # How long it takes depends on how busy the machine is; that it happens at all is what is to be shown.
    await asyncio.wait_for(asyncio.gather(*slow), 120)


@pytest.mark.slow
async def test_a_client_that_sends_much_may_take_longer(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n")
    for _ in range(10):
        await asyncio.sleep(0.35)
        writer.write(b"x" * 2000)
    assert (await reader.read()).endswith(b"20000")
    writer.close()


@pytest.mark.slow
async def test_a_client_that_does_not_read_is_hung_up_on(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await asyncio.sleep(2.5)
    got = 0
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        while True:
            part = await reader.read(65536)
            got += len(part)
            if not part:
                raise asyncio.IncompleteReadError(b"", None)
    assert got < 50_000_000
    writer.close()
