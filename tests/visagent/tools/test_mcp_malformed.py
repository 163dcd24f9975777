"""MCP servers that keep to no rule: what is malformed, too much or unwanted is left out or refused, and told."""

import asyncio
import base64
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("mcp", reason='MCP needs the extra: pip install "visagent[mcp]"')

from visagent.core.config import Budget
from visagent.core.settings import McpServer
from visagent.evidence.tree import SubQuestion, ToolCall
from visagent.evidence.values import Crop, Failure, Text
from visagent.media.media import Media
from visagent.tools.executor import ToolExecutor
from visagent.tools.mcp import McpConnection
from visagent.tools.toolkit import Tool

SERVER = Path(__file__).with_name("raw_mcp_server.py")
PICTURE = Media.load(Image.new("RGB", (33, 8), "white"))


def connection(what: str, **options: Any) -> McpConnection:
    return McpConnection("raw", McpServer(command=sys.executable, args=(str(SERVER), what), consent=True, **options))


@pytest.fixture(scope="module")
def malformed() -> Iterator[tuple[dict[str, Tool], list[str]]]:
    """The tools of a server some of whose tools are none, and what was said of it."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener, line = Listener(), connection("malformed")
    logging.getLogger("visagent.tools.mcp").addHandler(listener)
    try:
        yield {tool.spec.name: tool for tool in line.tools()}, said
    finally:
        logging.getLogger("visagent.tools.mcp").removeHandler(listener)
        line.close()


def ask(tools: dict[str, Tool], name: str, /, **arguments: Any) -> Any:
    node = SubQuestion(id="q1", question="?", solver=ToolCall(tool=name, arguments=arguments))
    return asyncio.run(ToolExecutor(tools, {"image1": PICTURE}, Budget()).answer(node, {})).value


def test_malformed_tools_are_left_out_by_name_and_the_others_answer(malformed: Any) -> None:
    tools, said = malformed
    assert list(tools) == ["raw__echo", "raw__show", "raw__open_picture", "raw__two"]
    assert [line.split(" is left out")[0] for line in said] == [
        f"mcp.raw: the tool {name}" for name in ("no_schema", "schema_of_a_list", "7", "None")
    ]
    assert ask(tools, "raw__echo", text="image1") == Text(text='{"text": "image1"}')


def test_a_text_that_wants_a_picture_gets_it_in_base64_or_refuses(malformed: Any) -> None:
    tools, _ = malformed
    assert tools["raw__show"].spec.parameters[0].media == ("image",)
    sent = ask(tools, "raw__show", image_base64="image1")
    assert isinstance(sent, Text)
    (data,) = json.loads(sent.text).values()
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (33, 8)
    refused = ask(tools, "raw__open_picture", picture="image1")
    assert isinstance(refused, Failure) and refused.message == "picture takes a text, and image1 is a picture."
    assert ask(tools, "raw__open_picture", picture="https://a.b/c.png") == Text(text='{"picture": "https://a.b/c.png"}')


def test_that_there_was_a_second_picture_is_told(malformed: Any, caplog: pytest.LogCaptureFixture) -> None:
    found = ask(malformed[0], "raw__two")
    assert isinstance(found, Crop) and found.label == "both (the first of 2 pictures)"
    assert "A tool replied with 2 pictures; the first is used." in caplog.text


def test_that_there_are_more_tools_than_are_used_is_told_and_named_ones_are_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = connection("many")
    assert len(line.tools()) == 128
    line.close()
    assert "the server has more than 128 tools; tool_128 and those after it are left out" in caplog.text
    line = connection("many", tools=("tool_139",))
    assert [tool.spec.name for tool in line.tools()] == ["raw__tool_139"]
    line.close()
