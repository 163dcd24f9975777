"""A table in a region of a picture: cells by SLANet-plus or by how the lines stand, words by the text reader.

Whether there is a table at all is judged from the words: of a chart, a sign or a photograph the network would make one
as well. Knows no tool.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from visagent.core.errors import SourceError
from visagent.evidence.overlap import shared_area
from visagent.evidence.values import XYXY, Cell, Crop, Line, Table
from visagent_tools.amounts import amounts
from visagent_tools.engines.bar_charts import bar_chart
from visagent_tools.engines.line_charts import line_chart
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.ocr import lines_in
from visagent_tools.engines.paired_lines import labelled, paired
from visagent_tools.engines.reading_order import line_rows
from visagent_tools.engines.row_names import joined_rows
from visagent_tools.engines.table_header import header_rows
from visagent_tools.engines.table_structure import Place, structure_of
from visagent_tools.layout import box_around, box_of
from visagent_tools.table_lookup import TableView

LEAST_ROWS = 2
FILLED = 0.5
"""Part of a table's cells that hold words."""
IN_ROWS = 0.6
"""Part of the lines of text that stand beside another one: less, and it is prose, a sign or scattered labels."""
ALIGNED = 0.6
"""Part of a column's lines that begin, end or are centred where most of them do."""

MOST_CUTS = 3
"""How often a region in which there is no table is cut in two."""

kept_tables: Memo[tuple[object, ...], Table | None] = Memo(limit=64)


def table_in(crop: Crop) -> Table | None:
    """The table that a region shows, or names with an amount each; None where it shows none.

    Raises:
        MissingInput: the region has no pixel.
        MissingDependency: rapidocr or onnxruntime is not installed.
        ModelError: a network cannot be loaded.
    """
    return kept_tables.get((crop.media, crop.xyxy, crop.scale, crop.seconds), lambda: _read(crop))


def _read(crop: Crop) -> Table | None:
    lines = [line for line in lines_in(crop) if line.xyxy is not None]
    found = _chart(crop, lines) or _table(crop, lines) or _part(crop, lines)
    if found is not None and TableView(found).numeric_columns():
        return found
    # Labels beside each other may look like a table, whose columns are none of numbers.
    return paired(lines, crop.media) if found is None else labelled(lines, crop.media) or found


def _chart(crop: Crop, lines: Sequence[Line]) -> Table | None:
    """The table of a chart of bars or lines, in the picture's own pixels."""
    here = [line.model_copy(update={"xyxy": crop.from_original(box_of(line))}) for line in lines]
    pixels = crop.array()
    table = bar_chart(pixels, here, crop.media) or line_chart(pixels, here, crop.media)
    if table is None:
        return None
    cells = [
        cell if cell.xyxy is None else cell.model_copy(update={"xyxy": crop.to_original(cell.xyxy)})
        for cell in table.cells
    ]
    return table.model_copy(update={"cells": tuple(cells)})


