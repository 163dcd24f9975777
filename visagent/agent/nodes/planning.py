"""Nodes that make the plan: plan, check, approve, expand, ask, and the ways that lead on from them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Overwrite, interrupt
from pydantic import JsonValue

from visagent.agent.edits import Change, apply_edits, kept_evidence
from visagent.agent.events import Decided, Found, Planned, PlanRefused
from visagent.agent.state import RunContext, State, Update, add_usage, has_tokens, in_sight
from visagent.answering.decider import Decision
from visagent.answering.phrasing import phraser
from visagent.core.errors import ModelError, PlanError
from visagent.evidence.tree import FIRST_LOOK, QuestionTree, SubQuestion, ToolCall
from visagent.evidence.values import Evidence, Failure, Look
from visagent.planning.accounting import places_left_out, words_left_out
from visagent.planning.beside import what_is_beside
from visagent.planning.choices import with_choice
from visagent.planning.controller import read_only_tools
from visagent.planning.doings import what_is_done
from visagent.planning.either_or import color_of_what_is_named, with_one_look
from visagent.planning.embedding import text_embedder
from visagent.planning.every_picture import in_every_picture, in_which_picture
from visagent.planning.fallbacks import (
    PLACES,
    REFUSAL,
    repaired,
    with_descriptions,
    with_transcripts,
    with_whole_pictures,
    without_places,
)
from visagent.planning.graft import graft
from visagent.planning.hearing_plans import about_speech
from visagent.planning.kinds import of_kind
from visagent.planning.label_questions import about_labels
from visagent.planning.language import not_understood
from visagent.planning.no_question import NO_QUESTION, asks, has_words
from visagent.planning.page_search import pages_about
from visagent.planning.person_words import about_persons
from visagent.planning.picture_questions import about_pictures
from visagent.planning.plan import (
    FINISH,
    UNANSWERABLE,
    Phrase,
    Plan,
    check_outline,
    check_tree,
    compile_plan,
    parse_plan,
)
from visagent.planning.reading_plans import about_text, read_whole
from visagent.planning.requested_checks import planned_checks, with_numbers_inside
from visagent.planning.scope import MOST_PAGES, Scope, chosen_from, in_plain_words, on_pages, scope_of
from visagent.planning.second_plans import second_plan
from visagent.planning.step_lists import Step
from visagent.planning.table_questions import most_of_a_table
from visagent.planning.time_questions import about_time
from visagent.planning.written_things import by_their_names
from visagent.tools.toolkit import Tool


def first(state: State, runtime: Runtime[RunContext]) -> str:
    """A revised run has its tree; a model that sees looks first; the controller plans the rest."""
    if state["tree"] is not None:
        return _approved_first(state, runtime.context)
    return "look" if in_sight(state, runtime.context) or state["mode"] == "direct" else "plan"


def scope(state: State) -> Scope:
    """What of the run's media the question is about."""
    # Runs that an older version began say nothing of what a follow-up brought.
    return scope_of(state["question"], state["media"], state.get("added", ()), state["asked"])


async def plan(state: State, runtime: Runtime[RunContext]) -> Update:
    run, about = runtime.context, scope(state)
    if in_sight(state, run):
        look = state["evidence"][FIRST_LOOK].value
        assert isinstance(look, Look)
        # A plan by rules that was refused is repaired by the planner.
        steps = None if state["problems"] else planned_checks(look, state["media"], read_only_tools(run.tools))
        if steps:
            return {"reply": json.dumps({"steps": steps}, ensure_ascii=False)}
        reply = await run.controller.plan_checks(
            state["question"], look, about.shown, state["problems"], max_steps=run.budget.steps
        )
    elif run.controller.quotes and not has_words(state["asked"]):
        # A small planner makes something up of "???".
        return {"reply": json.dumps({"steps": [{"tool": UNANSWERABLE, "reason": NO_QUESTION}]})}
    elif stepwise(state, run):
        tree = state["tree"] or QuestionTree(question=state["question"], nodes=())
        reply = await run.controller.next_step(state["asked"], about.shown, tree, state["evidence"], state["problems"])
    elif run.controller.quotes and (refused := not_understood(state["question"])) is not None:
        return {"reply": json.dumps({"steps": [refused]})}
    elif (
        run.controller.quotes
        and not (state["problems"] or state["outline"])
        and (steps := _by_grammar(state["asked"], about, run.tools))
    ):
        return {"reply": json.dumps({"steps": steps}, ensure_ascii=False)}
    else:
        reply = await run.controller.plan(
            in_plain_words(state["asked"], about),
            about.shown,
            state["problems"],
            max_steps=run.budget.steps,
            outline=state["outline"],
            together=about.together,
        )
    return {"reply": reply.text, "usage": add_usage(state["usage"], reply)}


