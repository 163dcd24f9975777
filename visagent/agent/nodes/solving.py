"""Nodes that find out: solve the open sub-questions, decide whether that is enough."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from langgraph.func import task
from langgraph.runtime import Runtime
from pydantic import JsonValue

from visagent.agent.events import Decided, Found, Progressed, Started
from visagent.agent.nodes.looking import borne_out
from visagent.agent.nodes.planning import stepwise
from visagent.agent.state import RunContext, State, Update, add_usage, has_tokens, in_sight, with_looks
from visagent.agent.tracing import tool_span
from visagent.answering.decider import Decision
from visagent.answering.decider import decide as rules
from visagent.evidence.tree import QuestionTree, SubQuestion
from visagent.evidence.values import Evidence
from visagent.planning.second_plans import second_plan
from visagent.tools.executor import Unit, solve

PROGRESS_SECONDS = 0.5
"""Time between two events of progress of one sub-question."""


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
        seen = time.monotonic()

        def progress(done: int, of: int, unit: Unit) -> None:
            nonlocal seen
            # Many pictures may take milliseconds each.
            if (now := time.monotonic()) - seen >= PROGRESS_SECONDS:
                seen = now
                emit(Progressed(id=node.id, done=done, of=of, unit=unit))

        with tool_span(node) as recorded:
            found = recorded(await expert.answer(node, needs, progress))
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
    # Rules decide when the tokens are used up.
    left = run.budget.waves - state["waves"] if has_tokens(state, run) else 0
    if in_sight(state, run):
        # What failed for good does not end a look: the closer look is informed, and sees the whole picture.
        decision, reply = rules(tree, state["evidence"], left), None
    else:
        decision, reply = await run.decider.decide(tree, state["evidence"], left, may_ask=run.ask_back)
        if decision.action == "stop" and left > 0 and run.controller.quotes:
            decision = asked_otherwise(tree, state["evidence"]) or decision
    runtime.stream_writer(Decided(decision=decision))
    usage = add_usage(state["usage"], reply) if reply is not None else state["usage"]
    agreed = borne_out(state, run) if in_sight(state, run) and decision.action != "retry" else ()
    return {"decision": decision, "usage": usage, **({"rests_on": agreed} if agreed else {})}


def asked_otherwise(tree: QuestionTree, evidence: Mapping[str, Evidence]) -> Decision | None:
    """That sub-questions are asked otherwise, where the detector does not know a word of theirs."""
    nodes = tuple(id_ for id_ in tree.sinks if second_plan(tree, evidence, id_) is not None)
    reason = f"{', '.join(nodes)} can be asked without a word that the detector does not know."
    return Decision(action="expand", nodes=nodes, reason=reason) if nodes else None


def after_decide(state: State, runtime: Runtime[RunContext]) -> str:
    decision = state["decision"]
    assert decision is not None
    run = runtime.context
    if in_sight(state, run):
        if decision.action == "retry":
            return "solve"
        return "refine" if state["rests_on"] else "look_closer"
    going_on = stepwise(state, run) and not state["finished"] and has_tokens(state, run)
    if decision.action in ("enough", "stop") and going_on:
        return "plan"
    return {"retry": "solve", "expand": "expand", "ask": "ask"}.get(decision.action, "refine")
