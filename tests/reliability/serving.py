"""A real `visagent serve` on loopback whose planner always names one cheap tool; its clients, and what it takes."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from local_servers import free_port
from painted import picture_of

PAINTED = Path(__file__).with_name("painted.py")
VISAGENT = str(Path(sys.executable).with_name("visagent"))
CHAT = "/v1/chat/completions"
KEYS = [f"key-{number}" for number in range(16)]


class Usage(NamedTuple):
    """What a process takes at a moment.

    Attributes:
        megabytes: Resident.
        peak: The most that was resident so far, megabytes.
        handles: Open files, sockets and the like.
        threads: Threads.
    """

    megabytes: float
    peak: float
    handles: int
    threads: int


class Server(NamedTuple):
    """A server that answers.

    Attributes:
        address: Its own, without a path.
        pid: Of its process.
        home: Where it keeps runs and media.
    """

    address: str
    pid: int
    home: Path

    def usage(self) -> Usage:
        status = Path(f"/proc/{self.pid}/status").read_text()
        known = {name: int(value) for name, value in re.findall(r"^(VmRSS|VmHWM|Threads):\s+(\d+)", status, re.M)}
        handles = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        return Usage(known["VmRSS"] / 1024, known["VmHWM"] / 1024, handles, known["Threads"])


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server for as long as the block lasts."""
    roles = dict.fromkeys(("decider", "refiner", "verifier", "observer"), "rules")
    profile = {
        "description": "For tests",
        "models": {"main": {"backend": "scripted", "replies": [[{"tool": "painted"}]]}},
        "roles": {"controller": "main", **roles},
        "demonstrations": {"k": 0},
    }
    file, home = folder / "scripted.yaml", folder / "home"
    file.write_text(json.dumps(profile))
    port = free_port()
    command = [VISAGENT, "serve", "--port", str(port), "--profile", str(file), "--tool", f"{PAINTED}:painted"]
    environment = os.environ | {"VISAGENT_API_KEYS": ",".join(KEYS), "VISAGENT_HOME": str(home)}
    process = subprocess.Popen(command, env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while True:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            try:
                if httpx.get(f"{address}/health").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield Server(address, process.pid, home)
    finally:
        process.terminate()
        process.wait(60)


def question(number: int, picture: bytes | None = None) -> dict[str, Any]:
    """The body of a question about a picture with this number in it, or about another file."""
    url = f"data:image/png;base64,{base64.b64encode(picture or picture_of(number)).decode()}"
    content: list[dict[str, Any]] = [
        {"type": "text", "text": "Which number is painted?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return {"model": "visagent", "messages": [{"role": "user", "content": content}]}


async def ask(client: httpx.AsyncClient, body: dict[str, Any], key: str) -> httpx.Response:
    """The reply to a question."""
    return await client.post(CHAT, json=body, headers={"Authorization": f"Bearer {key}"})


def numbers_in(reply: httpx.Response) -> set[int]:
    """All painted numbers that stand anywhere in a reply."""
    return {int(number) for number in re.findall(r"number (\d+)\.", reply.text)}
