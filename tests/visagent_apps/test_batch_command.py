"""`visagent batch` as a person uses it: real processes, one of them killed half-way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
PROCESS = TESTS / "visagent" / "agent" / "batch_process.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "white").save(tmp_path / "white.png")
    return tmp_path


def write(file: Path, *rows: dict[str, Any] | str) -> Path:
    file.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return file


def start(folder: Path, *arguments: object, seconds: float = 0.0) -> subprocess.Popen[str]:
    """`visagent batch in.jsonl out.jsonl` with a scripted planner and a counting tool."""
    command = [sys.executable, PROCESS, folder / "log", seconds, "batch", folder / "in.jsonl", folder / "out.jsonl"]
    environment = os.environ | {"VISAGENT_HOME": str(folder / "home")}
    return subprocess.Popen(
        [str(part) for part in (*command, *arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def batch(folder: Path, *arguments: object) -> tuple[int, str]:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err and not out, err
    return process.returncode, " ".join(err.split())


def rows(folder: Path) -> list[dict[str, Any]]:
    # A row that is being written has no line break yet.
    return [json.loads(line) for line in (folder / "out.jsonl").read_text().split("\n")[:-1]]


def calls(folder: Path) -> int:
    log = folder / "log"
    return len(log.read_text().split()) if log.exists() else 0


def test_a_killed_batch_goes_on_and_asks_nothing_that_has_its_row_again(folder: Path) -> None:
    items = [{"id": f"n{k}", "question": f"What is {k}?", "media": ["white.png"]} for k in range(8)]
    write(folder / "in.jsonl", *items)
    process = start(folder, "--workers", 2, seconds=0.5)
    deadline = time.monotonic() + 120
    while not (folder / "out.jsonl").exists() or len(rows(folder)) < 3:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = rows(folder)
    (folder / "out.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in first))
    assert 3 <= len(first) < 8
    # What a kill inside a write leaves behind: the file ends within a row.
    half = json.dumps(first[0] | {"id": "n7"})[:40]
    with (folder / "out.jsonl").open("a") as file:
        file.write(half)
    asked = calls(folder)

    code, said = batch(folder)
    assert code == 0 and f"{8 - len(first)} answered" in said and f"{len(first)} were there already" in said
    both = rows(folder)
    assert both[: len(first)] == first
    assert sorted(row["id"] for row in both) == [f"n{k}" for k in range(8)]
    assert all(row["answer"]["status"] == "answered" for row in both)
    assert calls(folder) - asked == 8 - len(first)

    code, said = batch(folder)
    assert code == 0 and "8 were there already" in said
    assert rows(folder) == both and calls(folder) - asked == 8 - len(first)


def test_a_batch_that_is_stopped_says_how_to_go_on(folder: Path) -> None:
    write(folder / "in.jsonl", *({"question": "What is it?", "media": ["white.png"]} for _ in range(8)))
    process = start(folder, "--workers", 1, seconds=0.5)
    deadline = time.monotonic() + 120
    while not (folder / "out.jsonl").exists() or not rows(folder):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    assert "goes on where this one stopped" in " ".join(said.split())
    assert 1 <= len(rows(folder)) < 8


def test_an_item_that_cannot_be_asked_is_an_error_row_and_is_asked_again_on_request(folder: Path) -> None:
    write(
        folder / "in.jsonl",
        {"question": "What is it?", "media": ["late.png"]},
        {"question": "What is it?", "media": ["white.png"]},
    )
    code, said = batch(folder)
    assert code == 1 and "1 answered" in said and "1 failed" in said
    failed, answered = sorted(rows(folder), key=lambda row: str(row["id"]))
    assert failed["id"] == "1" and failed.keys() == {"id", "question", "error"}
    assert failed["error"]["type"] == "MediaError" and "late.png" in failed["error"]["message"]
    assert failed["error"]["remedy"]
    assert answered["id"] == "2" and answered.keys() == {"id", "question", "answer"}

    shutil.copy(folder / "white.png", folder / "late.png")
    code, said = batch(folder)
    assert code == 1 and "0 answered" in said and "1 failed" in said and len(rows(folder)) == 2
    code, said = batch(folder, "--retry-errors")
    assert code == 0 and "1 answered" in said
    assert [row["id"] for row in rows(folder)] == ["2", "1"] and all("answer" in row for row in rows(folder))


def test_a_line_that_cannot_be_read_is_named_and_the_others_go_on(folder: Path) -> None:
    write(
        folder / "in.jsonl",
        "no json",
        {"question": "What is it?", "media": ["white.png"]},
        {"question": "What is it?", "media": ["white.png"], "mode": "fast"},
        "",
        {"media": ["white.png"]},
        [1],
    )
    code, said = batch(folder)
    assert code == 2 and "1 answered" in said
    assert [row["id"] for row in rows(folder)] == ["2"]
    for number, reason in ((1, "JSON"), (3, "mode"), (5, "question"), (6, "object")):
        assert f"in.jsonl, line {number}: " in said and reason in said
    assert "line 4" not in said


@pytest.mark.parametrize(
    ("lines", "there", "says"),
    [
        ([{"id": "a"}, {"id": "b"}, {"id": "a"}], None, "'a' on lines 1, 3"),
        ([{"id": 2}, {}], None, "'2' on lines 1, 2"),
        ([], None, "empty"),
        ([{"id": "a"}], "my diary\n", "line 1 is no row"),
        ([{"id": "a"}], "my diary", "line 1 is no row"),
        ([{"id": "a"}], '{"id":"a","question":"Another?","answer":{}}\n', "another question"),
    ],
)
def test_nothing_is_asked_where_the_files_do_not_fit(
    folder: Path, lines: list[dict[str, Any]], there: str | None, says: str
) -> None:
    write(folder / "in.jsonl", *({"question": "What is it?", "media": ["white.png"]} | line for line in lines))
    if there is not None:
        (folder / "out.jsonl").write_text(there)
    code, said = batch(folder)
    assert code == 2 and says in said
    assert calls(folder) == 0 and (there is None or (folder / "out.jsonl").read_text() == there)


def test_a_missing_input_file_is_one_clear_line(folder: Path) -> None:
    code, said = batch(folder)
    assert code == 2 and "in.jsonl cannot be read" in said


def test_two_batches_do_not_write_one_file(folder: Path) -> None:
    write(folder / "in.jsonl", {"question": "What is it?", "media": ["white.png"]})
    process = start(folder, seconds=20)
    while not (folder / "out.jsonl").exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.02)
    try:
        code, said = batch(folder)
    finally:
        process.kill()
        process.wait()
    assert code == 2 and "Another batch is writing" in said
