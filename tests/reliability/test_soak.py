"""A server that is asked for long grows in nothing: memory, open files, threads and, once pruned, the disk."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason='the server needs extras: pip install "visagent[serve]"')
pytest.importorskip("uvicorn", reason='the server needs extras: pip install "visagent[serve]"')
pytest.importorskip("prometheus_client", reason='the server needs extras: pip install "visagent[serve]"')

import httpx
from serving import CHAT, KEYS, Server, Usage, ask, numbers_in, question, serving
from sizes import sized

from visagent.agent.retention import prune

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="what a process takes is read from /proc"),
]

WARM_UP = sized(8, 60)
QUESTIONS = sized(20, 300)
"""After the warm-up; as many requests again are refused, or left by their clients."""
MEGABYTES = 32
"""That resident memory may rise by after the warm-up, caches being filled; 0.1 MB a question would be noticed."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("soak")) as started:
        yield started


async def disturb(client: httpx.AsyncClient, number: int) -> None:
    """A request that leads nowhere: each kind leaves something to clear away."""
    body, key = question(number), KEYS[0]
    match number % 4:
        case 0:  # leaves while the answer is streamed
            headers = {"Authorization": f"Bearer {key}"}
            async with client.stream("POST", CHAT, json={**body, "stream": True}, headers=headers) as reply:
                assert reply.status_code == 200
        case 1:  # leaves while it waits
            with suppress(TimeoutError):
                await asyncio.wait_for(ask(client, body, key), 0.05)
        case 2:  # a picture that is none
            assert (await ask(client, question(number, b"no picture"), key)).status_code == 400
        case _:
            assert (await ask(client, body, "no key")).status_code == 401


async def work(server: Server, first: int, count: int) -> list[Usage]:
    """What the server takes after each tenth of so many questions, each about a number of its own."""
    seen: list[Usage] = []
    async with httpx.AsyncClient(base_url=server.address, timeout=300) as client:
        for number in range(first, first + count):
            reply, _ = await asyncio.gather(ask(client, question(number), KEYS[number % 2]), disturb(client, number))
            assert reply.status_code == 200 and numbers_in(reply) == {number}
            if (number - first) % max(1, count // 10) == 0:
                seen.append(server.usage())
    # Whoever left is noticed by now.
    await asyncio.sleep(1)
    return [*seen, server.usage()]


def kept(home: Path) -> dict[str, int]:
    """Bytes below each folder of a home."""
    folders = [folder for folder in home.iterdir() if folder.is_dir()]
    return {folder.name: sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) for folder in folders}


async def test_a_server_grows_in_nothing_while_it_answers(server: Server) -> None:
    before = (await work(server, 1, WARM_UP))[-1]
    seen = await work(server, 1 + WARM_UP, QUESTIONS)
    last = seen[-1]
    stored = kept(server.home)
    prune(server.home, keep_days=0)
    left = kept(server.home)
    print(f"{QUESTIONS} questions: {before} before, {last} after; disk {stored}, {left} once pruned")
    assert last.megabytes - before.megabytes < MEGABYTES
    assert max(one.threads for one in seen) <= before.threads + 4 and last.threads <= before.threads + 1
    assert last.handles <= before.handles + 4
    # A run of a small picture takes kilobytes, and pruned runs leave nothing but the tables that listed them.
    assert stored["runs"] / (WARM_UP + QUESTIONS) < 32_000
    assert left["runs"] + left["media"] < 16_000
