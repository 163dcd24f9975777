"""What stands beside, above or below a piece of text: by boxes where the reader gave them, else by the order of lines.

Pure. Lines of different pictures are never compared. A phrase that is a part of a line has that part of the line's
box: letters are taken to be equally wide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from visagent.evidence.overlap import shared_length
from visagent.evidence.values import XYXY, Line

Where = Literal["right_of", "left_of", "above", "below", "same_row", "same_column", "nearest"]

SAME_ROW = 0.5
"""Part of the lesser height that two lines share if they stand in one row."""
SAME_COLUMN = 0.1
"""Part of the lesser width that two lines share if they stand in one column; numbers often stand at its right end."""


def is_in_row(one: XYXY, other: XYXY) -> bool:
    """Whether two lines stand in one row.

    >>> is_in_row((0, 0, 40, 18), (50, 4, 90, 22)), is_in_row((0, 0, 40, 18), (50, 14, 90, 32))
    (True, False)
    """
    return shared_length(one, other, 1) >= SAME_ROW * _least(one, other, 1)


def is_below(one: XYXY, other: XYXY) -> bool:
    """Whether a line stands right below another one: in its column, and nearer than the lower of the two is high.

    >>> is_below((0, 22, 40, 40), (0, 0, 60, 18)), is_below((0, 60, 40, 78), (0, 0, 60, 18))
    (True, False)
    """
    height = min(one[3] - one[1], other[3] - other[1])
    aligned = shared_length(one, other, 0) >= SAME_COLUMN * _least(one, other, 0)
    return aligned and -height / 2 <= one[1] - other[3] <= height


def beside(lines: Sequence[Line], at: int, start: int, end: int, where: Where) -> list[Line]:
    """The lines that stand so to a phrase, nearest first; for a row or column, in reading order.

    Args:
        lines: All lines of the text.
        at: Index of the line that the phrase stands in.
        start: First character of the phrase in its line.
        end: The character after it.
        where: How they stand to it. A row is without the phrase, but with the rest of its line.
    """
    own = lines[at]
    before, after = _part(own, 0, start), _part(own, end, len(own.text))
    if own.xyxy is None:
        return _by_order(lines, at, before, after, where)
    anchor = _span(own.xyxy, own.text, start, end)
    others = [line for line in lines if line is not own and line.xyxy is not None and _source(line) == _source(own)]
    row = [line for line in others if is_in_row(box_of(line), anchor)]
    column = [
        line
        for line in others
        if line not in row and shared_length(box_of(line), anchor, 0) >= SAME_COLUMN * _least(box_of(line), anchor, 0)
    ]
    left = sorted((line for line in row if _centre(line, 0) < anchor[0]), key=lambda line: -_centre(line, 0))
    right = sorted((line for line in row if _centre(line, 0) > anchor[2]), key=lambda line: _centre(line, 0))
    up = sorted((line for line in column if _centre(line, 1) < anchor[1]), key=lambda line: -_centre(line, 1))
    down = sorted((line for line in column if _centre(line, 1) > anchor[3]), key=lambda line: _centre(line, 1))
    match where:
        case "right_of":
            return [*after, *right]
        case "left_of":
            return [*before, *left]
        case "above":
            return up
        case "below":
            return down
        case "same_row":
            return [*reversed(left), *before, *after, *right]
        case "same_column":
            return [*reversed(up), *down]
        case "nearest":
            return [*after, *before, *sorted(others, key=lambda line: _gap(box_of(line), anchor))]


def _by_order(lines: Sequence[Line], at: int, before: list[Line], after: list[Line], where: Where) -> list[Line]:
    """The same for text without places: a row is a line."""
    up, down = list(reversed(lines[:at])), list(lines[at + 1 :])
    match where:
        case "right_of":
            return after
        case "left_of":
            return before
        case "above":
            return up
        case "below":
            return down
        case "same_row":
            return [*before, *after]
        case "same_column":
            return [*reversed(up), *down]
        case "nearest":
            return [*after, *before, *down[:1], *up[:1]]


def _part(line: Line, start: int, end: int) -> list[Line]:
    """A part of a line that says something, without the marks at its ends; nothing where it says nothing."""
    text = line.text[start:end]
    if not re.search(r"\w", text):
        return []
    # A minus, a bracket or a currency sign belongs to the number behind it.
    stripped = text.strip().lstrip(":;,.…|/").strip()
    xyxy = None if line.xyxy is None else _span(line.xyxy, line.text, start, end)
    return [line.model_copy(update={"text": stripped, "xyxy": xyxy})]


def _span(xyxy: XYXY, text: str, start: int, end: int) -> XYXY:
    """The part of a line's box that some of its characters take up."""
    left, top, right, bottom = xyxy
    width = (right - left) / max(1, len(text))
    return (left + start * width, top, left + end * width, bottom)


def _source(line: Line) -> tuple[str | None, float | None]:
    """The picture, or the moment of a video, that a line stands in."""
    return line.media, line.start


def box_of(line: Line) -> XYXY:
    """The box of a line whose reader is known to give boxes."""
    assert line.xyxy is not None
    return line.xyxy


def box_around(lines: Sequence[Line]) -> XYXY:
    """The box around all lines that have one."""
    boxes = [line.xyxy for line in lines if line.xyxy is not None]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _centre(line: Line, axis: int) -> float:
    box = box_of(line)
    return (box[axis] + box[axis + 2]) / 2


def _least(one: XYXY, other: XYXY, axis: int) -> float:
    return min(one[axis + 2] - one[axis], other[axis + 2] - other[axis])


def _gap(one: XYXY, other: XYXY) -> float:
    """Pixels between two boxes, along the further axis' square."""
    return sum(max(0.0, -shared_length(one, other, axis)) ** 2 for axis in (0, 1))
