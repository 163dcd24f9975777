"""English plurals, articles, and numbers in digits and in words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visagent.core.words import (
    numbers_in_digits,
    numbers_in_words,
    numbers_read_out,
    plural,
    singular,
    singulars,
    with_article,
)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("person", "people"),
        ("Bus", "Buses"),
        ("wine glass", "wine glasses"),
        ("knife", "knives"),
        ("berry", "berries"),
        ("tray", "trays"),
        ("fireman", "firemen"),
        ("human", "humans"),
        ("sheep", "sheep"),
        ("scissors", "scissors"),
        ("glass of water", "glasses of water"),
        ("woman in red", "women in red"),
        ("toothbrush", "toothbrushes"),
        ("人", "人"),
        ("", ""),
    ],
)
def test_plural(one: str, many: str) -> None:
    assert plural(one) == many


@pytest.mark.parametrize(
    "noun",
    ["cookie", "tie", "bow tie", "walrus", "octopus", "bus", "person", "fireman", "specimen", "movie", "berry", "shoe",
     "potato", "box", "axe", "headache", "beach", "quiz", "prize", "lens", "gas", "house", "nurse", "glove", "knife",
     "hoof", "wine glass", "dress", "rose", "toe", "kiwi", "menu", "scissors", "jeans", "series", "tennis", "human"],
)  # fmt: skip
def test_a_plural_leads_back_to_its_singular_and_a_singular_to_itself(noun: str) -> None:
    assert singular(plural(noun)) == noun
    assert singular(noun) == noun


def test_a_plural_of_two_nouns_names_both() -> None:
    assert singulars("caves") == ("cave", "caf", "cafe")
    assert singulars("Busses") == ("bus",)
    assert singulars("glass") == ()


@pytest.mark.parametrize(
    "noun", ["an apple", "a unicorn", "an hour glass", "a uniform", "an umbrella", "a one-way sign"]
)
def test_article(noun: str) -> None:
    assert with_article(noun.split(" ", 1)[1]) == noun


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("zero", [0]),
        ("two hundred and five dogs, three thousand twenty-one cats", [205, 3021]),
        ("a hundred", [100]),
        ("forty five six", [45, 6]),
        ("someone stands alone, often", []),
        ("one hundred thousand", [100_000]),
    ],
)
def test_numbers_in_words(text: str, values: list[float]) -> None:
    assert [number.value for number in numbers_in_words(text)] == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,000 and 3,50 and 1.000,50 and 1.5", [1000, 3.5, 1000.5, 1.5]),
        ("10-20 -5 (−3)", [10, 20, -5, -3]),
        ("1 234 567", [1_234_567]),
        ("v1.2.3", []),
        ("5. 3, 1, 2", [5, 3, 1, 2]),
    ],
)
def test_numbers_in_digits(text: str, values: list[float]) -> None:
    assert [number.value for number in numbers_in_digits(text)] == values


@settings(deadline=None)
@given(st.text(max_size=60))
def test_numbers_stand_where_they_are_said_to_stand_and_in_order(text: str) -> None:
    for numbers in (list(numbers_in_digits(text)), list(numbers_in_words(text))):
        assert all(0 <= number.start < number.end <= len(text) for number in numbers)
        assert all(one.end <= other.start for one, other in pairwise(numbers))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Gate three seven nine", [379]),
        ("3, 7, 9 or 2-0-4", [379, 204]),
        ("Dial oh four two.", [42]),
        ("幺二零号，三七九", [120, 379]),
        ("two dogs and one cat", []),
        ("twenty one", []),
        ("someone two", []),
        ("1.5 2", []),
        ("5 000", []),
        ("三百零五, 二十五, 第三四", []),
    ],
)
def test_digits_that_are_said_one_by_one_are_a_number(text: str, numbers: list[int]) -> None:
    assert [found.value for found in numbers_read_out(text)] == numbers
