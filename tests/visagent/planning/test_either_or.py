"""Which of two colours it is."""

from __future__ import annotations

import pytest

from visagent.planning.either_or import color_of_what_is_named, offered_colors, with_one_look
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


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("the runner, what colour is his top?", "top"),
        ("What color are the shiny top of the runner?", "top"),
        ("what colour is the runner with the top", "runner"),
        ("colour of the top on that runner?", "top"),
        ("The runner with the red top, what color is his hair?", "runner"),
    ],
)
def test_the_color_of_what_is_named_is_asked(question: str, named: str) -> None:
    specs = {name: tool.spec for name, tool in Toolkit.installed().items()}
    steps = color_of_what_is_named(
        read_plan('dominant_colors(overlaps(detect("runner"),detect("top")))', specs), question
    )
    by_id = {f"$q{number}": step for number, step in enumerate(steps, start=1)}
    assert by_id[str(steps[-2]["a"])]["label"] == named
