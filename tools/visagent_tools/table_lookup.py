"""Rows and columns of a table by name or place. Pure; knows no picture."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum

from visagent.core.words import ORDINALS
from visagent.evidence.values import Cell, Line, Table
from visagent_tools.amounts import Amount, amounts, is_code, is_price, is_year
from visagent_tools.text import mentioned

_ORDINALS = {word: number for number, word in enumerate(ORDINALS, start=1)} | {"last": -1, "top": 1, "bottom": -1}
_HAN = "一二三四五六七八九十"
_TOTAL = re.compile(
    r"(?i)^\W*(?:(?:sub|grand)?\s?-?total|totals|sum|summe|gesamt|average|mean|overall|合计|总计|小计|总和|平均)\b"
    r"|^(?:[\w'’.&-]+\s+){1,3}(?:totals?|averages?)\W*$|(?:合计|总计|小计|总和|平均值?)\W*$"
)
MOSTLY = 0.5
"""Part of a column's cells that hold a number, from which on it is a column of numbers."""


class Axis(Enum):
    """What is looked for."""

    ROW = "row"
    COLUMN = "column"


class TableView:
    """A table with names for its rows and columns.

    Args:
        table: What to look at.
    """

    def __init__(self, table: Table) -> None:
        self._grid = table.grid()
        self._header = min(table.header_rows, max(0, table.rows - 1))
        self._columns = table.columns
        # The last header row says it best; those above it name groups of columns, or the table.
        self.column_names = [self._header_text(column) for column in range(table.columns)]

    def find(self, word: str | None, axis: Axis) -> list[int]:
        """Rows or columns that a word or ordinal stands for, best first; all of them for None."""
        if word is None:
            return list(self.body) if axis is Axis.ROW else list(range(self._columns))
        if axis is Axis.COLUMN:
            named = {column: self._header_cells(column) for column in range(self._columns)}
        else:
            named = {row: [self._text(row, 0)] for row in self.body}
        found = _matching(word, named)
        if not found and axis is Axis.ROW:
            # What names the row may stand in another column, as a name behind a rank does.
            found = _matching(word, {row: [self._text(row, at) for at in range(self._columns)] for row in self.body})
        if not found and (place := _place(word)) is not None:
            line = list(self.body) if axis is Axis.ROW else list(range(self._columns))
            if 1 <= abs(place) <= len(line):
                found = [line[place - 1 if place > 0 else place]]
        return found

    def mentioning(self, rows: list[int], word: str) -> list[int]:
        """The columns in which a cell of these rows mentions a word, as `Gate B7` does, beside that it is a gate."""
        return [
            column
            for column in range(1, self._columns)
            if any(mentioned(self._text(row, column), word) for row in rows)
        ]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self._columns

    @property
    def body(self) -> range:
        """Rows below the header."""
        return range(self._header, len(self._grid))

    def sections(self) -> list[tuple[str, list[int]]]:
        """The rows below each heading, which is a row whose first cell alone is filled; before the first one, of ""."""
        found: list[tuple[str, list[int]]] = [("", [])]
        for row in range(len(self._grid)):
            if self._is_title(row):
                found.append((self._text(row, 0), []))
            elif row in self.body:
                found[-1][1].append(row)
        return [(heading, rows) for heading, rows in found if rows]

    def entries(self) -> list[int]:
        """Rows that stand for one thing each: no heading, no empty row, none that adds up others, and, below the
        total of a bill, none of how it was paid."""
        return [row for block in self.blocks() for row in block]

    def blocks(self) -> list[list[int]]:
        """The rows down to the first one that adds them up; then those below it, down to the next, where they have the
        same names, as of a second year; and so on."""
        parts: list[list[int]] = [[]]
        for row in self.body:
            if is_total(self.row_name(row)):
                parts.append([])
            elif any(self._text(row, column).strip() for column in range(self._columns)) and not self._is_title(row):
                parts[-1].append(row)
        parts = [part for part in parts if part]
        if not parts:
            return []
        names = {_plain(self.row_name(row)) for row in parts[0]}
        again = [
            part
            for part in parts[1:]
            if 2 * sum(_plain(self.row_name(row)) in names for row in part) > len(part) and len(part) > 1
        ]
        return [parts[0], *again]

    def row_name(self, row: int) -> str:
        """What stands in a row's first cell that says something other than a number, else in its first cell."""
        texts = [self._text(row, column) for column in range(self._columns)]
        worded = [text for text in texts if re.search(r"[^\W\d_]", text)]
        return texts[0] if texts and re.search(r"[^\W\d_]", texts[0]) else (worded or texts or [""])[0]

    def header(self, column: int) -> str:
        """All that stands above a column, from top to bottom."""
        cells = [self._text(row, column) for row in range(self._header) if not self._is_title(row)]
        return " ".join(dict.fromkeys(text for text in cells if text))

    def titles(self) -> list[str]:
        """What is said of all of the table: its titles, and what heads the names of its rows."""
        rows = [row for row in range(len(self._grid)) if self._is_title(row)]
        return [*(self._text(row, 0) for row in rows), self.header(0)]

    def cell_at(self, row: int, column: int) -> Cell | None:
        """What stands where a row and a column meet."""
        return self._grid[row][column]

    def number_at(self, row: int, column: int) -> Amount | None:
        """The number there; None for none."""
        cell = self._grid[row][column]
        return _number(cell) if cell is not None else None

    def number_columns(self) -> list[int]:
        """Columns of numbers that add up no others."""
        return [column for column in self.numeric_columns() if not is_total(self.header(column))]

    def lines(self, rows: list[int], columns: list[int]) -> list[Line]:
        """What stands where rows and columns meet, each cell once.

        Of a whole row each cell has its column's name before it, of a whole column its row's.
        """
        whole_row, whole_column = len(columns) == self._columns > 1, rows == list(self.body) and len(rows) > 1
        lines, seen = [], set()
        for row in rows:
            for column in columns:
                cell = self._grid[row][column]
                if cell is None or not cell.text.strip() or id(cell) in seen:
                    continue
                seen.add(id(cell))
                name = ""
                if whole_row and column > 0:
                    name = self.column_names[column]
                elif whole_column and column > 0:
                    name = self.row_name(row)
                text = f"{name}: {cell.text}" if name and name != cell.text else cell.text
                lines.append(Line(text=text, confidence=cell.confidence, xyxy=cell.xyxy))
        return lines

    def numeric_columns(self) -> list[int]:
        """Columns most of whose cells below the header hold a number, without a first one that numbers the rows, and
        without years, where there is another."""
        found = []
        for column in range(self._columns):
            filled = [row for row in self.body if self._text(row, column).strip()]
            numbers = self.numbers_of_column(column)
            if filled and len(numbers) > MOSTLY * len(filled):
                values = [amount.value for _, amount, _ in numbers]
                if column == 0 and values == [values[0] + step for step in range(len(values))] and len(values) > 1:
                    continue
                found.append(column)
        measures = [column for column in found if not self._is_years(column)]
        return measures or found

    def _is_years(self, column: int) -> bool:
        return all(is_year(amount, cell.text) for _, amount, cell in self.numbers_of_column(column))

    def is_money(self, column: int) -> bool:
        """Whether a column's numbers are prices."""
        numbers = self.numbers_of_column(column)
        return bool(numbers) and all(is_price(amount, cell.text) for _, amount, cell in numbers)

    def parts_of_column(self, column: int, rows: Collection[int] | None = None) -> list[tuple[str, Amount, Cell]]:
        """The numbers of a column, or of some rows of it, down to its total: what stands below it, such as how it was
        paid, is no part."""
        if rows is None and len(self.blocks()) > 1:
            # Each part has a total of its own: the first one alone is meant, as far as anybody knows.
            rows = self.blocks()[0]
        found = self.numbers_of_column(column, rows)
        totals = [at for at, (name, _, _) in enumerate(found) if is_total(name)]
        return found[: totals[0]] if totals and totals[0] else [part for part in found if not is_total(part[0])]

    def numbers_of_column(self, column: int, rows: Collection[int] | None = None) -> list[tuple[str, Amount, Cell]]:
        """The numbers of a column, or of some rows of it, with the names of their rows and their cells."""
        found = []
        for row in self.body if rows is None else rows:
            cell = self._grid[row][column]
            if cell is not None and cell.column_span == 1 and (number := _number(cell)) is not None:
                found.append((self.row_name(row), number, cell))
        return found

    def numbers_of_row(self, row: int) -> list[tuple[str, Amount, Cell]]:
        """The numbers of a row, without its first cell, with the names of their columns and their cells."""
        found = []
        for column in range(1, self._columns):
            cell = self._grid[row][column]
            if cell is not None and cell.row_span == 1 and (number := _number(cell)) is not None:
                found.append((self.column_names[column], number, cell))
        return found

    def _header_text(self, column: int) -> str:
        texts = [text for text in self._header_cells(column) if text]
        return texts[-1] if texts else ""

    def _header_cells(self, column: int) -> list[str]:
        """What stands above a column, each row of it, and all of them together: a long name may run over several."""
        cells = [self._text(row, column) for row in range(self._header) if not self._is_title(row)]
        whole = " ".join(text for text in dict.fromkeys(cells) if text)
        return cells if whole in cells else [whole, *cells]

    def _is_title(self, row: int) -> bool:
        """Whether a row of the header says one thing of the whole table, from its first cell on."""
        texts = [self._text(row, column) for column in range(self._columns)]
        return len(texts) > 1 and bool(texts[0]) and {text for text in texts if text} == {texts[0]}

    def _text(self, row: int, column: int) -> str:
        cell = self._grid[row][column]
        return cell.text if cell is not None else ""


