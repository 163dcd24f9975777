"""Tool credit of agents that are not ours: a real model server, a real agent and the real proxy, all on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from local_servers import free_port
from PIL import Image

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("openai")

from scripted_command import run

from visagent.core.errors import ConfigError, ModelError
from visagent.evaluation.credit import CreditReport
from visagent.evaluation.questions import Expectation
from visagent_apps import credit as credit_command
from visagent_apps.masking_proxy import MaskingProxy

FOREIGN_MCP = Path(__file__).parents[1] / "visagent" / "tools" / "foreign_server.py"
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("count_things", "name_color")]
FOUND = {"count_things": "4", "name_color": "red"}


@contextmanager
def serving(reply: Callable[[dict[str, Any]], dict[str, Any] | str], seen: list[dict[str, Any]]) -> Iterator[str]:
    """An OpenAI-compatible server; `reply` gives the message, which is streamed where that is asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send({"object": "list", "data": [{"id": "it", "object": "model"}]})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(asked | {"key": self.headers["Authorization"]})
            message = reply(asked)
            if isinstance(message, str):
                message = {"role": "assistant", "content": message}
            if not asked.get("stream"):
                self.send({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
                return
            for call in message.get("tool_calls") or ():
                call["index"] = 0
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "it"}
            first = chunk | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]}
            last = chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            events = "".join(f"data: {json.dumps(one)}\n\n" for one in (first, last)) + "data: [DONE]\n\n"
            self.send(events, "text/event-stream")

        def send(self, content: Any, kind: str = "application/json") -> None:
            data = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def model(asked: dict[str, Any]) -> dict[str, Any] | str:
    """Counts with its tool or guesses wrong; asks for a colour with its tool or knows it all the same."""
    messages, offered = asked["messages"], {one["function"]["name"] for one in asked.get("tools", ())}
    wanted = "count_things" if "How many" in json.dumps(messages) else "name_color"
    if messages[-1]["role"] == "tool":
        return f"There are {messages[-1]['content']}." if wanted == "count_things" else "It is red."
    if wanted in offered:
        call = {"id": "c1", "type": "function", "function": {"name": wanted, "arguments": "{}"}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    return "There are 7." if wanted == "count_things" else "It is red."


def agent_of(address: Callable[[], str], stream: bool) -> Callable[[dict[str, Any]], str]:
    """An agent of somebody else: it calls its model until that calls no tool."""

    def ask_model(messages: list[Any]) -> dict[str, Any]:
        asked = {"model": "it", "messages": messages, "tools": TOOLS, "tool_choice": "auto", "stream": stream}
        found = httpx.post(
            f"{address()}/chat/completions", json=asked, headers={"authorization": "Bearer k"}, timeout=30
        )
        if not stream:
            message: dict[str, Any] = found.json()["choices"][0]["message"]
            return message
        first = next(line for line in found.text.split("\n") if line.startswith("data: {"))
        delta: dict[str, Any] = json.loads(first.removeprefix("data: "))["choices"][0]["delta"]
        return delta

    def answer(asked: dict[str, Any]) -> str:
        messages = list(asked["messages"])
        while calls := (message := ask_model(messages)).get("tool_calls"):
            name = calls[0]["function"]["name"]
            messages += [message, {"role": "tool", "tool_call_id": "c1", "content": FOUND[name]}]
        return str(message["content"])

    return answer


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "red.png")
    file = tmp_path / "questions.yaml"
    file.write_text(
        "- {id: count, media: [red.png], question: 'How many are there?', expect: {number: 4}}\n"
        "- {id: color, media: [red.png], question: 'What color is it?', expect: {first: [red]}}\n"
    )
    return file


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_that_is_needed_gets_credit_and_one_that_is_merely_called_does_not(
    questions: Path, tmp_path: Path, stream: bool
) -> None:
    port, seen, kept = free_port(), list[dict[str, Any]](), tmp_path / "predictions.jsonl"
    with (
        serving(model, seen) as model_url,
        serving(agent_of(lambda: f"http://127.0.0.1:{port}/v1", stream), []) as agent_url,
    ):
        options = ["--agent", agent_url, "--model-url", model_url, "--proxy-port", port]
        result = run("credit", questions, *options, "--json", "--predictions", kept)
    assert result.exit_code == 0, result.output
    report = CreditReport.model_validate_json(result.stdout)
    by_name = {one.tool: one for one in report.tools}
    assert by_name["count_things"].only_with.value == 1 and by_name["name_color"].anyway.value == 1
    assert report.right.value == 1 and report.right_without_tools is not None
    assert report.right_without_tools.value == 0.5
    assert len(kept.read_text().splitlines()) == 6
    # With all tools hidden, the model is offered none, and a choice among none is not asked for.
    assert any("tools" not in asked and "tool_choice" not in asked for asked in seen)
    assert all(asked["key"] == "Bearer k" for asked in seen)


