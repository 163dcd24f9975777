"""What is asked of plans, maps and instructions in plain words; all else is left to the planner."""

from __future__ import annotations

import pytest

from visagent.media.media import MediaInfo
from visagent.planning.label_questions import about_labels
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()


def pictures(number: int = 1) -> dict[str, MediaInfo]:
    return {f"image{n}": MediaInfo(hash=f"{n:064}", kind="image", name=f"{n}.png") for n in range(1, number + 1)}


def asked(question: str, number: int = 1) -> list[tuple[object, ...]]:
    """What follows the reading, without the names of the arguments."""
    steps = about_labels(question, pictures(number), TOOLS)
    return [tuple(value for name, value in step.items() if name != "text") for step in steps[1:]]


@pytest.mark.parametrize(
    ("question", "tool", "number"),
    [
        ("What am I supposed to do in step 4?", "step", 4),
        ("tell me step three please", "step", 3),
        ("Whats the last step?", "step", -1),
        ("第二步怎么做？", "step", 2),
        ("最后一步是什么？", "step", -1),
        # What does not ask is left aside.
        ("My glasses are broken. What does step 2 say?", "step", 2),
        ("Following this leaflet, what comes in step 3?", "step", 3),
    ],
)
def test_a_step_is_asked_for_by_its_number(question: str, tool: str, number: int) -> None:
    assert asked(question) == [(tool, number)]


@pytest.mark.parametrize(
    ("question", "plan"),
    [
        ("how many steps are there in this recipe", [("count_steps",)]),
        ("做这个要几步？", [("count_steps",)]),
        ("how large is the living room?", [("sizes", "living room")]),
        ("How many square metres does the balcony have", [("sizes", "balcony")]),
        ("客厅有多大？", [("sizes", "客厅")]),
        ("Which of the bathrooms is smaller?", [("sizes", "bathrooms", "least")]),
        ("what is the largest room", [("sizes", "most")]),
        ("哪个卧室最小？", [("sizes", "卧室", "least")]),
        ("How many people live in Alderby?", [("amount_for", "Alderby", "population")]),
        ("Alderby有多少人口", [("amount_for", "Alderby", "population")]),
        (
            "what is the total population of Alderby and Benton?",
            [
                ("amount_for", "Alderby", "population"),
                ("amount_for", "Benton", "population"),
                ("calculate", "a + b", "$q2", "$q3"),
            ],
        ),
        ("How many years does the timeline cover?", [("years",)]),
        ("这张地图跨越了多少年？", [("years",)]),
        ("How long should it stay in the oven?", [("time_for", "oven")]),
        ("用微波炉要热几分钟？", [("time_for", "微波炉")]),
        ("What temperature should I bake the muffins at?", [("temperature",)]),
        ("烤箱要预热到多少度？", [("temperature",)]),
        (
            "If I have four servings, how much protein is that?",
            [("find_number", "protein"), ("calculate", "a * 4", "$q2")],
        ),
        ("这盒有6份，全部喝完有多少克糖？", [("find_number", "sugar"), ("calculate", "a * 6", "$q2")]),
    ],
)
def test_labels_are_asked_for_in_plain_words(question: str, plan: list[tuple[object, ...]]) -> None:
    assert asked(question) == plan


@pytest.mark.parametrize(
    ("question", "word", "where"),
    [
        ("In this flow chart, what comes directly below the boiler?", "boiler", "below"),
        ("what's to the left of the pantry on the floor plan", "pantry", "left_of"),
        ("I look at the flat. What is right above the study in the plan?", "study", "above"),
        ("what stands beside the gate on this map?", "gate", "nearest"),
        ("which room lies next to the guest bathroom?", "guest bathroom", "nearest"),
        ("流程图里锅炉的下面是什么？", "锅炉", "below"),
    ],
)
def test_what_stands_beside_a_label_of_a_drawing_is_read(question: str, word: str, where: str) -> None:
    assert asked(question) == [("label_beside", word, where)]


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("Who is the panel on the top right supposed to be?", "top_right"),
        ("in this meme what is the bottom-left picture meant to be", "bottom_left"),
        ("左上角的图代表什么？", "top_left"),
    ],
)
def test_whom_a_part_of_a_picture_is_meant_to_show_is_read_there(question: str, part: str) -> None:
    assert about_labels(question, pictures(), TOOLS) == [
        {"tool": "crop", "image": "image1", "part": part},
        {"tool": "read_text", "image": "$q1"},
    ]


@pytest.mark.parametrize(
    "question",
    [
        "What is below the cat?",
        "What is the bottom left animal?",
        "What is the flower in the top right called?",
        "How many steps lead up to the church?",
        "What is on the last step?",
        "What comes after step 3?",
        "How big is the dog in the kitchen?",
        "Which dog is bigger?",
        "How many people live in this house?",
        "How many people of the group wear hats?",
        "how many people in uniform",
        "How many people are in the picture?",
        "How long is the oven?",
        "How hot is it in this town?",
        "How many servings of rice are there?",
        "How many people ate two servings?",
        "Which bedroom is bigger and what colour is it?",
        "What does step 2 say? And is there a cat?",
        "门口有几步台阶？",
        "",
    ],
)
def test_other_questions_are_left_to_the_planner(question: str) -> None:
    assert asked(question) == []


def test_of_several_pictures_only_the_steps_are_added_up() -> None:
    steps = about_labels("How many steps do both guides have?", pictures(2), TOOLS)
    assert steps == [{"tool": "read_text", "image": ["image1", "image2"]}, {"tool": "count_steps", "text": "$q1"}]
    assert about_labels("What does step 2 say?", pictures(2), TOOLS) == []


def test_nothing_is_planned_without_the_tools_or_for_other_media() -> None:
    assert about_labels("What does step 2 say?", pictures(), TOOLS.without(["step"])) == []
    clip = {"video1": MediaInfo(hash="0" * 64, kind="video", name="a.mp4")}
    assert about_labels("What does step 2 say?", clip, TOOLS) == []
