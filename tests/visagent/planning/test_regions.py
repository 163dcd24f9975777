"""What a question points at, and how it is put to a planner that knows pictures alone."""

from __future__ import annotations

import json

import pytest
from pydantic import JsonValue

from visagent.media.media import MediaInfo
from visagent.models.protocol import Capabilities
from visagent.planning import controller
from visagent.planning.controller import Controller
from visagent.planning.plan import compile_plan, parse_plan
from visagent.planning.regions import pointed_at, without_regions
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Toolkit
from visagent_tools.read_text import read_text
from visagent_tools.text import contains

PICTURE = MediaInfo(hash="0" * 64, kind="image", name="a.jpg", width=100, height=80)


def region(name: str) -> MediaInfo:
    return PICTURE.model_copy(update={"name": name, "region": (10.0, 10.0, 50.0, 40.0)})


ONE = {"image1": PICTURE, "image1#r1": region("r1")}
TWO = {**ONE, "image1#r2": region("r2")}


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("What does r1 say?", ["image1", "image1#r1"]),
        ("r2写着什么？", ["image1", "image1#r2"]),
        ("Does R1 say the same as image1#r2?", ["image1", "image1#r1", "image1#r2"]),
        ("What does it say?", ["image1", "image1#r1", "image1#r2"]),
        ("What is on r10?", ["image1", "image1#r1", "image1#r2"]),
    ],
)
def test_a_region_that_the_question_names_leaves_out_those_that_it_does_not(question: str, meant: list[str]) -> None:
    assert list(pointed_at(question, TWO)) == meant


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What does r1 say?", "What does the picture say?"),
        ("What is in the region r1?", "What is in the picture?"),
        ("r1写着什么？", "图片写着什么？"),
        ("How many words are in Chapter1?", "How many words are in Chapter1?"),
    ],
)
def test_one_region_is_the_picture_for_a_planner_that_knows_pictures_alone(question: str, asked: str) -> None:
    plain = without_regions(question, ONE)
    assert plain.question == asked
    assert list(plain.media) == ["image1"] and plain.names == {"image1": "image1#r1"}


def test_two_regions_are_two_pictures() -> None:
    plain = without_regions("Is r1 the same as r2?", TWO)
    assert plain.question == "Is picture 1 the same as picture 2?"
    assert plain.names == {"image1": "image1#r1", "image2": "image1#r2"}


def test_a_region_of_a_clip_is_the_video_for_a_planner_that_knows_whole_clips_alone() -> None:
    clip = MediaInfo(hash="1" * 64, kind="video", name="a.mp4", width=100, height=80, seconds=9, has_audio=True)
    door = clip.model_copy(update={"name": "door", "region": (10.0, 10.0, 50.0, 40.0), "has_audio": False})
    plain = without_regions("How many people pass through door?", {"video1": clip, "video1#door": door})
    assert plain.question == "How many people pass through the video?"
    assert list(plain.media) == ["video1"] and plain.names == {"video1": "video1#door"}


def test_without_regions_nothing_is_changed() -> None:
    assert without_regions("What does it say?", {"image1": PICTURE}) == ("What does it say?", {"image1": PICTURE}, {})


TOOLS = Toolkit([read_text, contains])


@pytest.mark.parametrize(
    ("step", "image"),
    [
        ({}, "image1#r1"),
        ({"image": "image1"}, "image1"),
        ({"image": "image1#r1"}, "image1#r1"),
    ],
)
def test_a_picture_that_a_plan_leaves_out_is_the_region_that_was_pointed_at(
    step: dict[str, JsonValue], image: str
) -> None:
    plan = parse_plan(json.dumps({"steps": [{"tool": "read_text", **step}]}))
    tree = compile_plan("What does r1 say?", plan, TOOLS, ONE, lambda call, earlier: "?")
    assert tree["q1"].solver.arguments == {"image": image}


async def test_the_plan_of_a_planner_that_knows_pictures_alone_names_the_regions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ScriptedModel('read_text(image="image2")')
    model.capabilities = Capabilities(media=frozenset())
    monkeypatch.setattr(controller, "known_tools", lambda name: frozenset(TOOLS))
    reply = await Controller(model, TOOLS).plan("Is the text of r2 longer than that of r1?", TWO)
    assert "Is the text of picture 2 longer than that of picture 1?" in model.prompts[0] and "#" not in model.prompts[0]
    assert json.loads(reply.text) == {"steps": [{"tool": "read_text", "image": "image1#r2"}]}
