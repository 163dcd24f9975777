"""Answers in a plain form, read from evidence."""

from typing import Any

import pytest

from visagent.answering.forms import check_form, result
from visagent.core.errors import QuestionError
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Boolean, Box, Boxes, Evidence, Failure, Label, Labels, Line, Number, Text, Value

TWO = Boxes(media="m", boxes=(Box(xyxy=(0, 0, 1, 1), label="dog"), Box(xyxy=(1, 1, 2, 2), label="cat")))
NONE = Boxes(media="m")
COLORS = Labels(labels=(Label(name="dark red", share=0.6), Label(name="white", share=0.2)))


def told(form: Any, *values: Value) -> Any:
    nodes = [SubQuestion(id=f"q{n}", question="?", solver=ToolCall(tool="t")) for n in range(1, len(values) + 1)]
    tree = build_tree("Q?", nodes)
    evidence = {f"q{n}": Evidence(id=f"q{n}", tool="t", value=value) for n, value in enumerate(values, 1)}
    checked = check_form(form)
    assert checked is not None
    return result(checked, tree, evidence)


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("number", Number(value=3.5), 3.5),
        ("number", TWO, 2),
        ("number", Text(text="a total of 31.00"), 31.0),
        ("number", Text(text="3 of 4"), None),
        ("yes/no", Boolean(value=False), False),
        ("yes/no", NONE, False),
        ("yes/no", TWO, True),
        ("yes/no", COLORS, None),
        ("list", COLORS, ["dark red", "white"]),
        ("list", Text(text="a b", lines=(Line(text="a"), Line(text="b"))), ["a", "b"]),
        ("list", NONE, []),
        (["Red", "White"], Labels(labels=(Label(name="white"),)), "White"),
        (["2", "3"], Number(value=3), "3"),
        (["two", "three"], TWO, "two"),
        (["yes", "no"], Boolean(value=True), "yes"),
        (["coffee", "tea"], Text(text="A cup of coffee."), "coffee"),
        (["coffee", "cup"], Text(text="A cup of coffee."), None),
        ("number", Failure(error="E", message="m"), None),
    ],
)
def test_a_value_is_given_in_the_form_that_was_asked_for_or_not_at_all(form: Any, value: Value, expected: Any) -> None:
    assert told(form, value) == expected


def test_an_object_takes_one_part_of_the_question_for_each_property() -> None:
    schema = {
        "type": "object",
        "properties": {
            "dogs": {"type": "integer"},
            "color": {"enum": ["white", "dark red"]},
            "sunny": {"type": "boolean"},
        },
        "required": ["dogs"],
    }
    assert told(schema, TWO, COLORS, Boolean(value=True)) == {"dogs": 2, "color": "dark red", "sunny": True}
    assert told(schema, TWO) is None, "there are more properties than parts"
    assert told(schema, Number(value=2.5), COLORS, Boolean(value=True)) is None, "2.5 is no integer, and it is required"


@pytest.mark.parametrize(
    "form", ["essay", ["one"], {"type": "string"}, {"type": "object"}, {"type": "object", "properties": {"a": {}}}]
)
def test_a_form_that_there_is_not_is_refused_with_those_that_there_are(form: Any) -> None:
    with pytest.raises(QuestionError) as refused:
        check_form(form)
    assert refused.value.remedy
