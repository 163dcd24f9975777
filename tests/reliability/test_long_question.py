"""A question of more than 20,000 characters to the embedded profile is one clear line, wherever it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.request import QUESTION_LIMIT
from visagent.core.errors import QuestionError
from visagent.testing import ScriptedModel
from visagent_apps import cli

pytestmark = pytest.mark.slow

LONG = "y" * (QUESTION_LIMIT + 1)
Ask = Callable[[Path, pytest.MonkeyPatch, pytest.CaptureFixture[str]], str]


def agent_at(folder: Path) -> Agent:
    return Agent("embedded", models={"controller": ScriptedModel({"tool": "dominant_colors"})}, home=folder / "home")


def in_python(folder: Path, _: Any, __: Any) -> str:
    with pytest.raises(QuestionError) as caught:
        agent_at(folder).ask(LONG, Image.new("RGB", (9, 9)))
    return str(caught.value)


def on_the_command_line(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    Image.new("RGB", (9, 9)).save(folder / "a.png")
    monkeypatch.setattr("sys.argv", ["visagent", "ask", str(folder / "a.png"), LONG])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    assert ended.value.code == 2 and not captured.out
    return captured.err.strip()


def of_the_server(folder: Path, _: Any, __: Any) -> str:
    pytest.importorskip("prometheus_client", reason='the server needs an extra: pip install "visagent[serve]"')
    from fastapi.testclient import TestClient

    from visagent_apps.guard import Keys
    from visagent_apps.server import build_app

    body = {"model": "visagent", "messages": [{"role": "user", "content": LONG}]}
    with TestClient(build_app(agent_at(folder), keys=Keys(["k"])), base_url="http://localhost") as client:
        reply = client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer k"})
    assert reply.status_code == 400
    return str(reply.json()["error"]["message"])


def in_the_app(folder: Path, _: Any, __: Any) -> str:
    pytest.importorskip("gradio", reason='the app needs an extra: pip install "visagent[app]"')
    from fastapi.testclient import TestClient
    from starlette.routing import Mount

    from visagent_apps.web import AppOptions, build
    from visagent_apps.web.sessions import COOKIE

    app = build(AppOptions(home=folder / "home"))
    mounted: Any = next(route.app for route in app.routes if isinstance(route, Mount))
    ask = next(id_ for id_, one in mounted.get_blocks().fns.items() if one.api_name == "ask")
    body = {"data": [None, None, LONG, False, "tree"], "fn_index": ask, "session_hash": "long"}
    with TestClient(app, base_url="http://127.0.0.1", cookies={COOKIE: "a" * 43}) as client:
        reply = client.post("/gradio_api/queue/join", json=body)
    assert reply.status_code == 422
    return str(reply.json())


@pytest.mark.parametrize(
    ("ask", "limit"),
    [(in_python, "20,000"), (on_the_command_line, "20,000"), (of_the_server, "20,000"), (in_the_app, "2000")],
)
def test_a_question_that_is_too_long_is_one_clear_line(
    ask: Ask, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    said = ask(tmp_path, monkeypatch, capsys)
    assert limit in said and "characters" in said
    assert "\n" not in said and len(said) < 300 and "yyyy" not in said
