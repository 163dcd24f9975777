"""How objects are arranged in regions: at an edge, in a stack, so many in one. Exact and pure; knows no picture.

A region is a box that holds others: a panel, a frame, a shelf. An object lies in the region that its centre is in.
Where there is nothing to relate to, no object stands in the relation: the answer is empty, and not a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from visagent.core.errors import ToolError
from visagent.evidence.values import Box, Boxes
from visagent.tools.toolkit import tool

Edge = Literal["any", "corner", "left", "right", "top", "bottom"]
Side = Literal["left", "right", "top", "bottom"]

AT_EDGE = 0.01
"""Part of a region's width or height within which an object touches its edge."""
RESTING = 0.15
"""Gap between two objects, as a part of the smaller one's height, up to which one rests on the other."""
MARGIN = 0.25
"""Part of the smaller height by which centres must differ for one object to stand over another; as in `geometry`."""


@tool
def labelled(boxes: Boxes, word: str) -> Boxes:
    """The objects whose label has a word, such as yellow of yellow circle."""
    wanted = word.strip().casefold()
    return boxes.replace([box for box in boxes.boxes if wanted in box.label.casefold().split()])


@tool
def both(a: Boxes, b: Boxes) -> Boxes:
    """The objects that are in a and in b."""
    _check("both", a, b)
    return a.replace([box for box in a.boxes if _among(box, b)])


@tool
def holding(a: Boxes, b: Boxes, op: Literal["=", ">=", "<="], number: int) -> Boxes:
    """The regions of a that hold so many objects of b."""
    _check("holding", a, b)
    compare: dict[str, Callable[[int], bool]] = {
        "=": lambda found: found == number,
        ">=": lambda found: found >= number,
        "<=": lambda found: found <= number,
    }
    return a.replace([one for one in a.boxes if compare[op](sum(_lies_in(other, one) for other in b.boxes))])


@tool
def at_edge(a: Boxes, b: Boxes, side: Edge = "any") -> Boxes:
    """The objects of a that touch an edge of the region of b they lie in."""
    _check("at_edge", a, b)

    def touches(box: Box, region: Box) -> bool:
        width, height = region.xyxy[2] - region.xyxy[0], region.xyxy[3] - region.xyxy[1]
        left, top, right, bottom = (
            abs(mine - its) < AT_EDGE * extent
            for mine, its, extent in zip(box.xyxy, region.xyxy, (width, height, width, height), strict=True)
        )
        named = {"left": left, "right": right, "top": top, "bottom": bottom}
        either, or_else = left or right, top or bottom
        return named.get(side, either and or_else if side == "corner" else either or or_else)

    return a.replace(
        [box for box in a.boxes if any(_lies_in(box, region) and touches(box, region) for region in b.boxes)]
    )


@tool
def nth_from(a: Boxes, b: Boxes, side: Side, position: int = 1) -> Boxes:
    """In each region of b, the object of a at a position counted from a side: 1 is the outermost.

    Args:
        a: The objects.
        b: The regions.
        side: Where counting starts.
        position: From 1.
    """
    _check("nth_from", a, b)
    if position < 1:
        raise ToolError(f"nth_from(position={position}): positions count from 1.", "Give 1 for the outermost.")
    edge = {"left": 0, "top": 1, "right": 2, "bottom": 3}[side]
    # By the edge that is opposite: of two blocks in a stack, the upper one's lower edge is higher too.
    facing = (edge + 2) % 4
    sign = 1 if edge < 2 else -1
    found = []
    for region in b.boxes:
        inside = sorted((box for box in a.boxes if _lies_in(box, region)), key=lambda box: sign * box.xyxy[facing])
        found += inside[position - 1 : position]
    return a.replace(found)


@tool
def stacked(a: Boxes, b: Boxes, how: Literal["over", "under", "on"]) -> Boxes:
    """The objects of a that stand over, under, or right on an object of b."""
    _check("stacked", a, b)
    relation: dict[str, Callable[[Box, Box], bool]] = {
        "over": _over,
        "under": lambda one, other: _over(other, one),
        "on": lambda one, other: _over(one, other) and 0 <= _gap(one, other) <= RESTING * min(_tall(one), _tall(other)),
    }
    return a.replace([one for one in a.boxes if any(relation[how](one, other) for other in b.boxes)])


def _check(name: str, a: Boxes, b: Boxes) -> None:
    if (a.media, a.seconds) != (b.media, b.seconds):
        raise ToolError(f"{name}: a and b stand in different pictures.", "Find both in the same picture.")


def _among(box: Box, others: Boxes) -> bool:
    return any(box.xyxy == other.xyxy and box.label == other.label for other in others.boxes)


def _lies_in(box: Box, region: Box) -> bool:
    (x, y), (x1, y1, x2, y2) = box.centre, region.xyxy
    return x1 <= x < x2 and y1 <= y < y2


def _tall(box: Box) -> float:
    return box.xyxy[3] - box.xyxy[1]


def _gap(upper: Box, lower: Box) -> float:
    return lower.xyxy[1] - upper.xyxy[3]


def _over(one: Box, other: Box) -> bool:
    """Whether one stands above the other, in columns that both share."""
    shared = min(one.xyxy[2], other.xyxy[2]) - max(one.xyxy[0], other.xyxy[0])
    return shared > 0 and other.centre[1] - one.centre[1] > MARGIN * min(_tall(one), _tall(other))
