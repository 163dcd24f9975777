"""An agent as a LangGraph graph, within real larger graphs; the planner is scripted."""

import base64
import json
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.events import Answered, Found, Planned
from visagent.core.config import Profile
from visagent.core.errors import MediaError, QuestionError
from visagent.evidence.answer import Answer
from visagent.evidence.values import Boxes, Crop
from visagent.integrations.langgraph import as_graph
from visagent.testing import ScriptedModel, slow_tools
from visagent.tools.toolkit import tool

LOOK = [{"tool": "look", "name": "a"}]
Make = Callable[..., Agent]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "white.png"
    Image.new("RGB", (8, 8), "white").save(path)
    return path


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(*plans: Any) -> Agent:
        @tool(read_only=False, cache=False)
        def write(name: str) -> str:
            """Write a name down."""
            with (tmp_path / "written").open("a") as file:
                file.write(name)
            return name

        mine = [*slow_tools(tmp_path / "log", {}), write]
        only, models = [item.spec.name for item in mine], {"controller": ScriptedModel(*plans)}
        return Agent("embedded", tools=mine, only=only, models=models, home=tmp_path / "home")

    return make


def image_block(path: Path) -> dict[str, Any]:
    return {"type": "image", "base64": base64.b64encode(path.read_bytes()).decode(), "mime_type": "image/png"}


def test_a_question_with_media_is_answered(make: Make, picture: Path) -> None:
    result = as_graph(make(LOOK)).invoke({"question": "What?", "media": [str(picture)]})
    answer = Answer.model_validate(result["answer"])
    assert answer.status == "answered" and answer.evidence["q1"].tool == "look"
    assert result["run_id"] == answer.run_id
    assert result["messages"][-1].content == answer.text


async def test_a_message_with_a_picture_is_answered_within_a_larger_graph(make: Make, picture: Path) -> None:
    class Outer(MessagesState):
        steps: Annotated[list[str], operator.add]
        run_id: str

    outer = StateGraph(Outer)
    outer.add_node("before", lambda state: {"steps": ["before"]})
    outer.add_node("look", as_graph(make(LOOK)))
    outer.add_node("after", lambda state: {"steps": [f"after {state['run_id']}"]})
    for start, end in [(START, "before"), ("before", "look"), ("look", "after"), ("after", END)]:
        outer.add_edge(start, end)
    graph = outer.compile(checkpointer=InMemorySaver())

    asked = HumanMessage(content=[{"type": "text", "text": "What?"}, image_block(picture)])
    config: Any = {"configurable": {"thread_id": "1"}}
    events, states = [], []
    async for _, mode, part in graph.astream(
        {"messages": [asked], "steps": []}, config, stream_mode=["custom", "values"], subgraphs=True
    ):
        (events if mode == "custom" else states).append(part)
    assert [type(event) for event in events][:1] == [Planned] and type(events[-1]) is Answered
    assert any(isinstance(event, Found) for event in events)
    final = (await graph.aget_state(config)).values
    assert final["steps"] == ["before", f"after {events[-1].answer.run_id}"]
    assert len(final["messages"]) == 2 and final["messages"][-1].content == events[-1].answer.text
    assert final["messages"][-1].response_metadata["visagent"]["run_id"] == final["run_id"]


def test_a_further_question_without_media_follows_the_run_before(make: Make, picture: Path) -> None:
    agent = make(LOOK)
    graph = as_graph(agent)
    graph.checkpointer = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    first = graph.invoke({"messages": [HumanMessage(["What?", image_block(picture)])]}, config)
    second = graph.invoke({"messages": [HumanMessage("And now?")]}, config)
    assert agent.runs.load(second["run_id"]).parent == first["run_id"]


async def test_a_plan_that_changes_something_interrupts_the_larger_graph(
    make: Make, picture: Path, tmp_path: Path
) -> None:
    class Outer(TypedDict, total=False):
        question: str
        media: list[str]
        answer: dict[str, Any]

    outer = StateGraph(Outer)
    outer.add_node("look", as_graph(make([{"tool": "write", "name": "Ada"}])))
    outer.add_edge(START, "look")
    outer.add_edge("look", END)
    graph = outer.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}

    stopped = await graph.ainvoke({"question": "Write it.", "media": [str(picture)]}, config)
    (waiting,) = stopped["__interrupt__"]
    assert "write(" in waiting.value["plan"] and waiting.value["changing"] == ["q1"]
    assert not (tmp_path / "written").exists()
    done = await graph.ainvoke(Command(resume=True), config)
    assert done["answer"]["run_id"] == waiting.value["run_id"] and done["answer"]["status"] == "answered"
    assert (tmp_path / "written").read_text() == "Ada"


async def test_a_plan_that_is_not_approved_is_not_carried_out(make: Make, picture: Path, tmp_path: Path) -> None:
    graph = as_graph(make([{"tool": "write", "name": "Ada"}]))
    graph.checkpointer = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke({"question": "Write it.", "media": [str(picture)]}, config)
    done = await graph.ainvoke(Command(resume=False), config)
    assert done["answer"]["status"] == "unanswered" and not (tmp_path / "written").exists()


async def test_a_person_who_is_asked_back_answers_through_the_graph(tmp_path: Path, picture: Path) -> None:
    @tool(cache=False)
    def find(image: Crop) -> Boxes:
        """Find faces."""
        return Boxes(media=image.media)

    plan = json.dumps({"steps": [{"tool": "find"}]})
    asks = json.dumps({"reason": "two of them", "action": "ask", "question": "Which one?"})
    model = ScriptedModel(plan, asks, plan, json.dumps({"reason": "found", "action": "enough"}))
    profile = Profile.model_validate(
        {
            "name": "asking",
            "models": {"main": {"backend": "object"}},
            "roles": {"controller": "main", "decider": "main"},
        }
    )
    agent = Agent(profile, tools=[find], only=["find"], models={"main": model}, home=tmp_path / "home")
    graph = as_graph(agent, ask_back=True)
    graph.checkpointer = InMemorySaver()
    config: Any = {"configurable": {"thread_id": "1"}}
    stopped = await graph.ainvoke({"question": "Who is it?", "media": [str(picture)]}, config)
    (waiting,) = stopped["__interrupt__"]
    assert waiting.value["question"] == "Which one?"
    done = await graph.ainvoke(Command(resume="the left one"), config)
    assert done["answer"]["run_id"] == waiting.value["run_id"] and done["answer"]["status"] == "answered"
    assert any("the left one" in prompt for prompt in model.prompts)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({}, QuestionError),
        ({"messages": [HumanMessage([{"type": "image", "url": "file:///etc/passwd"}])]}, MediaError),
        ({"messages": [HumanMessage([{"type": "image", "base64": "%%", "mime_type": "image/png"}])]}, MediaError),
        ({"question": "What?", "media": ["no-such-file.png"]}, MediaError),
    ],
)
def test_a_state_that_holds_no_question_is_refused(make: Make, state: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        as_graph(make(LOOK)).invoke(state)