def _by_grammar(question: str, about: Scope, tools: Mapping[str, Tool]) -> list[Step]:
    """The plan of a question that a small planner has not learnt; empty for any other."""
    return (
        about_time(question, about.media, tools)
        or about_pictures(question, about.media, tools)
        or about_labels(question, about.media, tools)
    )


def stepwise(state: State, run: RunContext) -> bool:
    """Whether the controller plans one step at a time, seeing what the ones before it found."""
    return state["mode"] == "chain" and run.controller.stepwise


async def check(state: State, runtime: Runtime[RunContext]) -> Update:
    run, about = runtime.context, scope(state)
    pages: tuple[str, ...] = ()
    if len(about.media) > 2 and any(f'"{name}"' in state["reply"] for name in chosen_from(run.tools)):
        # A long document's text takes a while to read.
        search = partial(pages_about, state["asked"], about.media, MOST_PAGES, text_embedder(), run.home)
        pages = await asyncio.to_thread(search)
    if in_sight(state, run):
        return _check_checks(state, runtime, about, pages)
    try:
        plan = on_pages(parse_plan(state["reply"]), run.tools, pages)
        if stepwise(state, run) and state["tree"] is not None:
            return _check_next(state, plan, runtime)
        check_outline(plan, state["outline"])
        before = len(plan.steps)
        plan, left = _workable(plan, state, run, about)
        # What is asked of every picture alone is longer than what the planner wrote.
        longest = run.budget.steps + max(0, len(plan.steps) - before)
        tree = compile_plan(state["question"], plan, run.tools, about.media, phrased(state), max_steps=longest)
        tree = tree.model_copy(update=left)
        if tree.depth() > run.budget.depth:
            raise PlanError(f"The plan is {tree.depth()} steps deep.", f"Use at most {run.budget.depth}.")
    except PlanError as error:
        runtime.stream_writer(PlanRefused(problem=str(error)))
        refused = {"problems": [*state["problems"], str(error)], "reply": ""}
        # Of a chain, the steps before the wrong one stand.
        return refused if state["tree"] else {**refused, "stopped": _no_plan(state, error)}
    known: dict[str, Evidence] = {}
    if state["earlier"] is not None:
        old, found = state["earlier"]
        # What was asked before is read again, not answered again.
        asked = {old.formula(sink) for sink in old.sinks}
        new = [sink for sink in tree.sinks if tree.formula(sink) not in asked]
        tree = tree.only(new) if new else tree
        known = kept_evidence(old, tree, found)
    runtime.stream_writer(Planned(tree=tree))
    for evidence in known.values():
        runtime.stream_writer(Found(evidence=evidence))
    return {"tree": tree, "evidence": known, "stopped": tree.unanswerable}


def _no_plan(state: State, error: PlanError) -> str:
    """Why there is no answer: that the model could not look, where that is why it was asked for a plan at all."""
    looked = state["evidence"].get(FIRST_LOOK)
    failure = looked.value if looked is not None else None
    return failure.message.rstrip(".") if isinstance(failure, Failure) else f"no valid plan: {error.fact}"


def _workable(plan: Plan, state: State, run: RunContext, about: Scope) -> tuple[Plan, dict[str, Any]]:
    """A small planner's plan as it can work, and what its tree is to know of what it leaves out: words of the question,
    places, and whether it only shows what there is.

    A model that words its sub-questions itself may say anything in other words, so its plan stays as it is.
    """
    if not run.controller.quotes:
        return plan, {}
    steps = about_persons(color_of_what_is_named(plan.steps, state["asked"]), state["asked"], about.media)
    steps = about_speech(steps, state["asked"])
    steps = of_kind(with_one_look(steps, state["asked"]), state["asked"])
    steps = what_is_beside(by_their_names(steps, state["asked"], about.media), state["asked"], about.media)
    steps = what_is_done(steps, state["asked"], about.media, run.tools)
    steps = in_which_picture(with_choice(steps, state["asked"], about.media), state["asked"], about.media)
    mended = repaired(in_every_picture(steps, state["asked"], about.media, run.tools), state["asked"])
    mended, unread = read_whole(about_text(mended, state["asked"], about.media))
    if mended == [REFUSAL] and not asks(state["asked"]):
        return plan.model_copy(update={"steps": [REFUSAL | {"reason": NO_QUESTION}]}), {}
    mended = most_of_a_table(mended, state["asked"], about.media)
    showing = with_descriptions(mended, state["asked"], about.media, run.tools)
    # What is said in a recording may be all that was asked; what a picture looks like is no answer.
    beside = len(showing) > len(mended) and any(info.kind != "audio" for info in about.media.values())
    steps, places = without_places(with_whole_pictures(with_transcripts(showing, about.media, run.tools), run.tools))
    words = () if beside else words_left_out(in_plain_words(state["asked"], about), steps)
    places = (*places, *places_left_out(state["asked"], steps, PLACES))
    left = {"unsaid": words, "places": (*unread, *places), "beside": beside}
    return plan.model_copy(update={"steps": steps}), left


