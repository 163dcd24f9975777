"""Nodes in which the model's own eyes are asked: the first look, the closer look, and the one that settles a doubt.

The best eyes speak first; every other source may raise a doubt, and none may overrule. A look that fails is evidence of
failure, and the run continues with what it has.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from langgraph.runtime import Runtime
from pydantic import JsonValue

from visagent.agent.events import Decided, Found, Planned, Started
from visagent.agent.state import RunContext, State, Update, with_looks
from visagent.answering.decider import Decision
from visagent.answering.enlarging import details, places
from visagent.answering.eyes import SURENESS, Eyes
from visagent.answering.phrasing import phrasebook
from visagent.answering.sentences import normalised
from visagent.answering.statements import open_answer, statements
from visagent.core.errors import MediaError, ModelError
from visagent.evidence.answer import Claim, text_of
from visagent.evidence.tree import FIRST_LOOK, QuestionTree, SubQuestion, ToolCall
from visagent.evidence.values import Boxes, Crop, Evidence, Failure, Look, Number, Value
from visagent.planning.controller import read_only_tools
from visagent.planning.requested_checks import only_counts, only_numbers, planned_checks
from visagent.verification.citations import states, verify
from visagent.verification.claimed_values import figures


async def look(state: State, runtime: Runtime[RunContext]) -> Update:
    """One look at everything; or, where that is more than the model takes at once, one look at each picture."""
    run, eyes = runtime.context, runtime.context.eyes
    assert eyes is not None
    if not eyes.at_once and state["mode"] == "auto":
        tree = _one_by_one(state["question"], eyes)
        runtime.stream_writer(Planned(tree=tree))
        return {"tree": tree}
    node = SubQuestion(id=FIRST_LOOK, question=state["question"], solver=_first_call(state["asked"], eyes))
    tree = QuestionTree(question=state["question"], nodes=(node,))
    runtime.stream_writer(Planned(tree=tree))
    runtime.stream_writer(Started(id=node.id))
    started = time.perf_counter()
    value: Value
    try:
        if state["mode"] == "direct":
            value = await eyes.answer_directly(state["asked"])
        else:
            value = await eyes.look(state["question"], _before(state))
    except (ModelError, MediaError) as error:
        if not eyes.at_once and state["mode"] == "auto":
            # The server has just said how many pictures it takes.
            tree = _one_by_one(state["question"], eyes)
            runtime.stream_writer(Planned(tree=tree))
            return {"tree": tree, "usage": with_looks(state["usage"], run)}
        value = Failure.of(error)
    found = node.evidence(value, seconds=time.perf_counter() - started)
    runtime.stream_writer(Found(evidence=found))
    update: Update = {"tree": tree, "evidence": {node.id: found}, "usage": with_looks(state["usage"], run)}
    if isinstance(value, Failure):
        return {**update, **_without_eyes(state, value, runtime)}
    return {**update, "answered_by": node.id}


def after_look(state: State, runtime: Runtime[RunContext]) -> str:
    """To the answer where the look is sure and wants nothing checked; otherwise it is checked."""
    eyes = runtime.context.eyes
    if state["tree"] is None:
        return "plan"
    if state["mode"] == "direct":
        return "refine"
    if FIRST_LOOK not in state["evidence"]:
        return "solve"
    found = state["evidence"][FIRST_LOOK].value
    assert isinstance(found, Look)
    unseen = eyes is not None and len(eyes.visible) < len(eyes.media)
    # What nothing shows that was given, asking the same eyes again does not show either.
    hopeless = found.sure == SURENESS["cannot_tell"] and not unseen
    settled = not found.checks and (hopeless or (found.sure or 0.0) >= runtime.context.sure)
    if not settled:
        reason = "The first look wants checks." if found.checks else "The first look is not sure."
        runtime.stream_writer(Decided(decision=Decision(action="expand", nodes=(FIRST_LOOK,), reason=reason)))
    if settled:
        return "refine"
    # Where no tool has anything to do, the eyes alone look again.
    return (
        "look_closer" if planned_checks(found, state["media"], read_only_tools(runtime.context.tools)) == [] else "plan"
    )


def borne_out(state: State, run: RunContext) -> tuple[str, ...]:
    """Ids of the counts and sums that came to what a sure first look said; empty where it has to look again.

    A closer look decides between a look and a tool that differ: where they do not, it has nothing to decide.
    """
    tree, first = state["tree"], _first_look(state)
    if tree is None or first is None or (first.sure or 0.0) < run.sure or not only_numbers(first):
        return ()
    if first.sure != SURENESS["certain"] and not only_counts(first) and details(first.regions):
        # A sum is no better than the numbers that were read: they are looked at enlarged, in place of a judge.
        return ()
    sinks = [id_ for id_ in tree.sinks if id_ != FIRST_LOOK]
    said = Claim(text=first.text, cites=(FIRST_LOOK,))
    counted = _counted(state)
    # What was counted in each of several pictures is added up, which a comparison of them does not say.
    several = only_counts(first) and len(counted) > 1 and _found_out(first.text, state)
    if several and all(states(said, one) for one in counted.values()):
        return tuple(counted)
    found = [state["evidence"][id_] for id_ in sinks if id_ in state["evidence"]]
    agree = len(found) == len(sinks) and all(isinstance(one.value, Number) and states(said, one) for one in found)
    return tuple(sinks) if agree else ()


def _counted(state: State) -> dict[str, Evidence]:
    """What was counted over boxes, by id."""
    found = state["evidence"].items()
    return {id_: one for id_, one in found if one.tool == "count" and isinstance(one.value, Number)}


def seen_twice(state: State) -> bool:
    """Whether two looks came to the same: a third one at the same pictures has nothing to add then.

    That is where a certain closer look comes to the first look's numbers and codes, or says it in the same words, at
    enlarged regions; where a likely one comes to what was counted over boxes; where the first look did, and nothing
    else was said.
    Other words are not compared: two looks put it in words of their own.
    """
    first, spoken_by = _first_look(state), state["answered_by"]
    last = state["evidence"][spoken_by].value if spoken_by else None
    if first is None or not isinstance(last, Look):
        return False
    counted = _counted(state)
    if spoken_by == FIRST_LOOK:
        alone = bool(state["rests_on"]) and only_counts(first) and _found_out(first.text, state)
        return alone and all(any(states(claim, one) for one in counted.values()) for claim in state["claims"])
    said = figures(last.text)
    same = said == figures(first.text) if said else normalised(last.text) == normalised(first.text)
    if last.other or (last.sure or 0.0) < SURENESS["likely"]:
        return False
    if last.sure == SURENESS["certain"] and last.regions and same:
        return True
    return bool(counted) and bool(said) and _found_out(last.text, state)


def _found_out(text: str, state: State) -> bool:
    """Whether every number and code of a text is one that a tool found, or the question's."""
    values = {one.value.value for one in state["evidence"].values() if isinstance(one.value, Number)}
    return figures(text) <= values | figures(state["question"])


