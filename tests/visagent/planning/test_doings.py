"""What people are doing is looked for where a question asks for it."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.doings import what_is_done
from visagent.planning.plan_language import read_plan, write_plan
from visagent.tools.toolkit import Toolkit

SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}
PICTURE = {"image1": MediaInfo(hash="0" * 64, name="a.png", kind="image", width=9, height=9)}
CLIP = {"video1": MediaInfo(hash="1" * 64, name="a.mp4", kind="video")}
ANYBODY = 'doing(detect("person"))'


def planned(question: str, plan: str, media: dict[str, MediaInfo] = PICTURE) -> str:
    return write_plan(what_is_done(read_plan(plan, SPECS), question, media, SPECS), SPECS)


@pytest.mark.parametrize(
    ("question", "plan", "expected"),
    [
        ("What is the girl doing over there?", 'caption(image=detect("girl"))', 'doing(detect("girl"))'),
        (
            "whats the one on the left doing",
            'caption(image=filter_boxes(detect("person"),part="left"))',
            'doing(filter_boxes(detect("person"),part="left"))',
        ),
        ("What are these people up to?", 'unanswerable("no_tool")', ANYBODY),
        ("what kind of sport is this", "classify()", ANYBODY),
        ("What sport do they play?", 'detect("player")', 'doing(detect("player"))'),
        ("What does he do there?", "caption()", ANYBODY),
        ("右边那个人在干嘛呀？", 'caption(image=detect("人"))', 'doing(detect("人"))'),
        ("他们在玩什么运动？", 'unanswerable("no_tool")', ANYBODY),
    ],
)  # fmt: skip
def test_what_people_do_is_looked_for(question: str, plan: str, expected: str) -> None:
    assert planned(question, plan) == expected


@pytest.mark.parametrize(
    ("question", "plan"),
    [
        ("What does the man in the hat look like?", 'caption(image=detect("man"))'),
        ("What is she doing for the old man?", 'caption(image=detect("woman"))'),
        ("How many people are doing sports?", 'count(detect("person"))'),
        ("What do we see?", "caption()"),
        ("这个机器是做什么用的？", "classify()"),
        ("这是在哪里做的？", 'unanswerable("no_tool")'),
    ],
)
def test_other_questions_are_left_alone(question: str, plan: str) -> None:
    assert planned(question, plan) == write_plan(read_plan(plan, SPECS), SPECS)


def test_of_a_clip_no_one_look_says_what_people_do() -> None:
    assert planned("What are they doing?", 'unanswerable("no_tool")', CLIP) == 'unanswerable("no_tool")'