def test_an_agent_that_does_not_go_through_the_proxy_is_found_out(questions: Path) -> None:
    with serving(model, []) as model_url, serving(lambda asked: "There are 4.", []) as agent_url:
        result = run("credit", questions, "--agent", agent_url, "--model-url", model_url, "--proxy-port", free_port())
    assert isinstance(result.exception, ConfigError) and "No tool passed through the proxy" in str(result.exception)


def test_an_agent_that_is_not_there_is_no_agent_that_is_wrong(questions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credit_command, "AGENT_WAIT", 0.1)
    away = f"http://127.0.0.1:{free_port()}/v1"
    result = run("credit", questions, "--agent", away, "--model-url", away, "--proxy-port", free_port())
    assert isinstance(result.exception, ModelError) and "No agent answers" in str(result.exception)
    result = run("credit", questions, "--agent", away)
    assert isinstance(result.exception, ConfigError) and "--model-url" in str(result.exception)


def test_the_proxy_passes_on_nothing_but_what_it_understands_and_nothing_for_a_page() -> None:
    with serving(model, []) as model_url, MaskingProxy(model_url) as proxy:
        chat = f"{proxy.url}/chat/completions"
        assert httpx.get(f"{proxy.url}/models").json()["data"][0]["id"] == "it"
        assert httpx.post(chat, content=b"{").status_code == 400
        assert httpx.post(chat, json=[{}]).status_code == 400
        assert httpx.post(chat, json={}, headers={"origin": "http://evil.example"}).status_code == 403
        assert httpx.get(proxy.url.removesuffix("/v1") + "/admin").status_code == 403
    with MaskingProxy(f"http://127.0.0.1:{free_port()}/v1") as proxy:
        assert httpx.post(f"{proxy.url}/chat/completions", json={}).status_code == 502
    with pytest.raises(ConfigError, match="no address"):
        MaskingProxy("localhost:1234")


@pytest.mark.slow
def test_a_tool_of_an_mcp_server_is_hidden_and_calling_it_all_the_same_is_an_error() -> None:
    pytest.importorskip("mcp")
    from visagent.core.settings import McpServer
    from visagent.evidence.tree import SubQuestion, ToolCall
    from visagent.tools.mcp import McpConnection

    port = free_port()
    server = subprocess.Popen([sys.executable, str(FOREIGN_MCP), str(port)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        with MaskingProxy(f"http://127.0.0.1:{port}/mcp") as proxy:
            connection = McpConnection("far", McpServer(url=proxy.url, consent=True))
            try:
                tools = {tool.spec.name: tool for tool in connection.tools()}
                assert "far__add" in tools and "add" in proxy.offered
                call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "add", "arguments": {}}}
                assert (
                    answered(
                        tools, SubQuestion(id="q1", question="?", solver=ToolCall(tool="far__add", arguments={"a": 2}))
                    )
                    == 3
                )
                assert proxy.calls == {"add": 1} and proxy.seconds["add"] > 0
                proxy.begin("add")
                refused = httpx.post(proxy.url, json=call).json()
                assert refused["id"] == 5 and refused["error"]["message"] == "Unknown tool: add" and proxy.calls == {}
            finally:
                connection.close()
            again = McpConnection("far", McpServer(url=proxy.url, consent=True))
            try:
                names = {tool.spec.name for tool in again.tools()}
                assert "far__add" not in names and "far__hello" in names
            finally:
                again.close()
    finally:
        server.kill()
        server.wait()


def answered(tools: Any, node: Any) -> float:
    """The number that a step of a plan finds."""
    import asyncio

    from visagent.core.config import Budget
    from visagent.evidence.values import Number
    from visagent.tools.executor import ToolExecutor

    value = asyncio.run(ToolExecutor(tools, {}, Budget()).answer(node, {})).value
    assert isinstance(value, Number), value
    return value.value


@pytest.mark.parametrize(
    ("expect", "text", "right"),
    [
        ({"number": 4}, "There are 4 of them [q2].", True),
        ({"number": 2}, "There are 4 of them [q2].", False),
        ({"number": 3}, "Three.", True),
        ({"truth": True}, "Yes, there is one.", True),
        ({"truth": True}, "No.", False),
        ({"says": ["Dashwood"]}, "Mr. John DASHWOOD.", True),
        ({"first": ["red"]}, "It is red.", True),
        ({"first": ["red"]}, "It is colored.", False),
        ({"unanswered": True}, "I cannot tell.", True),
        ({"number": 4}, "Sorry, I can't count 4 things.", False),
    ],
)
def test_an_agents_words_are_held_to_the_checks_of_a_question(expect: Any, text: str, right: bool) -> None:
    assert Expectation(**expect).holds_in(text) is right