async def look_closer(state: State, runtime: Runtime[RunContext]) -> Update:
    """The answer once more, with what the checks found and the regions that they point at enlarged."""
    eyes, tree = runtime.context.eyes, state["tree"]
    assert eyes is not None and tree is not None
    found = {id_: state["evidence"][id_] for id_ in tree.order if id_ != FIRST_LOOK and id_ in state["evidence"]}
    first = _first_look(state)
    said = [] if first is None else [first.text]
    regions = places(found) or list(first.regions if first is not None else ())
    return await _again(state, runtime, said, found, regions)


async def settle(state: State, runtime: Runtime[RunContext]) -> Update:
    """A sentence of the answer was doubted: the model looks at that place and decides, shown both sides."""
    tree, spoken = state["tree"], state["answered_by"]
    assert tree is not None
    said = text_of(state["claims"])
    current = state["evidence"][spoken].value if spoken else None
    answer = current.text if isinstance(current, Look) else said
    objection = " ".join(doubt for doubt, _ in state["doubts"])
    regions = [region for _, places_ in state["doubts"] for region in places_]
    if not regions and isinstance(current, Look):
        regions = list(current.regions)
    found = {id_: state["evidence"][id_] for id_ in state["rests_on"] if id_ in state["evidence"]}
    return {**await _again(state, runtime, [answer, objection], found, regions), "settled": True}


