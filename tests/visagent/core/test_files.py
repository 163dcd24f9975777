"""Files that are whole or not there, folders for their owner alone, and the small encodings that everything shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from visagent.core.encoding import data_uri, decode_base64, encode_base64
from visagent.core.errors import MediaError, ToolError
from visagent.core.files import private_folder, replacing, write_whole
from visagent.core.streams import in_own_task
from visagent.core.validation import first_problem


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_and_the_folders_made_for_it_are_for_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "r1" / "run.json"
    write_whole(file, "数")
    assert file.read_text("utf-8") == "数"
    assert (mode(file), mode(file.parent), mode(tmp_path / "runs")) == (0o600, 0o700, 0o700)


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_bytes(b"old")
    file.chmod(0o644)
    write_whole(file, b"new")
    assert (file.read_bytes(), mode(file)) == (b"new", 0o644)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    write_whole(file, "old")
    with pytest.raises(RuntimeError, match="half"), replacing(file) as draft:
        draft.write_text("ne")
        raise RuntimeError("half way")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("run.json", "old")]


def test_a_folder_whose_name_a_file_has_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(OSError, match="runs"):
        private_folder(tmp_path / "runs")


@pytest.mark.parametrize("text", ["no base64!", "abc", "é", "\ud800", "QUJD\n"])
def test_what_is_not_base64_is_a_typed_error_with_a_way_out(text: str) -> None:
    with pytest.raises(ToolError, match=r"The picture is not base64\. Encode"):
        decode_base64(text, "The picture", ToolError)
    with pytest.raises(MediaError):
        decode_base64(text, "The picture")


def test_bytes_come_back_from_base64() -> None:
    assert decode_base64(encode_base64(b"\x00\xff"), "It") == b"\x00\xff"
    assert data_uri("image/png", b"A") == "data:image/png;base64,QQ=="


class Step(BaseModel):
    tool: str


class Plan(BaseModel):
    steps: list[Step]


def test_a_validation_error_is_one_sentence_with_its_place_and_without_the_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate({"steps": [{"tool": {"secret": 1}}]})
    assert first_problem(caught.value) == "steps.0.tool: Input should be a valid string"
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate("secret")
    assert first_problem(caught.value, "the line").startswith("the line: Input should be")
    assert "secret" not in first_problem(caught.value)


async def numbers(closed: list[str]) -> AsyncIterator[int]:
    try:
        for number in range(3):
            yield number
        raise ValueError("no more")
    finally:
        closed.append("closed")


async def test_a_stream_in_its_own_task_gives_its_items_and_then_its_error() -> None:
    closed: list[str] = []
    seen = []
    with pytest.raises(ValueError, match="no more"):
        async for number in in_own_task(numbers(closed)):
            seen.append(number)
    assert (seen, closed) == ([0, 1, 2], ["closed"])
