"""The form of training examples: its file, its checks, its splits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visagent.core.errors import InputError
from visagent.evidence.values import Boxes, Crop, Number
from visagent.planning.plan_language import plan_grammar
from visagent.tools.toolkit import Toolkit, tool
from visagent_training.examples import (
    BadRow,
    TrainingExample,
    check_apart,
    leaks,
    normalised,
    plan_example,
    read_examples,
    scan_examples,
    split_of,
    without_doubles,
    write_examples,
)
from visagent_training.plan_scores import media_named


@tool
def spot(image: Crop, label: str) -> Boxes:
    """Find things."""
    return Boxes(media=image.media)


@tool
def count(items: Boxes) -> Number:
    """Count things."""
    return Number(value=len(items.boxes))


SPECS = [item.spec for item in Toolkit([spot, count]).values()]
STEPS: list[dict[str, Any]] = [{"tool": "spot", "label": "dog"}, {"tool": "count", "items": "$q1"}]


def example(question: str = "How many dogs?", id_: str = "a", **more: Any) -> TrainingExample:
    more = {"known": ("spot",)} | more
    return plan_example(id_, "test", question, STEPS, SPECS, {"image1": None}, **more)


def test_a_planner_that_has_memorised_tools_is_not_shown_them_and_writes_nested_calls() -> None:
    nested, shown = example(), example(known=())
    assert nested.target == 'count(spot("dog"))'
    assert "spot(" not in nested.messages[0].content and "count(items: boxes)" in nested.messages[0].content
    assert json.loads(shown.target) == {"steps": STEPS}
    assert "spot(image, label: text)" in shown.messages[0].content
    assert nested.read(nested.target) == shown.read(shown.target) == STEPS
    assert nested.constraint == {"gbnf": plan_grammar(nested.specs, media_named(["image1"]), "How many dogs?")}
    assert shown.constraint["properties"]["steps"]


def test_examples_are_read_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    rows = [example(), example("Where?", "b", known=(), answer=3, weight=2.5, split="test")]
    write_examples(rows, tmp_path / "rows.jsonl")
    assert read_examples(tmp_path / "rows.jsonl") == rows


def spoiled(**changes: Any) -> str:
    row = json.loads(example().model_dump_json(by_alias=True))
    return json.dumps(row | changes)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Invalid JSON"),
        (spoiled(question=" "), "the question is empty"),
        (spoiled(messages=[]), "the prompt does not end with a message of the user"),
        (spoiled(target=""), "the target is empty"),
        (spoiled(media={"photo": None}), "'photo' is no name of a medium"),
        (spoiled(steps=[{"tool": "fly"}]), "Step 1 calls 'fly', which is no tool"),
        (spoiled(steps=[{"tool": "count", "items": "$q1"}]), "refers to $q1, which no earlier step is"),
        (spoiled(target='count(spot("cat"))'), "the target does not say the steps"),
        (spoiled(target="count(spot("), "The plan cannot be read"),
        (spoiled(steps=None), "neither steps nor the schema"),
        (spoiled(weight=0), "weight: Input should be greater than 0"),
        (spoiled(extra=1), "extra"),
    ],
)
def test_an_unusable_row_is_refused_with_its_line_and_the_reason(tmp_path: Path, line: str, reason: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{example().model_dump_json(by_alias=True)}\n\n{line}\n")
    rows = [row for _, row in scan_examples(file)]
    assert isinstance(rows[0], TrainingExample) and isinstance(rows[1], BadRow)
    with pytest.raises(InputError) as caught:
        read_examples(file)
    assert "rows.jsonl, line 3: " in str(caught.value) and reason in str(caught.value)


def test_equal_examples_are_kept_once_whatever_they_are_called() -> None:
    assert [one.id for one in without_doubles([example(id_="a"), example(id_="b", split="test")])] == ["a"]


@given(st.text(), st.sampled_from(["", "?", "!!", " "]))
def test_the_split_of_a_question_depends_on_its_words_alone(question: str, ending: str) -> None:
    assert split_of(question) == split_of(f"  {question.upper().lower()} {ending}") or normalised(
        question
    ) != normalised(f"{question.upper().lower()} {ending}")


def test_splits_are_as_large_as_asked_for() -> None:
    words = [f"{a}{b}{c}" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyz"]
    found = [split_of(f"what about {word}", 0.2, 0.3) for word in words]
    assert 0.15 < found.count("validation") / len(words) < 0.25
    assert 0.25 < found.count("test") / len(words) < 0.35
    assert split_of("anything", 0.0, 0.0) == "train"


def test_questions_that_are_nearly_the_same_leak() -> None:
    asked = "How many big red dogs are there in the left half of the picture that I took yesterday?"
    train = [example(asked, "t")]
    same = example(asked.upper().rstrip("?"), "x")
    near = example(f"So {asked}", "y")
    other = example("How many small red cats are in that photo?", "z")
    assert [(leak.held_out, leak.likeness) for leak in leaks(train, [same])] == [("x", 1.0)]
    assert 0.7 <= leaks(train, [near])[0].likeness < 1
    assert leaks(train, [other]) == []


def test_a_held_out_question_that_is_trained_on_is_refused_with_both_names() -> None:
    check_apart([example("What is this?", "a")], [example("Where is the cat?", "b")])
    with pytest.raises(InputError, match="b is held out, and a asks the same"):
        check_apart([example("What is this?", "a")], [example("what IS this", "b")])
