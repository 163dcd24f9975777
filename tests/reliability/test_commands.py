"""Whatever stands on a command line, the command answers or says what is wrong in one line: seeded lines."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from command_line import main_of
from PIL import Image
from sizes import sized
from typer.testing import CliRunner

from visagent.agent.agent import Agent
from visagent.agent.runs import RunStore
from visagent.core.errors import StorageError, VisagentError
from visagent.testing import ScriptedModel, slow_tools
from visagent_apps import cli

pytestmark = pytest.mark.slow

LINES = sized(150, 3_000)
PLAN = json.dumps({"steps": [{"tool": "dominant_colors"}]})
PROFILE = {
    "description": "For tests",
    "models": {"main": {"backend": "scripted", "replies": [PLAN]}},
    "roles": {"controller": "main", "decider": "rules", "refiner": "rules", "verifier": "rules", "observer": "rules"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a picture, a profile, and files that are what no command wants."""
    folder = tmp_path_factory.mktemp("lines")
    Image.new("RGB", (20, 20), "teal").save(folder / "a.png")
    (folder / "p.yaml").write_text(json.dumps(PROFILE))
    (folder / "empty").write_bytes(b"")
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 8)
    (folder / "deep.json").write_text("[" * 50_000)
    (folder / "rows.jsonl").write_text('{"question": "?", "media": ["a.png"]}\n{"question": 1}\n[[[[\n')
    (folder / "broken.py").write_text("raise RuntimeError('no')\n")
    (folder / "syntax.py").write_text("def (:\n")
    (folder / "exits.py").write_text("raise SystemExit(3)\n")
    (folder / "none.py").write_text("x = 1\n")
    (folder / "sub").mkdir()
    for number in range(60):
        text = json.dumps(hostile.value(random.Random(number)), ensure_ascii=False)
        if number % 2:
            key = random.Random(number).choice(list(PROFILE))
            text = json.dumps(PROFILE | {key: hostile.value(random.Random(number))})
        (folder / f"profile{number}.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    (folder / "profile60.yaml").write_text("a: &a [1]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(9)))
    (folder / "profile61.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "profile62.yaml").write_text("1: 2\n? [a]\n: 3\n")
    (folder / "profile63.yaml").write_text("[" * 5_000)
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def line(rng: random.Random) -> list[str]:
    """A command line with something wrong or odd in it."""
    word = rng.choice(
        [
            *hostile.TEXTS, "x" * 5_000, "a.png", "empty", "noise.bin", "deep.json", "rows.jsonl", "sub", "/dev/null",
            "/dev/full", "/proc/self/mem", "nowhere/at/all", "0", "-5", "nan", "1e400", "--", "-", "no-such-thing",
        ]
    )  # fmt: skip
    file = rng.choice(["a.png", "empty", "noise.bin", "deep.json", "rows.jsonl", "sub", "/dev/full", "nowhere/x", word])
    structure = rng.choice(
        [json.dumps(hostile.value(rng)), "[" * 3_000, "{", '{"type": "object", "properties": 5}', word, "9" * 5_000,
         '{"type": "object", "properties": {"a": {"enum": 5}}}', '[{"tool": "detect"}, 5, null]', '"x"']
    )  # fmt: skip
    profile = rng.choice([f"profile{rng.randrange(64)}.yaml", "p.yaml", "sub", "noise.bin", word])
    tool = rng.choice(
        ["broken.py", "syntax.py", "exits.py", "none.py", "none.py:x", "none.py:y", "os", "a..b", ":", word]
    )
    ask = ["ask", "a.png", "Which color?", "--profile", "p.yaml"]
    return rng.choice(
        [
            ["ask", file, word, "--profile", "p.yaml"],
            [*ask, "--form", structure],
            [*ask, "--outline", structure],
            [*ask, "--mode", word],
            [*ask, "--trace", file],
            [*ask, "--annotate", file],
            [*ask, "--follows", word],
            [*ask, "--demos", word],
            [*ask, "--language", word],
            [*ask, "--budget-seconds", word],
            [*ask, "--tool", tool],
            ["ask", "a.png", "What?", "--profile", profile],
            ["ask", word],
            ["edit", word, "--change", structure],
            ["resume", word, "--profile", "p.yaml"],
            ["runs", "--limit", word],
            ["runs", "--delete", word],
            ["batch", file, rng.choice([file, "/dev/full", "sub", "nowhere/o"]), "--profile", "p.yaml"],
            ["batch", "rows.jsonl", "out.jsonl", "--engine", word],
            ["eval", word, "--data", file],
            ["tools", "list", "--tool", tool],
            ["tools", "show", word],
            ["tools", "show", "detect", "--tool", tool],
            ["tools", "try", rng.choice(["zoom", "count", word]), f"image={file}", f"factor={structure}"],
            ["tools", "new", word, "--folder", file],
            ["config", "show", "--profile", profile],
            ["verify", "a.png", word, "--profile", profile],
            ["report", word, file],
            ["credit", file],
            ["demos", "list", word],
            ["data", "check", file],
            ["doctor", "--profile", profile],
            [word, word],
        ]
    )


def test_no_command_line_ends_in_a_traceback(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In a folder of its own: some lines write files and make folders, as they are told.
    monkeypatch.chdir(shutil.copytree(place, tmp_path / "lines"))
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    runner, codes, faults = CliRunner(), set[int](), list[str]()
    for seed in range(LINES):
        words = line(random.Random(seed))
        result = runner.invoke(cli.app, words)
        error = result.exception
        if error is None or isinstance(error, SystemExit | VisagentError | OSError):
            codes.add(result.exit_code)
            continue
        where = "".join(traceback.format_exception(error)[-3:])
        faults.append(
            f"seed {seed}: {[word[:60] for word in words]}: {type(error).__name__}: {str(error)[:100]}\n{where}"
        )
    assert not faults, f"{len(faults)} of {LINES}\n" + "\n".join(faults[:12])
    assert codes >= {0, 1, 2}


ASK = ("ask", "a.png", "Which color?", "--profile", "p.yaml")


@pytest.mark.parametrize("option", ["--trace", "--annotate"])
@pytest.mark.parametrize("target", ["nowhere/x.png", "sub", "/proc/x.png", "a.png/x.png", "x" * 300 + ".png"])
def test_a_path_that_cannot_be_written_is_refused_before_the_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, target: str
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(place / "fresh"))
    assert main_of(monkeypatch, *ASK, option, target) == 2
    assert option in capsys.readouterr().err
    assert not (place / "fresh" / "runs").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_an_answer_is_printed_even_where_its_trace_cannot_be_written(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(place / "home"))
    assert main_of(monkeypatch, *ASK, "--trace", "/dev/full") == 1
    captured = capsys.readouterr()
    assert "[q1]" in captured.out and os.strerror(errno.ENOSPC) in captured.err


def test_a_picture_of_a_kind_that_cannot_be_written_is_refused_before_the_run(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_of(monkeypatch, *ASK, "--annotate", "x.doc") == 2
    assert "png" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_the_output_is_one_line(place: Path) -> None:
    environment = {**os.environ, "VISAGENT_HOME": str(place / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-c", "from visagent_apps.cli import main; main()", "tools", "list"],
            stdout=full, stderr=subprocess.PIPE, text=True, env=environment, cwd=place,
        )  # fmt: skip
    assert run.returncode == 1 and len(run.stderr.strip().splitlines()) == 1, run.stderr


@pytest.mark.parametrize("home", ["/dev/null/home", "/proc/home", "a.png"])
def test_a_home_that_cannot_be_written_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
) -> None:
    monkeypatch.setenv("VISAGENT_HOME", home)
    assert main_of(monkeypatch, *ASK) == 2
    assert "VISAGENT_HOME" in capsys.readouterr().err


def test_an_answer_that_cannot_be_stored_is_still_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = ScriptedModel([{"tool": "look", "name": "a"}])
    agent = Agent(
        "embedded", tools=slow_tools(tmp_path / "log", {}), home=tmp_path / "home", models={"controller": model}
    )
    save = RunStore.save

    def full(store: RunStore, record: Any) -> None:
        if record.status == "finished":
            raise StorageError("The disk is full.", "Free space.")
        save(store, record)

    monkeypatch.setattr(RunStore, "save", full)
    answer = agent.ask("What?", Image.new("RGB", (8, 8)))
    assert answer.status == "answered" and "could not be stored" in caplog.text
