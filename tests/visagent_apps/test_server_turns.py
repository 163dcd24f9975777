"""Who follows whose run, and who waits: the server's own logic, with a scripted planner and no model."""

import asyncio
import base64
import io
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason='the server needs the extra: pip install "visagent[serve]"')
pytest.importorskip("prometheus_client", reason='the server needs the extra: pip install "visagent[serve]"')

import httpx
from PIL import Image

from visagent.agent.agent import Agent
from visagent.testing import ScriptedModel, slow_tools
from visagent.tools.toolkit import tool
from visagent_apps.conversations import Conversations
from visagent_apps.guard import Keys, is_loopback
from visagent_apps.server import build_app

Ask = Callable[..., Any]
FIRST = "What is it?"


def white() -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(file, "PNG")
    return {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"},
    }


def user(text: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}


class Client:
    """An agent behind its server, and someone who asks."""

    def __init__(self, agent: Agent, **options: Any) -> None:
        self.agent = agent
        app = build_app(agent, keys=Keys(["ada", "bob"]), **options)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")

    async def ask(self, *messages: dict[str, Any], key: str = "ada") -> httpx.Response:
        body = {"model": "visagent", "messages": list(messages)}
        headers = {"Authorization": f"Bearer {key}"}
        return await self._client.post("/v1/chat/completions", json=body, headers=headers)

    def parent(self, reply: httpx.Response) -> str | None:
        assert reply.status_code == 200, reply.text
        return self.agent.runs.load(reply.json()["visagent"]["run_id"]).parent


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    tools, models = slow_tools(tmp_path / "log", {}), {"controller": ScriptedModel([{"tool": "look", "name": "a"}])}
    yield Client(Agent("embedded", tools=tools, only=["look", "join"], models=models, home=tmp_path / "home"))


async def test_a_turn_whose_client_kept_the_run_follows_it(client: Client) -> None:
    first = await client.ask(user(FIRST, white()))
    assert client.parent(first) is None
    message = first.json()["choices"][0]["message"]
    # The words may have been changed by whoever shows them.
    second = await client.ask(user(FIRST, white()), message | {"content": "Shown otherwise."}, user("And now?"))
    assert client.parent(second) == first.json()["visagent"]["run_id"]


async def test_a_turn_whose_client_kept_words_alone_follows_the_run_that_said_them(client: Client) -> None:
    first = await client.ask(user(FIRST, white()))
    said = {"role": "assistant", "content": first.json()["choices"][0]["message"]["content"]}
    second = await client.ask(user(FIRST, white()), said, user("And now?"))
    assert client.parent(second) == first.json()["visagent"]["run_id"]
    again = {"role": "assistant", "content": second.json()["choices"][0]["message"]["content"]}
    third = await client.ask(user(FIRST, white()), said, user("And now?"), again, user("And then?"))
    assert client.parent(third) == second.json()["visagent"]["run_id"]


async def test_nobody_follows_anothers_run(client: Client) -> None:
    first = await client.ask(user(FIRST, white()), key="ada")
    message = first.json()["choices"][0]["message"]
    stolen = await client.ask(user("And?"), message, user("And now?"), key="bob")
    assert stolen.status_code == 400 and "No medium" in stolen.text
    asked_anew = await client.ask(user(FIRST, white()), message, user("And now?"), key="bob")
    assert client.parent(asked_anew) is None


async def test_a_conversation_that_was_forgotten_is_looked_at_anew(client: Client) -> None:
    said = {"role": "assistant", "content": "It is a cup."}
    reply = await client.ask({"role": "system", "content": "Be kind."}, user(FIRST, white()), said, user("And now?"))
    assert client.parent(reply) is None and reply.json()["visagent"]["status"] == "answered"


async def test_a_further_question_is_refused_while_all_places_are_taken(tmp_path: Path) -> None:
    began, go_on = threading.Event(), threading.Event()

    @tool(cache=False)
    def wait(name: str) -> str:
        """Wait for a sign."""
        began.set()
        go_on.wait(30)
        return name

    models = {"controller": ScriptedModel([{"tool": "wait", "name": "a"}])}
    client = Client(
        Agent("embedded", tools=[wait], only=["wait"], models=models, home=tmp_path), concurrency=1, waiting=0
    )
    first = asyncio.create_task(client.ask(user(FIRST, white())))
    try:
        assert await asyncio.to_thread(began.wait, 30)
        second = await client.ask(user(FIRST, white()))
        assert second.status_code == 429 and second.headers["Retry-After"]
    finally:
        go_on.set()
    assert (await first).status_code == 200
    assert (await client.ask(user(FIRST, white()))).status_code == 200


async def test_a_plan_that_needs_approval_says_who_can_give_it(tmp_path: Path) -> None:
    @tool(read_only=False, cache=False)
    def write(name: str) -> str:
        """Write a name down."""
        raise AssertionError("nobody approved it")

    models = {"controller": ScriptedModel([{"tool": "write", "name": "a"}])}
    client = Client(Agent("embedded", tools=[write], only=["write"], models=models, home=tmp_path))
    refused = await client.ask(user(FIRST, white()))
    assert refused.status_code == 400 and "visagent resume" in refused.json()["error"]["message"]
    # Its place is free again.
    assert (await client.ask(user(FIRST, white()))).status_code == 400


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.png", "http://localhost/a.png", "http://169.254.169.254/latest"])
async def test_even_where_addresses_are_fetched_those_of_this_network_are_not(tmp_path: Path, url: str) -> None:
    client = Client(Agent("embedded", home=tmp_path), allow_urls=True)
    refused = await client.ask(user(FIRST, {"type": "image_url", "image_url": {"url": url}}))
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "MediaError"
    assert "public" in refused.text, refused.text


def test_the_least_recent_turns_are_forgotten() -> None:
    conversations = Conversations(limit=4)
    for number in range(3):
        conversations.remember("ada", f"said {number}", f"run {number}")
    assert conversations.find("ada", "said 0") is None
    assert conversations.find("ada", "said 2") == conversations.find("ada", "run 2") == "run 2"
    assert conversations.find("bob", "run 2") is None


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("localhost.evil.example", False), ("", False)],
)  # fmt: skip
def test_only_this_machine_reaches_a_loopback_address(host: str, own: bool) -> None:
    assert is_loopback(host) is own
