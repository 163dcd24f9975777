"""What the OpenAI-compatible server says of itself holds, whatever it is sent: schemathesis, and bytes of our own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sizes import sized

pytest.importorskip("fastapi", reason='the server needs an extra: pip install "visagent[serve]"')
pytest.importorskip("prometheus_client", reason='the server needs an extra: pip install "visagent[serve]"')

import httpx
import uvicorn

from visagent.agent.agent import Agent
from visagent.testing import ScriptedModel
from visagent_apps.guard import Keys
from visagent_apps.openai_format import ChatRequest
from visagent_apps.server import build_app
from visagent_apps.slow_clients import TimedProtocol

KEY = "sesame"
EXAMPLE: dict[str, Any] = ChatRequest.model_json_schema()["examples"][0]
CASES = sized(5, 300)
"""Of each route, beside those that schemathesis derives from the schema."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server on this machine, with the connections of `visagent serve` and a scripted planner."""
    home, model = tmp_path_factory.mktemp("home"), ScriptedModel([{"tool": "dominant_colors"}])
    agent = Agent("embedded", models={"controller": model}, home=home)
    app = build_app(agent, keys=Keys([KEY]), max_body=2**20)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        config = uvicorn.Config(app, http=TimedProtocol, log_level="warning", server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


def asked(address: str, body: bytes) -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    return httpx.post(f"{address}/v1/chat/completions", content=body, headers=headers, timeout=60)


@pytest.mark.slow
def test_every_reply_is_as_the_description_says(address: str, tmp_path: Path) -> None:
    # The first question loads what answers it.
    assert asked(address, json.dumps(EXAMPLE).encode()).status_code == 200
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json"),
        *("--header", f"Authorization: Bearer {KEY}", "--request-timeout", "60", "--no-color", "--warnings", "off"),
        *("--phases", "examples,coverage,fuzzing", "--max-examples", str(CASES), "--seed", "1", "--no-shrink"),
        *("--generation-database", "none"),
        # A schema cannot say that a text is a picture, or that the last message has to be the user's.
        *("--exclude-checks", "positive_data_acceptance"),
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, ended.stdout[-4000:]
    assert "5 selected / 5 total" in ended.stdout


def picture(url: str) -> bytes:
    """A question about a picture with this address, half characters as escapes."""
    parts = [{"type": "text", "text": "Which color?"}, {"type": "image_url", "image_url": {"url": url}}]
    return json.dumps({"model": "visagent", "messages": [{"role": "user", "content": parts}]}).encode()


def text(content: Any, **more: Any) -> bytes:
    return json.dumps({"model": "visagent", "messages": [{"role": "user", "content": content}], **more}).encode()


@pytest.mark.parametrize(
    "body",
    [
        picture("data:image/png;base64,é狗"),
        picture("data:image/png;base64,\ud800"),
        picture("data:\udfff;base64,AAAA"),
        picture("data:image/png;base64,AAAA"),
        picture("data:image/png;base64,A"),
        picture("\ud83d"),
        picture("file:///etc/passwd"),
        picture("http://[::1"),
        text("\ud800"),
        text("dog\udfff", stream=True),
        text("Is it?", model="\ud800"),
        text("Is it?", stream="yes"),
        text("Is it?", n=10**400),
        text("Is it?", visagent={"regions": {"\ud800": [0, 0, 1e308, -1]}}),
        text("Is it?", response_format={"type": "json_schema", "json_schema": {"schema": {"type": "\ud800"}}}),
        text([{"type": "input_audio", "input_audio": {"data": "\ud800"}}]),
        text([{"type": "\ud800"}]),
        b"",
        b"[" * 100_000,
        b'{"model":' + b"9" * 5_000 + b"}",
        b'"\xff\xfe"',
        b"NaN",
        text("a" * 200_000),
    ],
)
def test_a_body_that_is_no_question_is_refused_in_one_sentence(address: str, body: bytes) -> None:
    reply = asked(address, body)
    assert 400 <= reply.status_code < 500, reply.text
    error = reply.json()["error"]
    assert error["type"] == "invalid_request_error" and error["code"] and len(error["message"]) < 600
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/docs", "/v1/models/%ff", "/v1/models/%00", "/v1/models/../../etc/passwd"]
)
def test_what_is_not_there_is_an_error_as_clients_read_it(address: str, path: str) -> None:
    reply = httpx.get(f"{address}{path}", headers={"Authorization": f"Bearer {KEY}"})
    assert reply.status_code == 404 and reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("host", [b"[::1", b"[", b"evil.example", b"\xff\xfe", b"localhost@evil.example", b"::::"])
@pytest.mark.parametrize("key", [b"", b"Authorization: Bearer \xff\r\n", b"Authorization: Bearer sesame\r\n"])
def test_a_foreign_host_name_is_refused_with_a_key_and_without(address: str, host: bytes, key: bytes) -> None:
    where = address.removeprefix("http://").split(":")
    with socket.create_connection((where[0], int(where[1])), 10) as line:
        line.sendall(b"GET /v1/models HTTP/1.1\r\nHost: " + host + b"\r\n" + key + b"Connection: close\r\n\r\n")
        status = int(line.makefile("rb").readline().split()[1])
    assert status in (400, 421)
