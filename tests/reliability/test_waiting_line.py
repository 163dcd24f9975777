"""Who comes first is served first, nobody is crowded out, and nobody waits in a line without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from visagent_apps.guard import Guard, Keys
from visagent_apps.waiting_line import LineFull, WaitingLine


async def crowd(line: WaitingLine, owners: list[str], served: list[str]) -> list[BaseException | None]:
    """Every owner's request at once, in this order."""

    async def one(owner: str) -> None:
        async with line.place(owner):
            served.append(owner)
            await asyncio.sleep(0.002)

    return await asyncio.gather(*(one(owner) for owner in owners), return_exceptions=True)


async def test_64_clients_are_all_served_in_order_of_arrival() -> None:
    served: list[str] = []
    owners = [f"c{number}" for number in range(64)]
    ended = await crowd(WaitingLine(2, 64), owners, served)
    assert ended == [None] * 64 and served == owners


async def test_a_caller_with_many_requests_holds_up_nobody() -> None:
    served: list[str] = []
    await crowd(WaitingLine(2, 64), ["many"] * 20 + ["few", "other"], served)
    assert served.index("few") < 5 and served.index("other") < 6 and len(served) == 22


async def test_a_full_line_says_when_to_come_again() -> None:
    served: list[str] = []
    ended = await crowd(WaitingLine(1, 3), [f"c{number}" for number in range(6)], served)
    refused = [error for error in ended if isinstance(error, LineFull)]
    assert len(served) == 4 and len(refused) == 2 and all(error.retry_after >= 1 for error in refused)


async def test_one_caller_cannot_fill_the_line_while_others_wait() -> None:
    served: list[str] = []
    ended = await crowd(WaitingLine(1, 8), ["first", "other", *["many"] * 10], served)
    assert served.count("many") == 4 and sum(isinstance(error, LineFull) for error in ended) == 6


async def test_whoever_leaves_the_line_gives_the_place_to_the_next() -> None:
    line, served = WaitingLine(1, 8), list[str]()

    async def wait(owner: str) -> None:
        async with line.place(owner):
            served.append(owner)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(wait(owner)) for owner in "abc"]
    await asyncio.sleep(0.001)
    tasks[1].cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    assert served == ["a", "c"]


async def refused(**headers: bytes) -> object:
    """The status of the guard's refusal of a request with these headers, of which nothing else is read."""
    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        raise AssertionError("nothing is read of such a request")

    unused: Callable[..., object] = receive
    guard = Guard(unused, keys=Keys([]), max_body=100, loopback=True)  # type: ignore[arg-type]
    pairs = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    await guard({"type": "http", "path": "/v1/models", "headers": pairs}, receive, send)  # type: ignore[arg-type]
    return sent[0]["status"]


@pytest.mark.parametrize("host", [b"[::1", b"[", b"]", b"\xff\xfe", b"::::", b""])
async def test_a_host_header_that_is_none_is_refused_without_a_key(host: bytes) -> None:
    assert await refused(host=host) == 421


@pytest.mark.parametrize("length", [b"101", b"9" * 5000, b"\xb2", b"-1", b"1e3", b"1_0"])
async def test_a_length_that_is_none_or_too_much_is_refused_before_anything_is_read(length: bytes) -> None:
    assert await refused(host=b"localhost", content_length=length) == 413
