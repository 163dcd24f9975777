"""Nodes that find out: solve the open sub-questions, decide whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.func import task
from langgraph.runtime import Runtime
from langgraph.types import Overwrite
from pydantic import JsonValue

from visagent.agent.events import Decided, Found, Started
from visagent.agent.nodes.planning import stepwise
from visagent.agent.state import RunContext, State, Update, add_usage, has_tokens, with_looks
from visagent.agent.tracing import tool_span
from visagent.answering.decider import Decision
from visagent.evidence.tree import QuestionTree, SubQuestion
from visagent.evidence.values import Evidence
from visagent.tools.executor import solve


async def solve_wave(state: State, runtime: Runtime[RunContext]) -> Update:
    tree, decision = state["tree"], state["decision"]
    assert tree is not None
    expert, emit = runtime.context.expert, runtime.stream_writer
    # An expansion may have given an id another meaning.
    done = {
        node.id: found
        for node in tree.nodes
        if (found := state["evidence"].get(node.id)) and (found.tool, found.arguments) == _call(node)
    }
    for id_ in decision.nodes if decision else ():
        for again in (id_, *tree.dependants(id_)):
            done.pop(again, None)

    async def answer(node: Any, needs: Mapping[str, Evidence]) -> Evidence:
        emit(Started(id=node.id))
        with tool_span(node) as told:
            found = told(await expert.answer(node, needs))
        emit(Found(evidence=found))
        return found

    new = await solve(tree, done, answer, task, one_by_one=state["mode"] == "chain")
    usage = with_looks(state["usage"], runtime.context)
    return {"evidence": new, "waves": state["waves"] + bool(decision), "usage": usage}


def _call(node: SubQuestion) -> tuple[str, dict[str, JsonValue]]:
    return node.solver.tool, node.solver.arguments


async def decide(state: State, runtime: Runtime[RunContext]) -> Update:
    tree, run = state["tree"], runtime.context
    assert tree is not None
    if state["mode"] == "auto" and run.decider.others:
        return _judge_direct(tree, state["evidence"], runtime)
    # Rules decide when the tokens are used up.
    left = run.budget.waves - state["waves"] if has_tokens(state, run) else 0
    decision, reply = await run.decider.decide(tree, state["evidence"], left, may_ask=run.ask_back)
    runtime.stream_writer(Decided(decision=decision))
    usage = add_usage(state["usage"], reply) if reply is not None else state["usage"]
    return {"decision": decision, "usage": usage}


def _judge_direct(tree: QuestionTree, evidence: Mapping[str, Evidence], runtime: Runtime[RunContext]) -> Update:
    """Mode `auto`, after the model's direct answer: that is enough if it is sure; otherwise the question is planned."""
    sure = min((found.confidence or 0.0 for found in evidence.values()), default=0.0)
    if not any(found.failed for found in evidence.values()) and sure >= runtime.context.sure:
        decision = Decision(action="enough", reason=f"The direct answer is sure ({sure:.0%}).")
        runtime.stream_writer(Decided(decision=decision))
        return {"decision": decision}
    decision = Decision(action="expand", reason="The direct answer is not sure: the question is split.")
    runtime.stream_writer(Decided(decision=decision))
    # The new plan numbers its sub-questions anew: no evidence of the direct answer may pass for theirs.
    return {"decision": None, "mode": "tree", "tree": None, "reply": "", "earlier": None, "evidence": Overwrite({})}


def after_decide(state: State, runtime: Runtime[RunContext]) -> str:
    if state["tree"] is None:
        return "plan"
    decision = state["decision"]
    assert decision is not None
    run = runtime.context
    going_on = stepwise(state, run) and not state["finished"] and has_tokens(state, run)
    if decision.action in ("enough", "stop") and going_on:
        return "plan"
    return {"retry": "solve", "expand": "expand", "ask": "ask"}.get(decision.action, "refine")
