"""Prices that stand below the lines of a name, as on the labels of a shelf. Pure; knows no reader and no tool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from visagent.evidence.overlap import shared_length
from visagent.evidence.values import Line
from visagent_tools.amounts import Amount, amounts, is_measure, is_price, only_amount
from visagent_tools.layout import box_around, box_of, is_in_row
from visagent_tools.sizes import has_word

NEAR = 0.8
"""Gap between the lines of a label at most, in heights of a line."""
APART = 3.0
"""Gap between the words of a label's line at most, in heights of it."""
MOST_LINES = 10
"""Lines of a name at most, as the reader has them: what has more is a text."""


class PriceLabel(NamedTuple):
    """A name of one or more lines, and the price below it."""

    name: tuple[Line, ...]
    price: Line

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.name)


def price_labels(lines: Sequence[Line]) -> list[PriceLabel]:
    """The prices that have a name right above them; none where a line may belong to two."""
    placed = [line for line in lines if line.xyxy is not None]
    prices = [line for line in placed if (amount := only_amount(line)) is not None and _is_money(amount, line)]
    names = [line for line in placed if line not in prices and not _is_priced(line)]
    alone = [price for price in prices if len(_row_of(price, [line for line in names if has_word(line.text)])) == 1]
    found = [PriceLabel(tuple(name), price) for price in alone if (name := _name_above(price, names))]
    used = [line for label in found for line in label.name]
    return found if len(used) == len({id(line) for line in used}) else []


def _is_priced(line: Line) -> bool:
    return any(_is_money(amount, line) for amount in amounts(line))


def _is_money(amount: Amount, line: Line) -> bool:
    return is_price(amount, line.text) and not is_measure(amount, line.text)


def _name_above(price: Line, names: Sequence[Line]) -> list[Line]:
    """The lines above a price that go on above one another from one left edge, from top to bottom."""
    kept: list[Line] = []
    top = box_of(price)[1]
    while True:
        around = box_around(kept) if kept else box_of(price)
        row = [line for line in names if line not in kept and _stands_on(line, around, top, first=not kept)]
        if not row:
            break
        lowest = max(row, key=lambda line: box_of(line)[3])
        beside = _row_of(lowest, [line for line in names if line not in kept])
        if not any(has_word(line.text) for line in beside):
            break
        kept = [*beside, *kept]
        top = min(box_of(line)[1] for line in beside)
        if len(kept) > MOST_LINES:
            return []
    return kept


def _row_of(line: Line, others: Sequence[Line]) -> list[Line]:
    """A line and those beside it that it goes on in, from the left."""
    high = box_of(line)[3] - box_of(line)[1]
    row = [line]
    for other in sorted(others, key=lambda one: abs(box_of(one)[0] - box_of(line)[0])):
        apart = -shared_length(box_of(other), box_around(row), 0)
        if other not in row and is_in_row(box_of(other), box_of(line)) and apart <= APART * high:
            row.append(other)
    return sorted(row, key=lambda one: box_of(one)[0])


def _stands_on(line: Line, below: tuple[float, float, float, float], top: float, *, first: bool) -> bool:
    """Whether a line stands right above what begins at a height: over a price, or at the left edge of other lines."""
    box = box_of(line)
    high = box[3] - box[1]
    near = -0.6 * high <= top - box[3] <= NEAR * high and (box[1] + box[3]) / 2 < top
    if first:
        return near and shared_length(box, below, 0) > 0
    inside = shared_length(box, below, 0) >= 0.5 * (box[2] - box[0])
    return near and inside and box[0] >= below[0] - high
