"""The LangGraph state machine: perceive, plan, check, approve, solve, decide, refine, verify. Nodes and edges alone.

Media never enter the state: it holds their content hashes, and the run's `RunContext` holds the media themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from langgraph.func import task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from visagent.answer import Claim, Usage
from visagent.config import Budget
from visagent.errors import PlanError
from visagent.events import Decided, Found, Planned, PlanRefused, Started
from visagent.evidence import Evidence
from visagent.media import MediaInfo
from visagent.models.protocol import Reply
from visagent.plan import compile_plan, parse_plan
from visagent.roles.controller import Controller
from visagent.roles.decider import Decision, decide
from visagent.roles.phrasing import phrase
from visagent.roles.refiner import refine
from visagent.roles.verifier import verify
from visagent.solve import Expert, solve
from visagent.toolkit import Tool
from visagent.tree import QuestionTree


@dataclass(frozen=True)
class RunContext:
    """What a run works with and what is never stored.

    Attributes:
        controller: Plans.
        tools: What plans may call, by name.
        expert: Answers sub-questions.
        budget: Limits.
        approval: Whether a person approves each plan before it is solved.
    """

    controller: Controller
    tools: Mapping[str, Tool]
    expert: Expert
    budget: Budget
    approval: bool = False


def _add(usage: Usage, reply: Reply) -> Usage:
    cost = reply.usage
    return usage.model_copy(
        update={
            "model_calls": usage.model_calls + 1,
            "prompt_tokens": usage.prompt_tokens + cost.prompt,
            "cached_tokens": usage.cached_tokens + cost.cached,
            "generated_tokens": usage.generated_tokens + cost.generated,
        }
    )


class State(TypedDict, total=False):
    """What a run knows, checkpointed after every node.

    Attributes:
        question: As the person put it.
        language: Of the agent's own words.
        sequential: Whether sub-questions are asked one after another (chain mode).
        media: By the names that plans use.
        reply: The controller's last reply.
        problems: Why plans were refused, oldest first.
        tree: The checked plan.
        evidence: By sub-question id; a later wave replaces what it asked again.
        decision: Of the decision-maker, after the last wave.
        waves: How often sub-questions were asked again.
        claims: The answer, sentence by sentence.
        usage: Of models so far.
        stopped: Why there is no answer; None while there may be one.
    """

    question: str
    language: str
    sequential: bool
    media: dict[str, MediaInfo]
    reply: str
    problems: list[str]
    tree: QuestionTree | None
    evidence: Annotated[dict[str, Evidence], lambda old, new: {**old, **new}]
    decision: Decision | None
    waves: int
    claims: list[Claim]
    usage: Usage
    stopped: str | None


Update = dict[str, Any]


async def _plan(state: State, runtime: Runtime[RunContext]) -> Update:
    run = runtime.context
    reply = await run.controller.plan(state["question"], state["media"], state["problems"], max_steps=run.budget.steps)
    return {"reply": reply.text, "usage": _add(state["usage"], reply)}


def _check(state: State, runtime: Runtime[RunContext]) -> Update:
    run = runtime.context
    try:
        tree = compile_plan(
            state["question"],
            parse_plan(state["reply"]),
            run.tools,
            state["media"],
            lambda call, earlier: phrase(call, earlier, state["language"], state["media"]),
            max_steps=run.budget.steps,
        )
        if tree.depth() > run.budget.depth:
            raise PlanError(f"The plan is {tree.depth()} steps deep.", f"Use at most {run.budget.depth}.")
    except PlanError as error:
        runtime.stream_writer(PlanRefused(problem=str(error)))
        return {"problems": [*state["problems"], str(error)], "tree": None, "stopped": f"no valid plan: {error.fact}"}
    runtime.stream_writer(Planned(tree=tree))
    return {"tree": tree, "stopped": tree.unanswerable}


def _after_check(state: State, runtime: Runtime[RunContext]) -> str:
    if state["tree"] is None:
        return "plan" if len(state["problems"]) <= runtime.context.budget.repairs else "refine"
    return "refine" if state["stopped"] else "approve"


def _approve(state: State, runtime: Runtime[RunContext]) -> Update:
    tree = state["tree"]
    assert tree is not None
    run = runtime.context
    changing = [node.id for node in tree.nodes if not run.tools[node.solver.tool].spec.read_only]
    if (run.approval or changing) and not interrupt({"changing": changing}):
        return {"stopped": "the plan was not approved"}
    return {}


def _after_approve(state: State) -> str:
    return "refine" if state["stopped"] else "solve"


async def _solve(state: State, runtime: Runtime[RunContext]) -> Update:
    tree, decision = state["tree"], state["decision"]
    assert tree is not None
    expert, emit = runtime.context.expert, runtime.stream_writer
    done = dict(state["evidence"])
    for id_ in decision.nodes if decision else ():
        for again in (id_, *tree.dependants(id_)):
            done.pop(again, None)

    async def answer(node: Any, needs: Mapping[str, Evidence]) -> Evidence:
        emit(Started(id=node.id))
        found = await expert.answer(node, needs)
        emit(Found(evidence=found))
        return found

    new = await solve(tree, done, answer, task, one_by_one=state["sequential"])
    return {"evidence": new, "waves": state["waves"] + bool(decision)}


def _decide(state: State, runtime: Runtime[RunContext]) -> Update:
    assert state["tree"] is not None
    decision = decide(state["tree"], state["evidence"], runtime.context.budget.waves - state["waves"])
    runtime.stream_writer(Decided(decision=decision))
    return {"decision": decision}


def _after_decide(state: State) -> str:
    decision = state["decision"]
    return "solve" if decision and decision.action == "retry" else "refine"


def _refine(state: State) -> Update:
    if state["stopped"] or state["tree"] is None:
        return {"claims": []}
    return {"claims": refine(state["tree"], state["evidence"], state["language"])}


def _verify(state: State) -> Update:
    return {"claims": verify(state["claims"], state["evidence"])}


def build_graph(checkpointer: Any = None) -> CompiledStateGraph[State, RunContext, State, State]:
    """The state machine, ready to run with a `RunContext`.

    Args:
        checkpointer: A LangGraph saver; None keeps nothing, and such a run cannot be resumed.
    """
    graph = StateGraph(State, context_schema=RunContext)
    graph.add_node("plan", _plan)
    graph.add_node("check", _check)
    graph.add_node("approve", _approve)
    graph.add_node("solve", _solve)
    graph.add_node("decide", _decide)
    graph.add_node("refine", _refine)
    graph.add_node("verify", _verify)
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "check")
    graph.add_conditional_edges("check", _after_check, ["plan", "approve", "refine"])
    graph.add_conditional_edges("approve", _after_approve, ["solve", "refine"])
    graph.add_edge("solve", "decide")
    graph.add_conditional_edges("decide", _after_decide, ["solve", "refine"])
    graph.add_edge("refine", "verify")
    graph.add_edge("verify", END)
    return graph.compile(checkpointer=checkpointer)
