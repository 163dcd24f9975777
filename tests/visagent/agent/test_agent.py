"""The agent's machinery with a scripted planner; tests/end_to_end proves it with the real one."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.events import Answered, ApprovalNeeded, Decided, Found, Planned, PlanRefused, Started
from visagent.core.config import Budget
from visagent.core.errors import ConfigError, MediaError, PlanError, QuestionError, RunNotFound
from visagent.evidence.answer import Answer
from visagent.evidence.values import Crop, Label, Labels
from visagent.testing import ScriptedModel, slow_tools
from visagent.tools.toolkit import tool

PICTURE = Image.new("RGB", (8, 8), "white")
LOOK = [{"tool": "look", "name": "a"}]
MakeAgent = Callable[..., tuple[Agent, ScriptedModel]]


@pytest.fixture
def make(tmp_path: Path) -> MakeAgent:
    """An agent with a scripted planner and the tools `look` and `join`."""

    def make(*plans: Any, tools: Any = (), **options: Any) -> tuple[Agent, ScriptedModel]:
        model = ScriptedModel(*plans)
        mine = [*slow_tools(tmp_path / "log", {}), *tools]
        only = [item.spec.name for item in mine]
        models = {"controller": model}
        return Agent("embedded", tools=mine, only=only, models=models, home=tmp_path / "home", **options), model

    return make


async def events_of(stream: Any) -> list[Any]:
    return [event async for event in stream]


async def test_a_run_tells_what_happens_in_order(make: MakeAgent) -> None:
    agent, _ = make([{"tool": "look", "name": "a"}, {"tool": "join", "a": "$q1", "b": "b"}])
    events = await events_of(agent.stream("What?", PICTURE))
    assert [type(event) for event in events] == [Planned, Started, Found, Started, Found, Decided, Answered]
    answer = events[-1].answer
    assert answer.status == "answered" and answer.evidence["q2"].value.text == "a+b"
    assert answer.usage.tool_calls == 2 and answer.usage.model_calls == 1
    assert all(claim.verdict == "supported" for claim in answer.claims)


async def test_a_wrong_plan_is_repaired_from_its_problem(make: MakeAgent) -> None:
    agent, model = make([{"tool": "fly"}], LOOK)
    events = await events_of(agent.stream("What?", PICTURE))
    assert isinstance(events[0], PlanRefused) and "'fly', which is no tool" in events[0].problem
    assert "'fly', which is no tool" in model.prompts[1]
    assert events[-1].answer.status == "answered"


def test_a_plan_that_stays_wrong_is_no_answer_and_says_why(make: MakeAgent) -> None:
    agent, model = make("nonsense")
    answer = agent.ask("What?", PICTURE)
    assert len(model.prompts) == 1 + Budget().repairs
    assert answer.status == "unanswered" and "no valid plan" in answer.reason and answer.text


def test_an_unanswerable_question_calls_no_tool(make: MakeAgent, tmp_path: Path) -> None:
    agent, _ = make([{"tool": "unanswerable", "reason": "no_audio"}])
    answer = agent.ask("What does she say?", PICTURE)
    assert answer.status == "unanswered" and answer.reason == "it asks about sound, and none was given"
    assert not (tmp_path / "log").exists()


def test_a_failed_branch_leaves_the_other_one_answered(make: MakeAgent) -> None:
    @tool(retries=0, cache=False)
    def broken(image_name: str) -> str:
        """Break."""
        raise OSError("the cable is loose")

    agent, _ = make([*LOOK, {"tool": "broken", "image_name": "x"}], tools=[broken])
    answer = agent.ask("What is seen, and what is said?", PICTURE)
    assert answer.status == "answered" and answer.reason == "the cable is loose"
    assert answer.evidence["q2"].failed and "q1" in answer.text
    # Of one thing that was asked, it would be a part of the answer.
    assert agent.ask("What?", PICTURE).status == "unanswered"


def test_a_passing_fault_is_asked_again_by_the_decision_maker_and_finished_branches_are_not(
    make: MakeAgent, tmp_path: Path
) -> None:
    calls = []

    @tool(retries=0, cache=False)
    def flaky(name: str) -> str:
        """Fail once."""
        calls.append(name)
        if len(calls) == 1:
            raise OSError("busy")
        return "up"

    agent, _ = make([*LOOK, {"tool": "flaky", "name": "x"}, {"tool": "join", "a": "$q2", "b": "$q1"}], tools=[flaky])
    answer = agent.ask("What?", PICTURE)
    assert answer.evidence["q3"].value.text == "up+a"  # type: ignore[union-attr]
    assert (tmp_path / "log").read_text().split() == ["a", "up+a"]


async def test_a_run_waits_for_approval_and_goes_on_or_stops(make: MakeAgent, tmp_path: Path) -> None:
    agent, _ = make(LOOK)
    waiting = (await events_of(agent.stream("What?", PICTURE, approval=True)))[-1]
    assert isinstance(waiting, ApprovalNeeded) and not (tmp_path / "log").exists()
    assert agent.runs.load(waiting.run_id).status == "waiting"
    approved = (await events_of(agent.stream_resumed(waiting.run_id, approve=True)))[-1]
    assert approved.answer.status == "answered"

    waiting = (await events_of(agent.stream("What?", PICTURE, approval=True)))[-1]
    refused = (await events_of(agent.stream_resumed(waiting.run_id, approve=False)))[-1]
    assert refused.answer.status == "unanswered" and "not approved" in refused.answer.reason


def test_a_tool_that_changes_something_outside_needs_approval(make: MakeAgent) -> None:
    @tool(read_only=False, cache=False)
    def send(text: str) -> bool:
        """Send a text."""
        return True

    agent, _ = make([{"tool": "send", "text": "hi"}], tools=[send])
    with pytest.raises(ConfigError, match="needs a person's approval") as refused:
        agent.ask("Send it?", PICTURE)
    run_id = next(agent.runs.list()).id
    assert run_id in str(refused.value)
    assert agent.resume(run_id, approve=True).status == "answered"


def test_a_batch_goes_on_past_bad_items(make: MakeAgent, tmp_path: Path) -> None:
    agent, _ = make(LOOK)
    outcomes = agent.batch(
        [("What?", [PICTURE]), ("", [PICTURE]), ("What?", [tmp_path / "no.png"]), ("What?", [PICTURE])]
    )
    assert [type(outcome) for outcome in outcomes] == [Answer, QuestionError, MediaError, Answer]


def test_where_llama_cpp_reads_in_this_process_a_question_has_a_length(tmp_path: Path) -> None:
    agent = Agent("embedded", home=tmp_path)
    with pytest.raises(QuestionError, match="100,000 characters, and 20,000 are allowed"):
        agent.ask("x" * 100_000, PICTURE)


@pytest.mark.parametrize(
    ("question", "media", "options", "error", "message"),
    [
        ("  ", [PICTURE], {}, QuestionError, "The question is empty"),
        ("What?", [], {}, QuestionError, "No medium was given"),
        ("What?", ["missing.png"], {}, MediaError, "missing.png"),
        ("What?", [PICTURE], {"mode": "direct"}, ConfigError, "direct needs a model that sees"),
        ("What?", [PICTURE], {"language": "xx"}, ConfigError, "no language 'xx'"),
    ],
)
def test_bad_input_is_one_clear_error_before_anything_runs(
    make: MakeAgent, question: str, media: list[Any], options: Any, error: type[Exception], message: str
) -> None:
    agent, model = make(LOOK)
    with pytest.raises(error, match=message) as refused:
        agent.ask(question, *media, **options)
    assert refused.value.remedy  # type: ignore[attr-defined]
    assert not model.prompts and not list(agent.runs.list())


@pytest.mark.parametrize("run_id", ["20260101-000000-00000000", "../../etc", ""])
def test_a_run_that_is_not_there_cannot_be_resumed(make: MakeAgent, run_id: str) -> None:
    agent, _ = make(LOOK)
    with pytest.raises(RunNotFound):
        agent.resume(run_id)


def test_ask_works_inside_a_running_event_loop(make: MakeAgent) -> None:
    agent, _ = make(LOOK)

    async def notebook_cell() -> Answer:
        return agent.ask("What?", PICTURE)

    assert asyncio.run(notebook_cell()).status == "answered"


def test_media_stay_out_of_the_checkpoints(make: MakeAgent, tmp_path: Path) -> None:
    noise = Image.effect_noise((512, 512), 90).convert("RGB")
    agent, _ = make(LOOK)
    waiting = asyncio.run(events_of(agent.stream("What?", noise, approval=True)))[-1]
    assert agent.runs.checkpoints(waiting.run_id).stat().st_size < 200_000


def test_a_depth_limit_refuses_a_plan(make: MakeAgent) -> None:
    deep = [
        {"tool": "look", "name": "a"},
        {"tool": "join", "a": "$q1", "b": "b"},
        {"tool": "join", "a": "$q2", "b": "b"},
    ]
    agent, _ = make(deep)
    answer = agent.ask("What?", PICTURE, budget=Budget(depth=2, repairs=0))
    assert answer.status == "unanswered" and "3 steps deep" in answer.reason


def test_a_plan_error_can_be_pickled() -> None:
    import pickle

    error = PlanError("Step 1 is wrong.", "Mend it.")
    again = pickle.loads(pickle.dumps(error))
    assert (again.fact, again.remedy, str(again)) == (error.fact, error.remedy, str(error))


@pytest.mark.parametrize(("confidence", "status"), [(0.07, "unanswered"), (0.3, "answered")])
def test_a_kind_that_is_no_more_than_a_guess_is_no_answer(tmp_path: Path, confidence: float, status: str) -> None:
    @tool(cache=False)
    def breed(image: Crop) -> Labels:
        """Name what breed a picture shows."""
        return Labels(labels=(Label(name="tabby", confidence=confidence),))

    models = {"controller": ScriptedModel([{"tool": "breed"}])}
    agent = Agent("embedded", tools=[breed], only=["breed"], models=models, home=tmp_path)
    assert agent.ask("What is this?", PICTURE).status == status