def is_total(name: str) -> bool:
    """Whether a row or column of that name adds up the others."""
    return _TOTAL.match(name) is not None


def _number(cell: Cell) -> Amount | None:
    """A cell's number, where it holds one and little else."""
    known = amounts(Line(text=cell.text, confidence=cell.confidence))
    # The 7 of a platform B7 is no number of anything.
    found = [amount for amount in known if not is_code(amount, cell.text)]
    words = re.sub(r"[^\W\d_]+", " ", cell.text).split()
    return found[0] if found and len(re.findall(r"[^\W\d_]{4,}", cell.text)) <= 1 and words else None


def _matching(word: str, named: dict[int, list[str]]) -> list[int]:
    """Keys with a text that mentions a word: those that say just this, else those that mention it, else misspelt."""
    exact = [key for key, texts in named.items() if any(_plain(text) == _plain(word) for text in texts)]
    for nearly in (False, True):
        found = [key for key, texts in named.items() if any(mentioned(text, word, misspelt=nearly) for text in texts)]
        if exact or found:
            return exact or found
    # Headers are often cut short, as Mar for March; and a person says more than a header, as "early bus" for Early.
    spread = [key for key, texts in named.items() if any(_says_all(text, word) for text in texts)]
    if len(spread) == 1:
        return spread
    short = [key for key, texts in named.items() if any(_is_short_for(text, word) for text in texts)]
    within = [key for key, texts in named.items() if any(_is_named_in(text, word) for text in texts)]
    if short or len(within) == 1:
        return short or within
    stems = _stems(word)
    related = [key for key, texts in named.items() if any(stems <= _stems(text) for text in texts)] if stems else []
    return related if len(related) == 1 else []


