"""The number that stands next to a phrase in text whose lines have places. Pure.

Which of several numbers it is follows from where they stand; in a row of a table with a column for each, it is none.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from visagent.core.errors import AmbiguousInput
from visagent.evidence.values import Line
from visagent_tools.amounts import (
    Amount,
    amounts,
    is_code,
    is_measure,
    is_price,
    is_quantity,
    is_year,
    only_amount,
    spelled,
)
from visagent_tools.layout import Where, beside
from visagent_tools.price_labels import price_labels

NumberKind = Literal["quantity", "price", "percent"]

MOST_BETWEEN = 4
"""Lines below a name of which a price belongs to it, where none is next to it."""
MOST_PRICES = 2
"""Prices in one row of a bill: that of one piece, and that of all."""


_BILLED = re.compile(
    r"(?i)\b(?:price|prices|cost|total|sum|amount|unit|each|net|gross|vat|tax|qty|quantity|value|due|eur|usd|gbp)\b"
    r"|[$€£¥]|价|金额|数量|合计|小计"
)
"""What heads the columns of a bill."""


class Mention(NamedTuple):
    """Where a phrase stands: its first and last line, and its first and last character on these."""

    first_line: int
    start: int
    last_line: int
    end: int

    @property
    def lines(self) -> range:
        return range(self.first_line, self.last_line + 1)

    @property
    def start_in_last(self) -> int:
        """Its first character in its last line."""
        return self.start if self.first_line == self.last_line else 0


def is_of(number: Amount, text: str, kind: NumberKind | None) -> bool:
    """Whether a number of a line is of a kind.

    Args:
        number: The number.
        text: The line it stands on.
        kind: The kind; None for any.
    """
    match kind:
        case None:
            return True
        case "quantity":
            return is_quantity(number, text)
        case "price":
            # Bottles of 0.75 L have two decimals as well.
            return is_price(number, text) and not is_measure(number, text)
        case "percent":
            return number.unit == "%"


class Placed(NamedTuple):
    """A number and the line it stands on."""

    number: Amount
    line: Line


def next_to(mention: Mention, lines: tuple[Line, ...], kind: NumberKind | None) -> Placed | None:
    """The number that stands next to a phrase, as `find_number` defines it."""
    first, last = lines[mention.first_line], lines[mention.last_line]
    # The label beside "2020-2021" is another one with years, and neither is the other's number.
    dated = re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", last.text[mention.start_in_last : mention.end])

    def numbers_of(line: Line, spelt: bool) -> list[Placed]:
        known = spelled(line) if spelt else [found for found in amounts(line) if not is_code(found, line.text)]
        known = [found for found in known if not (dated and is_year(found, line.text))]
        return [Placed(found, line) for found in known if is_of(found, line.text, kind)]

    def in_lines(there: list[Line], spelt: bool) -> list[Placed]:
        return [found for line in there for found in numbers_of(line, spelt)]

    def beside_it(where: Where) -> list[Line]:
        there = beside(lines, mention.last_line, mention.start_in_last, mention.end, where)
        return [line for line in there if line in lines]

    for spelt in (False, True):
        after = [found for found in numbers_of(last, spelt) if found.number.start >= mention.end]
        before = [found for found in numbers_of(first, spelt) if found.number.end <= mention.start]
        right = in_lines(beside_it("right_of"), spelt)
        _check_columns(right, lines)
        if nearby := [*after, *right, *reversed(before)]:
            return _the_amount(nearby, kind)
        if nearby := in_lines(beside_it("left_of"), spelt):
            return _the_amount(nearby, kind)
        if kind is None and (price := _of_label(last, lines)) is not None:
            return price
        # Only the next line counts: what is further down belongs to something else.
        if nearby := numbers_of(beside_it("below")[0], spelt) if beside_it("below") else []:
            return nearby[0]
    if kind == "quantity":
        return _plain_quantity(mention, lines)
    # On a shelf's label, what it is and how much of it stand between the name and its price; on a price board with
    # pictures, the brand stands between the price and the name below it.
    upwards: list[Where] = ["above"] if first.xyxy is not None else []
    sides: list[Where] = ["below", *upwards] if kind == "price" else upwards if kind is None else []
    for side in sides:
        there = [found for line in beside_it(side)[:MOST_BETWEEN] for found in numbers_of(line, False)]
        prices = [found for found in there if is_price(found.number, found.line.text)]
        # Above a label, several numbers are the parts of a bar, or its ticks.
        if prices and (side == "below" or len({found.number.value for found in there}) == 1):
            return prices[0]
    return _of_label(last, lines) if kind == "price" else None


def _of_label(line: Line, lines: tuple[Line, ...]) -> Placed | None:
    """The price below the label that a line is a part of."""
    prices = [label.price for label in price_labels(lines) if line in label.name]
    return Placed(amounts(prices[0])[0], prices[0]) if len(prices) == 1 else None


def _check_columns(row: list[Placed], lines: tuple[Line, ...]) -> None:
    """Refuse numbers of one form that stand side by side in a table, each in a column with a name: any may be meant.

    Of two prices the first one is the price of one piece, as bills write it, unless their columns are of two kinds, as
    small and large. Numbers in sentences are none of a row.

    Raises:
        AmbiguousInput: there are several such numbers.
    """
    row = [found for found in row if is_cell(found.line)]
    forms = {(found.number.unit, is_price(found.number, found.line.text)) for found in row}
    named = [found for found in row if _column_name(found.line, lines)]
    bill = any(_BILLED.search(_column_name(found.line, lines)) for found in named)
    least = MOST_PRICES + 1 if any(priced for _, priced in forms) and (bill or len(named) < len(row)) else 2
    if len(forms) == 1 and least <= len(named) == len(row) and len({found.number.value for found in row}) > 1:
        shown = ", ".join(found.number.number(found.line.text).written or "" for found in row[:8])
        raise AmbiguousInput(
            f"find_number: several numbers stand in that row, {shown}{', …' if len(row) > 8 else ''}, one a column.",
            "Say which column is meant: read_table, then cell.",
        )


def is_cell(line: Line) -> bool:
    """Whether a line may be a cell of a row: it has at most one longer word, so that it is no sentence."""
    return len(re.findall(r"[^\W\d_]{4,}", line.text)) <= 1


def _column_name(line: Line, lines: tuple[Line, ...]) -> str:
    """The words without a number that stand above a line, in its column; empty for none."""
    above = beside(lines, lines.index(line), 0, len(line.text), "above") if line in lines and line.xyxy else []
    return " ".join(found.text for found in above if not amounts(found) and re.search(r"[^\W\d_]", found.text))


def _the_amount(nearby: list[Placed], kind: NumberKind | None) -> Placed:
    """The first of the numbers beside a phrase; in a row with a price, no size and no quantity: `Milk 1L 1.35`."""
    if kind is None and any(is_price(found.number, found.line.text) for found in nearby):
        return next((found for found in nearby if not is_measure(found.number, found.line.text)), nearby[0])
    return nearby[0]


def _plain_quantity(mention: Mention, lines: tuple[Line, ...]) -> Placed | None:
    """The one whole number without a unit in the phrase's row, where no mark says that it is a quantity.

    One that stands by itself, or in the phrase's own line, comes before those with names of their own.
    """
    rest = beside(lines, mention.last_line, mention.start_in_last, mention.end, "same_row")
    whole = [
        Placed(number, line)
        for line in rest
        for number in amounts(line)
        if number.unit is None and number.value == int(number.value) and not is_price(number, line.text)
    ]
    bare = [found for found in whole if found.line not in lines or only_amount(found.line) is not None]
    meant = bare or whole
    return meant[0] if len(meant) == 1 else None
