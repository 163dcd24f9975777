"""A run has one owner, its effects happen once, and its time includes all that it does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.effects import EffectsJournal
from visagent.agent.ownership import owning
from visagent.core.config import Budget
from visagent.core.errors import RunBusy
from visagent.evidence.tree import SubQuestion, ToolCall
from visagent.evidence.values import Evidence, Failure, Number, Text
from visagent.models.protocol import Message, Reply
from visagent.testing import ScriptedModel, slow_tools
from visagent.tools.toolkit import tool

PICTURE = Image.new("RGB", (8, 8), "white")
LOOK = [{"tool": "look", "name": "a"}]
SLOW = 45.0
"""Seconds of the slow tool, far more than what does not wait for it takes on a busy machine."""


class Slow(ScriptedModel):
    """Takes its time for each reply."""

    async def chat(self, messages: Sequence[Message], **options: Any) -> Reply:
        await asyncio.sleep(SLOW)
        return await super().chat(messages, **options)


def agent_of(home: Path, model: ScriptedModel, *tools: Any) -> Agent:
    mine = [*slow_tools(home / "log", {"slow": SLOW}), *tools]
    return Agent("embedded", tools=mine, only=[one.spec.name for one in mine], home=home, models={"controller": model})


async def last_of(stream: Any) -> Any:
    return [event async for event in stream][-1]


def test_a_run_that_somebody_carries_on_is_busy_and_free_when_they_end(tmp_path: Path) -> None:
    agent = agent_of(tmp_path, ScriptedModel(LOOK))
    waiting = asyncio.run(last_of(agent.stream("What?", PICTURE, approval=True)))
    with owning(agent.runs.folder(waiting.run_id)), pytest.raises(RunBusy, match="answered already"):
        agent.resume(waiting.run_id, approve=True)
    assert agent.resume(waiting.run_id, approve=True).status == "answered"
    assert (tmp_path / "log").read_text() == "a\n"


def test_two_resumes_at_once_ask_the_experts_once(tmp_path: Path) -> None:
    agent = agent_of(tmp_path, ScriptedModel(LOOK))
    waiting = asyncio.run(last_of(agent.stream("What?", PICTURE, approval=True)))

    async def both() -> list[Any]:
        resumes = [last_of(agent.stream_resumed(waiting.run_id, approve=True)) for _ in range(2)]
        return await asyncio.gather(*resumes, return_exceptions=True)

    ended = asyncio.run(both())
    assert sorted(type(one).__name__ for one in ended) == ["Answered", "RunBusy"]
    assert (tmp_path / "log").read_text() == "a\n"


def test_a_planner_that_never_ends_is_stopped_when_the_time_is_up(tmp_path: Path) -> None:
    began = time.monotonic()
    answer = agent_of(tmp_path, Slow(LOOK)).ask("What?", PICTURE, mode="tree", budget=Budget(seconds=0.5))
    assert time.monotonic() - began < 0.8 * SLOW
    assert answer.status == "unanswered" and "used up its 0.5 seconds" in answer.reason


BOTH = "What is fast, and what is slow?"


def test_what_was_found_in_time_is_said(tmp_path: Path) -> None:
    plan = [{"tool": "look", "name": "fast"}, {"tool": "look", "name": "slow"}]
    for seconds in (1.5, 5.0, 15.0):  # a busy machine finds nothing in the first
        began = time.monotonic()
        agent = agent_of(tmp_path / str(seconds), ScriptedModel(plan))
        answer = agent.ask(BOTH, PICTURE, mode="tree", budget=Budget(seconds=seconds))
        assert time.monotonic() - began < 0.8 * SLOW
        if answer.status == "answered":
            break
    assert answer.status == "answered" and "fast" in answer.text


NODE = SubQuestion(id="q1", question="?", solver=ToolCall(tool="send", arguments={"to": "me"}))


async def test_an_effect_that_was_written_down_is_not_called_again(tmp_path: Path) -> None:
    calls: list[int] = []

    async def call() -> Evidence:
        calls.append(1)
        return Evidence(id="q1", tool="send", value=Number(value=len(calls)))

    first = await EffectsJournal(tmp_path / "e").once(NODE, call)
    assert await EffectsJournal(tmp_path / "e").once(NODE, call) == first and len(calls) == 1
    other = NODE.model_copy(update={"id": "q2"})
    await EffectsJournal(tmp_path / "e").once(other, call)
    assert len(calls) == 2


async def test_an_effect_that_was_cut_off_is_told_and_not_repeated(tmp_path: Path) -> None:
    async def dies() -> Evidence:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await EffectsJournal(tmp_path / "e").once(NODE, dies)
    found = await EffectsJournal(tmp_path / "e").once(NODE, dies)
    assert isinstance(found.value, Failure) and "may have taken effect" in found.value.message


def test_a_tool_with_effects_is_called_once_although_it_fails(tmp_path: Path) -> None:
    calls: list[str] = []

    @tool(read_only=False, retries=3)
    def send(to: str) -> str:
        """Send a letter."""
        calls.append(to)
        raise OSError("the line is dead")

    agent = agent_of(tmp_path, ScriptedModel([{"tool": "send", "to": "me"}]), send)
    waiting = asyncio.run(last_of(agent.stream("What?", PICTURE, mode="tree")))
    answer = agent.resume(waiting.run_id, approve=True)
    assert calls == ["me"] and answer.status == "unanswered" and "line is dead" in json.dumps(answer.reason)


async def test_a_call_with_effects_that_cannot_be_written_down_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def call() -> Evidence:
        calls.append("called")
        return NODE.evidence(Text(text="sent"))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    journal = EffectsJournal(tmp_path / "e")
    with monkeypatch.context() as patched:
        patched.setattr("visagent.agent.effects.os.fsync", full)
        refused = await journal.once(NODE, call)
    assert isinstance(refused.value, Failure) and refused.value.error == "StorageError" and not calls
    assert "No space left" in refused.value.message
    # It was never begun: once there is room, it is made.
    assert (await journal.once(NODE, call)).value == Text(text="sent") and calls == ["called"]


async def test_what_a_call_with_effects_gave_is_kept_for_the_answer_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    async def call() -> Evidence:
        calls.append("called")
        monkeypatch.setattr("visagent.agent.effects.os.fsync", full)
        return NODE.evidence(Text(text="sent"))

    journal = EffectsJournal(tmp_path / "e")
    assert (await journal.once(NODE, call)).value == Text(text="sent")
    monkeypatch.undo()
    # And it is not made again, whatever of the result was written.
    await journal.once(NODE, call)
    assert calls == ["called"]
