"""The LangGraph state machine: nodes and edges, nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, wraps
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from visagent.agent.nodes.answering import after_verify, refine_answer, verify_answer
from visagent.agent.nodes.looking import after_look, look, look_closer, settle, settled_claims
from visagent.agent.nodes.planning import (
    after_approve,
    after_check,
    after_expand,
    approve,
    ask,
    check,
    expand,
    first,
    plan,
)
from visagent.agent.nodes.solving import after_decide, decide, solve_wave
from visagent.agent.state import RunContext, State
from visagent.agent.tracing import traced_role


def build_graph(checkpointer: Any = None) -> CompiledStateGraph[State, RunContext, State, State]:
    """The state machine, ready to run with a `RunContext`.

    Args:
        checkpointer: A LangGraph saver; None keeps nothing, and such a run cannot be resumed.
    """
    return _compiled().copy({"checkpointer": checkpointer})


@cache
def _compiled() -> CompiledStateGraph[State, RunContext, State, State]:
    """The state machine without a saver, compiled once in a process: that takes longer than many a run."""
    graph = StateGraph(State, context_schema=RunContext)
    graph.add_node("look", traced_role("look", look))
    graph.add_node("plan", traced_role("plan", plan))
    graph.add_node("check", check)
    graph.add_node("approve", _inline(approve))
    graph.add_node("solve", solve_wave)
    graph.add_node("decide", traced_role("decide", decide))
    graph.add_node("expand", expand)
    graph.add_node("ask", _inline(ask))
    graph.add_node("look_closer", traced_role("look_closer", look_closer))
    graph.add_node("refine", traced_role("refine", refine_answer))
    graph.add_node("verify", traced_role("verify", verify_answer))
    graph.add_node("settle", traced_role("settle", settle))
    graph.add_node("say_settled", _inline(settled_claims))
    graph.add_conditional_edges(START, _inline(first), ["look", "plan", "approve", "solve"])
    graph.add_conditional_edges("look", _inline(after_look), ["plan", "solve", "look_closer", "refine"])
    graph.add_edge("plan", "check")
    graph.add_conditional_edges("check", _inline(after_check), ["plan", "approve", "solve", "look_closer", "refine"])
    graph.add_conditional_edges("approve", _inline(after_approve), ["solve", "refine"])
    graph.add_edge("solve", "decide")
    graph.add_conditional_edges(
        "decide", _inline(after_decide), ["plan", "solve", "expand", "ask", "look_closer", "refine"]
    )
    graph.add_conditional_edges("expand", _inline(after_expand), ["solve", "refine"])
    graph.add_edge("ask", "plan")
    graph.add_edge("look_closer", "refine")
    graph.add_edge("refine", "verify")
    graph.add_conditional_edges("verify", _inline(after_verify), {"settle": "settle", "end": END})
    graph.add_edge("settle", "say_settled")
    graph.add_edge("say_settled", END)
    return graph.compile()


def _inline(work: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """A node or a way onwards that takes microseconds, as a coroutine: LangGraph would give it a thread otherwise."""

    @wraps(work)
    async def run(*args: Any, **options: Any) -> Any:
        return work(*args, **options)

    return run
