"""A third party's tools are spoken of as well as the first-party ones: their phrases and flags come with them."""

from __future__ import annotations

from typing import Any

import pytest

from visagent.answering.phrasing import phrase
from visagent.answering.refiner import refine
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Boolean, Box, Boxes, Crop, Evidence, Line, Number, Text, Value
from visagent.media.media import MediaInfo
from visagent.planning.plan_language import plan_grammar
from visagent.tools.toolkit import Formula, Toolkit, ToolPhrases, tool

Step = tuple[str, dict[str, Any], Value]


@tool(
    phrases={
        "en": ToolPhrases(
            question="Where are the sheep{{ image.on }}?",
            noun={"objects": True, "one": "sheep", "after": "{{ image.within }}"},
        ),
        "zh": ToolPhrases(question="羊在哪里？", noun={"objects": True, "one": "羊"}),
    }
)
def find_sheep(image: Crop) -> Boxes:
    """Find the sheep."""
    return Boxes(media=image.media, boxes=())


@tool(
    phrases={
        "en": ToolPhrases(
            question="How many {{ herd.bares }} stand together?",
            noun={"one": "size", "after": " of the herd of {{ herd.bares }}"},
            answers={"one": "the herd has {{ value }} {{ herd.bares }}"},
            counts="herd",
        ),
        "zh": ToolPhrases(
            question="有多少{{ herd.measure }}{{ herd.bare }}站在一起？",
            noun={"one": "{{ herd.bare }}群的大小"},
            answers={"one": "羊群有 {{ value }} {{ herd.measure }}{{ herd.bare }}"},
            counts="herd",
        ),
    }
)
def herd_size(herd: Boxes) -> Number:
    """Count a herd."""
    return Number(value=len(herd.boxes))


@tool(
    phrases={
        "en": ToolPhrases(
            question="Is {{ one.the }} larger than {{ other.the }}?",
            noun={"one": "whether {{ one.the }} is larger", "proper": True},
            clause="{{ one.the }} is larger than {{ other.the }}",
            denied="{{ one.the }} is not larger than {{ other.the }}",
            compares=("one", "other"),
            facts={
                "counts": {">": "{{ x }} against {{ y }}", "<": "only {{ x }} against {{ y }}", "=": "both {{ x }}"},
                "numbers": {
                    ">": "{{ shown_one }} beats {{ shown_other }}",
                    "<": "{{ shown_one }} loses",
                    "=": "a draw",
                },
                "shown": "{{ noun.the }}, {{ value }}",
            },
            names_numbers=True,
        )
    }
)
def larger(one: float, other: float) -> bool:
    """Compare two sizes."""
    return one > other


@tool(
    phrases={
        "en": ToolPhrases(
            question="Does none of it hold?",
            noun={"one": "whether all hold", "proper": True},
            clause="all hold",
            denied="not all hold",
            joins="all",
        )
    }
)
def every(values: list[bool]) -> bool:
    """Whether all hold."""
    return all(values)


@tool(
    phrases={
        "en": ToolPhrases(
            question="What is {{ rule }}?",
            noun={"one": "price", "after": " by {{ rule }}"},
            answers={"one": "{{ worked }} makes {{ value }}", "many": "{{ worked }} makes {{ value }}"},
            formula="rule",
            names_numbers=True,
        )
    }
)
def price(rule: Formula, heads: float) -> Number:
    """Work out a price by a rule in heads."""
    return Number(value=heads)


@tool(
    phrases={
        "en": ToolPhrases(
            question="Which lines warn?",
            noun={"one": "warning", "after": " in {{ text.the }}"},
            answers={"one": "a warning reads {{ quoted }}"},
            says_where=True,
        )
    }
)
def warnings(text: Text) -> Text:
    """Find the warnings in a text."""
    return text


def said(*steps: Step, language: str = "en") -> list[str]:
    nodes: dict[str, SubQuestion] = {}
    found = {}
    for number, (name, arguments, value) in enumerate(steps, 1):
        id_, call = f"q{number}", ToolCall(tool=name, arguments=arguments)
        nodes[id_] = SubQuestion(id=id_, question=phrase(call, nodes, language), solver=call)
        found[id_] = Evidence(id=id_, tool=name, arguments=arguments, value=value)
    return [claim.text for claim in refine(build_tree("?", list(nodes.values())), found, language)]


def sheep(number: int) -> Step:
    box = Box(xyxy=(0, 0, 9, 9), label="sheep", confidence=0.9)
    return "find_sheep", {"image": "image1"}, Boxes(media="m", boxes=(box,) * number)


