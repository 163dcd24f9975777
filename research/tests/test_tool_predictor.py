"""Which tools a request wants, by its words."""

import pytest

from visagent_research.tool_graphs.tool_predictor import WantedTools, best_set, expected_f1

REQUESTS = [
    ("book a room in a hotel", ["find", "book"]),
    ("book a table", ["book"]),
    ("find a hotel", ["find"]),
    ("pay my bill", ["bill", "pay"]),
    ("pay for the table", ["pay"]),
]


def test_words_of_earlier_requests_say_which_tools_are_wanted() -> None:
    likely = WantedTools(REQUESTS).likely("please book me a hotel")
    assert list(likely.values()) == sorted(likely.values(), reverse=True)
    assert set(list(likely)[:2]) == {"find", "book"}


def test_the_expected_f1_of_a_set_counts_hits_against_what_was_said_and_what_is_wanted() -> None:
    likely = {"find": 0.9, "book": 0.6, "pay": 0.5}
    assert expected_f1(["find", "book"], likely) == pytest.approx(2 * 1.5 / (2 + 2.0))
    assert expected_f1([], likely) == 0


def test_the_best_set_takes_the_likely_tools_and_stops_before_the_unlikely_ones() -> None:
    assert best_set({"find": 0.9, "book": 0.6, "pay": 0.1}) == ["find", "book"]
    assert best_set({"find": 0.3, "book": 0.1}) == ["find"]
