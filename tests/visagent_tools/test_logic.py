"""Counting, comparing, picking and arithmetic."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visagent.core.errors import AmbiguousInput, MissingInput, ToolError
from visagent.evidence.values import Box, Boxes, Label, Labels, Line, Text, Track, Tracks
from visagent_tools import logic

DOGS = Boxes(media="m", boxes=tuple(Box(xyxy=(at, 0, at + 1, 1), label="dog") for at in range(3)))
NAMES = Labels(labels=(Label(name="red"), Label(name="blue")))
WALKS = Tracks(media="m", tracks=(Track(id=1, label="dog", seconds=(), xyxy=()),))


@pytest.mark.parametrize(("items", "number"), [(DOGS, 3), (NAMES, 2), (WALKS, 1), (Labels(), 0)])
def test_count_and_exists_agree(items: Any, number: int) -> None:
    assert logic.count(items).value == number
    assert logic.exists(items) is (number > 0)


def test_blank_text_does_not_exist() -> None:
    assert logic.exists(Text(text=" stop ")) and not logic.exists(Text(text=" \n "))


def test_pick_counts_from_one_and_from_the_end() -> None:
    assert logic.pick(DOGS, 1).boxes == DOGS.boxes[:1]
    assert logic.pick(DOGS, -1).boxes == DOGS.boxes[2:]
    assert logic.pick(NAMES, 2).labels == NAMES.labels[1:]


def test_pick_of_text_takes_lines() -> None:
    assert logic.pick(Text(text="one\n\ntwo"), 2).text == "two"
    seen = Text(text="one\ntwo", media="m", lines=(Line(text="one", xyxy=(0, 0, 1, 1)), Line(text="two")))
    assert logic.pick(seen, 1) == Text(text="one", media="m", lines=seen.lines[:1])


@pytest.mark.parametrize("position", [0, 4, -4])
def test_a_position_out_of_range_names_how_many_there_are(position: int) -> None:
    with pytest.raises(MissingInput, match="there are 3 objects"):
        logic.pick(DOGS, position)
    with pytest.raises(MissingInput, match="there are no labels"):
        logic.pick(Labels(), 1)


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_exactly_one_of_less_equal_greater_holds(a: float, b: float) -> None:
    ops: list[Any] = ["<", "=", ">"]
    held = [op for op in ops if logic.compare(a, op, b)]
    assert len(held) == 1
    assert logic.compare(a, "<=", b) == (held[0] in "<=") and logic.compare(a, "!=", b) == (held[0] != "=")
    assert logic.compare(a, ">=", b) == (held[0] in ">=")


def test_sums_that_differ_by_rounding_are_equal() -> None:
    assert logic.compare(0.1 + 0.2, "=", 0.3) and not logic.compare(0.1 + 0.2, ">", 0.3)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1))
def test_all_any_and_negate_obey_de_morgan(values: list[bool]) -> None:
    assert logic.negate(logic.all_true(values)) == logic.any_true([logic.negate(value) for value in values])


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("(a - b) / 2", 1.5),
        ("a + b * c", 17),
        ("a ** 2", 25),
        ("a ^ 2", 25),
        ("a × b ÷ 2", 5),
        ("−a % 3", 1),
        ("a // 2", 2),
        ("max(a, b, c) + min(a, b)", 9.5),
        ("round(sqrt(abs(-b)), 2)", 1.41),
    ],
)
def test_calculate(expression: str, result: float) -> None:
    c = 7.5 if "max" in expression else 6
    assert logic.calculate(expression, 5, 2, c).value == pytest.approx(result)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("a / (b - b)", "divides by zero"),
        ("a + d", "cannot be worked out"),
        ("a +", "cannot be worked out"),
        ("", "cannot be worked out"),
        ("9 ** 9 ** 9 ** 9", "too large"),
        ("1e308 * 10", "no finite number"),
        ("(-a) ** 0.5", "no finite number"),
        ("sqrt(-a)", "cannot be worked out"),
        ("'a' * 3", "cannot be worked out"),
        ("True", "cannot be worked out"),
        ("a.__class__", "cannot be worked out"),
        ("a < b", "cannot be worked out"),
        ("__import__('os')", "cannot be worked out"),
        ("[a for a in (1, 2)]", "cannot be worked out"),
        ("max", "no finite number"),
        ("(" * 99 + "a" + ")" * 99, None),
        ("a" * 201, "characters long"),
    ],
)
def test_what_is_no_arithmetic_is_refused_with_a_way_out(expression: str, reason: str | None) -> None:
    if reason is None:
        assert logic.calculate(expression, 5).value == 5
        return
    with pytest.raises(ToolError, match=reason) as caught:
        logic.calculate(expression, 5, 2)
    assert caught.value.remedy


@settings(deadline=None)
@given(st.text(alphabet="abc0123456789.+-*/%^() ,sqrtminx", max_size=40))
def test_any_expression_gives_a_finite_number_or_a_tool_error(expression: str) -> None:
    try:
        assert math.isfinite(logic.calculate(expression, 3, 2, 1).value)
    except ToolError as error:
        assert error.remedy


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("12 + 7 =", 19),
        ("Task 3: 6 x 7 = ?", 42),
        ("8 ÷ 4", 2),
        ("(2+3)*4=", 20),
        ("0,5 + 0,25 =", 0.75),
        ("9 − 12", -3),
        ("Name: Ann\n10 : 4 =", 2.5),
        ("1.1 + 2.2", 3.3),
    ],
)
def test_a_written_sum_is_worked_out(written: str, value: float) -> None:
    assert logic.evaluate(Text(text=written)).value == value


@pytest.mark.parametrize("written", ["", "EXIT", "call 12", "= 3"])
def test_what_holds_no_sum_is_refused(written: str) -> None:
    with pytest.raises(MissingInput, match="no sum"):
        logic.evaluate(Text(text=written))


def test_of_several_sums_none_is_worked_out_unasked() -> None:
    with pytest.raises(AmbiguousInput, match=r"several sums: 3 \+ 4, 10 - 2"):
        logic.evaluate(Text(text="Mon\n3 + 4 =\n10 - 2 = ?"))
    # A line that holds more is no exercise, and the same sum may be written twice.
    assert logic.evaluate(Text(text="3 + 4 =\nroom 12-14 is closed\n4 + 3 =")).value == 7
