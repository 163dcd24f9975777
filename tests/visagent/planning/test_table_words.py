"""A table's own names tell which row and column a question means."""

from __future__ import annotations

from typing import Any

import pytest

from visagent.evidence.tree import ToolCall
from visagent.evidence.values import Cell, Table
from visagent.planning.table_words import named_in, table_steps

READ = ToolCall(tool="read_table", arguments={"image": "image1"})


def table(*rows: tuple[str, ...]) -> Table:
    cells = tuple(
        Cell(text=text, row=row, column=column, xyxy=(column, row, column + 1, row + 1))
        for row, line in enumerate(rows)
        for column, text in enumerate(line)
    )
    return Table(media="0" * 64, header_rows=1, cells=cells)


STOCK = table(("Fruit", "Crates", "Monday"), ("Plums", "7", "3"), ("Pears", "9", "4"))
ZH = table(("品名", "一月", "二月"), ("手套", "80", "210"), ("帽子", "64", "70"))


@pytest.mark.parametrize(
    ("seen", "question", "tool", "arguments", "meant"),
    [
        (
            STOCK,
            "How many plums came on Monday?",
            "cell",
            {"row": "Monday", "column": "came"},
            {"tool": "cell", "row": "Plums", "column": "Monday"},
        ),
        (
            ZH,
            "手套二月卖了多少？",
            "cell",
            {"row": "手套二月", "column": "卖"},
            {"tool": "cell", "row": "手套", "column": "二月"},
        ),
        (
            ZH,
            "二月哪种卖得最多？",
            "best_row",
            {"which": "most", "by": "卖"},
            {"tool": "best_row", "which": "most", "by": "二月"},
        ),
        (
            ZH,
            "一月一共卖了多少？",
            "cell",
            {"row": "卖", "column": "一月"},
            {"tool": "aggregate", "how": "sum", "of": "一月"},
        ),
        (STOCK, "How many more plums than others came on Monday?", "cell", {"row": "x", "column": "came"}, None),
        (STOCK, "How many came in all?", "cell", {"row": "came", "column": "all"}, None),
        (STOCK, "How many pears and plums on Monday?", "cell", {"row": "pears and plums", "column": "x"}, None),
    ],
)
def test_the_names_of_a_table_replace_those_that_it_does_not_have(
    seen: Table, question: str, tool: str, arguments: dict[str, Any], meant: dict[str, Any] | None
) -> None:
    failed = ToolCall(tool=tool, arguments={"table": "$q1", **arguments})
    steps = table_steps(seen, question, READ, failed)
    if meant is None:
        assert steps is None
    else:
        given = "items" if meant["tool"] == "aggregate" else "table"
        assert steps == [{"tool": "read_table", "image": "image1"}, {**meant, given: "$q1"}]


def test_what_was_looked_up_by_these_names_is_not_looked_up_again() -> None:
    failed = ToolCall(tool="cell", arguments={"table": "$q1", "row": "Plums", "column": "Crates"})
    assert table_steps(STOCK, "How many crates of plums?", READ, failed) is None


def test_numbers_are_no_names() -> None:
    assert named_in(table(("", "7"), ("9", "4")), "Is 9 or 7 in it?") == ((), ())
