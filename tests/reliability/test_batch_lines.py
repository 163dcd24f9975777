"""A line of a batch that nobody could read costs itself, and no other line."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO

import hostile
import pytest
from sizes import sized

from visagent.agent.batch import Item, Results, Row, RowError, read_items, run_batch
from visagent.agent.request import check_question
from visagent.core.errors import InputError, QuestionError

GOOD = {"question": "How many dogs?", "media": ["a.png"]}


async def refusing(items: Sequence[Item]) -> AsyncIterator[Row]:
    for item in items:
        yield Row(id=item.id, question=item.question, error=RowError(type="MediaError", message="none"))


@pytest.mark.parametrize(
    "line",
    [
        '{"question": "\\ud800", "media": []}',
        "[" * 100_000,
        '{"question": "a", "media": ' + "[" * 100_000,
        '{"question": "a", "media": [], "id": ' + "9" * 5_000 + "}",
        '{"question": "a", "media": [], "form": {"a": NaN}}',
    ],
)
def test_one_bad_line_leaves_the_others_their_answers(tmp_path: Path, line: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join([json.dumps(GOOD), line, json.dumps(GOOD)]))
    report = asyncio.run(run_batch(source, target, refusing))
    assert [bad.number for bad in report.bad_lines] == [2] and len(report.bad_lines[0].reason) < 300
    assert [json.loads(row)["id"] for row in target.read_text().splitlines()] == ["1", "3"]


def test_spoiled_lines_are_items_or_bad_lines_and_their_rows_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    for seed in range(sized(300, 10_000)):
        rng = random.Random(seed)
        fields = GOOD | {rng.choice(["question", "media", "id", "mode", "language", "form", "x"]): hostile.value(rng)}
        line = json.dumps(fields)
        line = hostile.spoiled_text(rng, line) if rng.random() < 0.5 else line
        file.write_bytes(json.dumps(GOOD).encode() + b"\n" + line.encode("utf-8", "surrogatepass"))
        try:
            items, bad = read_items(file)
        except InputError as error:
            # Two lines may not share an id, which is asked before any is worked on; one that was doubled may.
            assert "more than once" in error.fact
            continue
        assert len(items) + len(bad) >= (2 if line.strip() else 1)
        for item in items:
            Row(id=item.id, question=item.question).to_line().encode()


def test_half_a_character_is_no_question() -> None:
    with pytest.raises(QuestionError, match="surrogate"):
        check_question("How many \udcff dogs?")


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_rows_never_go_to_a_file_that_another_batch_has_just_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    target, lock = tmp_path / "out.jsonl", fcntl.flock

    def replaced_meanwhile(file: IO[bytes], how: int) -> None:
        # Between our opening of the file and our lock on it, another batch takes its errors out and ends.
        (tmp_path / "new").write_bytes(b"")
        (tmp_path / "new").replace(target)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", replaced_meanwhile)
    with pytest.raises(InputError, match="Another batch is writing"), Results(target):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_a_disk_that_knows_no_locks_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(file: IO[bytes], how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(InputError, match="No locks available"), Results(tmp_path / "out.jsonl"):
        pass


@pytest.mark.parametrize(
    "typed",
    [
        "Is there a c\u200bup?",
        "\u2066Is there a \u202ecup\u202c?\u2069",
        "\ufeffIs there a cup\ufeff?",
        "Is there a cu\u00adp?",
        "Is there a cup?\U000e0049\U000e0067",
        "Is there a ｃｕｐ?",
        "\u200bIs there a cup?\u200b ",
    ],
)
def test_what_nobody_sees_in_a_question_is_no_part_of_it(typed: str) -> None:
    assert check_question(typed) == "Is there a cup?"


@pytest.mark.parametrize(
    "kept", ["这里有２只猫吗？", "Où est le café?", "Is there a 👨\u200d👩\u200d👧?", "How many “ＡＢ”？"]
)
def test_the_rest_of_a_question_stays_as_it_is(kept: str) -> None:
    assert check_question(kept) == kept.replace("２", "2").replace("ＡＢ", "AB")


def test_a_question_of_which_nobody_sees_anything_is_empty() -> None:
    with pytest.raises(QuestionError, match="is empty"):
        check_question("\u200b\u202e\ufeff")
