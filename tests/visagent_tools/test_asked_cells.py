"""What a table says to a whole question, by the rows and columns that it names."""

from __future__ import annotations

import pytest

from visagent.core.errors import AmbiguousInput, MissingInput
from visagent.evidence.values import Cell, Table
from visagent_tools import tables as t
from visagent_tools.engines.row_names import joined_rows


def written(*rows: tuple[str, ...], header: int = 1) -> Table:
    cells = [Cell(row=y, column=x, text=text) for y, row in enumerate(rows) for x, text in enumerate(row)]
    return Table(media="m", cells=tuple(cells), header_rows=header)


TITLE = "Household waste in 2015"
WASTE = written(
    (TITLE, TITLE, TITLE, TITLE),
    ("Country", "Paper/Card/ Glass", "Food & garden waste", "Waste per person"),
    ("Sweden", "31.2 %", "22.0 %", "440 kg"), ("Portugal", "18.5 %", "40.1 %", "453 kg"),
    ("South Korea", "25.0 %", "28.3 %", "383 kg"), ("South Africa", "12.4 %", "33.3 %", "390 kg"),
    header=2,
)  # fmt: skip
METROS = written(("Underground of", "Length"), ("Vienna", "83"), ("Prague", "65"))
TRAMS = written(
    ("City", "Opened", "Length of route (km)", "Passengers per year"),
    ("Lisbon", "1873", "31", "18"), ("Milan", "1876", "181", "164"), ("Barcelona", "2004", "29", "27"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "question", "text"),
    [
        (
            WASTE,
            "What share of its waste was paper, card and glass in Portugal?",
            "Portugal, Paper/Card/ Glass: 18.5 %",
        ),
        (WASTE, "how much garden waste do the Portuguese have", "Portugal, Food & garden waste: 40.1 %"),
        (WASTE, "How much waste per head was there in South Africa?", "South Africa, Waste per person: 390 kg"),
        (WASTE, "瑞典人均垃圾是多少？", None),
        (WASTE, "瑞典人均是多少？", "Sweden, Waste per person: 440 kg"),
        (METROS, "What is the length of the subway in Vienna?", "Vienna, Length: 83"),
        (TRAMS, "里斯本的线路长度是多少？", "Lisbon, Length of route (km): 31"),
        # Of what the table does not tell, nothing is said.
        (WASTE, "How much plastic waste was there in Sweden?", None),
        (WASTE, "How much glass was there in Norway?", None),
        (WASTE, "How much glass was there in Sweden in 2016?", None),
        # "Korea" is one, "south" is two.
        (WASTE, "What was the waste per person in Korea?", "South Korea, Waste per person: 383 kg"),
        (WASTE, "What was the waste per person in the south?", None),
        (WASTE, "How much waste was there in Sweden?", None),
        (TRAMS, "What share of the passengers per year has Milan?", None),
        (WASTE, "What share of waste per person has Sweden?", None),
    ],
)
def test_the_cell_that_a_question_means_is_told_with_its_names(table: Table, question: str, text: str | None) -> None:
    if text is not None:
        assert t.look_up(table, question).text == text
    else:
        with pytest.raises((MissingInput, AmbiguousInput)):
            t.look_up(table, question)


@pytest.mark.parametrize(
    ("table", "question", "how", "text"),
    [
        (WASTE, "Who has more waste per person, Sweden or South Korea?", "most", "Sweden, Waste per person: 440 kg"),
        (WASTE, "Which country has the least waste per person?", "least", "South Korea, Waste per person: 383 kg"),
        (TRAMS, "哪个城市每年坐的人最多？", "most", "Milan, Passengers per year: 164"),
        (WASTE, "Which is more in Sweden, paper or garden waste?", "most", "Sweden, Paper/Card/ Glass: 31.2 %"),
        # What words compare tells the column, and what is oldest has the lowest year.
        (TRAMS, "Which city opened first?", "least", "Lisbon, Opened: 1873"),
        (TRAMS, "Which city is the oldest?", "most", "Lisbon, Opened: 1873"),
        (TRAMS, "Which city opened last?", "most", "Barcelona, Opened: 2004"),
        (TRAMS, "Which route is the shortest?", "least", "Barcelona, Length of route (km): 29"),
        (TRAMS, "哪个城市最早开通？", "most", "Lisbon, Opened: 1873"),
        (TRAMS, "Which city is the largest?", "most", None),
        # Years are no amounts, kilogrammes no percentages, and Norway is not there.
        (TRAMS, "Which city opened most?", "most", None),
        (WASTE, "What is the most of Sweden?", "most", None),
        (WASTE, "Who has the bigger share of waste per person, Sweden or Portugal?", "most", None),
        (WASTE, "Which country has more garden waste than paper?", "most", None),
        (WASTE, "Who has more waste per person, Sweden or Norway?", "most", None),
    ],
)  # fmt: skip
def test_the_most_of_what_a_question_names_is_told(table: Table, question: str, how: t.Asked, text: str | None) -> None:
    if text is not None:
        assert t.look_up(table, question, how).text == text
    else:
        with pytest.raises((MissingInput, AmbiguousInput)):
            t.look_up(table, question, how)


def test_two_cells_are_told_apart_by_the_order_of_the_questions_words() -> None:
    question = "里斯本的电车比米兰的早开通了多少年？"
    with pytest.raises(MissingInput, match="电"):
        t.look_up(TRAMS, question, "first")
    question = question.replace("的电车", "")
    assert [t.look_up(TRAMS, question, how).text for how in ("first", "second")] == ["1873", "1876"]
    question = "How many passengers per year did Milan and Barcelona have together?"
    assert [t.look_up(TRAMS, question, how).text for how in ("first", "second")] == ["164", "27"]
    with pytest.raises(AmbiguousInput, match="3 cells"):
        t.look_up(TRAMS, "How many passengers per year did Lisbon, Milan and Barcelona have together?", "first")


def test_a_name_may_run_over_lines_above_and_below_its_numbers() -> None:
    lines = {2: (0, 100, 50, 126), 3: (0, 160, 50, 186), 4: (0, 186, 50, 212), 5: (0, 211, 50, 238)}
    assert joined_rows(lines, valued=[2, 4], lone=[3, 5]) == {3: 4, 5: 4}
    # Where all rows stand as close as that, a line alone may be a heading.
    close = {2: (0, 100, 50, 126), 3: (0, 128, 50, 154), 4: (0, 156, 50, 182), 5: (0, 184, 50, 210)}
    assert joined_rows(close, valued=[2, 4, 5], lone=[3]) == {}
