"""What a sentence has to know of evidence: how much was found, what was looked for in vain, and among what. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from visagent.evidence.contents import items_of, notes_of
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Boxes, Evidence, Note, Tracks


def merged_misses(made: Sequence[tuple[str, Note]]) -> list[tuple[str, Note]]:
    """Notes with who made them; all that was looked for in vain at the worst scale, so that it is stated once.

    Args:
        made: Sub-question ids, each with a note.
    """
    missed = [note for _, note in made if note.kind == "not_found" and note.words and note.words[0].isdecimal()]
    worst = max(missed, key=lambda note: int(note.words[0]), default=None)
    return [(id_, worst if worst is not None and note.kind == worst.kind else note) for id_, note in made]


def with_shared_kinds(made: Sequence[tuple[str, Note]]) -> list[tuple[str, Note]]:
    """Notes with who made them, in which those on one broader kind are one: neither men nor women among people.

    Args:
        made: Sub-question ids, each with a note.
    """
    asked: dict[str, list[str]] = {}
    for _, note in made:
        if note.kind == "broader":
            asked.setdefault(note.words[-1], []).extend(note.words[:-1])

    def shared(note: Note) -> Note:
        words = (*dict.fromkeys(asked[note.words[-1]]), note.words[-1])
        return note.model_copy(update={"words": words})

    return [(id_, shared(note) if note.kind == "broader" else note) for id_, note in made]


def empty_searches(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> list[str]:
    """The sub-questions below one that looked for objects and found none, which is no proof that there are none.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: The one that follows from them.
    """
    below = tree.with_needs([id_]) & evidence.keys()
    found = {one: evidence[one].value for one in tree.order if one in below}
    return [one for one, value in found.items() if isinstance(value, Boxes | Tracks) and not items_of(value)]


def source_of_rejected(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> str | None:
    """The sub-question all of whose objects one sorted out that has none; None where there was none to sort out, or
    nothing but places where such things would be.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: The one without objects.
    """
    # What a tool keeps some of is its first argument.
    for need in tree[id_].needs[:1]:
        value = evidence[need].value if need in evidence else None
        assumed = need in evidence and any(note.kind == "assumed" for note in notes_of(evidence[need].value))
        if isinstance(value, Boxes | Tracks) and items_of(value) and not assumed:
            return need
    return None


def found_first(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> str:
    """The first of steps without objects that choose among those of the one before: no car, so no red one."""
    for need in tree[id_].needs[:1]:
        if need in evidence and items_of(evidence[need].value) == ():
            return found_first(tree, evidence, need)
    return id_


def is_mixed(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> bool:
    """Whether objects of several kinds were there to choose from, so that the kind of the chosen one is news."""
    value = evidence[tree[id_].needs[0]].value if tree[id_].needs else None
    return isinstance(value, Boxes) and len({box.label for box in value.boxes}) > 1