def _check_checks(state: State, runtime: Runtime[RunContext], about: Scope, pages: Sequence[str]) -> Update:
    """The tree of the first look with the steps that check it: read-only ones of this machine, on the run's own media.

    The model has read by now what stands in the pictures, so nothing that it asks for may reach further.
    """
    run, looked = runtime.context, state["tree"]
    assert looked is not None
    try:
        wanted = parse_plan(state["reply"])
        wanted = wanted.model_copy(update={"steps": [with_numbers_inside(step) for step in wanted.steps]})
        steps = compile_plan(
            state["question"],
            on_pages(wanted, run.tools, pages),
            read_only_tools(run.tools),
            about.media,
            phrased(state),
            max_steps=run.budget.steps,
        )
    except PlanError as error:
        runtime.stream_writer(PlanRefused(problem=str(error)))
        return {"problems": [*state["problems"], str(error)], "reply": ""}
    tree = looked.replace(*steps.nodes)
    runtime.stream_writer(Planned(tree=tree))
    return {"tree": tree, "problems": []}


def _check_next(state: State, plan: Plan, runtime: Runtime[RunContext]) -> Update:
    """The chain with its next step, or its end.

    Raises:
        PlanError: the step is no valid one, or was there before.
    """
    tree, run = state["tree"], runtime.context
    assert tree is not None
    if not plan.steps:
        raise PlanError("The plan has no step.", "Give one step.")
    step = plan.steps[0]
    if step.get("tool") in (FINISH, UNANSWERABLE):
        return {"finished": True, "problems": []}
    call = ToolCall(tool=str(step.get("tool")), arguments={key: step[key] for key in step if key != "tool"})
    longer = tree.replace(SubQuestion(id=f"q{len(tree) + 1}", question="", solver=call))
    checked = check_tree(longer, run.tools, state["media"], phrased(state), max_steps=run.budget.steps)
    new = checked.nodes[-1]
    if checked.formula(new.id) in {tree.formula(node.id) for node in tree.nodes}:
        raise PlanError(f"{new.solver} was asked before.", "Ask something new, or finish.")
    runtime.stream_writer(Planned(tree=checked))
    return {"tree": checked, "problems": [], "finished": len(checked) >= run.budget.steps}


def phrased(state: State) -> Phrase:
    return phraser(state["language"], state["media"])


def after_check(state: State, runtime: Runtime[RunContext]) -> str:
    run = runtime.context
    if not state["reply"]:
        again = len(state["problems"]) <= run.budget.repairs and has_tokens(state, run)
        return "plan" if again else "look_closer" if in_sight(state, run) else "refine"
    if in_sight(state, run) and _solved(state):
        # No tool can check it: the eyes alone look again.
        return "look_closer"
    return "refine" if state["stopped"] or (state["finished"] and _solved(state)) else _approved_first(state, run)


def _solved(state: State) -> bool:
    tree = state["tree"]
    return tree is not None and all(node.id in state["evidence"] for node in tree.nodes)


def _approved_first(state: State, run: RunContext) -> str:
    """The way on to solving a plan: by a person's approval, if somebody wants that or the plan changes something."""
    return "approve" if run.approval or _changing(state, run) else "solve"


def _changing(state: State, run: RunContext) -> list[str]:
    """Ids of the sub-questions whose tools change something outside."""
    tree = state["tree"]
    assert tree is not None
    return [node.id for node in tree.nodes if not run.tools[node.solver.tool].spec.read_only]


def approve(state: State, runtime: Runtime[RunContext]) -> Update:
    run = runtime.context
    changing = _changing(state, run)
    if (run.approval or changing) and not interrupt({"changing": changing}):
        return {"stopped": "the plan was not approved"}
    return {}


def after_approve(state: State) -> str:
    return "refine" if state["stopped"] else "solve"


