"""Which row and column of a table a question names, once the table has been read. Knows no model.

A planner has not seen the table: of "how much rain fell in Vigo in May" it may make a
column "rain", and of 手套二月 a row. The table's own names tell.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from visagent.core.text import HAN
from visagent.core.words import singular
from visagent.evidence.tree import ToolCall
from visagent.evidence.values import Table
from visagent.planning.choices import extreme_asked
from visagent.planning.step_lists import Step
from visagent.planning.table_questions import sets_apart

_TOTAL = re.compile(r"(?i)\b(?:total|altogether|in all|sum|together|overall)\b|总共|一共|总计|合计|总数|总和")
_MEAN = re.compile(r"(?i)\b(?:average|mean)\b|平均")


class Named(NamedTuple):
    """Names of a table's rows and columns that a question says, in the table's order."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]


def named_in(table: Table, question: str) -> Named:
    """The rows and columns of a table that a question names.

    Args:
        table: What was read.
        question: Question as the person put it.
    """
    rows = [cell.text for cell in table.cells if cell.column == 0 and cell.row >= table.header_rows]
    columns = [cell.text for cell in table.cells if cell.row < table.header_rows and cell.column > 0]
    said = [tuple(dict.fromkeys(name for name in names if _says(question, name))) for names in (rows, columns)]
    return Named(*said)


def table_steps(table: Table, question: str, reading: ToolCall, failed: ToolCall) -> list[Step] | None:
    """What a question asks of a table by the names that it says, where a call failed for its names; None where they do
    not tell.

    Args:
        table: What was read.
        question: Question as the person put it.
        reading: The call that read it.
        failed: The call on it that has no result.
    """
    named = named_in(table, question)
    read: Step = {"tool": reading.tool, **reading.arguments}
    which = extreme_asked(question)
    one_row, one_column = len(named.rows) == 1, len(named.columns) == 1
    step: Step | None = None
    if failed.tool == "best_row" and one_column and "among" not in failed.arguments:
        step = {"tool": "best_row", "which": failed.arguments["which"], "by": named.columns[0]}
    elif one_row and one_column and not sets_apart(question):
        step = {"tool": "cell", "row": named.rows[0], "column": named.columns[0]}
    elif one_row != one_column and not (named.rows and named.columns) and (how := _how(question)):
        step = {"tool": "aggregate", "how": how, "of": (*named.rows, *named.columns)[0]}
    elif one_column and not named.rows and which is not None:
        step = {"tool": "best_row", "which": which, "by": named.columns[0]}
    if step is None or {**failed.arguments, **step} == {**failed.arguments, "tool": failed.tool}:
        return None
    return [read, {**step, "table" if step["tool"] != "aggregate" else "items": "$q1"}]


def _how(question: str) -> str | None:
    return "sum" if _TOTAL.search(question) else "mean" if _MEAN.search(question) else None


def _says(question: str, name: str) -> bool:
    """Whether a question says a name of a table, in the singular or the plural; not one without a letter."""
    plain = name.strip()
    if re.search(f"[{HAN}]", plain):
        return plain in question
    if not re.search(r"[^\W\d_]{2}|(?:19|20)\d\d", plain):
        return False
    words = [re.escape(singular(word)) for word in plain.lower().split()]
    asked = " ".join(singular(word) for word in re.findall(r"[\w'&.-]+", question.lower().replace("?", " ")))
    return re.search(rf"(?<!\w){' '.join(words)}(?!\w)", asked) is not None
