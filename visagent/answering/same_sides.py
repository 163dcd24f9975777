"""Steps that set a thing against itself, so that what they find is true of anything and tells nothing. Pure.

Mostly the detector knows no difference between the two sides: it finds people where men and where women are asked for,
so that there is nobody "other than people", and there are as many men as women.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from visagent.core.words import singular
from visagent.evidence.contents import notes_of
from visagent.evidence.tree import REFERENCE, QuestionTree
from visagent.evidence.values import Evidence

_SETS_APART = frozenset(("without", "compare"))
"""Tools whose result is known before they are asked, where both sides are the same."""
_RELATES = frozenset(("left_of", "right_of", "above", "below", "inside", "overlaps", "nearest", "nearer_of"))
"""Tools that one dog and another may well satisfy, but that tell no man from a woman."""
_TAKES_AWAY = frozenset("-\u2212/%÷")


class Sides(NamedTuple):
    """Both sides of a step, by the ids of what they follow from."""

    a: str
    b: str


def same_sides(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> Sides | None:
    """The sides of the first step that a sub-question rests on, or is, in which they are the same; None for none.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: The sub-question.
    """
    below = tree.with_needs([id_])
    for one in tree.order:
        if one in below and (sides := _sides(tree, one)) is not None and _is_same(tree, evidence, one, sides):
            return sides
    return None


def asked_alike(tree: QuestionTree, sides: Sides) -> bool:
    """Whether both sides are the same in the question's own words, too."""
    return tree.formula(sides.a) == tree.formula(sides.b)


def _sides(tree: QuestionTree, id_: str) -> Sides | None:
    arguments = tree[id_].solver.arguments
    found = [match[1] for name in ("a", "b") if (match := REFERENCE.match(str(arguments.get(name)))) is not None]
    return Sides(*found) if len(found) == 2 and arguments.get("c") is None else None


def _is_same(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str, sides: Sides) -> bool:
    call, looked_for = tree[id_].solver, _as_looked_for(tree, evidence)
    if looked_for.formula(sides.a) != looked_for.formula(sides.b):
        return False
    if call.tool == "calculate":
        return bool(_TAKES_AWAY & set(str(call.arguments.get("expression"))))
    return call.tool in _SETS_APART or (call.tool in _RELATES and not asked_alike(tree, sides))


def _as_looked_for(tree: QuestionTree, evidence: Mapping[str, Evidence]) -> QuestionTree:
    """The plan with what was looked for, in the singular, in place of each label that was asked for."""
    nodes = []
    for node in tree.nodes:
        arguments = dict(node.solver.arguments)
        if "label" in arguments:
            notes = notes_of(evidence[node.id].value) if node.id in evidence else ()
            broader = next((note.words[1] for note in notes if note.kind == "broader"), str(arguments["label"]))
            arguments["label"] = singular(broader.lower())
        call = node.solver.model_copy(update={"arguments": arguments})
        nodes.append(node.model_copy(update={"solver": call}))
    return tree.model_copy(update={"nodes": tuple(nodes)})
