"""A long question: a model that sees reads it to its end; past a limit that is set it is one clear line everywhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from local_servers import Quiet, serving
from PIL import Image

from visagent.agent.agent import Agent
from visagent.core.config import Budget
from visagent.core.errors import QuestionError
from visagent.core.settings import load_profile
from visagent.testing import ScriptedModel
from visagent_apps import cli

pytestmark = pytest.mark.slow

LIMIT = 20_000
TOO_LONG = "y" * (LIMIT + 1)
ASKED = "What is the color of the picture, in one word of Klingon?"
LONG = f"{'The guide tells of a walk along the river, and of what stood there before. ' * 900}{ASKED}"
Ask = Callable[[Agent, str, Path, pytest.MonkeyPatch, pytest.CaptureFixture[str]], str]


def embedded(folder: Path) -> Agent:
    return Agent("embedded", models={"controller": ScriptedModel({"tool": "dominant_colors"})}, home=folder / "home")


def in_python(agent: Agent, question: str, _: Path, __: Any, ___: Any) -> str:
    try:
        return agent.ask(question, Image.new("RGB", (9, 9))).text
    except QuestionError as refused:
        return str(refused)


def on_the_command_line(
    agent: Agent, question: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    Image.new("RGB", (9, 9)).save(folder / "a.png")
    (folder / "profile.yaml").write_text(json.dumps(agent.profile.model_dump(mode="json", exclude={"name"})))
    command = ["visagent", "ask", str(folder / "a.png"), question, "--profile", str(folder / "profile.yaml")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    if ended.value.code == 0:
        return captured.out.strip()
    assert ended.value.code == 2 and not captured.out
    return captured.err.strip()


def of_the_server(agent: Agent, question: str, _: Path, __: Any, ___: Any) -> str:
    pytest.importorskip("prometheus_client", reason='the server needs an extra: pip install "visagent[serve]"')
    from fastapi.testclient import TestClient

    from visagent_apps.guard import Keys
    from visagent_apps.server import build_app

    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{dot}"}}
    content = [{"type": "text", "text": question}, picture]
    body = {"model": "visagent", "messages": [{"role": "user", "content": content}]}
    with TestClient(build_app(agent, keys=Keys(["k"])), base_url="http://localhost") as client:
        reply = client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer k"})
    if reply.status_code == 200:
        return str(reply.json()["choices"][0]["message"]["content"])
    assert reply.status_code == 400
    return str(reply.json()["error"]["message"])


def in_the_app(_: Agent, question: str, folder: Path, __: Any, ___: Any) -> str:
    pytest.importorskip("gradio", reason='the app needs an extra: pip install "visagent[app]"')
    from fastapi.testclient import TestClient
    from starlette.routing import Mount

    from visagent_apps.web import AppOptions, build
    from visagent_apps.web.sessions import COOKIE

    app = build(AppOptions(home=folder / "home"))
    mounted: Any = next(route.app for route in app.routes if isinstance(route, Mount))
    ask = next(id_ for id_, one in mounted.get_blocks().fns.items() if one.api_name == "ask")
    body = {"data": [None, None, question, False, "tree"], "fn_index": ask, "session_hash": "long"}
    with TestClient(app, base_url="http://127.0.0.1", cookies={COOKIE: "a" * 43}) as client:
        reply = client.post("/gradio_api/queue/join", json=body)
    assert reply.status_code == 422
    return str(reply.json())


@pytest.mark.parametrize(
    ("ask", "limit"),
    [(in_python, "20,000"), (on_the_command_line, "20,000"), (of_the_server, "20,000"), (in_the_app, "20000")],
)
def test_a_question_longer_than_the_budget_lets_it_be_is_one_clear_line(
    ask: Ask, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    said = ask(embedded(tmp_path), TOO_LONG, tmp_path, monkeypatch, capsys)
    assert limit in said and "characters" in said
    assert "\n" not in said and len(said) < 300 and "yyyy" not in said


class SeesTheEnd(Quiet):
    """A server of a model that looks first, checks, looks closer and verifies, and knows its question by the end."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": 65536}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = str(body["messages"][-1]["content"])
        self.asked.append(text)
        fields = body["response_format"]["json_schema"]["schema"]["properties"]
        said = "It is Doq." if LONG in text.replace("\\'", "'") else "Nothing was asked."
        reply: dict[str, Any] = {"reasoning": "", "answer": said, "sure": "certain"}
        if "verdicts" in fields:
            reply = {"verdicts": [{"number": 1, "see": "", "verdict": "yes"}]}
        elif "steps" in fields:
            reply = {"steps": [{"tool": "look", "image": "image1", "question": "What colour is it?"}]}
        elif "checks" in fields:
            reply |= {"sure": "unsure", "checks": ["what colour it is"]}
        elif "other" in fields:
            reply |= {"rests_on": [], "other": ""}
        message = {"role": "assistant", "content": json.dumps(reply)}
        self._send({"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def _send(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def seeing(tmp_path: Path) -> Iterator[Agent]:
    SeesTheEnd.asked.clear()
    with serving(SeesTheEnd) as address:
        profile = load_profile("endpoint")
        main = profile.models["main"].model_copy(update={"base_url": f"{address}/v1", "model": "qwen3-vl-x"})
        yield Agent(profile.model_copy(update={"models": {"main": main}}), home=tmp_path / "home")


@pytest.mark.parametrize("ask", [in_python, on_the_command_line, of_the_server])
def test_of_a_question_of_60000_characters_a_model_that_sees_reads_the_end(
    ask: Ask, seeing: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    assert len(LONG) > 60_000
    assert ask(seeing, LONG, tmp_path, monkeypatch, capsys) == "It is Doq [q2]."
    whole = [ASKED in text for text in SeesTheEnd.asked]
    # The first look, the plan of its checks, the closer look and the judge; a look between has a question of its own.
    assert len(whole) == 5 and whole.count(True) == 4


def test_a_server_may_have_a_limit_of_its_own(
    seeing: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = seeing.profile.model_copy(update={"budget": Budget(question_characters=1000)})
    agent = Agent(strict, home=tmp_path / "home")
    said = of_the_server(agent, LONG, tmp_path, monkeypatch, capsys)
    assert "and 1,000 are allowed" in said and not SeesTheEnd.asked


def test_a_word_that_llama_cpp_would_split_for_a_minute_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="60,000 characters without a space or a mark between them"):
        Agent("laptop", home=tmp_path).ask("x" * 60_000, Image.new("RGB", (9, 9)))
