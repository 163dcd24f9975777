import json
from typing import Any, Literal

import pytest

from visagent.core.errors import PlanError
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Boxes, Crop, Labels, Number, Text
from visagent.media.media import MediaInfo
from visagent.planning.plan import Plan, check_outline, compile_plan, name_media, parse_plan
from visagent.planning.plan_schema import plan_schema
from visagent.tools.toolkit import Audio, Clip, Toolkit, tool


@tool
def detect(image: Crop, label: str) -> Boxes:
    """Find objects."""
    raise AssertionError


@tool
def count(items: Boxes | Labels) -> Number:
    """Count."""
    raise AssertionError


@tool
def hear(audio: Audio) -> Text:
    """Hear."""
    raise AssertionError


@tool
def compare(a: float, op: Literal["<", ">"], b: float) -> bool:
    """Compare."""
    raise AssertionError


@tool
def every(values: list[bool]) -> bool:
    """All."""
    raise AssertionError


TOOLS = Toolkit([detect, count, hear, compare, every])
IMAGE = MediaInfo(hash="a" * 64, kind="image", name="a.jpg")
AUDIO = MediaInfo(hash="b" * 64, kind="audio", name="b.wav", has_audio=True)
MUTE = MediaInfo(hash="c" * 64, kind="video", name="c.mp4")
ONE = name_media([IMAGE])


def compiled(steps: list[dict[str, Any]], media: dict[str, MediaInfo] = ONE, **options: Any) -> QuestionTree:
    return compile_plan("?", Plan(steps=steps), TOOLS, media, lambda call, earlier: str(call), **options)


def test_media_are_named_by_kind_in_the_order_given() -> None:
    assert list(name_media([IMAGE, AUDIO, IMAGE, MUTE])) == ["image1", "audio1", "image2", "video1"]


def test_a_plan_becomes_a_tree_and_the_only_medium_is_filled_in() -> None:
    tree = compiled([{"tool": "detect", "label": "dog"}, {"tool": "count", "items": "$q1"}])
    assert str(tree["q1"].solver) == "detect(image='image1', label='dog')"
    assert tree["q2"].needs == ("q1",) and tree.sinks == ("q2",)


def test_a_region_found_earlier_can_stand_for_an_image() -> None:
    tree = compiled([{"tool": "detect", "label": "dog"}, {"tool": "detect", "image": "$q1", "label": "collar"}])
    assert tree["q2"].needs == ("q1",)


def test_steps_that_repeat_an_earlier_one_are_merged_into_it() -> None:
    tree = compiled(
        [
            {"tool": "detect", "label": "dog"},
            {"tool": "detect", "image": "image1", "label": "dog"},
            {"tool": "count", "items": "$q2"},
        ]
    )
    assert [node.id for node in tree.nodes] == ["q1", "q3"] and tree["q3"].needs == ("q1",)


def test_words_of_the_plan_are_kept_and_others_are_phrased() -> None:
    tree = compiled([{"tool": "detect", "question": "Where are dogs?", "label": "dog"}])
    assert tree["q1"].question == "Where are dogs?"


