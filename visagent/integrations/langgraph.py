"""A visagent agent as a LangGraph graph, to be run by itself or as a node of a larger one. Knows no tool.

The agent's run keeps its own record and checkpoints, so that no media go into the larger graph's state. Where a run
needs a person, it interrupts the larger graph: `Command(resume=True)` approves of a plan, and
`Command(resume="the left one")` says what was meant.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, TypeVar

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import interrupt
from pydantic import JsonValue

from visagent.agent.events import Answered, ApprovalNeeded, Event, PersonAsked
from visagent.core.encoding import decode_base64
from visagent.core.errors import MediaError, QuestionError
from visagent.core.streams import in_own_task

if TYPE_CHECKING:
    from visagent.agent.agent import Agent

T = TypeVar("T")
_MEDIA = ("image", "audio", "video", "file")


class AgentState(TypedDict, total=False):
    """What goes into the graph, and what comes out.

    Attributes:
        messages: The last human message is the question, with its pictures and sounds, if `question` is not given.
            The answer is added as an AI message, whose `response_metadata` holds the run's id and status.
        question: Question in words.
        media: Paths, or URLs where the agent allows them.
        answer: The whole answer as `Answer.to_json` has it: text, claims, tree, evidence.
        run_id: Id of the run that answered; a further question without media follows it.
        waiting: What a run waits for: its `run_id`, and the `plan` to approve of or the `question` that it asks back.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    question: str
    media: list[str]
    answer: dict[str, JsonValue]
    run_id: str
    waiting: dict[str, JsonValue] | None


Graph = CompiledStateGraph[AgentState, None, AgentState, AgentState]


def as_graph(agent: Agent, **options: Any) -> Graph:
    """A compiled graph that answers questions; add it to a larger one with `add_node("look", as_graph(agent))`.

    Streamed with `stream_mode="custom"`, also from within a larger graph, it sends visagent's typed events.

    Args:
        agent: Answers.
        **options: Options of `Agent.stream`, such as `mode`, `language`, `approval`, `ask_back`.
    """

    async def ask(state: AgentState) -> AgentState:
        question, media = _question(state)
        # A further question without media is about those of the turn before.
        follows = None if media else state.get("run_id")
        return await _follow(agent.stream(question, *media, follows=follows, **options))

    async def person(state: AgentState) -> AgentState:
        waiting = state["waiting"]
        assert waiting is not None
        said = interrupt(waiting)
        reply = {"approve": bool(said)} if "plan" in waiting else {"reply": str(said)}
        return await _follow(agent.stream_resumed(str(waiting["run_id"]), **reply))

    def next_node(state: AgentState) -> str:
        return "person" if state.get("waiting") else END

    graph = StateGraph(AgentState)
    graph.add_node("ask", _either_way(ask))
    graph.add_node("person", _either_way(person))
    graph.add_edge(START, "ask")
    graph.add_conditional_edges("ask", next_node, ["person", END])
    graph.add_conditional_edges("person", next_node, ["person", END])
    return graph.compile(name="visagent")


def _either_way(node: Callable[[AgentState], Any]) -> RunnableLambda[AgentState, AgentState]:
    """A node for callers with and without an event loop."""

    def blocking(state: AgentState) -> AgentState:
        return asyncio.run(node(state))  # type: ignore[no-any-return]

    return RunnableLambda(blocking, afunc=node, name=node.__name__)


async def _follow(events: AsyncIterator[Event]) -> AgentState:
    """The state after the run, whose events go to the consumer of the graph's stream."""
    tell = get_stream_writer()
    async for event in _apart(events):
        tell(event)
        if isinstance(event, ApprovalNeeded):
            changing: list[JsonValue] = list(event.changing)
            return {"waiting": {"run_id": event.run_id, "plan": event.tree.to_text(), "changing": changing}}
        if isinstance(event, PersonAsked):
            return {"waiting": {"run_id": event.run_id, "question": event.question}}
        if isinstance(event, Answered):
            answer = event.answer
            about = {"visagent": {"run_id": answer.run_id, "status": answer.status}}
            return {
                "messages": [AIMessage(answer.text, response_metadata=about)],
                "answer": answer.model_dump(mode="json"),
                "run_id": answer.run_id,
                "waiting": None,
            }
    raise AssertionError("a run ends with an answer or a wait for approval")


def _apart(events: AsyncIterator[T]) -> AsyncIterator[T]:
    """The same events, made where LangGraph does not see the larger graph.

    Otherwise it would take the agent's own state machine for a subgraph, and keep its checkpoints in the larger graph.
    """
    context = contextvars.copy_context()
    context.run(var_child_runnable_config.set, None)
    return in_own_task(events, context=context)


def _question(state: AgentState) -> tuple[str, list[str | bytes]]:
    """The question in words, and its media."""
    if state.get("question"):
        return state["question"], list(state.get("media", []))
    asked = [message for message in state.get("messages", []) if isinstance(message, HumanMessage)]
    if not asked:
        raise QuestionError("The state holds no question.", 'Give "question" and "media", or a human message.')
    words, media = [], list[str | bytes](state.get("media", []))
    for block in asked[-1].content_blocks:
        if block["type"] == "text":
            words.append(block["text"])
        elif block["type"] in _MEDIA:
            media.append(_source(block))
    return " ".join(words), media


def _source(block: Any) -> str | bytes:
    if "base64" in block:
        return decode_base64(block["base64"], "A medium in the message")
    url = str(block.get("url", ""))
    # A message may come from anywhere: it must not name a file of this machine.
    if not url.lower().startswith(("http://", "https://")):
        raise MediaError("A medium in the message has neither base64 nor an http(s) address.", "Give one of them.")
    return url
