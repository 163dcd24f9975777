"""Questions about the colour of a thing that a small planner turns round. Pure.

Which of two colours it has is planned as two yes-or-no questions, and the colour of somebody's jacket as the colour of
whoever wears it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.planning.accounting import colors_in
from visagent.planning.step_lists import numbered, referred

_OR = re.compile(r"(?i)\bor\b|还是|或")
_ASKED = (
    r"(?i)\bcolou?rs?\b(?:(?:['’]s|\s+(?:is|are|was|were|of|has|have|do|does|did))*)"
    r"\s+(?:his|her|its|their|the|my|your|that|this)\s+(?:[a-z]+\s+)?{}\b"
)
_RELATIONS = frozenset(("overlaps", "inside", "nearest"))
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


def color_of_what_is_named(steps: Sequence[Mapping[str, JsonValue]], question: str) -> list[dict[str, JsonValue]]:
    """A plan's steps; "The man, what colour is his hat?" asks for the colour of a hat on a man, not of a man in a hat.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
    """
    by_id = numbered(steps)
    for step in by_id.values():
        related = by_id.get(referred(step.get("image")) or "") if step["tool"] == _COLORS else None
        if related is None or related["tool"] not in _RELATIONS:
            continue
        first, second = (_label(by_id.get(referred(related[side]) or "")) for side in ("a", "b"))
        if first and second and _is_asked(second, question) and not _is_asked(first, question):
            related["a"], related["b"] = related["b"], related["a"]
    return list(by_id.values())


def _label(step: Mapping[str, JsonValue] | None) -> str:
    return str(step.get("label", "")) if step is not None and step["tool"] == _DETECT else ""


def _is_asked(label: str, question: str) -> bool:
    return re.search(_ASKED.format(re.escape(label)), question) is not None
