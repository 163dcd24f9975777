"""Questions for tools of which only schema and docstring are known."""

from __future__ import annotations

from random import Random

import pytest

from visagent.evidence.values import Boolean, Boxes, Crop, Number, Text
from visagent.tools.toolkit import Audio, Toolkit, ToolSpec, tool
from visagent_training.described import described_examples, described_tools
from visagent_training.instruct import grounded


@tool
def brightness(image: Crop) -> Number:
    """Measure how bright a picture or object is."""
    return Number(value=1)


@tool
def find_potholes(image: Crop) -> Boxes:
    """Find potholes in a road."""
    return Boxes(media=image.media)


@tool
def is_open(image: Crop) -> Boolean:
    """Tell whether a door is open or closed."""
    return Boolean(value=True)


@tool
def tyre_pressure(image: Crop) -> Number:
    """Estimate the tyre pressure, in bar, from a photo of a wheel."""
    return Number(value=1)


@tool
def keep_wet(boxes: Boxes) -> Boxes:
    """Keep the objects that are wet."""
    return boxes


@tool
def translate(text: Text, language: str) -> Text:
    """Translate a text."""
    return text


@tool
def distance(a: Boxes, b: Boxes) -> Number:
    """Measure the distance between two objects, in pixels."""
    return Number(value=1)


@tool
def speaker(clip: Audio) -> str:
    """Name the speaker of a recording."""
    return ""


@tool
def florble(image: Crop, level: int) -> str:
    """Florble everything twice."""
    return ""


OWN = [brightness, find_potholes, is_open, tyre_pressure, keep_wet, distance, translate, speaker, florble]
NAMES = [item.spec.name for item in OWN]


def all_specs() -> dict[str, ToolSpec]:
    return {name: item.spec for name, item in Toolkit([*Toolkit.installed().values(), *OWN]).items()}


@pytest.fixture(scope="module")
def questions() -> dict[str, str]:
    specs = all_specs()
    known = [name for name in specs if name not in NAMES]
    return {one.question: one.target for one in described_examples(specs, NAMES, 1, 400, known=known)}


@pytest.mark.parametrize("name", NAMES)
def test_every_tool_is_asked_for(questions: dict[str, str], name: str) -> None:
    assert sum(f"{name}(" in target for target in questions.values()) >= 20


def test_questions_are_many_sound_and_composed(questions: dict[str, str]) -> None:
    assert len(questions) > 200
    specs = all_specs()
    for one in described_examples(specs, NAMES, 2, 60):
        assert one.problem() is None and grounded(one), (one.question, one.target)
    composed = [target for target in questions.values() if "detect(" in target]
    assert len(composed) > 60


def test_a_docstring_is_asked_for_in_the_ways_of_its_kind(questions: dict[str, str]) -> None:
    plain = {question.lower().rstrip(".?! "): target for question, target in questions.items()}
    assert any("how bright" in question and target == "brightness()" for question, target in plain.items())
    assert any("tyre pressure" in question and target == "tyre_pressure()" for question, target in plain.items())
    assert any(target.startswith("count(find_potholes())") for target in plain.values())
    assert any("wet" in question and "keep_wet(detect(" in target for question, target in plain.items())
    assert any(question.startswith("is the door") and "is_open(detect(" in target for question, target in plain.items())


def test_the_same_seed_gives_the_same_questions() -> None:
    specs = all_specs()
    first, again, other = (list(described_examples(specs, NAMES, seed, 20)) for seed in (1, 1, 2))
    assert first == again != other


def test_tools_without_others_to_compose_with_are_asked_for_alone() -> None:
    specs = {item.spec.name: item.spec for item in (brightness, speaker, florble)}
    found = list(described_examples(specs, list(specs), 1, 30))
    assert {step["tool"] for one in found for step in one.steps or ()} == set(specs)
    assert all(len(one.steps or ()) == 1 for one in found)


def test_a_tool_of_two_things_is_asked_of_both(questions: dict[str, str]) -> None:
    asked = [question for question, target in questions.items() if target.startswith("distance(detect(")]
    assert asked and all("distance between" in question.lower() and " and " in question for question in asked)


def test_a_docstring_that_names_a_thing_is_asked_of_that_thing() -> None:
    about = {noun for way in described_tools(is_open.spec, Random(0)) for noun in way.nouns}
    assert about == {"door"}
