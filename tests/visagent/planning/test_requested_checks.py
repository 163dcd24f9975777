"""A wish in one of the forms that a look is taught becomes steps without a planner; anything else is left to one."""

import pytest

from visagent.core.text import QUOTE_LIMIT
from visagent.evidence.values import Crop, Look
from visagent.media.media import MediaInfo
from visagent.planning.requested_checks import Step, only_numbers, planned_checks, with_numbers_inside
from visagent.tools.toolkit import Toolkit

SOUND = {"audio1": True, "video1": True}
MEDIA = {
    name: MediaInfo.model_validate(
        {"hash": "0" * 64, "kind": name[:-1], "name": name, "has_audio": SOUND.get(name, False)}
    )
    for name in ("image1", "image2", "audio1", "video1")
}
NAMES = ("locate", "count", "calculate", "transcribe", "frame")
INSTALLED = Toolkit.installed()
TOOLS = {name: INSTALLED[name] for name in NAMES}
REGION = Crop(media="0" * 64, xyxy=(1, 2, 30, 40), label="label")


def steps(*wishes: str, media: str = "image1", regions: int = 0, tools: tuple[str, ...] = NAMES) -> list[Step] | None:
    look = Look(text="So it is.", sure=0.7, checks=wishes, regions=(REGION,) * regions)
    return planned_checks(
        look, {name: MEDIA[name] for name in media.split()}, {name: INSTALLED[name] for name in tools}
    )


def test_things_are_counted_over_boxes_and_over_several_pictures_added_up() -> None:
    assert steps("count: red cups") == [
        {"tool": "locate", "image": "image1", "phrase": "red cups", "by_parts": True},
        {"tool": "count", "items": "$q1"},
    ]
    both = steps("count: cups", media="image1 image2")
    assert both is not None and both[-1] == {"tool": "calculate", "expression": "a + b", "a": "$q2", "b": "$q4"}
    one = steps("count: cups in image2", media="image1 image2")
    assert one is not None and len(one) == 2
    assert one[0] == {"tool": "locate", "image": "image2", "phrase": "cups", "by_parts": True}


def test_counts_in_more_pictures_than_a_sum_takes_numbers_are_added_up_in_turn() -> None:
    five = {f"image{number}": MEDIA["image1"] for number in range(1, 6)}
    found = planned_checks(Look(text="9.", sure=0.7, checks=("count: cups",)), five, TOOLS)
    assert found is not None and len(found) == 12
    assert found[10:] == [
        {"tool": "calculate", "expression": "a + b + c", "a": "$q2", "b": "$q4", "c": "$q6"},
        {"tool": "calculate", "expression": "a + b + c", "a": "$q11", "b": "$q8", "c": "$q10"},
    ]
    assert (
        planned_checks(Look(text="9.", sure=0.7, checks=("count: cups",)), {**five, "image6": MEDIA["image1"]}, TOOLS)
        is None
    )


@pytest.mark.parametrize(
    ("given", "expression", "names"),
    [
        ({"expression": "a+b+c+d", "a": 1, "b": 2, "c": 3.5, "d": -4}, "(a)+(2)+(3.5)+(-4)", {"a": 1.0}),
        ({"expression": "x * 2 + y", "x": "$q1", "y": "$q2"}, "a * 2 + b", {"a": "$q1", "b": "$q2"}),
        ({"expression": "max(a, d) + 1", "a": "$q1", "d": 7}, "max(a, (7)) + 1", {"a": "$q1"}),
        ({"expression": "3 + 4"}, "a + 4", {"a": 3.0}),
        ({"expression": "a + b", "a": 1, "b": 2}, "a + b", {"a": 1, "b": 2}),
        ({"expression": "open(a)", "z": "/etc"}, "open(a)", {"a": "/etc"}),
    ],
)
def test_a_planned_sum_of_many_numbers_is_written_as_the_tool_takes_it(
    given: Step, expression: str, names: Step
) -> None:
    assert (
        with_numbers_inside({"tool": "calculate", **given}) == {"tool": "calculate", "expression": expression} | names
    )


def test_a_sum_of_more_references_than_the_tool_takes_is_left_to_be_refused() -> None:
    step = {"tool": "calculate", "expression": "a+b+c+d"} | {name: f"$q{at}" for at, name in enumerate("abcd", 1)}
    assert with_numbers_inside(step) == step


def test_a_second_wish_refers_to_its_own_steps() -> None:
    found = steps("count: cups", "count: plates")
    assert found is not None and [step.get("items") for step in found] == [None, "$q1", None, "$q3"]


def test_what_has_a_region_is_enlarged_by_the_closer_look_and_what_has_none_is_located() -> None:
    assert steps("zoom: the label", regions=1) == []
    assert steps("zoom: the label") == [{"tool": "locate", "image": "image1", "phrase": "the label"}]
    assert steps(regions=1) == [] and steps() is None
    fewer = steps("zoom: the label", "zoom: the seal", regions=1)
    assert fewer is not None and len(fewer) == 2


@pytest.mark.parametrize(
    ("written", "question", "expression", "a"),
    [
        ("12 * 3.50 + 4", "12 * 3.50 + 4 = ?", "a * 3.50 + 4", 12.0),
        ("(1,250 + 30) × 2 = 999", "(1250 + 30) × 2 = ?", "(a + 30) × 2", 1250.0),
        ("$4.20 - $1.10", "4.20 - 1.10 = ?", "a - 1.10", 4.2),
        ("-5 + 8", "-5 + 8 = ?", "-a + 8", 5.0),
    ],
)
def test_a_sum_is_worked_out_and_what_stands_behind_its_equals_sign_is_not_believed(
    written: str, question: str, expression: str, a: float
) -> None:
    step = {"tool": "calculate", "question": question, "expression": expression, "a": a}
    assert steps(f"calculate: {written}") == [step]


def test_sound_is_transcribed_and_a_moment_of_a_video_is_looked_at() -> None:
    assert steps("hear: audio1", media="image1 audio1") == [{"tool": "transcribe", "audio": "audio1"}]
    assert steps("frame: video1 12.5", media="video1") == [{"tool": "frame", "video": "video1", "seconds": 12.5}]
    assert steps("frame：3 s", media="video1") == [{"tool": "frame", "video": "video1", "seconds": 3.0}]


@pytest.mark.parametrize(
    "wish",
    [
        "read the prices and add them up",
        "calculate: the total of all rows",
        "calculate: __import__('os')",
        "send: a letter",
        "hear: the speaker",
        "frame: the end",
        "count:",
        "calculate: " + "1 + " * (QUOTE_LIMIT // 4) + "1",
    ],
)
def test_what_has_no_such_form_is_left_to_the_planner_and_all_that_stands_beside_it(wish: str) -> None:
    assert steps(wish) is None and steps("count: cups", wish) is None


def test_without_the_tool_the_planner_is_asked() -> None:
    assert steps("count: cups", tools=("count",)) is None


def test_only_counts_and_sums_can_be_borne_out_by_numbers_alone() -> None:
    assert only_numbers(Look(text="5.", checks=("count: cups", "calculate: 2 + 3")))
    assert not only_numbers(Look(text="5.", checks=("count: cups", "zoom: the label")))
    assert not only_numbers(Look(text="5."))
