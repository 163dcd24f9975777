"""Whatever arguments an MCP client sends, each tool answers with a value or an error of a known type."""

from __future__ import annotations

import io
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hostile
import pytest
from sizes import sized

pytest.importorskip("mcp", reason='MCP needs the extra: pip install "visagent[mcp]"')

import httpx
from PIL import Image

from visagent.agent.agent import Agent
from visagent.core.encoding import encode_base64
from visagent.core.errors import is_own
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import ToolSpec
from visagent_apps.mcp_server import ExpertServer

CALLS = sized(20, 200)
"""Of each tool."""

NUMBERS = [0, -1, 1, 2**31, 2**64, 1e308, 5e-324, 10**40, 0.5, 3]
TEXTS = [text for text in hostile.TEXTS if text.isprintable() and text.isascii()] + [
    "狗",
    "\x00",
    "\x1b[31m",
    "9" * 400,
]


def encoded(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    return encode_base64(file.getvalue())


PICTURE = {"type": "image", "data": encoded(9, 7)}
CONTENTS = [
    PICTURE,
    {"type": "image", "data": encoded(1, 1)},
    {"data": "AAAA"},
    {"data": "狗"},
    {"data": PICTURE["data"][:40]},
]


def evidence(media: str) -> dict[str, dict[str, Any]]:
    """A value of every type, of the picture with this hash."""
    line = {"text": "total 3 dogs", "confidence": 0.5, "xyxy": [0, 0, 4, 2], "start": 0.0, "end": 2.0, "media": media}
    crop = {"type": "crop", "media": media, "xyxy": [0, 0, 4, 7], "scale": 2.0, "label": "dog", "seconds": 1.0}
    box = {"xyxy": [1, 1, 5, 4], "label": "dog", "confidence": 0.7, "media": media}
    boxes = [box, {**box, "xyxy": [4, 2, 9, 7], "label": "cat"}]
    cells = [
        {"row": row, "column": column, "text": text}
        for row, texts in enumerate([("name", "price"), ("tea", "$3"), ("cake", "4 €")])
        for column, text in enumerate(texts)
    ]
    track = {"id": 1, "label": "dog", "seconds": [0.0, 1.0], "xyxy": [[0, 0, 2, 2], [1, 1, 3, 3]]}
    return {
        "boxes": {"type": "boxes", "media": media, "boxes": boxes, "seconds": 1.0, "pictures": [media]},
        "crop": crop,
        "labels": {"type": "labels", "labels": [{"name": "red", "confidence": 1.0, "share": 0.5}]},
        "text": {"type": "text", "text": "total 3 dogs\n2024-02-30 $4.50", "media": media, "lines": [line, line]},
        "transcript": {"type": "transcript", "text": "a b", "media": media, "language": "en", "lines": [line]},
        "look": {"type": "look", "text": "two", "sure": 0.5, "regions": [crop], "checks": ["count"], "other": "three"},
        "number": {"type": "number", "value": 3.0, "unit": "dogs"},
        "boolean": {"type": "boolean", "value": True, "lines": [line]},
        "tracks": {"type": "tracks", "media": media, "tracks": [track]},
        "spans": {"type": "spans", "media": media, "spans": [{"start": 0.0, "end": 1.0}]},
        "table": {"type": "table", "media": media, "cells": cells, "header_rows": 1},
    }


def like(rng: random.Random, value: Any) -> Any:
    """Another value, mostly of the same JSON type: those of other types get no farther than the first check."""
    if rng.random() < 0.15:
        return hostile.value(rng)
    match value:
        case bool():
            return not value
        case int() | float():
            return rng.choice(NUMBERS)
        case str():
            return rng.choice(TEXTS)
        case list():
            return rng.choice([[], value * 2, value[::-1], value[:1]])
    return None


def mutated(rng: random.Random, value: Any) -> Any:
    """The value, one place in it changed."""
    if isinstance(value, dict) and value:
        name, changed = rng.choice(list(value)), dict(value)
        if rng.random() < 0.05:
            del changed[name]
        elif name == "data":
            changed[name] = rng.choice([value[name][: rng.randrange(99)], *(one["data"] for one in CONTENTS)])
        elif name not in ("type", "media") or rng.random() < 0.1:
            changed[name] = mutated(rng, value[name])
        return changed
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.randrange(len(value))
        return [*value[:place], mutated(rng, value[place]), *value[place + 1 :]]
    return like(rng, value)


def arguments(rng: random.Random, spec: ToolSpec, known: dict[str, dict[str, Any]]) -> Any:
    """Arguments of which most are what the tool takes, with one to three places changed."""
    given: dict[str, Any] = {}
    for parameter in spec.parameters:
        options = [known[kind] for kind in parameter.accepts] + ([rng.choice(CONTENTS)] if parameter.media else [])
        if parameter.literal:
            kind = parameter.literal["type"]
            options += parameter.literal.get(
                "enum", [{"string": "dog", "number": 2, "integer": 1, "boolean": True}[str(kind)]]
            )
        chosen = rng.choice(options)
        if parameter.required or rng.random() < 0.7:
            given[parameter.name] = [chosen] * rng.randrange(4) if parameter.many else chosen
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        given = mutated(rng, given)
        if not isinstance(given, dict):
            break
    return given


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[tuple[Agent, httpx.AsyncClient]]:
    """An agent, and a client of its server."""
    agent = Agent("embedded", models={"controller": ScriptedModel([{"tool": "dominant_colors"}])}, home=home)
    app = ExpertServer(agent).mcp().streamable_http_app(host="127.0.0.1", stateless_http=True, json_response=True)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765", headers=headers, timeout=60) as client,
    ):
        yield agent, client


