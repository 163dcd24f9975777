"""How much of each other two boxes cover. Boxes are xyxy in pixels; knows no picture and no label."""

from __future__ import annotations

from visagent.evidence.masks import XYXY


def shared_length(one: XYXY, other: XYXY, axis: int) -> float:
    """Pixels that both cover along an axis, 0 for x and 1 for y; below zero, the gap between them.

    >>> shared_length((0, 0, 4, 4), (3, 6, 9, 9), 0), shared_length((0, 0, 4, 4), (3, 6, 9, 9), 1)
    (1, -2)
    """
    return min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis])


def part_shared(one: XYXY, other: XYXY) -> float:
    """Intersection over union of two boxes.

    >>> part_shared((0, 0, 4, 4), (2, 0, 6, 4))
    0.3333333333333333
    """
    both = shared_area(one, other)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (areas - both) if both else 0.0


INSIDE = 0.5
"""Part of a box that must lie in a region for its object to be there."""


def lies_in(box: XYXY, region: XYXY) -> bool:
    """Whether at least half of a box lies in a region: then a person says that its object is there.

    >>> lies_in((0, 0, 4, 4), (2, 0, 9, 9)), lies_in((0, 0, 4, 4), (3, 0, 9, 9))
    (True, False)
    """
    area = (box[2] - box[0]) * (box[3] - box[1])
    return area > 0 and shared_area(box, region) / area >= INSIDE


def shared_area(one: XYXY, other: XYXY) -> float:
    """Square pixels that both cover; 0 where they lie apart or only touch.

    >>> shared_area((0, 0, 4, 4), (2, 3, 9, 9))
    2
    """
    return max(0.0, shared_length(one, other, 0)) * max(0.0, shared_length(one, other, 1))
