"""A question which of two colours a thing has, planned as two yes-or-no questions, asks for its colours. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.planning.accounting import colors_in

_OR = re.compile(r"(?i)\bor\b|还是|或")
_DETECT, _FILTER, _EXISTS, _COLORS = "detect", "filter_color", "exists", "dominant_colors"


def offered_colors(question: str) -> frozenset[str]:
    """The colours between which a question lets choose; empty where it offers no choice.

    >>> sorted(offered_colors("Is the sofa green or brown?"))
    ['brown', 'green']
    """
    colors = frozenset(colors_in(question))
    return colors if len(colors) > 1 and _OR.search(question) else frozenset()


def with_one_look(steps: Sequence[Mapping[str, JsonValue]], question: str) -> list[dict[str, JsonValue]]:
    """A plan's steps; whether there is a green one, and whether there is a brown one of the same things, is one step.

    Both may be true of a green sofa with brown feet, and neither says which of the two it is.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
    """
    plan = [dict(step) for step in steps]
    detections = [step for step in plan if step["tool"] == _DETECT]
    filters = [step for step in plan if step["tool"] == _FILTER]
    planned = sorted(str(step["tool"]) for step in plan if step["tool"] != _DETECT)
    same = len({repr(sorted(step.items(), key=str)) for step in detections}) == 1
    colors = {str(step.get("color")) for step in filters}
    if planned != [_EXISTS, _EXISTS, _FILTER, _FILTER] or not same or colors != offered_colors(question):
        return plan
    return [detections[0], {"tool": _COLORS, "image": "$q1"}]