async def post(client: httpx.AsyncClient, tool: str, given: Any) -> httpx.Response:
    """Call a tool as the protocol has it; half characters go as escapes, which no client library would send."""
    params = {"name": tool, "arguments": given}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    return await client.post("/mcp", content=body)


def problem(reply: httpx.Response) -> str:
    """What is wrong with a reply; empty where it is a value, or an error of a known type."""
    said = reply.json()
    if "error" in said:
        # The protocol's own errors: no JSON, or not of the shape of a call.
        return "" if said["error"]["code"] in (-32700, -32600, -32602) else f"{reply.status_code} {said['error']}"
    result = said["result"]
    value, text = result.get("structuredContent", {}), result["content"][0]["text"]
    if "Traceback" in text or ".py" in text:
        return text
    if not result.get("isError"):
        return ""
    return "" if is_own(value.get("error", "")) and text.startswith(f"{value['error']}: ") and value["remedy"] else text


@pytest.mark.slow
async def test_each_answer_is_a_value_or_an_error_of_a_known_type(tmp_path: Path) -> None:
    wrong: list[str] = []
    values = 0
    async with served(tmp_path) as (agent, client):
        seen = (await post(client, "crop", {"image": PICTURE, "part": "left"})).json()["result"]["structuredContent"][
            "media"
        ]
        for name, tool in agent.tools.items():
            rng = random.Random(name)
            for _ in range(CALLS):
                given = arguments(rng, tool.spec, evidence(seen))
                reply = await post(client, name, given)
                values += reply.json().get("result", {}).get("isError") is False
                if found := problem(reply):
                    wrong.append(f"{name} {json.dumps(given)[:400]}: {found[:300]}")
    # Else the arguments would be refused too early to try anything.
    assert values > len(agent.tools) * CALLS // 8
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:20])


async def call(home: Path, tool: str, given: dict[str, Any]) -> dict[str, Any]:
    async with served(home) as (_, client):
        result: dict[str, Any] = (await post(client, tool, given)).json()["result"]
        return result


def document() -> dict[str, str]:
    file, page = io.BytesIO(), Image.new("RGB", (90, 70), "red")
    page.save(file, "PDF", save_all=True, append_images=[Image.new("RGB", (90, 70), "blue")])
    return {"data": encode_base64(file.getvalue())}


@pytest.mark.parametrize("image", [document(), [document(), PICTURE]])
async def test_a_document_of_two_pages_is_looked_through(tmp_path: Path, image: Any) -> None:
    found = await call(tmp_path, "dominant_colors", {"image": image})
    assert [label["name"] for label in found["structuredContent"]["labels"]][:2] == ["red", "blue"]


async def test_a_document_of_two_pages_is_refused_where_one_picture_is_meant(tmp_path: Path) -> None:
    refused = await call(tmp_path, "crop", {"image": document(), "part": "left"})
    assert refused["isError"] and refused["structuredContent"]["error"] == "MediaError"
    assert "2 pages" in refused["content"][0]["text"]


@pytest.mark.parametrize("cell", [{"row": 2**31}, {"column": 10**12}, {"row_span": 10**9}])
async def test_a_table_without_end_is_none(tmp_path: Path, cell: dict[str, int]) -> None:
    table = {"type": "table", "media": "", "cells": [{"row": 0, "column": 0, **cell}]}
    refused = await call(tmp_path, "aggregate", {"items": table, "how": "sum"})
    assert refused["structuredContent"]["error"] == "InputError" and "places" in refused["content"][0]["text"]


async def test_what_breaks_inside_the_server_is_told_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> Any:
        raise ValueError("the inside of the server")

    monkeypatch.setattr("visagent_apps.mcp_server.load_media", breaks)
    refused = await call(tmp_path, "read_text", {"image": PICTURE})
    assert refused["isError"] and refused["structuredContent"]["error"] == "InternalError"
    assert "inside of" not in json.dumps(refused)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"jsonrpc":"2.0","id":' + b"9" * 5_000 + b"}"]
)
async def test_a_body_that_is_no_call_is_refused(tmp_path: Path, body: bytes) -> None:
    async with served(tmp_path) as (_, client):
        reply = await client.post("/mcp", content=body)
    assert 400 <= reply.status_code < 500 and "Traceback" not in reply.text
