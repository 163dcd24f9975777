"""What may be said of things whose place alone is known: of a shirt, from where on a body one would be worn. Pure.

What covers that place has a color, and there may be words on it. That there is such a thing, how many there are, and
which people have one does not follow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from visagent.evidence.contents import items_of, notes_of
from visagent.evidence.tree import QuestionTree, references
from visagent.evidence.values import Boolean, Boxes, Evidence, Labels, Note, Number, Text

_ON_SOMEBODY = frozenset(("hands", "arms", "legs", "head"))
"""Parts that everybody has, so that what overlaps one that is seen is there."""
_ALL = re.compile(
    r"(?i)\b(?:their|all|both|they|every(?:one|body)?|each|people|persons|players|men|women|kids|children|team)\b"
    r"|他们|她们|大家|所有|每"
)


class Assumed(NamedTuple):
    """Why something does not follow from things whose place alone is known.

    Attributes:
        id: The sub-question that looked for them.
        why: `place`: they were not recognised; `unseen`: of some people the place is not seen; `several`: there are
            several, and one was asked for.
        note: Its note: what was looked for, and of how many people its place is not seen.
        number: How many there are to choose from.
    """

    id: str
    why: Literal["place", "unseen", "several"]
    note: Note
    number: int = 0


def assumed_objects(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> Assumed | None:
    """What keeps a sub-question open, of the things below it whose place alone is known; None where nothing does.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: The sub-question.
    """
    below = tree.with_needs([id_]) & evidence.keys()
    for one in tree.order:
        note = (
            next((note for note in notes_of(evidence[one].value) if note.kind == "assumed"), None)
            if one in below
            else None
        )
        if note is not None and (why := _why(tree, evidence, id_, one, note)) is not None:
            return why
    return None


def _why(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str, assumed: str, note: Note) -> Assumed | None:
    value = evidence[id_].value
    if isinstance(value, Labels | Text) and (several := _several(tree, evidence, id_, assumed)):
        return Assumed(assumed, "several", note, several)
    place, unseen = Assumed(assumed, "place", note), Assumed(assumed, "unseen", note)
    uses = _uses(tree, evidence, id_, assumed)
    looked_at = tree[id_].solver.tool
    if isinstance(value, Labels):
        return None if looked_at == "dominant_colors" and uses <= {"looked_at", "judged"} else place
    if isinstance(value, Text):
        if looked_at == "read_text" and value.text and "chooses" not in uses:
            return None
        if looked_at == "caption" and "chooses" not in uses:
            # A composed description is open as it is, and says what is seen there.
            return None
        return None if looked_at == "locate" and uses == {"judged"} else place
    if not isinstance(value, Boolean | Number | Boxes):
        return None
    found = value == Boolean(value=True) or (isinstance(value, Boxes) and bool(value.boxes))
    if uses == {"judged"}:
        return None if found or note.words[1] == "0" else unseen
    if value == Boolean(value=True) and (
        (uses == {"chooses"} and note.words[2] in _ON_SOMEBODY) or ("chooses" not in uses and note.words[3])
    ):
        return None
    return place


def _uses(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str, assumed: str) -> set[str]:
    """How what was assumed reaches a sub-question: `judged` by its color, `looked_at` as it is, or choosing others."""
    if id_ == assumed:
        return {"looked_at"}
    call, uses = tree[id_].solver, set[str]()
    for name, given in call.arguments.items():
        for need in references(given):
            if need not in tree.graph or assumed not in tree.with_needs([need]):
                continue
            inner = _uses(tree, evidence, need, assumed)
            if call.tool == "filter_color":
                inner = {"judged" if use == "looked_at" else use for use in inner}
            elif name == "b":
                inner = {"chooses" if use == "looked_at" else use for use in inner}
            uses |= inner
    return uses


def _several(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str, assumed: str) -> int:
    """How many of them one thing was asked of; 0 where that is one, or all are meant."""
    needs = [need for need in tree[id_].needs if need in evidence and assumed in tree.with_needs([need])]
    numbers = [len({box.whole for box in items_of(evidence[need].value) or () if box.whole}) for need in needs]
    number = max(numbers, default=0)
    return number if number > 1 and not _ALL.search(tree.question) else 0
