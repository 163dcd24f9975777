"""Nodes that say it: refine evidence to sentences, verify them."""

from __future__ import annotations

from langgraph.runtime import Runtime

from visagent.agent.events import Decided
from visagent.agent.state import RunContext, State, Update, add_usage, has_tokens, with_looks
from visagent.answering.decider import Decision
from visagent.answering.refiner import refine
from visagent.answering.writer import write
from visagent.core.errors import ModelError
from visagent.verification.answers import recheck
from visagent.verification.citations import verify


async def refine_answer(state: State, runtime: Runtime[RunContext]) -> Update:
    tree = state["tree"]
    writer = runtime.context.writer if has_tokens(state, runtime.context) else None
    if state["stopped"] or tree is None:
        return {"claims": []}
    if writer is not None:
        try:
            claims, reply = await write(*writer, tree, state["evidence"], state["language"])
            return {"claims": claims, "usage": add_usage(state["usage"], reply)}
        except ModelError as error:
            # The evidence stands: the rules can say it too.
            runtime.stream_writer(Decided(decision=Decision(action="enough", reason=f"The refiner failed: {error}")))
    return {"claims": refine(tree, state["evidence"], state["language"])}


async def verify_answer(state: State, runtime: Runtime[RunContext]) -> Update:
    claims, run, tree = verify(state["claims"], state["evidence"]), runtime.context, state["tree"]
    if run.checker is None or tree is None or not has_tokens(state, run):
        return {"claims": claims}
    checked = await recheck(claims, tree, state["evidence"], state["media"], run.checker, state["language"])
    return {**checked._asdict(), "usage": with_looks(state["usage"], run)}
