"""Words for the part of a picture in which something stands. Pure."""

from __future__ import annotations

from visagent.evidence.values import Box


def part_of_picture(box: Box, width: int, height: int) -> str:
    """The third of a picture, down and across, in which a box's centre stands: `top left`, `middle right`, `center`.

    Args:
        box: Box in pixels.
        width: Width of the picture, in pixels.
        height: Likewise.
    """
    x, y = box.centre[0] / width, box.centre[1] / height
    down, across = _third(y, "top", "middle", "bottom"), _third(x, "left", "middle", "right")
    return "center" if down == across else f"{down} {across}"


def _third(place: float, first: str, second: str, third: str) -> str:
    """The word for the third of 0..1 in which a place lies."""
    return first if place < 1 / 3 else third if place > 2 / 3 else second