def test_a_stranger_s_counter_counts_and_its_numbers_can_be_compared() -> None:
    two = [sheep(3), ("herd_size", {"herd": "$q1"}, Number(value=3))]
    assert said(*two) == ["The herd has 3 sheep [q2]."]
    assert said(*two, language="zh") == ["羊群有 3 只羊 [q2]。"]
    other = [sheep(3), two[1], ("herd_size", {"herd": "$q1"}, Number(value=5))]
    compared = said(*other, ("larger", {"one": "$q2", "other": "$q3"}, Boolean(value=False)))
    assert compared == ["No, only 3 against 5 [q2, q3, q4]."]


def test_a_stranger_s_comparison_says_both_numbers() -> None:
    steps = [sheep(3), ("herd_size", {"herd": "$q1"}, Number(value=3))]
    assert said(*steps, ("larger", {"one": 4, "other": 3}, Boolean(value=True)))[-1] == "Yes, 4 beats 3 [q3]."


def test_a_stranger_s_conjunction_says_which_part_failed() -> None:
    steps: list[Step] = [
        sheep(3),
        ("larger", {"one": 4, "other": 3}, Boolean(value=True)),
        ("larger", {"one": 2, "other": 3}, Boolean(value=False)),
        ("every", {"values": ["$q2", "$q3"]}, Boolean(value=False)),
    ]
    assert said(*steps)[-1] == "No, 2 loses [q3, q4]."


def test_a_stranger_s_formula_is_shown_worked_out_and_need_not_stand_in_the_question() -> None:
    steps: list[Step] = [
        sheep(3),
        ("herd_size", {"herd": "$q1"}, Number(value=3)),
        ("price", {"rule": "heads * 2 + 1", "heads": "$q2"}, Number(value=7)),
    ]
    assert said(*steps) == ["3 * 2 + 1 makes 7 [q2, q3]."]
    picture = MediaInfo.model_validate({"hash": "0" * 64, "kind": "image", "name": "a.png"})
    specs = {name: one.spec for name, one in Toolkit([find_sheep, herd_size, price]).items()}
    rule = next(line for line in plan_grammar(specs, {"image1": picture}, "How dear?").splitlines() if "price-" in line)
    assert "expression-literal" in rule and "text-literal" not in rule


def test_a_stranger_s_finder_says_on_which_page() -> None:
    line = Line(text="Beware", confidence=0.9, media="p2")
    value = Text(text="Beware", lines=(line,), pictures=("p1", "p2"))
    read: Step = ("read_text", {"image": ["image1", "image2"]}, value)
    assert said(read, ("warnings", {"text": "$q1"}, value)) == ['A warning reads "Beware" (in picture 2) [q2].']


@pytest.mark.parametrize(
    ("label", "measured"),
    [("dog", "2 只狗"), ("bus", "2 辆公交车"), ("book", "2 本书"), ("bed", "2 张床"), ("horse", "2 匹马"),
     ("cow", "2 头牛"), ("knife", "2 把刀"), ("person", "2 个人"), ("bottle", "2 个瓶子"), ("drone", "2 个drone")],
)  # fmt: skip
def test_chinese_counts_use_the_nouns_measure_word(label: str, measured: str) -> None:
    found = Boxes(media="m", boxes=(Box(xyxy=(0, 0, 9, 9), label=label, confidence=0.9),) * 2)
    detect: Step = ("detect", {"image": "image1", "label": label}, found)
    assert said(detect, language="zh") == [f"找到了 {measured} [q1]。"]
    assert said(detect, ("count", {"items": "$q1"}, Number(value=2)), language="zh") == [f"有 {measured} [q2]。"]


def test_a_chinese_count_says_first_where_and_keeps_the_color_with_the_noun() -> None:
    found = Boxes(media="m", boxes=(Box(xyxy=(0, 0, 9, 9), label="car", confidence=0.9),) * 2)
    steps: list[Step] = [
        ("detect", {"image": "image1", "label": "car"}, found),
        ("filter_color", {"boxes": "$q1", "color": "red"}, found),
        ("detect", {"image": "image1", "label": "tree"}, found),
        ("left_of", {"a": "$q2", "b": "$q3"}, found),
        ("count", {"items": "$q4"}, Number(value=2)),
    ]
    assert said(*steps, language="zh") == ["tree左边有 2 辆红色的汽车 [q5]。"]
