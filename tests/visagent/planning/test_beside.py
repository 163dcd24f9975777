"""What stands beside, on or in a thing is looked for among everything that the detector knows."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.beside import what_is_beside
from visagent.planning.plan_language import read_plan, write_plan
from visagent.tools.toolkit import Toolkit

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}
ONE = {"image1": MediaInfo(hash="0" * 64, kind="image", name="a.jpg")}
REFUSED = 'unanswerable("no_tool")'


@pytest.mark.parametrize(
    ("question", "plan", "kept"),
    [
        ("What is standing next to the kettle?", REFUSED, 'nearest(detect("thing"),detect("kettle"))'),
        ("hey, whats on the bench", 'caption(detect("bench"))', 'overlaps(detect("thing"),detect("bench"))'),
        ("What animal is under the chair?", REFUSED, 'below(detect("animal"),detect("chair"))'),
        ("What's to the left of the sofa?", 'classify(detect("sofa"))', 'left_of(detect("thing"),detect("sofa"))'),
        ("Who's sitting up there on the bench?", REFUSED, 'overlaps(detect("person"),detect("bench"))'),
        ("What is in the bowl?", 'caption(detect("bowl"))', 'inside(detect("thing"),detect("bowl"))'),
        ("冰箱旁边有什么？", 'classify(detect("冰箱"))', 'nearest(detect("thing"),detect("冰箱"))'),
        # What is written there is read, what a place shows is described, and what is named is looked for.
        ("What is on the poster?", 'read_text(detect("poster"))', 'read_text(detect("poster"))'),
        ("What is in the picture?", "caption()", "caption()"),
        ("What color is the cup next to the kettle?", REFUSED, REFUSED),
        ("What is the boy doing next to the kettle?", REFUSED, REFUSED),
        (
            "What is next to the kettle?",
            'nearest(detect("cup"),detect("kettle")); count(detect("cup"))',
            'nearest(detect("cup"),detect("kettle")); count(detect("cup"))',
        ),
    ],
)
def test_what_is_beside_a_thing_is_anything(question: str, plan: str, kept: str) -> None:
    assert write_plan(what_is_beside(read_plan(plan, SPECS), question, ONE), SPECS) == kept


def test_of_several_pictures_none_is_guessed() -> None:
    plan = read_plan(REFUSED, SPECS)
    two = {**ONE, "image2": MediaInfo(hash="1" * 64, kind="image", name="b.jpg")}
    assert what_is_beside(plan, "What is next to the kettle?", two) == plan
