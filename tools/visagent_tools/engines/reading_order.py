"""The order in which people read what stands on a page, from boxes alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from visagent.evidence.values import XYXY

PROSE = 5.0
"""Width over height from which a line may be one of a text column."""


def reading_order(boxes: Sequence[XYXY]) -> list[int]:
    """Indices in the order in which a page is read: columns from the left, in each rows from the top, then words.

    This is the recursive X-Y cut (Nagy and Seth, 1984): a region is cut into columns of prose, else into blocks, along
    gaps that are clearly wider than a line is high, and so on with each; what no gap parts is put in rows.

    >>> reading_order([(60, 0, 90, 10), (0, 1, 40, 11), (0, 20, 50, 30)])
    [1, 0, 2]
    """
    return _ordered(list(range(len(boxes))), boxes)


def line_rows(boxes: Sequence[XYXY]) -> list[list[int]]:
    """Indices of boxes in rows from the top, each from the left."""
    return _rows(list(range(len(boxes))), boxes)


def _ordered(indices: list[int], boxes: Sequence[XYXY]) -> list[int]:
    if len(indices) < 2:
        return indices
    heights = sorted(boxes[index][3] - boxes[index][1] for index in indices)
    line = heights[len(heights) // 2]
    columns = _parts(indices, boxes, axis=0, least=1.5 * line)
    if len(columns) > 1 and all(_is_prose(column, boxes) for column in columns):
        return [index for column in columns for index in _ordered(column, boxes)]
    blocks = _parts(indices, boxes, axis=1, least=1.5 * line)
    if len(blocks) > 1:
        return [index for block in blocks for index in _ordered(block, boxes)]
    return [index for row in _rows(indices, boxes) for index in row]


def _is_prose(indices: Sequence[int], boxes: Sequence[XYXY]) -> bool:
    """Whether boxes are lines of a text column: several, and long. A list's items and prices are neither: rows."""
    long = sum(boxes[i][2] - boxes[i][0] >= PROSE * (boxes[i][3] - boxes[i][1]) for i in indices)
    return len(indices) > 1 and 2 * long > len(indices)


def _parts(indices: Sequence[int], boxes: Sequence[XYXY], axis: int, least: float) -> list[list[int]]:
    """The boxes in groups that gaps of more than `least` pixels part, along x (0) or y (1)."""
    groups: list[list[int]] = []
    end = 0.0
    for index in sorted(indices, key=lambda index: boxes[index][axis]):
        if not groups or boxes[index][axis] - end > least:
            groups.append([])
            end = boxes[index][axis + 2]
        groups[-1].append(index)
        end = max(end, boxes[index][axis + 2])
    return groups


def _rows(indices: Sequence[int], boxes: Sequence[XYXY]) -> list[list[int]]:
    """The boxes in rows from the top: a box joins a row whose first box it overlaps in height by half of the lesser."""
    rows: list[list[int]] = []
    for index in sorted(indices, key=lambda index: boxes[index][1] + boxes[index][3]):
        _, top, _, bottom = boxes[index]
        for row in rows:
            _, row_top, _, row_bottom = boxes[row[0]]
            shared = min(bottom, row_bottom) - max(top, row_top)
            if shared >= 0.5 * min(bottom - top, row_bottom - row_top):
                row.append(index)
                break
        else:
            rows.append([index])
    return [sorted(row, key=lambda index: boxes[index][0]) for row in rows]
