"""Which rows at the top of a table name its columns, by the cells' words alone. Pure; knows no picture."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from visagent.evidence.values import Line, Table
from visagent_tools.amounts import amounts, spans

Form = Literal["number", "code", "moment"]

_YEAR = re.compile(r"(?:19|20)\d\d")
_CODE = re.compile(r"(?<![^\W_])[A-Za-z]{1,3}[-\u2013. ]?\d")
_CURRENCY = re.compile(r"(?i)(?:USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|CAD|AUD|SEK|NOK|DKK|PLN|Rs|kr|zl)\W?\d")


def header_rows(table: Table) -> int:
    """How many rows at the top name columns: up to the first one in which a column of values begins.

    Values are numbers, times, dates and codes. A title, which fills one cell alone, names no column, but stands above
    the row that does. What has another form than most of its column is no value of it: `F-25` above `70 %`, nor are
    years above other numbers, and 1, 2, 3 beside a word above nothing but numbers.
    """
    grid = [[cell.text.strip() if cell is not None else "" for cell in row] for row in table.grid()]
    # What stands over all columns is no entry of any.
    rows = [row for row in grid if not is_title(row)]
    forms = {column: form for column in range(table.columns) if (form := _form_of_column([r[column] for r in rows]))}
    if not forms:
        # Without values nothing tells: a first row whose cells are all filled mostly names columns.
        titles = sum(1 for _ in itertools.takewhile(is_title, grid))
        below = grid[titles:]
        return titles + int(len(below) > 2 and table.columns > 1 and all(below[0]))
    begun = False
    for number, row in enumerate(grid):
        if is_title(row):
            continue
        filled = {column: row[column] for column in forms if row[column]}
        fitting = [text for column, text in filled.items() if form_of(text) == forms[column]]
        names = _names_years(filled, rows) or (not begun and _numbers_columns(filled))
        if fitting and not (names and number + 1 < len(grid)):
            return number
        begun = True
    return 0


def is_title(row: Sequence[str]) -> bool:
    """Whether all of a row with several cells is one text, from the first one on."""
    return len(row) > 1 and bool(row[0]) and {text for text in row if text} == {row[0]}


def form_of(text: str) -> Form | None:
    """Of what form a cell's value is, where it holds a number, a time or a date, and little else; None for words.

    >>> form_of("70 %"), form_of("F-25"), form_of("10:30"), form_of("Territory")
    ('number', 'code', 'moment', None)
    """
    dated = text
    for kind in ("date", "time"):
        for start, end in reversed(spans(dated, kind)):
            dated = f"{dated[:start]} {dated[end:]}"
    if dated != text:
        return "moment" if len(re.findall(r"[^\W\d_]", dated)) <= 3 else None
    if not amounts(Line(text=text)) or len(re.findall(r"[^\W\d_]", text)) > 3:
        return None
    return "code" if _CODE.search(text) and not _CURRENCY.search(text) else "number"


def _form_of_column(texts: Sequence[str]) -> Form | None:
    """The form of most of a column's cells that are filled."""
    filled = [text for text in texts if text]
    counted = Counter(form for text in filled if (form := form_of(text)) is not None)
    form, most = counted.most_common(1)[0] if counted else (None, 0)
    # A code more or less does not make a column of numbers one of words, and the other way round.
    return form if 2 * counted.total() > len(filled) and 2 * most >= counted.total() else None


def _names_years(filled: dict[int, str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether what stands above the columns of values are years, or words, and what stands below them is not."""
    years = [column for column, text in filled.items() if _YEAR.fullmatch(text)]
    words = [column for column, text in filled.items() if form_of(text) is None]
    if not years or len(years) + len(words) < len(filled):
        return False
    below = [row[column] for column in years for row in rows if row[column]]
    return 2 * sum(_YEAR.fullmatch(text) is not None for text in below) <= len(below)


def _numbers_columns(filled: dict[int, str]) -> bool:
    """Whether columns of values are numbered one after the other, beside one that is named, as in a table of scores."""
    numbers = [int(text) for text in filled.values() if re.fullmatch(r"\d{1,2}", text)]
    words = [text for text in filled.values() if form_of(text) is None]
    steps = [other - one for one, other in itertools.pairwise(numbers)]
    return bool(words) and len(numbers) > 1 and set(steps) == {1} and len(numbers) + len(words) == len(filled)
