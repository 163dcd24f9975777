"""`visagent mcp` as MCP clients meet it: the official SDK's client, a real process, stdio and HTTP on loopback."""

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from local_servers import await_port, free_port

pytest.importorskip("mcp", reason='MCP needs the extra: pip install "visagent[mcp]"')

import mcp
from PIL import Image

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))
CAT = {"type": "image", "data": base64.b64encode((EXAMPLES / "cat.png").read_bytes()).decode()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder below which clients may name files, with a link that leads out of it."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "pictures").mkdir()
    shutil.copy(EXAMPLES / "cat.png", folder / "pictures" / "cat.png")
    (folder / "out.png").symlink_to(EXAMPLES / "coffee.png")
    return folder


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([VISAGENT, "mcp", "--http", "--port", str(port), "--root", str(root)])
    try:
        await_port(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(120)


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, root: Path) -> Any:
    """What the SDK's client connects to."""
    if request.param == "http":
        return request.getfixturevalue("address")
    home = {"VISAGENT_HOME": os.environ["VISAGENT_HOME"]}
    return mcp.StdioServerParameters(command=VISAGENT, args=["mcp", "--root", str(root)], env=home)


def text(result: Any) -> str:
    return str(result.content[0].text)


async def test_experts_are_listed_called_and_fed_with_each_others_evidence(server: Any) -> None:
    async with mcp.Client(server, read_timeout_seconds=400) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"ask", "detect", "read_text", "count", "transcribe"} <= set(tools)
        assert tools["detect"].annotations and tools["detect"].annotations.read_only_hint
        assert tools["detect"].input_schema["required"] == ["image", "label"]

        found = await client.call_tool("detect", {"image": CAT, "label": "cat"})
        assert not found.is_error and found.structured_content["type"] == "boxes", text(found)
        assert [box["label"] for box in found.structured_content["boxes"]] == ["cat"]
        counted = await client.call_tool("count", {"items": found.structured_content})
        assert counted.structured_content["value"] == 1

        cut = await client.call_tool("crop", {"image": found.structured_content, "part": "left"})
        assert not cut.is_error, text(cut)
        assert cut.content[1].type == "image"
        picture = Image.open(io.BytesIO(base64.b64decode(cut.content[1].data)))
        assert 0 < picture.width <= 451 and 0 < picture.height <= 300


async def test_a_file_below_the_root_can_be_named_and_no_other_one(server: Any) -> None:
    async with mcp.Client(server, read_timeout_seconds=400) as client:
        found = await client.call_tool("detect", {"image": "pictures/cat.png", "label": "cat"})
        assert len(found.structured_content["boxes"]) == 1
        for path in ["../cat.png", str(EXAMPLES / "cat.png"), "/etc/passwd", "out.png", "pictures", "a\0b", "x" * 5000]:
            refused = await client.call_tool("detect", {"image": path, "label": "cat"})
            assert refused.is_error and "no" in text(refused) and "Traceback" not in text(refused), path


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("detect", {"label": "cat"}, "lacks 'image'"),
        ("detect", {"image": CAT, "label": "cat", "speed": 9}, "no argument 'speed'"),
        ("detect", {"image": {"data": "%%%"}, "label": "cat"}, "not base64"),
        ("detect", {"image": {"data": "anVuaw=="}, "label": "cat"}, "MediaError|cannot be loaded|not of a type"),
        ("detect", {"image": CAT, "label": "zebra crossing"}, "UnknownLabel"),
        ("count", {"items": {"type": "boxes", "media": 3}}, "is no boxes"),
        ("count", {"items": "$q1"}, "cannot be '\\$q1'"),
        ("ask", {"question": "", "media": [CAT]}, "question is empty"),
        ("ask", {"question": "How many cats are there?", "media": []}, "No medium"),
        ("ask", {"media": [CAT]}, "takes a question"),
        ("ask", {"question": "How many?", "media": [CAT], "language": "xx"}, "no language"),
    ],
)
async def test_bad_input_is_one_clear_error(address: str, tool: str, arguments: dict[str, Any], says: str) -> None:
    async with mcp.Client(address) as client:
        refused = await client.call_tool(tool, arguments)
        assert refused.is_error and re.search(says, text(refused)), text(refused)
        assert "Traceback" not in text(refused)


async def test_an_unknown_tool_is_a_protocol_error(address: str) -> None:
    async with mcp.Client(address) as client:
        with pytest.raises(mcp.MCPError, match="no tool named 'fly'"):
            await client.call_tool("fly", {})


async def test_a_question_is_answered_with_progress_evidence_and_a_picture(server: Any) -> None:
    async with mcp.Client(server, read_timeout_seconds=400) as client:
        told: list[tuple[float, float | None, str | None]] = []

        async def listen(progress: float, total: float | None, message: str | None) -> None:
            told.append((progress, total, message))

        arguments = {"question": "How many cats are there?", "media": [CAT], "annotate": True}
        result = await client.call_tool("ask", arguments, progress_callback=listen)
        assert not result.is_error and "1" in text(result) and "[q" in text(result), text(result)
        answer = result.structured_content
        assert answer["status"] == "answered" and answer["text"] == text(result)
        assert {found["tool"] for found in answer["evidence"].values()} >= {"detect"}
        assert told[0][0] == 0 and told[-1][0] == told[-1][1] == len(answer["evidence"])
        assert any("detect" in (message or "") for _, _, message in told)
        picture = Image.open(io.BytesIO(base64.b64decode(result.content[1].data)))
        assert picture.size == (451, 300)


def test_a_web_page_of_another_origin_cannot_call_in(address: str) -> None:
    import httpx

    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        accept = {"Accept": "application/json, text/event-stream"}
        assert httpx.post(address, json=body, headers=headers | accept).status_code in (403, 421)


HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
}


@contextmanager
def connected() -> Iterator[subprocess.Popen[bytes]]:
    """A server on stdio that has answered its first request; nothing is left of it afterwards."""
    pipe = subprocess.PIPE
    with subprocess.Popen([VISAGENT, "mcp"], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(HELLO).encode() + b"\n")
        process.stdin.flush()
        assert b"serverInfo" in process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_client_that_reads_no_more_ends_the_server_without_a_traceback() -> None:
    with connected() as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.close()
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 2, "method": "ping"}\n')
        process.stdin.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(120) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_waits_for_its_client_is_ended_by_a_signal(end: signal.Signals) -> None:
    with connected() as process:
        process.send_signal(end)
        assert process.wait(120) == -end
