"""Nodes that say it: put evidence into sentences, verify them."""

from __future__ import annotations

from langgraph.runtime import Runtime

from visagent.agent.events import Decided
from visagent.agent.nodes.looking import seen_twice, spoken
from visagent.agent.nodes.planning import scope
from visagent.agent.state import RunContext, State, Update, add_usage, has_tokens, with_looks
from visagent.answering.decider import Decision
from visagent.answering.refiner import refine
from visagent.answering.remarks import read_beside, unused_media
from visagent.answering.writer import write
from visagent.core.errors import MediaError, ModelError
from visagent.planning.no_question import NO_QUESTION, was_no_question
from visagent.verification.answers import recheck
from visagent.verification.citations import verify
from visagent.verification.sight import judged


async def refine_answer(state: State, runtime: Runtime[RunContext]) -> Update:
    """A look speaks for itself; other evidence is put into words by a model, or by rules."""
    tree = state["tree"]
    if state["stopped"] or tree is None:
        return {"claims": []}
    if state["answered_by"]:
        return {"claims": [*spoken(state), *unused_media(tree, {}, state.get("skipped", ()), state["language"])]}
    writer = runtime.context.writer if has_tokens(state, runtime.context) else None
    if writer is not None:
        try:
            claims, reply = await write(*writer, tree, state["evidence"], state["language"])
            return {"claims": claims, "usage": add_usage(state["usage"], reply)}
        except ModelError as error:
            # The evidence stands: the rules can say it too.
            runtime.stream_writer(Decided(decision=Decision(action="enough", reason=f"The refiner failed: {error}")))
    if runtime.context.controller.quotes and was_no_question(state["asked"], tree, state["evidence"]):
        tree = tree.model_copy(update={"beside": True, "left_out": (NO_QUESTION,)})
    left = unused_media(tree, scope(state).media, state.get("skipped", ()), state["language"])
    claims = refine(tree, state["evidence"], state["language"], state["media"])
    if runtime.context.controller.quotes and not tree.beside:
        claims += read_beside(tree, state["evidence"], claims, state["language"])
    return {"tree": tree, "claims": [*claims, *left]}


async def verify_answer(state: State, runtime: Runtime[RunContext]) -> Update:
    """Rules check citations, numbers and quotations; eyes, or else experts, what the sentences say."""
    run, tree = runtime.context, state["tree"]
    claims = verify(state["claims"], state["evidence"], state["asked"], state["media"])
    if state["mode"] == "direct":
        # The model's bare answer: nothing was checked, and it is not said to have been.
        return {"claims": [claim.model_copy(update={"verdict": "unverifiable"}) for claim in claims]}
    if tree is None or not claims or not has_tokens(state, run):
        return {"claims": claims}
    if run.judge is not None and not seen_twice(state):
        try:
            sighted = await judged(claims, run.judge, state["question"], tree, state["evidence"])
        except (ModelError, MediaError) as error:
            # What the rules found stands: a judge that cannot be asked takes nothing away.
            reason = f"The verifier could not look: {error}"
            runtime.stream_writer(Decided(decision=Decision(action="enough", reason=reason)))
            return {"claims": claims, "usage": with_looks(state["usage"], run)}
        return {**sighted._asdict(), "usage": with_looks(state["usage"], run)}
    if run.judge is not None or run.checker is None:
        return {"claims": claims}
    checked = await recheck(claims, tree, state["evidence"], state["media"], run.checker, state["language"])
    return {**checked._asdict(), "usage": with_looks(state["usage"], run)}


def after_verify(state: State, runtime: Runtime[RunContext]) -> str:
    """A doubted sentence is looked into once."""
    run = runtime.context
    doubted = bool(state["doubts"]) and not state["settled"] and run.eyes is not None
    return "settle" if doubted and has_tokens(state, run) else "end"
