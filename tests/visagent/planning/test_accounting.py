"""What a plan leaves out of its question."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.accounting import counts_unasked, places_left_out, words_left_out
from visagent.planning.fallbacks import PLACES
from visagent.planning.plan_language import read_plan
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Toolkit, ToolSpec


@pytest.fixture(scope="module")
def specs() -> dict[str, ToolSpec]:
    return {name: tool.spec for name, tool in Toolkit.installed().items()}


@pytest.mark.parametrize(
    ("question", "plan", "missing"),
    [
        ("How many red cars are there?", 'count(detect("car"))', ("red",)),
        ("How many red cars are there?", 'count(filter_color(detect("car"),"red"))', ()),
        ("Is the grey cat here?", 'exists(filter_color(detect("cat"),"gray"))', ()),
        ("Are there more than 7 ducks?", 'exists(detect("duck"))', ("7",)),
        ("What does he say after 2 minutes?", "transcribe(after=120)", ()),
        ("What is at 1:30?", "caption(frame(90))", ()),
        ("What does the third line say?", "read_text()", ("third",)),
        ("At which second is it said?", 'find_text(transcribe(),"it")', ()),
        ("Is it red or black?", "dominant_colors()", ()),
        ("Is any of these 3 pictures a boat?", 'exists(detect("boat"))', ()),
        ("有几辆红色的车？", 'count(detect("车"))', ("红色",)),
        ("第三行写的什么？", "read_text()", ("第三",)),
        ("第三行写的什么？", "pick(read_text(),3)", ()),
        ("are the cat and dog looking at each other?", 'exists(detect("cat")); exists(detect("dog"))', ("looking",)),
        ("is anyone smoking", 'exists(detect("person"))', ("smoking",)),
        ("How many people are smiling?", 'count(detect("person"))', ("smiling",)),
        ("How many people got wet?", 'count(detect("people"))', ("wet",)),
        ("how many dogs have a collar", 'count(detect("dog"))', ("collar",)),
        ("How many people are on the pier?", 'count(detect("people"))', ()),
        ("how many of them are there", 'count(detect("people"))', ()),
        ("Is the lamp on?", 'exists(detect("lamp"))', ("on",)),
        ("Is the baby asleep?", 'exists(detect("baby"))', ("asleep",)),
        ("does the man wear a hat", 'exists(detect("man"))', ("wear",)),
        ("那只猫在睡觉吗", 'exists(detect("猫"))', ("在睡",)),
        ("Is there a man standing here?", 'exists(detect("man"))', ()),
        ("Is the lamp on the table?", 'exists(detect("lamp"))', ()),
        ("is that a building or a king?", 'exists(detect("building")); exists(detect("king"))', ()),
        ("Is the woman holding an umbrella?", 'exists(overlaps(detect("woman"),detect("umbrella")))', ()),
        ("Who painted the red house?", 'unanswerable("no_tool")', ()),
        ("what does r1 say?", "read_text()", ()),
    ],
)
def test_colours_numbers_ordinals_and_what_is_said_of_things_are_accounted_for(
    question: str, plan: str, missing: tuple[str, ...], specs: dict[str, ToolSpec]
) -> None:
    assert words_left_out(question, read_plan(plan, specs)) == missing


async def test_a_plan_that_leaves_a_colour_out_is_sampled_again(
    monkeypatch: pytest.MonkeyPatch, specs: dict[str, ToolSpec]
) -> None:
    from visagent.planning import controller

    monkeypatch.setattr(controller, "known_tools", lambda name: frozenset(specs))
    poor, right = 'count(detect("car"))', 'count(filter_color(detect("car"),"red"))'
    media = {"image1": MediaInfo(hash="0" * 64, kind="image", name="image1")}
    for replies, tool, calls in (
        ((poor, right), "filter_color", 2),
        ((poor, poor, poor), "detect", 3),
        ((right,), "filter_color", 1),
    ):
        model = ScriptedModel(*replies)
        reply = await controller.Controller(model, Toolkit.installed()).plan("How many red cars are there?", media)
        assert tool in reply.text and len(model.conversations) == calls


SPECS = {name: tool.spec for name, tool in Toolkit.installed().items()}


@pytest.mark.parametrize(
    ("question", "plan", "places"),
    [
        ("Who feeds these goats and when?", 'count(detect("goat"))', (1,)),
        ("谁养的这些羊？", 'count(detect("羊"))', (1,)),
        ("How many goats are there and who feeds them?", 'count(detect("goat"))', ()),
        ("goats on the roof", 'count(detect("goat"))', ()),
        ("架子上有几本书？", 'count(extract(read_text(),"number"))', (2,)),
        ("How many numbers are on the page?", 'count(extract(read_text(),"number"))', ()),
        ("Who has more goats?", 'compare(count(detect("goat")),">",3)', ()),
    ],
)
def test_numbers_that_nobody_asks_for_are_noticed(question: str, plan: str, places: tuple[int, ...]) -> None:
    assert counts_unasked(question, read_plan(plan, SPECS)) == places


def test_whether_a_speech_holds_numbers_answers_no_question_about_a_thing() -> None:
    plan = read_plan('exists(extract(read_text(),"number"))', SPECS)
    assert counts_unasked("Is the thing that he lost on the shelf?", plan) == (2,)
    assert not counts_unasked("Are there any figures in it?", plan)


@pytest.mark.parametrize(
    ("question", "plan", "places"),
    [
        ("办公室里有几把椅子？", 'count(detect("椅子"))', ("办公室",)),
        ("How many people are in the kitchen?", 'count(detect("person"))', ("kitchen",)),
        ("How many people are in the picture?", 'count(detect("person"))', ()),
        ("图片里有几个人？", 'count(detect("人"))', ()),
        ("Is there a bed in the room?", 'exists(inside(detect("bed"),detect("room")))', ()),
        ("What is the price of the room?", 'find_number(read_text(),near="room")', ()),
    ],
)
def test_a_place_that_the_plan_leaves_out_is_told(
    question: str, plan: str, places: tuple[str, ...], specs: dict[str, ToolSpec]
) -> None:
    assert places_left_out(question, read_plan(plan, specs), PLACES) == places
