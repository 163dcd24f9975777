"""What a strong model made of questions that one look does not settle, replayed: its replies are recorded."""

import json
from pathlib import Path
from typing import Any

import pytest
from recorded import HERE, PROFILE, REPLIES, RecordedModel, Unrecorded, questions

from visagent.agent.agent import Agent
from visagent.core.text import cleaned


@pytest.fixture(scope="module")
def model() -> RecordedModel:
    return RecordedModel(json.loads(REPLIES.read_text("utf-8")))


@pytest.fixture(scope="module")
def agent(model: RecordedModel, tmp_path_factory: pytest.TempPathFactory) -> Agent:
    return Agent(PROFILE, models={"main": model}, home=tmp_path_factory.mktemp("home"), cache=False)


@pytest.mark.parametrize("asked", questions(), ids=lambda asked: str(asked["id"]))
def test_the_recorded_replies_come_to_the_right_answer_in_as_many_calls(
    asked: dict[str, Any], agent: Agent, model: RecordedModel
) -> None:
    answer = agent.ask(asked["question"], *(HERE / "media" / name for name in asked["media"]))
    assert not model.unknown, model.unknown
    said = cleaned(answer.text, 4000)
    assert answer.status == "answered" and all(words in said for words in asked["says"]), answer.text
    assert answer.usage.model_calls == asked["calls"]


def test_a_request_that_was_never_made_fails_and_says_how_to_record_anew(agent: Agent, model: RecordedModel) -> None:
    asked = questions()[0]
    with pytest.raises(Unrecorded, match="python tests/recorded/record.py"):
        agent.ask("Was this ever asked?", HERE / "media" / asked["media"][0])
    assert "Was this ever asked?" in model.unknown.pop()


def test_the_files_are_small() -> None:
    assert sum(file.stat().st_size for file in Path(HERE).rglob("*") if file.is_file()) < 1_000_000
