"""What a plan may quote from a question."""

from __future__ import annotations

import pytest

from visagent.core.words import han_numbers
from visagent.planning.quotable import numbers, phrases


def test_what_may_be_quoted_from_a_question() -> None:
    found = phrases('Does the man\'s sign say "free parking for all guests" to people?')
    assert {"sign", "man", "person", "free parking for all guests"} <= set(found)
    assert "say free" in found and "the man sign say" not in found


def test_any_run_of_chinese_characters_may_be_quoted() -> None:
    found = phrases("有几只白猫？")
    assert {"白猫", "猫", "几只"} <= set(found)


def test_chinese_words_with_letters_and_digits_may_be_quoted_whole() -> None:
    found = phrases("wifi密码是贴在A4纸上的吗，限速80的牌子呢")
    assert {"wifi密码", "wifi", "密码", "A4纸", "限速80"} <= set(found)
    assert "4纸" not in found and "fi密码" not in found


def test_times_and_apostrophes_may_be_quoted() -> None:
    found = phrases("What's in the visitors' book at 9:15?")
    assert {"9:15", "visitors' book"} <= set(found)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("二十三", 23),
        ("十", 10),
        ("一百二", 120),
        ("一百零二", 102),
        ("两千", 2000),
        ("三万五", 35_000),
        ("一百二十三", 123),
    ],
)
def test_numbers_in_chinese_characters(written: str, value: float) -> None:
    assert han_numbers(f"一共有{written}吗")[-1] == value


@pytest.mark.parametrize(
    ("question", "seconds"),
    [
        ("录音1分30秒之后说了什么", "90"),
        ("1:30以后呢", "90"),
        ("前一分半讲了啥", "90"),
        ("what is said after 5 min", "300"),
        ("is it longer than 2 hours", "7200"),
        ("what is said after the second minute", "120"),
        ("what happens at two minutes ten?", "130"),
        ("at minute 1 second 15", "75"),
        ("does it last a minute and a half", "90"),
        ("two and a half minutes in", "150"),
        ("longer than a quarter of an hour?", "900"),
        ("more than three quarters of an hour", "2700"),
        ("两分十秒的时候", "130"),
        ("第二分钟", "120"),
        ("有没有一刻钟", "900"),
        ("超过三刻钟了吗", "2700"),
        ("半个小时够不够", "1800"),
    ],
)
def test_times_are_in_seconds(question: str, seconds: str) -> None:
    assert seconds in numbers(question)


def test_lines_from_the_end_may_be_counted() -> None:
    assert {"-1", "-2"} <= set(numbers("the second line from the bottom"))
