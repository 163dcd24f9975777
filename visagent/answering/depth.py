"""What is behind or in front of what: a guess from where boxes end below, with its reason, and never a statement. Pure.

Of things that stand on one level ground, seen from above it, the lower edge of what is further away stands higher in
the picture. Whether they do so no box tells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from visagent.evidence.overlap import shared_length
from visagent.evidence.tree import REFERENCE, QuestionTree
from visagent.evidence.values import Box, Boxes, Evidence

MARGIN = 0.1
"""Part of the lower one of two boxes by which lower edges have to differ: boxes end within a few pixels of things."""
_RELATES = frozenset(("overlaps", "nearest", "inside", "left_of", "right_of", "above", "below"))
_ASKS = re.compile(
    r"(?i)\b(?P<behind>behind|in back of)\s+(?!(?:me|us|you)\b)[a-z]"
    r"|\bin front of\s+(?!(?:me|us|you|(?:the )?(?:camera|lens|viewer|photographer))\b)[a-z]"
    r"|[\u4e00-\u9fff](?:的)?(?:(?P<han>后面|背后|后边)|前面|前边)"
)


class Guess(NamedTuple):
    """What boxes let one guess.

    Attributes:
        behind: Whether it was asked what is behind something; else what is in front of it.
        a: The sub-question that found what may be there.
        b: The one that found what it may be behind; empty where the plan does not look for that.
        fitting: How many of them seem to be there; None where b is missing, or stands nowhere.
    """

    behind: bool
    a: str
    b: str
    fitting: int | None


def depth_guess(tree: QuestionTree, evidence: Mapping[str, Evidence], id_: str) -> Guess | None:
    """What can be guessed where a question asks what is behind or in front of a thing, and the plan looks for what is
    beside it, or for anything of the kind; None where it asks for something else, or nothing of the kind was found.

    Args:
        tree: The plan.
        evidence: Evidence by sub-question id.
        id_: What the answer is about to state.
    """
    asked = _ASKS.search(tree.question)
    if asked is None:
        return None
    behind = bool(asked["behind"] or asked["han"])
    below = [one for one in tree.order if one in tree.with_needs([id_])]
    for one in below:
        call = tree[one].solver
        a, b = (REFERENCE.match(str(call.arguments.get(name))) for name in ("a", "b"))
        if call.tool in _RELATES and a is not None and b is not None:
            mine, others = _boxes(evidence, a[1]), _boxes(evidence, b[1])
            return Guess(behind, a[1], b[1], _fitting(mine, others, behind=behind)) if mine else None
    if tree[id_].solver.tool in ("exists", "count") and _boxes(evidence, below[0]):
        return Guess(behind, below[0], "", None)
    return None


def _boxes(evidence: Mapping[str, Evidence], id_: str) -> tuple[Box, ...]:
    value = evidence[id_].value if id_ in evidence else None
    return value.boxes if isinstance(value, Boxes) and value.placed else ()


def _fitting(mine: tuple[Box, ...], others: tuple[Box, ...], *, behind: bool) -> int | None:
    """How many boxes share a part of the width of another one, and end above it, or below."""
    if not others:
        return None

    def fits(one: Box, other: Box) -> bool:
        further = (other.xyxy[3] - one.xyxy[3]) * (1 if behind else -1)
        least = MARGIN * min(other.xyxy[3] - other.xyxy[1], one.xyxy[3] - one.xyxy[1])
        return one != other and shared_length(one.xyxy, other.xyxy, 0) > 0 and further > least

    return sum(any(fits(one, other) for other in others) for one in mine)
