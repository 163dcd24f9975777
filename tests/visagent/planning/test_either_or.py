"""Which of two colours it is."""

from __future__ import annotations

import pytest

from visagent.planning.either_or import offered_colors, with_one_look
from visagent.planning.plan_language import read_plan
from visagent.tools.toolkit import Toolkit

TWO = 'exists(filter_color(detect("sofa"),"green")); exists(filter_color(detect("sofa"),"brown"))'
OTHERS = 'exists(filter_color(detect("sofa"),"green")); exists(filter_color(detect("chair"),"brown"))'


@pytest.mark.parametrize(
    ("question", "plan", "planned"),
    [
        ("Is the sofa green or brown?", TWO, ["detect", "dominant_colors"]),
        ("沙发是绿色还是棕色？", TWO, ["detect", "dominant_colors"]),
        ("Is there a green sofa, and a brown one?", TWO, None),
        ("Is the sofa green or is the chair brown?", OTHERS, None),
        ("Is the sofa green or blue?", TWO, None),
    ],
)
def test_which_of_two_colors_a_thing_has_is_one_look(question: str, plan: str, planned: list[str] | None) -> None:
    steps = read_plan(plan, {name: tool.spec for name, tool in Toolkit.installed().items()})
    mended = with_one_look(steps, question)
    assert mended == steps if planned is None else [step["tool"] for step in mended] == planned


def test_a_choice_is_of_two_colors() -> None:
    assert offered_colors("Is it red or a car?") == frozenset()
