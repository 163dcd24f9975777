"""Which of several pictures show two things, and what share of one a thing covers; all else is left to the planner."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.picture_questions import about_pictures
from visagent.planning.plan_language import read_plan
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()
SPECS = {name: tool.spec for name, tool in TOOLS.items()}


def pictures(number: int) -> dict[str, MediaInfo]:
    return {f"image{n}": MediaInfo(hash=f"{n:064}", kind="image", name=f"{n}.png") for n in range(1, number + 1)}


BOTH = 'locate(in_same_picture(detect("{}"),{}))'


@pytest.mark.parametrize(
    ("question", "plan"),
    [
        ("which of these show a dog and text?", BOTH.format("dog", "read_text()")),
        ("Which pictures contain writing and a horse?", BOTH.format("horse", "read_text()")),
        ("Find the photos with both a bus and a person.", BOTH.format("bus", 'detect("person")')),
        ("In which pictures are there boats as well as birds?", BOTH.format("boat", 'detect("bird")')),
        ("哪些图片里有马和文字？", BOTH.format("马", "read_text()")),
        ("哪几张照片里同时有狗和自行车？", BOTH.format("狗", 'detect("自行车")')),
        ("Which of these show a dog?", ""),
        ("Which of these show a dog and what is it doing?", ""),
        ("What is the text and who wrote it?", ""),
        ("哪些图片里有马？", ""),
    ],
)
def test_two_things_are_looked_for_in_the_same_pictures(question: str, plan: str) -> None:
    steps = about_pictures(question, pictures(3), TOOLS)
    assert all(step.pop("image", ["image1", "image2", "image3"]) == ["image1", "image2", "image3"] for step in steps)
    assert steps == (read_plan(plan, SPECS) if plan else [])


SHARE = 'measure(segment(phrase="{}"),"area_share")'


@pytest.mark.parametrize(
    ("question", "plan"),
    [
        ("How much of the picture does the horse cover?", SHARE.format("horse")),
        ("what percentage of the image is taken up by the boats", SHARE.format("boat")),
        ("How much space does the dog take up in the photo?", SHARE.format("dog")),
        ("狗占了画面的多少？", SHARE.format("狗")),
        ("马占图片的百分之几？", SHARE.format("马")),
        ("How much does the coffee cost?", ""),
        ("How much is covered by the insurance?", SHARE.format("insurance")),
        ("What part of the picture is blue?", ""),
        ("这张图占多少？", ""),
    ],
)
def test_the_share_of_a_picture_is_measured_on_an_outline(question: str, plan: str) -> None:
    steps = about_pictures(question, pictures(1), TOOLS)
    assert all(step.pop("image", "image1") == "image1" for step in steps)
    assert steps == (read_plan(plan, SPECS) if plan else [])


def test_nothing_is_planned_without_the_tools_or_of_clips() -> None:
    clip = {"video1": MediaInfo(hash="0" * 64, kind="video", name="a.mp4")}
    assert not about_pictures("Which of these show a dog and text?", pictures(2), TOOLS.without(["in_same_picture"]))
    assert not about_pictures("How much of the picture does the dog cover?", clip, TOOLS)