async def _again(
    state: State,
    runtime: Runtime[RunContext],
    said: Sequence[str],
    found: dict[str, Evidence],
    regions: Sequence[Crop],
) -> Update:
    """Another look as a sub-question of its own; where it fails, what was said before stands."""
    run, tree, eyes = runtime.context, state["tree"], runtime.context.eyes
    assert tree is not None and eyes is not None
    number = 1 + max((int(node.id[1:]) for node in tree.nodes), default=0)
    shown: list[JsonValue] = [f"${id_}" for id_, one in found.items() if isinstance(one.value, Boxes | Crop)]
    pictures: list[JsonValue] = [*eyes.pictures]
    words = str(phrasebook(state["language"])["look_closer"])
    call = ToolCall(tool="look", arguments={"image": [*pictures, *shown], "question": state["question"]})
    node = SubQuestion(id=f"q{number}", question=words, solver=call)
    grown = tree.replace(node)
    runtime.stream_writer(Planned(tree=grown))
    runtime.stream_writer(Started(id=node.id))
    started = time.perf_counter()
    try:
        closer = await eyes.closer(state["question"], said, tree, found, regions)
    except (ModelError, MediaError) as error:
        failed = node.evidence(Failure.of(error), seconds=time.perf_counter() - started)
        runtime.stream_writer(Found(evidence=failed))
        return {
            "tree": grown,
            "evidence": {node.id: failed},
            "usage": with_looks(state["usage"], run),
            # Without a first look there is nothing to fall back on but what the tools found.
            **({} if state["answered_by"] else {"mode": "tree"}),
        }
    evidence = node.evidence(closer.look, seconds=time.perf_counter() - started)
    runtime.stream_writer(Found(evidence=evidence))
    return {
        "tree": grown,
        "evidence": {node.id: evidence},
        "usage": with_looks(state["usage"], run),
        "answered_by": node.id,
        "rests_on": closer.rests_on,
    }


def spoken(state: State) -> list[Claim]:
    """The sentences of the look that answers; where two looks stay apart, both."""
    spoken_by = state["answered_by"]
    last = state["evidence"][spoken_by].value if spoken_by else None
    assert spoken_by is not None and isinstance(last, Look)
    cites = [spoken_by, *state["rests_on"]]
    # What an unsure look could not rule out has to be stated as well.
    if last.other and (last.sure or 0.0) <= SURENESS["unsure"]:
        return open_answer(last, last.other, cites, state["language"])
    return statements(last, cites, state["language"])


def settled_claims(state: State) -> Update:
    """After a doubt was settled: the sentences of the look that settled it, or both where it did not."""
    if not state["answered_by"]:
        return {}
    return {"claims": verify(spoken(state), state["evidence"], state["asked"])}


def _first_look(state: State) -> Look | None:
    found = state["evidence"].get(FIRST_LOOK)
    return found.value if found is not None and isinstance(found.value, Look) else None


def _before(state: State) -> str:
    """The question that this one follows up, with the answer that a look gave to it."""
    if state["earlier"] is None:
        return ""
    tree, found = state["earlier"]
    said = [one.value.text for one in found.values() if isinstance(one.value, Look)]
    return f"{tree.question} ({said[-1]})" if said else tree.question


def _without_eyes(state: State, failure: Failure, runtime: Runtime[RunContext]) -> Update:
    """After a first look that failed: the question is planned, or it is over in mode `direct`."""
    if state["mode"] == "direct":
        return {"stopped": failure.message}
    reason = f"The model could not look ({failure.error}): the question is planned."
    runtime.stream_writer(Decided(decision=Decision(action="expand", nodes=(FIRST_LOOK,), reason=reason)))
    return {"mode": "tree", "tree": None}


def _first_call(question: str, eyes: Eyes) -> ToolCall:
    """The call that stands for the first look; it shows all media of one kind, the look itself shows every kind."""
    if eyes.pictures:
        return ToolCall(tool="look", arguments={"image": [*eyes.pictures], "question": question})
    if videos := [name for name, medium in eyes.visible.items() if medium.kind == "video"]:
        return ToolCall(tool="watch", arguments={"video": videos[0], "question": question})
    return ToolCall(tool="listen", arguments={"audio": next(iter(eyes.visible)), "question": question})


def _one_by_one(question: str, eyes: Eyes) -> QuestionTree:
    """A look at each picture by itself."""
    nodes = [
        SubQuestion(
            id=f"q{place}",
            question=f"{name}: {question}",
            solver=ToolCall(tool="look", arguments={"image": name, "question": question}),
        )
        for place, name in enumerate(eyes.pictures, start=1)
    ]
    return QuestionTree(question=question, nodes=tuple(nodes))
