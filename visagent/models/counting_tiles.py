"""Many or tiny things in a picture, found part by part: which pictures deserve it, the parts, and their boxes as one.

A model that is shown a large picture sees it shrunk, and boxes of a crowd come out too few. Parts that overlap are each
shown with more pixels a thing; what several parts show is one thing. Asks no model.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from visagent.evidence.overlap import part_shared, shared_area
from visagent.evidence.values import XYXY, Box, Crop

SEEN_SIDE = 1568
"""Longer side, pixels, up to which models see a picture as it is; servers of hosted models shrink larger ones to it."""
MANY = 8
"""Things from which a count of one look is worth little."""
TINY = 28
"""Pixels, as seen, that one token of a picture stands for in Qwen-VL: smaller things share a token with what surrounds
them."""
LARGEST_SHARE = 0.125
"""Largest size of a thing, as a share of the picture's shorter side: parts would cut larger ones."""
MOST_PARTS = 6
ENLARGED_MOST = 4.0
OVERLAP = 0.1
"""Least overlap of neighbouring parts, as a share of the picture's shorter side."""


def deserves_parts(boxes: Sequence[Box], crop: Crop) -> bool:
    """Whether what one look found should be looked for again, part by part.

    That is where there are many things, or a large picture in which none was found, and the model saw it shrunk; and
    where things are tiny whatever the picture's size. Things that parts would cut are not.

    Args:
        boxes: What one look at all of it found, pixels of the original.
        crop: What was looked at.
    """
    sides = _sides(crop)
    shrunk = min(1.0, SEEN_SIDE / max(sides))
    if not boxes:
        return shrunk < 1
    size = _size(boxes)
    if size > LARGEST_SHARE * min(sides):
        return False
    return size * shrunk < TINY or (shrunk < 1 and len(boxes) >= MANY)


def parts(boxes: Sequence[Box], crop: Crop) -> list[Crop]:
    """Parts of a picture, row by row, that overlap by more than the things are large.

    Args:
        boxes: What one look at all of it found, pixels of the original.
        crop: What was looked at.
    """
    width, height = _sides(crop)
    across, down = (max(2, math.ceil(side / SEEN_SIDE)) for side in (width, height))
    while across * down > MOST_PARTS:
        across, down = (across - 1, down) if across >= down else (across, down - 1)
    overlap = max(OVERLAP * min(width, height), 1.5 * _size(boxes) if boxes else 0.0)
    columns, rows = _cuts(crop.xyxy[0], crop.xyxy[2], across, overlap), _cuts(crop.xyxy[1], crop.xyxy[3], down, overlap)
    found = [(left, top, right, bottom) for top, bottom in rows for left, right in columns]
    return [crop.model_copy(update={"xyxy": xyxy, "scale": _scale(xyxy)}) for xyxy in found]


def each_once(found: Sequence[tuple[Crop, Sequence[Box]]], whole: Sequence[Box], crop: Crop) -> list[Box]:
    """The boxes of overlapping parts, each thing once, by non-maximum suppression; those cut by a seam give way.

    Args:
        found: The parts, each with its boxes in pixels of the original.
        whole: What one look at all of it found: only what is too large for a part is taken from it.
        crop: What was looked at.
    """
    uncut: list[tuple[int, Box]] = []
    cut: list[tuple[int, Box]] = []
    for number, (part, boxes) in enumerate(found):
        for box in boxes:
            (cut if _at_seam(box, part, crop) else uncut).append((number, box))
    large = LARGEST_SHARE * min(_sides(crop))
    kept = [(-1, box) for box in whole if _side(box) > large]
    # The whole ones first: a part of a thing is known by the thing.
    for number, box in (*uncut, *sorted(cut, key=lambda one: -one[1].area)):
        if not any(other != number and _same(box, one) for other, one in kept):
            kept.append((number, box))
    return sorted((box for _, box in kept), key=lambda box: (box.xyxy[1], box.xyxy[0]))


def _same(box: Box, other: Box) -> bool:
    """Whether two parts' boxes show one thing: they cover each other, or one lies in the other."""
    if part_shared(box.xyxy, other.xyxy) >= 0.5:
        return True
    smaller = min(box.area, other.area)
    return smaller > 0 and shared_area(box.xyxy, other.xyxy) >= 0.7 * smaller


def _at_seam(box: Box, part: Crop, crop: Crop) -> bool:
    """Whether a box ends where its part ends and the picture goes on; 1 % of the part is how exactly models draw."""
    near = [0.01 * side for side in _sides(part)] * 2
    return any(
        abs(box.xyxy[edge] - part.xyxy[edge]) <= near[edge] and abs(part.xyxy[edge] - crop.xyxy[edge]) > 1
        for edge in range(4)
    )


def _cuts(start: float, end: float, count: int, overlap: float) -> list[tuple[float, float]]:
    length = (end - start + (count - 1) * overlap) / count
    return [
        (start + at * (length - overlap), min(end, start + at * (length - overlap) + length)) for at in range(count)
    ]


def _scale(xyxy: XYXY) -> float:
    """A part that is smaller than what a model sees as it is, is enlarged."""
    longer = max(xyxy[2] - xyxy[0], xyxy[3] - xyxy[1], 1.0)
    return max(1.0, min(ENLARGED_MOST, SEEN_SIDE / longer))


def _sides(crop: Crop) -> tuple[float, float]:
    return crop.xyxy[2] - crop.xyxy[0], crop.xyxy[3] - crop.xyxy[1]


def _side(box: Box) -> float:
    return max(box.xyxy[2] - box.xyxy[0], box.xyxy[3] - box.xyxy[1])


def _size(boxes: Sequence[Box]) -> float:
    return statistics.median(map(_side, boxes))