def _part(crop: Crop, lines: Sequence[Line], cuts: int = MOST_CUTS) -> Table | None:
    """The table in a part of a region, as below a chart: the region is cut at its widest gap, and its parts again."""
    rows = [[lines[index] for index in row] for row in line_rows([box_of(line) for line in lines])]
    spans = [(min(box_of(line)[1] for line in row), max(box_of(line)[3] for line in row)) for row in rows]
    if cuts == 0 or len(rows) < 2 * LEAST_ROWS:
        return None
    gaps = [below[0] - above[1] for above, below in itertools.pairwise(spans)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    middle = (spans[widest][1] + spans[widest + 1][0]) / 2
    x1, y1, x2, y2 = crop.xyxy
    parts = (rows[: widest + 1], (x1, y1, x2, middle)), (rows[widest + 1 :], (x1, middle, x2, y2))
    # The larger one first: what is cut off is mostly a title, a chart's labels or a note.
    for part, xyxy in sorted(parts, key=lambda one: -len(one[0])):
        below = crop.model_copy(update={"xyxy": xyxy})
        kept = [line for row in part for line in row]
        numbers = [line for line in kept if amounts(line)]
        if numbers and (table := _table(below, kept) or _part(below, kept, cuts - 1)) is not None:
            return table
    return None


def _table(crop: Crop, lines: Sequence[Line]) -> Table | None:
    """The table that lines make in a region."""
    rows = [[lines[index] for index in row] for row in line_rows([box_of(line) for line in lines])]
    if not _may_be_table(rows):
        return None
    by_lines = _by_lines(rows)
    try:
        places = structure_of(crop.array())
    except SourceError:
        # The network is an improvement, not a condition: without it rows and columns follow from the words' places.
        places = []
    by_network = _filled([_to_original(place, crop) for place in places], lines) if places else None
    best = min(
        (found for found in (by_network, by_lines) if found is not None and _is_table(found)),
        key=lambda found: _misplaced(found, rows),
        default=None,
    )
    if best is None:
        return None
    best = _with_whole_names(best)
    last = max(entry.place.row for entry in best if entry.lines)
    kept = [entry for entry in best if entry.place.row <= last]
    cells = tuple(sorted((_cell(entry) for entry in kept), key=lambda cell: (cell.row, cell.column)))
    table = Table(media=crop.media, cells=cells)
    return table.model_copy(update={"header_rows": header_rows(table)})


class _Entry(NamedTuple):
    """A cell and the lines of text in it."""

    place: Place
    lines: list[Line]


def _with_whole_names(entries: Sequence[_Entry]) -> list[_Entry]:
    """Cells in which the name of a row that runs over several lines is one cell, beside the row's numbers."""
    filled = [entry for entry in entries if entry.lines]
    left = min(entry.place.column for entry in filled)
    first = {
        entry.place.row: box_around(entry.lines)
        for entry in filled
        if entry.place.column == left and entry.place.column_span == entry.place.row_span == 1
    }
    beside = {row: [entry for entry in filled if entry.place.row == row and entry.place.column > left] for row in first}
    valued = [row for row, others in beside.items() if any(amounts(line) for entry in others for line in entry.lines)]
    lone = [row for row, others in beside.items() if not others]
    into = joined_rows(first, valued, lone)
    if not into:
        return list(entries)
    names = {row: [row, *(other for other, target in into.items() if target == row)] for row in set(into.values())}
    lines = {(entry.place.row, entry.place.column): entry.lines for entry in filled}
    kept_rows = [row for row in range(1 + max(entry.place.row for entry in entries)) if row not in into]
    number = {row: at for at, row in enumerate(kept_rows)}
    found = []
    for entry in entries:
        row, column = entry.place.row, entry.place.column
        if row in into:
            continue
        own = [line for one in sorted(names.get(row, [])) for line in lines[one, left]] if column == left else []
        span = sum(one in number for one in range(row, row + entry.place.row_span))
        place = entry.place._replace(row=number[row], row_span=span)
        if own:
            place = place._replace(xyxy=box_around(own))
        found.append(_Entry(place, own or entry.lines))
    return found


def _may_be_table(rows: Sequence[Sequence[Line]]) -> bool:
    """Whether enough lines stand side by side, in rows of two at least."""
    side_by_side = [row for row in rows if len(row) > 1]
    total = sum(map(len, rows))
    return len(side_by_side) >= LEAST_ROWS and sum(map(len, side_by_side)) >= IN_ROWS * total


def _is_table(entries: Sequence[_Entry]) -> bool:
    """Whether cells make a table: two rows and columns or more, most cells filled, columns whose lines are aligned."""
    filled = [entry for entry in entries if entry.lines]
    columns = {entry.place.column for entry in filled}
    full_rows = {entry.place.row for entry in filled if entry.place.column != min(columns, default=0)}
    if len(columns) < 2 or len(full_rows) < LEAST_ROWS or len(filled) < FILLED * len(entries):
        return False
    single = [entry for entry in filled if entry.place.column_span == 1]
    by_column = [[entry.lines[0] for entry in single if entry.place.column == column] for column in columns]
    return all(_aligned([box_of(line) for line in lines]) for lines in by_column if len(lines) > 2)


def _aligned(boxes: Sequence[XYXY]) -> bool:
    """Whether most of a column's lines share their left end, right end or middle, within a line's height."""
    heights = sorted(box[3] - box[1] for box in boxes)
    slack = heights[len(heights) // 2]
    for ends in ([box[0] for box in boxes], [box[2] for box in boxes], [(box[0] + box[2]) / 2 for box in boxes]):
        middle = sorted(ends)[len(ends) // 2]
        if sum(abs(end - middle) <= slack for end in ends) >= ALIGNED * len(ends):
            return True
    return False


def _misplaced(entries: Sequence[_Entry], rows: Sequence[Sequence[Line]]) -> float:
    """How badly cells fit the words: lines that stand in one row but not in one of the table, or share a cell there."""
    place_of = {id(line): entry.place for entry in entries for line in entry.lines}
    wrong = sum(id(line) not in place_of for row in rows for line in row)
    for row in rows:
        placed = [place_of[id(line)] for line in row if id(line) in place_of]
        for one, other in itertools.pairwise(placed):
            apart = one.row + one.row_span <= other.row or other.row + other.row_span <= one.row
            wrong += apart or one == other or other.column <= one.column
    # Two rows of words in one cell may be a cell of two lines, or two rows of the table in one.
    crowded = sum(len(entry.lines) > 2 for entry in entries)
    return wrong + 0.5 * crowded


def _filled(places: Sequence[Place], lines: Sequence[Line]) -> list[_Entry]:
    """Each line of text in the cell that covers most of it, else in the one whose middle is nearest."""
    entries = [_Entry(place, []) for place in places]
    for line in lines:
        best = max(
            entries, key=lambda entry: (_share(box_of(line), entry.place.xyxy), -_gap(box_of(line), entry.place.xyxy))
        )
        best.lines.append(line)
    return entries


def _by_lines(rows: Sequence[Sequence[Line]]) -> list[_Entry]:
    """Cells by the words alone: a row of the table is a row of words, a column what stands one below the other.

    Columns are found in rows of several lines, by gaps that no line reaches over; a heading may reach over several.
    """
    spans = sorted((box_of(line)[0], box_of(line)[2]) for row in rows if len(row) > 1 for line in row)
    columns: list[list[float]] = []
    for left, right in spans:
        if columns and left < columns[-1][1]:
            columns[-1][1] = max(columns[-1][1], right)
        else:
            columns.append([left, right])
    entries: list[_Entry] = []
    for number, row in enumerate(rows):
        for line in row:
            x1, y1, x2, y2 = box_of(line)
            reached = [at for at, (left, right) in enumerate(columns) if min(x2, right) - max(x1, left) > 0]
            first, last = (reached[0], reached[-1]) if reached else (0, 0)
            place = Place(number, first, 1, last - first + 1, (x1, y1, x2, y2))
            same = next((entry for entry in entries if entry.place[:2] == place[:2]), None)
            if same is None:
                entries.append(_Entry(place, [line]))
            else:
                same.lines.append(line)
    taken = {
        (entry.place.row, entry.place.column + step) for entry in entries for step in range(entry.place.column_span)
    }
    empty = [
        _Entry(Place(row, column, 1, 1, (0, 0, 0, 0)), [])
        for row in range(len(rows))
        for column in range(len(columns))
        if (row, column) not in taken
    ]
    return entries + empty


def _cell(entry: _Entry) -> Cell:
    row, column, row_span, column_span, xyxy = entry.place
    return Cell(
        row=row,
        column=column,
        row_span=row_span,
        column_span=column_span,
        text=" ".join(line.text for line in entry.lines),
        xyxy=xyxy if entry.lines else None,
        confidence=min((line.confidence for line in entry.lines), default=1.0),
    )


def _to_original(place: Place, crop: Crop) -> Place:
    return place._replace(xyxy=crop.to_original(place.xyxy))


def _share(one: XYXY, other: XYXY) -> float:
    """Part of one box that lies in another."""
    area = (one[2] - one[0]) * (one[3] - one[1])
    return shared_area(one, other) / area if area else 0.0


def _gap(one: XYXY, other: XYXY) -> float:
    return abs(one[0] + one[2] - other[0] - other[2]) + abs(one[1] + one[3] - other[1] - other[3])
