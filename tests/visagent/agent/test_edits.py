"""Editing a run's tree, and follow-up questions: only what is new is asked."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.edits import Add, Change, Remove, apply_edits, kept_evidence
from visagent.agent.events import ApprovalNeeded, Found
from visagent.agent.request import follow_up
from visagent.core.errors import PlanError, QuestionError, RunNotFound
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Evidence, Failure, Number, Text
from visagent.testing import ScriptedModel, slow_tools
from visagent.tools.toolkit import tool

PICTURE = Image.new("RGB", (8, 8), "white")
OTHER = Image.new("RGB", (8, 8), "black")
PLAN = [
    {"tool": "look", "image": "image1", "name": "a"},
    {"tool": "look", "image": "image1", "name": "b"},
    {"tool": "join", "a": "$q1", "b": "$q2"},
]
Make = Callable[..., tuple[Agent, ScriptedModel, Path]]


def tree_of(*calls: tuple[str, dict[str, Any]]) -> QuestionTree:
    nodes = [
        SubQuestion(id=f"q{number}", question=f"step {number}", solver=ToolCall(tool=name, arguments=arguments))
        for number, (name, arguments) in enumerate(calls, 1)
    ]
    return build_tree("Q?", nodes)


JOINED = tree_of(("look", {"name": "a"}), ("look", {"name": "b"}), ("join", {"a": "$q1", "b": "$q2"}))


def test_a_change_keeps_the_other_arguments_and_unwords_what_rests_on_it() -> None:
    tree = apply_edits(JOINED, [Change(id="q1", arguments={"name": "c"})])
    assert tree["q1"].solver.arguments == {"name": "c"}
    assert [node.question for node in tree.nodes] == ["", "step 2", ""]


def test_none_takes_an_argument_away_and_another_tool_starts_anew() -> None:
    assert apply_edits(JOINED, [Change(id="q3", arguments={"b": None})])["q3"].solver.arguments == {"a": "$q1"}
    changed = apply_edits(JOINED, [Change(id="q2", tool="hear", arguments={"what": "x"})])
    assert changed["q2"].solver == ToolCall(tool="hear", arguments={"what": "x"})


def test_an_added_step_gets_the_next_free_id_and_may_refer_to_others() -> None:
    tree = apply_edits(JOINED, [Add(tool="join", arguments={"a": "$q3", "b": "$q1"})])
    assert tree.sinks == ("q4",) and tree["q4"].needs == ("q3", "q1")


def test_a_step_that_is_needed_cannot_be_removed_but_can_with_what_needs_it() -> None:
    with pytest.raises(PlanError, match="q1 is needed by q3"):
        apply_edits(JOINED, [Remove(id="q1")])
    assert apply_edits(JOINED, [Remove(id="q3"), Remove(id="q1")]).order == ("q2",)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([Change(id="q9", arguments={})], "There is no sub-question q9"),
        ([Remove(id="q9")], "There is no sub-question q9"),
        ([Change(id="q1", arguments={"name": "$q3"})], "circle"),
        ([Add(tool="join", arguments={"a": "$q8"})], r"\$q8, which is not in the tree"),
        ([Remove(id="q3"), Remove(id="q2"), Remove(id="q1")], "Nothing is left"),
    ],
)
def test_an_edit_that_makes_no_tree_says_why(edits: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        apply_edits(JOINED, edits)


def test_evidence_is_kept_for_whoever_asks_the_same_and_failures_are_not() -> None:
    evidence = {
        "q1": Evidence(id="q1", tool="look", value=Text(text="a")),
        "q2": Evidence(id="q2", tool="look", value=Failure(error="OSError", message="busy")),
        "q3": Evidence(id="q3", tool="join", value=Number(value=1)),
    }
    other = tree_of(("look", {"name": "b"}), ("look", {"name": "a"}), ("join", {"a": "$q2", "b": "$q1"}))
    kept = kept_evidence(JOINED, other, evidence)
    assert set(kept) == {"q2", "q3"} and kept["q2"].value == Text(text="a") and kept["q2"].cached
    assert kept["q3"].arguments == {"a": "$q2", "b": "$q1"}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(*plans: Any) -> tuple[Agent, ScriptedModel, Path]:
        model = ScriptedModel(*plans)
        tools = slow_tools(tmp_path / "log", {})

        @tool(cache=False, retries=0)
        def broken(name: str) -> str:
            """Break."""
            raise OSError("the cable is loose")

        mine: dict[str, Any] = {"tools": [*tools, broken], "only": ["look", "join", "broken"]}
        agent = Agent("embedded", **mine, models={"controller": model}, home=tmp_path / "home")
        return agent, model, tmp_path / "log"

    return make


def test_an_edited_run_asks_again_only_what_changed_and_both_versions_stay(make: Make) -> None:
    agent, model, log = make(PLAN)
    first = agent.ask("What?", PICTURE)
    log.unlink()
    second = agent.edit(first.run_id, [Change(id="q2", arguments={"name": "c"})])
    assert log.read_text().split() == ["c", "a+c"] and len(model.prompts) == 1
    assert second.parent == first.run_id and second.evidence["q3"].value == Text(text="a+c")
    assert second.evidence["q1"].cached and second.usage.tool_calls == 2
    assert [record.id for record in agent.runs.list()] == [second.run_id, first.run_id]
    assert agent.runs.load(first.run_id).answer == first


def test_a_run_can_be_edited_by_another_process_and_before_it_is_finished(make: Make) -> None:
    agent, model, log = make(PLAN)
    waiting = asyncio.run(_last(agent.stream("What?", PICTURE, approval=True)))
    assert isinstance(waiting, ApprovalNeeded)
    tools, models = [agent.tools["look"], agent.tools["join"]], {"controller": model}
    later = Agent("embedded", tools=tools, only=["look", "join"], models=models, home=agent.home)
    events = asyncio.run(_all(later.stream_edited(waiting.run_id, [Remove(id="q3"), Remove(id="q2")])))
    assert isinstance(events[-1], ApprovalNeeded) and not log.exists()
    answer = later.resume(events[-1].run_id, approve=True)
    assert log.read_text().split() == ["a"] and answer.tree.order == ("q1",)


def test_an_edit_of_the_wrong_type_is_refused_before_anything_runs(make: Make) -> None:
    agent, _, log = make(PLAN)
    first = agent.ask("What?", PICTURE)
    log.unlink()
    with pytest.raises(PlanError, match="fly"):
        agent.edit(first.run_id, [Change(id="q1", tool="fly", arguments={})])
    with pytest.raises(RunNotFound):
        agent.edit("20260101-000000-00000000", [Remove(id="q1")])
    assert not log.exists() and len(list(agent.runs.list())) == 1


def test_a_follow_up_reads_the_question_before_it_and_computes_only_what_is_new(make: Make) -> None:
    both = [*PLAN, {"tool": "join", "a": "$q1", "b": "c"}]
    agent, model, log = make(PLAN, both)
    first = agent.ask("Is there a cup?", PICTURE)
    log.unlink()
    second = agent.ask("And what color is it?", follows=first.run_id)
    assert "Is there a cup, and what color is it?" in model.prompts[1]
    assert log.read_text().split() == ["a+c"], "a, b and a+b were known"
    # The part that was answered before is not answered again.
    assert second.tree.sinks == ("q4",) and second.question == "And what color is it?"
    assert second.parent == first.run_id and second.evidence["q1"].cached


def test_a_follow_up_keeps_the_names_of_earlier_media_and_may_bring_new_ones(make: Make) -> None:
    agent, _, _ = make(LOOKS)
    first = agent.ask("What?", PICTURE)
    second = agent.ask("And here?", OTHER, PICTURE, follows=first.run_id)
    assert list(second.media) == ["image1", "image2"]
    assert second.media["image1"].hash == first.media["image1"].hash
    with pytest.raises(QuestionError):
        agent.ask("And here?")


LOOKS = [{"tool": "look", "image": "image1", "name": "a"}]


async def test_known_evidence_is_told_like_found_evidence(make: Make) -> None:
    agent, _, _ = make(PLAN)
    first = await agent.aask("What?", PICTURE)
    events = await _all(agent.stream("And again?", follows=first.run_id))
    assert [event.evidence.id for event in events if isinstance(event, Found)] == ["q1", "q2", "q3"]
    assert events[-1].answer.usage.tool_calls == 0


def test_a_person_rates_a_run(make: Make) -> None:
    agent, _, _ = make(LOOKS)
    first = agent.ask("What?", PICTURE)
    agent.runs.rate(first.run_id, "up")
    assert agent.runs.load(first.run_id).rating == "up" and agent.runs.load(first.run_id).answer == first
    agent.runs.rate(first.run_id, None)
    assert agent.runs.load(first.run_id).rating is None


@pytest.mark.parametrize(
    ("before", "question", "whole"),
    [
        ("Is there a cup?", "what color is it?", "Is there a cup, and what color is it?"),
        ("Is there a cup?", "And what color is it?", "Is there a cup, and what color is it?"),
        ("图中有杯子吗？", "它是什么颜色？", "图中有杯子吗，它是什么颜色？"),
    ],
)
def test_a_follow_up_is_one_sentence_with_what_it_follows(before: str, question: str, whole: str) -> None:
    assert follow_up(before, question) == whole


async def _all(stream: Any) -> list[Any]:
    return [event async for event in stream]


async def _last(stream: Any) -> Any:
    return (await _all(stream))[-1]
