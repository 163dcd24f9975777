"""A chart of lines as a table: each line by its colour in the key, its height where a label of the axis stands.

The numbers are estimates. Where one line hides another, nothing is said of the hidden one. Knows no reader and no tool.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visagent.evidence.overlap import shared_area, shared_length
from visagent.evidence.values import Cell, Line, Note, Table
from visagent_tools.amounts import is_year, only_amount
from visagent_tools.engines.bar_charts import keys_of, word_of, worded
from visagent_tools.engines.bar_values import Scale, scale_of
from visagent_tools.engines.color_blocks import NEAR_COLOR, Block, Paint
from visagent_tools.engines.reading_order import line_rows
from visagent_tools.layout import box_around, box_of

LEAST_LABELS = 3
THICKEST = 0.08
"""Height of a line with its dots at most, as part of the axis."""
DRAWN = 0.7
"""Part of the width between two labels over which a line has to be drawn."""
STROKE = 0.8
"""How long a piece of a line is in a key at least, in heights of its text."""
LEAST_CONTRAST = 8
"""What a line of the grid differs from the ground by at least."""
DOTTED = 0.5
"""Part of the marks that are as high as two others, from which on they are dots."""
EVENLY = 0.25
"""How much the distances between labels may differ, as part of the middle one."""


class Labels(NamedTuple):
    """What stands below the axis: the middle of each label, and its words."""

    middles: list[float]
    names: list[Line]


class Mark(NamedTuple):
    """What is drawn of a line at a label: its first and its last row of pixels."""

    top: float
    bottom: float


def line_chart(pixels: NDArray[np.uint8], lines: Sequence[Line], media: str) -> Table | None:
    """The numbers of a chart of lines that a key explains; None where there is none.

    A row for each line, a column for each label below the axis.

    Args:
        pixels: The picture, height x width x 3, RGB.
        lines: What was read in it, with places in its pixels.
        media: Content hash of the picture.
    """
    placed = [line for line in lines if line.xyxy is not None]
    numbers = [(word_of(line), amount) for line in placed if (amount := only_amount(line)) is not None]
    found = scale_of([(word, amount) for word, amount in numbers if not is_year(amount, word.line.text)])
    if found is None:
        return None
    scale, ticks = found
    labels = _labels(placed, max(ticks), max(ticks) - min(ticks))
    if labels is None:
        return None
    off = _grid_offset(pixels, ticks, labels)
    scale, ticks = scale._replace(start=scale.start - scale.slope * off), [tick + off for tick in ticks]
    paint = Paint(pixels)
    colors = paint.colors()
    swatches = [one for one in paint.blocks(colors, NEAR_COLOR) if not _in_plot(one[0], labels, ticks)]
    named = [box_of(name) for name in labels.names]
    words = [
        line
        for line in placed
        if only_amount(line) is None and all(shared_area(box_of(line), box) == 0 for box in named)
    ]
    keys, others = keys_of(_of_one_size(swatches, [*keys_of(swatches, words)[0]]), words)
    if len(keys) < 2:
        keys, others = _strokes(paint.painted(colors, 2 * NEAR_COLOR), words, labels, ticks)
    if not keys:
        return None
    # The blurred edges of a thin line are of shades between it and the ground: they are of the nearest colour.
    chosen = _apart(colors, [*keys])
    painted = paint.painted(colors[chosen], 3 * NEAR_COLOR)
    high = max(ticks) - min(ticks)
    area = slice(max(0, round(min(ticks) - high * THICKEST)), round(max(ticks) + high * THICKEST))
    marks: list[list[Mark | None]] = []
    for color in keys:
        drawn = painted[area] == chosen.index(color)
        if not _is_line(drawn, labels.middles):
            return None
        marks.append([_mark(drawn, middle, high * THICKEST) for middle in labels.middles])
    kept = _whole(marks)
    if not any(mark is not None for row in kept for mark in row):
        return None
    heights = [[None if mark is None else (mark.top + mark.bottom) / 2 + area.start for mark in row] for row in kept]
    title = " ".join(line.text for line in others if box_of(line)[3] <= min(ticks))
    return _table([*zip(keys.values(), heights, strict=True)], labels, scale, title, media)


def _labels(lines: Sequence[Line], bottom: float, high: float) -> Labels | None:
    """The labels below the axis: a row of words or years that are evenly apart, with what stands right below each."""
    rows = [[lines[at] for at in row] for row in line_rows([box_of(line) for line in lines])]
    below = [row for row in rows if bottom < (box_of(row[0])[1] + box_of(row[0])[3]) / 2 + 2 < bottom + 0.3 * high]
    evenly = [
        row for row in below if len(row) >= LEAST_LABELS and _unevenness([_middle(line) for line in row]) <= EVENLY
    ]
    if not evenly:
        return None
    # Of a town and its year below it, one may stand beside a flag: the one that is evenly apart is at the point.
    first = min(evenly, key=lambda row: _unevenness([_middle(line) for line in row]))
    names = []
    for label in first:
        column = [
            line
            for row in evenly
            if len(row) == len(first)
            for line in row
            if shared_length(box_of(line), box_of(label), 0) > 0
            and abs(box_of(line)[1] - box_of(label)[1]) < 2.5 * (box_of(label)[3] - box_of(label)[1])
        ]
        text = " ".join(line.text for line in column)
        names.append(label.model_copy(update={"text": text, "xyxy": box_around(column)}))
    return Labels([_middle(line) for line in first], names)


def _middle(line: Line) -> float:
    box = box_of(line)
    return (box[0] + box[2]) / 2


def _unevenness(middles: Sequence[float]) -> float:
    """How much the distances differ, as part of the middle one."""
    steps = sorted(later - earlier for earlier, later in itertools.pairwise(middles))
    return (steps[-1] - steps[0]) / max(1.0, steps[len(steps) // 2])


def _in_plot(box: tuple[float, float, float, float], labels: Labels, ticks: Sequence[float]) -> bool:
    """Whether a block is a part of the lines, which no block of a key is."""
    across = labels.middles[0] - 5 < (box[0] + box[2]) / 2 < labels.middles[-1] + 5
    return across and min(ticks) < (box[1] + box[3]) / 2 < max(ticks)


def _strokes(
    painted: NDArray[np.int16], words: Sequence[Line], labels: Labels, ticks: Sequence[float]
) -> tuple[dict[int, Line], list[Line]]:
    """What each colour stands for whose line is drawn for a piece left of a text, and the other texts."""
    keys: dict[int, Line] = {}
    others = []
    for line in words:
        x1, y1, _, y2 = box_of(line)
        high = y2 - y1
        part = painted[round(y1 + 0.25 * high) : round(y2 - 0.25 * high), max(0, round(x1 - 3.5 * high)) : round(x1)]
        long = {
            int(color): int((part == color).any(axis=0).sum()) for color in np.unique(part) if color > 0 and part.size
        }
        color = max(long, key=long.__getitem__, default=0)
        if _in_plot(box_of(line), labels, ticks) or long.get(color, 0) < STROKE * high:
            others.append(line)
        else:
            keys.setdefault(color, line)
    return keys, others


def _of_one_size(swatches: Sequence[Block], used: Sequence[int]) -> list[Block]:
    """The blocks that are about as high as most of those beside a text: others are strokes of letters and icons."""
    heights = sorted(box[3] - box[1] for box, color in swatches if color in used)
    most = max(heights, key=lambda one: sum(abs(one - other) <= 0.2 * one for other in heights), default=0.0)
    return [one for one in swatches if abs(one[0][3] - one[0][1] - most) <= 0.2 * most]


def _grid_offset(pixels: NDArray[np.uint8], ticks: Sequence[float], labels: Labels) -> float:
    """How much lower the lines of the grid are than the numbers at them, pixels; 0 where there is no grid."""
    across = pixels[:, round(labels.middles[0]) : round(labels.middles[-1])].astype(np.int16)
    ground = np.median(across.reshape(-1, 3), axis=0)
    # A line of the grid is of another colour than the ground nearly all the way, and the row before it is not.
    drawn = (np.abs(across - ground).max(axis=2) > LEAST_CONTRAST).mean(axis=1) > DRAWN
    grid = np.flatnonzero(drawn & ~np.roll(drawn, 1))
    reach = min(later - earlier for earlier, later in itertools.pairwise(sorted(ticks))) / 4
    near = [min(grid - tick, key=abs) for tick in ticks] if len(grid) else []
    fitting = [float(one) for one in near if abs(one) < reach]
    return float(np.median(fitting)) if len(fitting) > len(ticks) / 2 else 0.0


def _apart(colors: NDArray[np.float32], used: Sequence[int]) -> list[int]:
    """The ground, the colours of the lines, and all others that no shade of these can be."""
    others = [
        at
        for at in range(1, len(colors))
        if at not in used and all(np.linalg.norm(colors[at] - colors[one]) > 3 * NEAR_COLOR for one in used)
    ]
    return [0, *used, *others]


def _is_line(drawn: NDArray[np.bool_], middles: Sequence[float]) -> bool:
    """Whether something of a colour is drawn nearly all the way from one label to the next, for most of them."""
    columns: NDArray[np.bool_] = np.asarray(drawn.any(axis=0))
    parts = [float(columns[round(left) : round(right)].mean()) for left, right in itertools.pairwise(middles)]
    return sum(part >= DRAWN for part in parts) > len(parts) / 2


def _mark(drawn: NDArray[np.bool_], middle: float, thickest: float) -> Mark | None:
    """What is drawn of a colour at a label; None for nothing, and for more than a line and its dot, or its ring."""
    around = drawn[:, max(0, round(middle) - 1) : round(middle) + 2]
    places = np.flatnonzero(around.any(axis=1))
    runs = [run for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1) if len(run) > 1]
    if not runs or runs[-1][-1] - runs[0][0] > thickest:
        return None
    return Mark(float(runs[0][0]), float(runs[-1][-1]))


def _whole(marks: Sequence[Sequence[Mark | None]]) -> list[list[Mark | None]]:
    """The marks that no other line hides a part of: where most are as high as others, as dots are, those alone."""
    heights = Counter(mark.bottom - mark.top for row in marks for mark in row if mark is not None)

    def usual(mark: Mark) -> bool:
        return sum(n for height, n in heights.items() if abs(height - (mark.bottom - mark.top)) <= 1) > 2

    flat = [mark for row in marks for mark in row if mark is not None]
    if sum(map(usual, flat)) < DOTTED * len(flat):
        return [[*row] for row in marks]
    return [[mark if mark is not None and usual(mark) else None for mark in row] for row in marks]


def _table(
    rows: Sequence[tuple[Line, Sequence[float | None]]], labels: Labels, scale: Scale, title: str, media: str
) -> Table:
    cells = [Cell(row=0, column=0, column_span=len(labels.names) + 1, text=title), Cell(row=1, column=0)]
    cells += [
        Cell(row=1, column=at, text=name.text, xyxy=name.xyxy, confidence=name.confidence)
        for at, name in enumerate(labels.names, start=1)
    ]
    for row, (key, heights) in enumerate(rows, start=2):
        cells.append(Cell(row=row, column=0, text=worded(key.text), xyxy=key.xyxy, confidence=key.confidence))
        for at, height in enumerate(heights, start=1):
            value = None if height is None else scale.number(height)
            if value is not None:
                cells.append(Cell(row=row, column=at, text=value.text, confidence=value.confidence))
            else:
                cells.append(Cell(row=row, column=at))
    return Table(media=media, cells=tuple(cells), header_rows=2, notes=(Note(kind="by_height"),))
