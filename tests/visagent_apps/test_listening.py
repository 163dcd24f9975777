"""Servers say where they are once they can be reached, and what stands in their way before."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from local_servers import free_port
from scripted_command import run

from visagent.core.errors import ConfigError, MissingDependency
from visagent.core.install import install_line

uvicorn = pytest.importorskip("uvicorn")

SERVER = """
import sys
from visagent_apps.listening import address, serve_until_stopped

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

port = int(sys.argv[1])
serve_until_stopped(app, f"It is at {address('127.0.0.1', port)}", host="127.0.0.1", port=port, lifespan="off")
print("ended")
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_the_line_with_the_address_comes_when_the_address_answers() -> None:
    import httpx

    port = free_port()
    command = [sys.executable, "-c", SERVER, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        # Nothing is waited for: whoever reads the line can call at once.
        assert httpx.get(re.findall(r"http\S+", line)[0]).status_code == 204
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert line == f"It is at http://127.0.0.1:{port}/\n" and said == ""


def test_an_address_of_six_parts_stands_in_brackets() -> None:
    from visagent_apps.listening import address

    assert address("::1", 8000, "/v1") == "http://[::1]:8000/v1"


@pytest.mark.parametrize("command", [["serve"], ["mcp", "--http"], ["app"]])
def test_a_port_that_is_taken_is_named_before_anything_is_loaded(
    command: list[str], taken: int, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gradio" if command == ["app"] else "mcp" if "mcp" in command else "fastapi")
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    ended = run(*command, "--port", taken)
    assert isinstance(ended.exception, ConfigError), ended.exception
    assert f"Port {taken} of 127.0.0.1 cannot be listened at" in str(ended.exception)
    assert "http://" not in ended.output


@pytest.mark.parametrize(
    ("command", "missing", "extra"),
    [
        (["serve"], "fastapi", "serve"),
        (["serve"], "uvicorn", "serve"),
        (["mcp", "--http"], "mcp", "mcp"),
        (["app"], "gradio", "app"),
        (["app"], "uvicorn", "app"),
    ],
)
def test_a_missing_extra_is_named_and_no_address(
    command: list[str], missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = ("visagent_apps.server", "visagent_apps.mcp_server", "visagent_apps.listening", f"{missing}.")
    for loaded in [name for name in sys.modules if name.startswith(importing)]:
        if loaded != "visagent_apps.server_commands":
            monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, missing, None)
    ended = run(*command)
    assert isinstance(ended.exception, MissingDependency), ended.exception
    assert missing in ended.exception.fact and install_line(extra) in ended.exception.remedy
    assert "http://" not in ended.output