def test_an_unanswerable_question_has_no_nodes_and_a_reason() -> None:
    tree = compiled([{"tool": "unanswerable", "reason": "no_audio"}])
    assert len(tree) == 0 and tree.unanswerable == "it asks about sound, and none was given"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "no step"),
        ([{"tool": "fly"}], "'fly', which is no tool"),
        ([{"tool": "detct"}], r"'detct', which is no tool\. Did you mean 'detect'\?"),
        ([{"label": "dog"}], "None, which is no tool"),
        (
            [{"tool": "unanswerable", "reason": "no_tool"}, {"tool": "detect", "label": "x"}],
            "'unanswerable', which is no",
        ),
        ([{"tool": "detect"}], "lacks 'label'"),
        ([{"tool": "detect", "label": ""}], "label cannot be ''"),
        ([{"tool": "detect", "label": 7}], "label cannot be 7"),
        ([{"tool": "detect", "label": "x", "size": 3}], "has no argument 'size'"),
        ([{"tool": "detect", "label": "x", "image": "image2"}], "image cannot be 'image2'"),
        ([{"tool": "detect", "label": "x", "image": "/etc/passwd"}], "image cannot be '/etc/passwd'"),
        ([{"tool": "hear"}], "lacks 'audio'"),
        ([{"tool": "count", "items": "$q1"}], r"refers to \$q1, which no earlier step is"),
        ([{"tool": "count", "items": "$q2"}, {"tool": "detect", "label": "x"}], r"refers to \$q2, which no earlier"),
        ([{"tool": "count", "items": "dogs"}], "items cannot be 'dogs'"),
        (
            [{"tool": "detect", "label": "x"}, {"tool": "count", "items": "$q1"}, {"tool": "count", "items": "$q2"}],
            r"items cannot be \$q2, a number",
        ),
        ([{"tool": "compare", "a": 1, "op": "~", "b": 2}], "op cannot be '~'"),
        ([{"tool": "compare", "a": True, "op": "<", "b": 2}], "a cannot be True"),
        ([{"tool": "every", "values": []}], "values is an empty list"),
        ([{"tool": "every", "values": [[True]]}], "a list in a list"),
        ([{"tool": "detect", "label": "x"}] * 13, "13 steps"),
    ],
)
def test_a_wrong_plan_is_refused_with_a_message_that_a_controller_can_repair_from(
    steps: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(PlanError, match=message) as refused:
        compiled(steps)
    assert refused.value.remedy


def test_with_two_images_the_plan_has_to_say_which() -> None:
    two = name_media([IMAGE, IMAGE])
    with pytest.raises(PlanError, match="lacks 'image'.*image1, image2"):
        compiled([{"tool": "detect", "label": "dog"}], two)


def test_a_video_without_sound_cannot_be_heard() -> None:
    with pytest.raises(PlanError, match="lacks 'audio'"):
        compiled([{"tool": "hear"}], name_media([MUTE]))


@pytest.mark.parametrize("text", ["", "no", "[]", '{"steps": 3}', '{"steps": []', '{"steps": [], "more": 1}'])
def test_a_reply_that_is_no_plan_is_a_plan_error(text: str) -> None:
    with pytest.raises(PlanError, match="not a plan"):
        parse_plan(text)


def test_the_schema_offers_only_tools_whose_media_were_given() -> None:
    def offered(media: list[MediaInfo]) -> list[str]:
        steps = plan_schema(TOOLS, name_media(media))["properties"]["steps"]["items"]["anyOf"]
        return [step["properties"]["tool"]["const"] for step in steps]

    assert offered([IMAGE]) == ["detect", "count", "compare", "every", "unanswerable"]
    assert offered([AUDIO]) == ["count", "hear", "compare", "every", "unanswerable"]
    assert offered([MUTE, IMAGE]) == ["detect", "count", "compare", "every", "unanswerable"]


def test_the_schema_requires_an_image_only_where_several_would_fit() -> None:
    def required(media: list[MediaInfo]) -> list[str]:
        schema = plan_schema(TOOLS, name_media(media))
        return list(schema["properties"]["steps"]["items"]["anyOf"][0]["required"])

    assert required([IMAGE]) == ["tool", "label"]
    assert required([IMAGE, IMAGE]) == ["tool", "image", "label"]


def test_the_schema_can_ask_for_words_and_stays_json() -> None:
    schema = plan_schema(TOOLS, ONE, questions=True, max_steps=3)
    assert json.loads(json.dumps(schema))["properties"]["steps"]["maxItems"] == 3
    assert all("question" in step["required"] for step in schema["properties"]["steps"]["items"]["anyOf"][:-1])


STEPS = [{"tool": "detect", "label": "dog"}, {"tool": "largest", "items": "$q1"}, {"tool": "count", "items": "$q2"}]


@pytest.mark.parametrize(
    "outline",
    [
        [STEPS[0], None, {"tool": "count"}],
        [{"tool": "detect"}, None],
        [None, {"tool": "count"}],
        [None, {"tool": "largest"}, None],
        [STEPS[0], {"tool": "largest"}, None],
        [],
    ],
)
def test_a_plan_that_keeps_the_given_steps_in_order_passes(outline: list[dict[str, str] | None]) -> None:
    check_outline(Plan(steps=STEPS), outline)


@pytest.mark.parametrize(
    "outline",
    [
        [{"tool": "detect", "label": "cat"}, None],
        [{"tool": "largest"}, None],
        [STEPS[0], {"tool": "count"}, None],
        [None, {"tool": "largest"}],
        [None, {"tool": "count"}, None, {"tool": "detect"}],
    ],
)
def test_a_plan_that_drops_moves_or_outruns_a_given_step_is_refused(outline: list[dict[str, str] | None]) -> None:
    with pytest.raises(PlanError, match="given step"):
        check_outline(Plan(steps=STEPS), outline)


@tool
def read(image: list[Crop]) -> Text:
    """Read."""
    raise AssertionError


@tool
def length(clip: Clip) -> Number:
    """How long."""
    raise AssertionError


def test_all_pictures_are_meant_where_a_tool_takes_several_and_none_is_named() -> None:
    media = name_media([IMAGE, AUDIO, IMAGE])
    tree = compile_plan("?", Plan(steps=[{"tool": "read"}]), Toolkit([read]), media, lambda call, _: str(call))
    assert tree["q1"].solver.arguments == {"image": ["image1", "image2"]}
    with pytest.raises(PlanError, match="lacks 'image'"):
        compiled([{"tool": "detect", "label": "dog"}], media)


def test_a_clip_may_be_silent() -> None:
    media = name_media([MUTE])
    tree = compile_plan("?", Plan(steps=[{"tool": "length"}]), Toolkit([length]), media, lambda call, _: str(call))
    assert tree["q1"].solver.arguments == {"clip": "video1"}
    with pytest.raises(PlanError, match="hear"):
        compiled([{"tool": "hear"}], media)


def test_a_part_that_no_tool_can_answer_is_kept_as_a_reason() -> None:
    tree = compiled([{"tool": "detect", "label": "dog"}, {"tool": "unanswerable", "reason": "no_audio"}])
    assert tree.sinks == ("q1",) and tree.unanswerable is None
    assert tree.left_out == ("it asks about sound, and none was given",)
