"""People told apart by how their faces appear: what follows, and what hangs on those who show no face. Pure.

A detection of women holds those whose faces look so, and those who may be, marked as unclear.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from visagent.answering.asked import asks_to_choose
from visagent.evidence.contents import notes_of
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Boolean, Box, Boxes, Evidence, Value

_Place = tuple[str, tuple[float, ...]]


class Looks(NamedTuple):
    """What a detection says of people's looks.

    Attributes:
        label: What was asked for.
        broader: What was looked for.
        clear: How many look so.
        unclear: How many may be.
        others: How many look otherwise.
    """

    label: str
    broader: str
    clear: int
    unclear: int
    others: int


def looks_of(value: Value) -> Looks | None:
    """What a detection says of people's looks; None where it says nothing of them."""
    made = [note.words for note in notes_of(value) if note.kind == "by_looks"]
    if not made or not isinstance(value, Boxes):
        return None
    label, broader, others = made[0]
    unclear = sum(box.unclear for box in value.boxes)
    # Notes of several pictures that say the same are one.
    alone = len(value.pictures) < 2
    return Looks(label, broader, len(value.boxes) - unclear, unclear, int(others) if alone else 0)


def rests_on_looks(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether a sub-question rests on how faces appear."""
    return any(looks_of(evidence[one].value) is not None for one in tree.with_needs([id_]) if one in evidence)


def unsettled(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> frozenset[str]:
    """The detections of people below a number or a truth that could be another one, as some of them show no face.

    That there is a woman holds as soon as one looks so, and the leftmost one is known where the leftmost of all who may
    be looks so.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: The sub-question.
    """
    found = evidence[id_]
    if (looks := looks_of(found.value)) is not None:
        return frozenset([id_] if looks.unclear else ())
    needs = [need for need in tree[id_].needs if need in evidence]
    # What a tool keeps some of is its first argument; all of several are kept where they are joined.
    kept = needs if tree[id_].solver.tool == "merge" else needs[:1]
    hanging = {one for need in needs if need not in kept for one in unsettled(tree, evidence, need)}
    for need in kept:
        below, value = unsettled(tree, evidence, need), evidence[need].value
        if isinstance(found.value, Boxes) and isinstance(value, Boxes):
            places, among = _places(found.value), _places(value)
            hanging |= {one for one in below if not places <= among or places - _clear(evidence[one])}
        elif found.value == Boolean(value=True) and tree[id_].solver.tool == "exists" and isinstance(value, Boxes):
            hanging |= {one for one in below if not _places(value) & _clear(evidence[one])}
        elif tree[id_].solver.tool == "locate" and isinstance(value, Boxes) and len(value.pictures) > 1:
            # In which of several pictures somebody is, one who clearly looks so says.
            clear = {media for one in below for media, _ in _places(value) & _clear(evidence[one])}
            hanging |= below if {media for media, _ in _places(value)} - clear else set()
        else:
            hanging |= below
    return frozenset(hanging)


def are_among(found: Evidence, value: Value) -> bool:
    """Whether a value holds some of the people that a detection found, and nobody else."""
    return isinstance(value, Boxes) and _places(value) <= _places(found.value)


def are_unclear(found: Evidence, boxes: Boxes) -> int:
    """How many of some people may be what a detection looked for, and do not clearly look so."""
    return len(_places(boxes) - _clear(found))


def named_broadly(tree: QuestionTree, evidence: Mapping[str, Evidence]) -> dict[str, str]:
    """The broader word for what a detection found, where what follows from it is about those who merely may be."""
    words = {}
    # A second plan leaves evidence of the first one behind, whose questions are no longer asked.
    asked = {id_: evidence[id_] for id_ in tree.order if id_ in evidence}
    for id_, found in asked.items():
        if (looks := looks_of(found.value)) is None or not looks.unclear:
            continue
        followed = [asked[one].value for one in asked if one != id_ and id_ in tree.with_needs([one])]
        chosen = [_places(value) for value in followed if isinstance(value, Boxes) and value.boxes]
        if not looks.clear or any(not places & _clear(found) for places in chosen if places <= _places(found.value)):
            words[id_] = looks.broader
    return words


def ruled_out(tree: QuestionTree, evidence: Mapping[str, Evidence]) -> dict[str, str]:
    """Of a choice, "a man or a woman", what is not the case, with what is; empty where not exactly one is.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
    """
    told = _offered(tree, evidence)
    true = [id_ for id_ in told if evidence[id_].value == Boolean(value=True)]
    if len(true) != 1 or unsettled(tree, evidence, true[0]):
        return {}
    return {id_: true[0] for id_ in told if id_ != true[0]}


def is_undecided(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether a sub-question is part of a choice of which not exactly one holds, or chooses among who may be one.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: The sub-question.
    """
    if offers_undecided(tree, evidence, id_):
        return True
    if tree[id_].solver.tool == "locate":
        return bool(unsettled(tree, evidence, id_))
    below = [one for one in tree.with_needs([id_]) if one in evidence]
    pooled = [need for one in below if tree[one].solver.tool == "merge" for need in tree[one].needs]
    return sum(rests_on_looks(tree, evidence, need) for need in pooled) > 1


def offers_undecided(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """What a choice between kinds of people rests on, of which not exactly one holds; empty for any other sub-question.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: The sub-question.
    """
    told = _offered(tree, evidence)
    true = [evidence[one].value for one in told].count(Boolean(value=True))
    return told if id_ in told and true != 1 else []


def _offered(tree: QuestionTree, evidence: Mapping[str, Evidence]) -> list[str]:
    """Whether there is a man, and whether a woman, for a question that offers both; empty for any other."""
    told = [id_ for id_ in tree.sinks if id_ in evidence]
    if len(told) < 2 or not asks_to_choose(tree.question) or len(told) < len(tree.sinks):
        return []
    by_looks = any(rests_on_looks(tree, evidence, id_) for id_ in told)
    exist = all(tree[id_].solver.tool == "exists" and not evidence[id_].failed for id_ in told)
    return told if by_looks and exist else []


def _clear(found: Evidence) -> set[_Place]:
    """Where those are who clearly look so."""
    value = found.value
    return {_place(value, box) for box in value.boxes if not box.unclear} if isinstance(value, Boxes) else set()


def _places(value: Value) -> set[_Place]:
    return {_place(value, box) for box in value.boxes} if isinstance(value, Boxes) else set()


def _place(value: Boxes, box: Box) -> _Place:
    return box.media or value.media, box.xyxy
