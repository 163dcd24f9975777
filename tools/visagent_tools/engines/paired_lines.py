"""Names and their amounts where a picture shows no table: a price board, or a chart with numbers at its bars.

Pure: lines of text with their places in, a table of two columns out. Knows no reader and no tool.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from visagent.evidence.overlap import shared_length
from visagent.evidence.values import Cell, Line, Note, Table
from visagent_tools.amounts import amounts, is_price, only_amount
from visagent_tools.engines.reading_order import line_rows
from visagent_tools.layout import box_around, box_of
from visagent_tools.price_labels import price_labels

LEAST_PAIRS = 3
SAME_COLUMN = 0.5
"""Part of the lesser width that a label and its number share."""


def paired(lines: Sequence[Line], media: str) -> Table | None:
    """A table of names and amounts; None where not every number stands beside or above one name.

    Its header is what else is written, such as a title: that says what the amounts are of.

    Args:
        lines: What was read, with places.
        media: Content hash of the picture.
    """
    placed = [line for line in lines if line.xyxy is not None]
    rows = [[placed[at] for at in row] for row in line_rows([box_of(line) for line in placed])]
    pairs = _beside(rows) or _above(rows)
    if len(pairs) < LEAST_PAIRS:
        # A reader takes a name and its price for one line where they stand close together.
        parted = [part for line in placed for part in _parted(line)]
        pairs = _beside([[parted[at] for at in row] for row in line_rows([box_of(line) for line in parted])]) or pairs
        placed = parted if len(pairs) >= LEAST_PAIRS else placed
    if len(pairs) < LEAST_PAIRS:
        return labelled(placed, media)
    used = {id(line) for pair in pairs for line in pair}
    title = " ".join(line.text for line in placed if id(line) not in used and _is_words(line))
    return _table_of(pairs, title, media)


def labelled(lines: Sequence[Line], media: str) -> Table | None:
    """A table of the names on labels and the prices below them; None where a price has no name.

    Args:
        lines: What was read, with places.
        media: Content hash of the picture.
    """
    pairs = _labels(lines)
    return _table_of(pairs, "", media) if len(pairs) >= LEAST_PAIRS else None


def _table_of(pairs: Sequence[tuple[Line, Line]], title: str, media: str) -> Table:
    cells = [Cell(row=0, column=0), Cell(row=0, column=1, text=title)]
    for row, pair in enumerate(pairs, start=1):
        cells += [
            Cell(row=row, column=column, text=line.text, xyxy=line.xyxy, confidence=line.confidence)
            for column, line in enumerate(pair)
        ]
    return Table(media=media, cells=tuple(cells), header_rows=1, notes=(Note(kind="paired"),))


def _beside(rows: Sequence[Sequence[Line]]) -> list[tuple[Line, Line]]:
    """Names with the amounts of their rows; none where a row holds a price and is no such pair."""
    pairs = []
    for row in rows:
        valued = [line for line in row if (amount := only_amount(line)) is not None and is_price(amount, line.text)]
        worded = [line for line in row if _is_words(line)]
        if not valued:
            continue
        if len(valued) > 1 or len(worded) != 1:
            return []
        pairs.append((worded[0], valued[0]))
    return pairs


def _parted(line: Line) -> list[Line]:
    """A line that is a name with a price at its end as these two, or as it is."""
    found = amounts(line)
    name = line.text[: found[0].start].rstrip(" .:…·-—$€£¥￥") if found else ""
    if len(found) != 1 or not is_price(found[0], line.text) or re.search(r"[^\W\d_]{2}", name) is None:
        return [line]
    if len(re.findall(r"\w", line.text[found[0].end :])) > 3:
        return [line]
    left, top, right, bottom = box_of(line)
    edge = left + (right - left) * len(name) / len(line.text)
    return [
        line.model_copy(update={"text": name, "xyxy": (left, top, edge, bottom)}),
        line.model_copy(update={"text": line.text[len(name) :].strip(" .:…·"), "xyxy": (edge, top, right, bottom)}),
    ]


def _labels(lines: Sequence[Line]) -> list[tuple[Line, Line]]:
    """The names of labels with the prices below them, where each price of the picture has one."""
    labels = price_labels(lines)
    prices = [line for line in lines if (amount := only_amount(line)) is not None and is_price(amount, line.text)]
    if len(labels) < len(prices):
        return []
    return [
        (label.name[0].model_copy(update={"text": label.text, "xyxy": box_around(label.name)}), label.price)
        for label in labels
    ]


def _above(rows: Sequence[Sequence[Line]]) -> list[tuple[Line, Line]]:
    """The labels of a chart's axis, which stand in one row, with the one number above or below each of them."""
    for labels in rows:
        if len(labels) < LEAST_PAIRS or not all(map(_is_words, labels)):
            continue
        numbers = [line for row in rows for line in row if only_amount(line) is not None]
        pairs = [(label, [number for number in numbers if _in_column(label, number)]) for label in labels]
        if all(len(found) == 1 for _, found in pairs):
            return [(label, found[0]) for label, found in pairs]
    return []


def _in_column(label: Line, number: Line) -> bool:
    one, other = box_of(label), box_of(number)
    return shared_length(one, other, 0) >= SAME_COLUMN * min(one[2] - one[0], other[2] - other[0])


def _is_words(line: Line) -> bool:
    return only_amount(line) is None and re.search(r"[^\W\d_]", line.text) is not None