def _stems(text: str) -> set[str]:
    """What an English text's words have in common with others of their kind, as clothes and clothing have `cloth`."""
    from snowballstemmer import stemmer

    return set(stemmer("english").stemWords(re.findall(r"[a-z]{3,}", text.casefold())))


def _says_all(text: str, word: str) -> bool:
    """Whether a text has all of several words in their order, as "Water used per head" has "water per head"."""
    wanted, said = _plain(word).split(), iter(_plain(text).split())
    return len(wanted) > 1 and all(one in said for one in wanted)


def _is_named_in(text: str, word: str) -> bool:
    """Whether what is looked for mentions all of a name that holds letters."""
    return re.search(r"[^\W\d_]", text) is not None and mentioned(word, text)


def _is_short_for(text: str, word: str) -> bool:
    """Whether one of two words is the beginning of the other, of three letters at least."""
    short, long = sorted((_plain(text), _plain(word)), key=len)
    return len(short) >= 3 and long.startswith(short) and " " not in long


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _place(word: str) -> int | None:
    """The place that an ordinal stands for, counted from 1, or from the end where it is below zero."""
    plain = _plain(word)
    for ordinal, place in _ORDINALS.items():
        if ordinal in plain.split():
            return place
    if found := re.search(r"\b(\d{1,3})(?:st|nd|rd|th)?\b", plain):
        return int(found[1])
    if "最后" in word:
        return -1
    if found := re.search(rf"第?([{_HAN}]|\d{{1,3}})[行列个]?$", word):
        return _HAN.index(found[1]) + 1 if found[1] in _HAN else int(found[1])
    return None
