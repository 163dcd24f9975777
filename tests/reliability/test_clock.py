"""A run goes on from what was written last, whatever the clock said when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import langgraph.checkpoint.base.id as checkpoint_ids
import pytest
from PIL import Image
from pydantic import ValidationError

from visagent.agent.agent import Agent
from visagent.agent.runs import RunRecord, RunStore
from visagent.evidence.answer import Answer
from visagent.evidence.tree import QuestionTree
from visagent.testing import ScriptedModel, slow_tools

PICTURE = Image.new("RGB", (8, 8), "white")
YEAR = 365 * 86_400 * 10**9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The clock that numbers checkpoints; `back()` puts it back a year, as a new process with a wrong clock would."""
    import time

    state = SimpleNamespace(late=0)
    fake = SimpleNamespace(time_ns=lambda: time.time_ns() - state.late)
    monkeypatch.setattr(checkpoint_ids, "time", fake)

    def back() -> None:
        state.late += YEAR
        monkeypatch.setattr(checkpoint_ids, "_last_v6_timestamp", None)

    return SimpleNamespace(back=back)  # type: ignore[return-value]


def agent_of(home: Path) -> Agent:
    model = ScriptedModel([{"tool": "look", "name": "a"}])
    tools = slow_tools(home / "log", {})
    return Agent(
        "embedded", tools=tools, only=[tool.spec.name for tool in tools], home=home, models={"controller": model}
    )


async def last_event(stream: Any) -> Any:
    return [event async for event in stream][-1]


def test_a_run_that_is_resumed_after_the_clock_went_back_keeps_its_answer(tmp_path: Path, clock: Any) -> None:
    agent = agent_of(tmp_path)
    waiting = asyncio.run(last_event(agent.stream("What?", PICTURE, approval=True)))
    clock.back()
    answer = agent.resume(waiting.run_id, approve=True)
    assert answer.status == "answered" and answer.claims and "a" in answer.text
    stored = agent.runs.load(waiting.run_id)
    assert stored.answer == answer


def test_the_checkpoint_that_was_written_last_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Any
) -> None:
    agent = agent_of(tmp_path)
    waiting = asyncio.run(last_event(agent.stream("What?", PICTURE, approval=True)))

    def dies(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    clock.back()
    with monkeypatch.context() as patch:
        patch.setattr("visagent.agent.runner.final_answer", dies)
        with pytest.raises(KeyboardInterrupt):
            agent.resume(waiting.run_id, approve=True)
    clock.back()
    # All steps are done and only the answer was not stored: no expert is asked again.
    answer = agent.resume(waiting.run_id)
    assert answer.status == "answered" and (tmp_path / "log").read_text() == "a\n"


def test_checkpoints_stay_until_the_answer_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = agent_of(tmp_path)
    seen: list[bool] = []
    load = RunStore.load

    def watched(store: RunStore, run_id: str) -> RunRecord:
        seen.append(store.checkpoints(run_id).exists())
        return load(store, run_id)

    monkeypatch.setattr(RunStore, "load", watched)
    answer = agent.ask("What?", PICTURE)
    assert seen == [True]
    assert not agent.runs.checkpoints(answer.run_id).exists()


def test_an_answer_without_a_claim_cannot_count_as_answered() -> None:
    with pytest.raises(ValidationError, match="has a claim"):
        Answer(run_id="r", question="?", text="", status="answered", tree=QuestionTree(question="?", nodes=()))
