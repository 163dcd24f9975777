"""What a look says, as cited sentences: its lines stay lines, and each citation stands where it belongs."""

import pytest

from visagent.answering.statements import statements
from visagent.core.text import own_words
from visagent.evidence.answer import text_of
from visagent.evidence.values import Look


def said(text: str, language: str = "en") -> str:
    return text_of(statements(Look(text=own_words(text)), ["q0"], language))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It is red. It moves", "It is red [q0]. It moves [q0]."),
        ("Prices:\n1. Milk\n2. Eggs, e.g. brown", "Prices [q0]:\n1. Milk [q0]\n2. Eggs, e.g. brown [q0]"),
        ("A shop.\r\n\r\n\r\n- milk\r\n  - oat", "A shop [q0].\n\n- milk [q0]\n  - oat [q0]"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b [q0] |\n|---|---|\n| 1 | 2 [q0] |"),
        ("**It is 5.**\n---", "**It is 5.** [q0]\n---"),
        ("---\nSo it is.", "---\nSo it is [q0]."),
    ],
)
def test_lines_lists_and_tables_stay_what_they_are_with_citations_inside(text: str, shown: str) -> None:
    assert said(text) == shown


def test_chinese_lists_stay_lists() -> None:
    assert said("有两样：\n- 鸡蛋\n- 牛奶", "zh") == "有两样 [q0]：\n- 鸡蛋 [q0]\n- 牛奶 [q0]"


def test_no_line_end_hides_what_steers_a_terminal() -> None:
    assert own_words("a\x1b[2J\u2028b\x85c\u202ed") == "a [2J\nb\nc d"
