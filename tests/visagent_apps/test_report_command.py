"""`visagent report`: a stored run becomes one HTML file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from visagent.agent.runs import RunRecord, RunStore
from visagent.core.errors import ConfigError, InputError, RunNotFound
from visagent.core.settings import load_profile
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import QuestionTree
from visagent.media.media import Media
from visagent.media.store import MediaStore
from visagent_apps.cli import app

RUN = "20260101-000000-abcdef01"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one finished run about a picture."""
    folder = tmp_path / "home"
    monkeypatch.setenv("VISAGENT_HOME", str(folder))
    medium = Media.load(Image.new("RGB", (60, 40), "teal"))
    MediaStore(folder / "media").put(medium)
    question = "What is it?"
    answer = Answer(
        run_id=RUN,
        question=question,
        text="It is teal.",
        status="answered",
        claims=(Claim(text="It is teal."),),
        tree=QuestionTree(question=question, nodes=()),
        media={"image1": medium.info},
    )
    record = RunRecord(
        id=RUN,
        created=datetime.now(UTC),
        question=question,
        media=answer.media,
        profile=load_profile("embedded"),
        status="finished",
        answer=answer,
    )
    store = RunStore(folder / "runs")
    store.save(record)
    store.save(record.model_copy(update={"id": f"{RUN[:-1]}2", "status": "running", "answer": None}))
    return folder


def report(*arguments: object) -> Exception | None:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return result.exception if isinstance(result.exception, Exception) else None


def test_a_stored_run_becomes_one_page_with_its_picture(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.html"
    assert report(RUN, file) is None
    page = file.read_text("utf-8")
    assert "It is teal." in page and "data:image/jpeg;base64," in page and "<h2>Media</h2>" in page
    assert report(RUN, file, "--language", "zh") is None
    assert "<h2>媒体</h2>" in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("run", "options", "error"),
    [
        ("nosuch", (), RunNotFound),
        (f"{RUN[:-1]}2", (), InputError),
        (RUN, ("--language", "xx"), ConfigError),
    ],
)
def test_what_cannot_be_reported_is_said(
    home: Path, tmp_path: Path, run: str, options: tuple[str, ...], error: type[Exception]
) -> None:
    assert isinstance(report(run, tmp_path / "out.html", *options), error)
    assert not (tmp_path / "out.html").exists()


def test_a_file_that_cannot_be_written_is_named(home: Path, tmp_path: Path) -> None:
    problem = report(RUN, tmp_path / "nosuch" / "out.html")
    assert isinstance(problem, InputError) and "out.html" in str(problem)
