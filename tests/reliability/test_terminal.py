"""What others wrote steers no terminal: no escape sequence, no markup, no unit that is an address."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from visagent.agent.events import Answered, Event, Planned, PlanRefused
from visagent.core.terminal import printable, printable_json, terminal
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence, Failure, Label, Labels, Number, Text
from visagent_apps import cli, live

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\r\u202e[bold red]dog[/bold red][/][link=http://evil.example]x[/link]"
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def hostile_answer() -> Answer:
    """An answer in which everything that others can write is hostile."""
    values: list[Any] = [
        Boxes(media="m", boxes=(Box(xyxy=(0, 0, 1, 1), label=ESCAPES),)),
        Text(text=ESCAPES),
        Failure(error=ESCAPES, message=ESCAPES, remedy=ESCAPES),
        Labels(labels=(Label(name=ESCAPES),)),
    ]
    nodes = [
        SubQuestion(id=f"q{at}", question=ESCAPES, solver=ToolCall(tool=ESCAPES, arguments={ESCAPES: ESCAPES}))
        for at in range(1, 5)
    ]
    return Answer(
        run_id="r",
        question=ESCAPES,
        text=ESCAPES,
        status="answered",
        claims=(Claim(text=ESCAPES),),
        tree=build_tree(ESCAPES, nodes),
        evidence={f"q{at}": Evidence(id=f"q{at}", tool=ESCAPES, value=value) for at, value in enumerate(values, 1)},
    )


def test_no_character_that_steers_a_terminal_is_printable() -> None:
    shown = printable("".join(map(chr, range(0x300))) + "\u202a\u202e\u2066\ud800")
    assert not STEERING.search(shown) and "\n" in shown and "\t" in shown and "é" in shown
    shown.encode()
    assert json.loads(printable_json(json.dumps(ESCAPES, ensure_ascii=False))) == ESCAPES


def test_a_rich_console_shows_markup_and_escapes_as_text() -> None:
    file = io.StringIO()
    terminal(file=file, width=200, force_terminal=False).print(ESCAPES)
    assert not STEERING.search(file.getvalue()) and "[bold red]dog[/bold red]" in file.getvalue()


def test_the_tree_of_an_answer_and_the_answer_itself_are_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    answer = hostile_answer()
    answer.show()
    shown = capsys.readouterr().out + answer.tree.to_text(answer.evidence)
    assert not STEERING.search(shown) and "[bold red]" in shown


def test_a_run_that_is_followed_live_shows_no_escape(capsys: pytest.CaptureFixture[str]) -> None:
    answer = hostile_answer()

    async def events() -> AsyncIterator[Event]:
        yield PlanRefused(problem=ESCAPES)
        yield Planned(tree=answer.tree)
        yield Answered(answer=answer)

    asyncio.run(live.follow(events(), ESCAPES))
    captured = capsys.readouterr()
    assert not STEERING.search(captured.out + captured.err)


@pytest.mark.parametrize(
    "line",
    [
        ["ask", f"{ESCAPES}.png", f"How many {ESCAPES}?"],
        ["tools", "show", ESCAPES],
        ["tools", "try", "detect", ESCAPES],
        ["resume", ESCAPES],
        ["config", "show", "--profile", ESCAPES],
        ["ask", "a.png", "What?", "--language", ESCAPES],
        ["report", ESCAPES, "x.html"],
    ],
)
def test_the_errors_of_commands_show_no_escape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: list[str]
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setattr("sys.argv", ["visagent", *line])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert not STEERING.search(out.getvalue() + err.getvalue())


def test_a_run_in_the_list_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finished import STEPS, finished_run
    from PIL import Image

    from visagent.agent.runs import RunStore
    from visagent.media.media import Media

    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    record = finished_run(Media.load(Image.new("RGB", (9, 9))), STEPS, question=ESCAPES)
    RunStore(tmp_path / "runs").save(record)
    for options in ([], ["--json"]):
        shown = CliRunner().invoke(cli.app, ["runs", *options])
        assert shown.exit_code == 0 and not STEERING.search(shown.output)
    assert json.loads(shown.output)["question"] == ESCAPES


@pytest.mark.parametrize(
    "unit", ["http://evil.example", "me@evil.example", "www.evil.example", "a" * 60, "evil.example"]
)
def test_a_unit_cannot_be_an_address_or_a_sentence(unit: str) -> None:
    with pytest.raises(ValidationError, match="unit"):
        Number(value=1, unit=unit)


@pytest.mark.parametrize("unit", ["km/h", "m²", "°C", "€", "fl. oz", "人"])
def test_a_unit_is_a_short_word(unit: str) -> None:
    assert Number(value=1, unit=unit).unit == unit
    assert Number(value=1, unit="k\x1bg\x07").unit == "k g"
