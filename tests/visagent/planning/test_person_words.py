"""Questions about men, women and children are planned as such."""

from __future__ import annotations

import pytest

from visagent.planning.person_words import about_persons
from visagent.planning.plan_language import read_plan
from visagent.tools.toolkit import Toolkit

BOTH = ["detect man", "exists", "detect woman", "exists"]
WITHOUT, OVERLAPS = ["without", "count"], ["overlaps", "count"]
REVERSED = BOTH[2:] + BOTH[:2]


def shown(plan: str, question: str) -> list[str]:
    steps = read_plan(plan, {name: tool.spec for name, tool in Toolkit.installed().items()})
    return [
        " ".join(str(step[name]) for name in ("tool", "label") if name in step)
        for step in about_persons(steps, question, {})
    ]


@pytest.mark.parametrize(
    ("question", "plan", "planned"),
    [
        ("is this a man or a woman", 'exists(detect("person"))', BOTH),
        ("at the desk, is it a woman or a man?", 'exists(nearest(detect("person"),detect("desk")))', REVERSED),
        ("照片里的人是男的还是女的？", 'exists(detect("人"))', ["detect 男人", "exists", "detect 女人", "exists"]),
        (
            "The person on the left, man or woman?",
            'exists(filter_boxes(detect("person"),part="left"))',
            ["detect man", "filter_boxes", "exists", "detect woman", "filter_boxes", "exists"],
        ),
        (
            "The leftmost person, man or woman?",
            'exists(pick(sort(detect("person"),by="left_to_right"),1))',
            ["detect person", "sort", "pick", *BOTH],
        ),
        ("Is the man or the woman taller?", 'exists(detect("man"))', ["detect man", "exists"]),
        ("Are there more men or women?", 'count(detect("man"))', ["detect man", "count"]),
        ("which of the two is a woman?", "classify()", ["detect woman", "locate"]),
        ("how many are men, not women", 'count(without(detect("man"),detect("woman")))', ["detect man", "count"]),
        ("men, no dogs?", 'count(without(detect("man"),detect("dog")))', ["detect man", "detect dog", *WITHOUT]),
        ("how many people are ladies", 'count(overlaps(detect("person"),detect("lady")))', ["detect lady", "count"]),
        ("of these faces, how many are women?", 'count(detect("face"))', ["detect women", "count"]),
        ("how many faces are behind the man", 'count(detect("face"))', ["detect face", "count"]),
        ("how many women are there", 'count(detect("person"))', ["detect women", "count"]),
        ("这些人里有几个男的", 'count(filter_color(detect("人"),"pink"))', ["detect 男人", "count"]),
        (
            "is a man named, and how many people are seen?",
            'contains(transcribe(),"man"); count(detect("person"))',
            ["transcribe", "contains", "detect person", "count"],
        ),
        ("a man is there, how many people with him?", 'count(detect("person"))', ["detect person", "count"]),
        ("how many people are there", 'count(detect("person"))', ["detect person", "count"]),
        ("with a bag?", 'count(overlaps(detect("woman"),detect("bag")))', ["detect woman", "detect bag", *OVERLAPS]),
    ],
)  # fmt: skip
def test_people_are_looked_for_by_the_words_of_the_question(question: str, plan: str, planned: list[str]) -> None:
    assert shown(plan, question) == planned
