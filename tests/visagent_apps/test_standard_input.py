"""`visagent ask -`: a picture that is piped in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from scripted_command import run, write_picture, write_profile

from visagent.core.errors import MediaError, QuestionError, VisagentError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path)
    return tmp_path


def test_a_piped_picture_is_asked_about_beside_files(place: Path) -> None:
    teal, red = write_picture(place, "teal"), write_picture(place, "red")
    asked = run("ask", "-", red, "Which color?", "--profile", "scripted.yaml", "--json", piped=teal.read_bytes())
    assert asked.exit_code == 0
    media = list(json.loads(asked.stdout)["media"].values())
    assert [info["width"] for info in media] == [20, 20] and media[1]["name"] == "red.png"
    assert media[0]["hash"] == hashlib.sha256(teal.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("words", "piped", "error", "says"),
    [
        (["-", "What?"], b"", MediaError, "the file is empty"),
        (["-", "What?"], b"no picture", MediaError, "not of a type"),
        (["-", "-", "What?"], b"", QuestionError, "can be read once"),
        (["-"], b"", QuestionError, "no question after the media"),
    ],
)
def test_what_cannot_be_read_from_a_pipe_is_named(
    place: Path, words: list[str], piped: bytes, error: type[VisagentError], says: str
) -> None:
    ended = run("ask", *words, "--profile", "scripted.yaml", piped=piped)
    assert isinstance(ended.exception, error) and says in str(ended.exception)


@pytest.mark.parametrize(
    ("expression", "form", "printed"),
    [("a + 1", "number", "2"), ("a / 2", "number", "0.5"), ("a * 1e3", "number", "1000")],
)
def test_a_plain_result_is_printed_as_a_script_wants_it(place: Path, expression: str, form: str, printed: str) -> None:
    profile = write_profile(place, {"steps": [{"tool": "calculate", "expression": expression, "a": 1}]})
    asked = run("ask", write_picture(place), "How much is it?", "--profile", profile, "--form", form)
    assert asked.stdout.strip() == printed