async def expand(state: State, runtime: Runtime[RunContext]) -> Update:
    """Find another way to answer the sub-questions that the decision names; the tree has to change, or it is over."""
    tree, decision, run = state["tree"], state["decision"], runtime.context
    assert tree is not None and decision is not None
    # An expansion comes after untrusted text was read: it may use nothing that changes anything.
    tools = read_only_tools(run.tools)
    usage, grown = state["usage"], tree
    for id_ in decision.nodes:
        try:
            if run.controller.quotes:
                grown = planned_again(grown, id_, state, tools)
            elif tree[id_].solver.tool not in run.decider.others and id_ in tree.sinks and run.decider.others:
                grown = _look_instead(grown, id_, tools, state)
            else:
                reply = await run.controller.replan(
                    state["asked"], tree[id_], state["evidence"].get(id_), tools, state["media"], run.budget.steps
                )
                usage = add_usage(usage, reply)
                part = compile_plan(tree.question, parse_plan(reply.text), tools, state["media"], phrased(state))
                grown = check_tree(graft(grown, id_, part), tools, state["media"], phrased(state), max_steps=64)
        except (PlanError, ModelError) as error:
            runtime.stream_writer(PlanRefused(problem=str(error)))
    changed = tuple(id_ for id_ in decision.nodes if grown.formula(id_) != tree.formula(id_))
    if not changed:
        stop = Decision(action="stop", reason="No other way to answer was found.")
        runtime.stream_writer(Decided(decision=stop))
        return {"decision": stop, "usage": usage}
    runtime.stream_writer(Planned(tree=grown))
    return {"tree": grown, "decision": decision.model_copy(update={"nodes": changed}), "usage": usage}


def planned_again(tree: QuestionTree, id_: str, state: State, tools: Mapping[str, Tool]) -> QuestionTree:
    """The tree in which a sub-question for whose words the detector is too small is asked otherwise.

    Raises:
        PlanError: there is no other way.
    """
    second = second_plan(tree, state["evidence"], id_)
    if second is None:
        raise PlanError(f"No other tool can answer {id_}.", "Ask in other words.")
    part = compile_plan(tree.question, Plan(steps=second.steps), tools, state["media"], phrased(state))
    grown = check_tree(graft(tree, id_, part), tools, state["media"], phrased(state), max_steps=64)
    # What a node is asked in words said what it was.
    words = phrased(state)(grown[id_].solver, {node.id: node for node in grown.nodes})
    nodes = [node.model_copy(update={"question": words}) if node.id == id_ else node for node in grown.nodes]
    grown = tree.kept_on(grown.model_copy(update={"nodes": tuple(nodes)}))
    left_out = words_left_out(state["asked"], second.steps) if len(tree.sinks) == 1 else tree.unsaid
    unsaid = tuple(word for word in tree.unsaid if word in left_out)
    return grown.model_copy(update={"places": tuple(dict.fromkeys((*grown.places, *second.without))), "unsaid": unsaid})


def _look_instead(tree: QuestionTree, id_: str, tools: Mapping[str, Tool], state: State) -> QuestionTree:
    """The tree in which the model itself answers a sub-question, from the pictures that it rests on.

    Raises:
        PlanError: it rests on no picture, or the model's answer is of no use there.
    """
    kinds = tools[tree[id_].solver.tool].spec.result
    tool = "look_whether" if "boolean" in kinds else "look_how_many" if "number" in kinds else "look"
    pictures = [name for name, info in state["media"].items() if info.kind == "image"]
    words = state["asked"] if len(tree.sinks) == 1 else tree[id_].question
    given: dict[str, JsonValue] = {"image": list(pictures), "question": words}
    # What the old call rested on is needed no more, and must not pass for a part of the answer.
    edited = apply_edits(tree, [Change(id=id_, tool=tool, arguments=given)]).only(tree.sinks)
    return check_tree(edited, tools, state["media"], phrased(state), max_steps=64)


def after_expand(state: State) -> str:
    decision = state["decision"]
    return "solve" if decision is not None and decision.action == "expand" else "refine"


def ask(state: State) -> Update:
    """Put a question to the person; the reply becomes part of the question, which is planned again."""
    decision = state["decision"]
    assert decision is not None
    said = str(interrupt({"ask": decision.question}))
    return {
        "asked": f"{state['asked']} ({decision.question} {said})",
        "tree": None,
        "reply": "",
        "problems": [],
        "decision": None,
        "waves": state["waves"] + 1,
        "evidence": Overwrite({}),
    }
