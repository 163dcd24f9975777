"""Looking closer: parts of a picture, enlarged regions. Pure: both only name a region, nothing is decoded."""

import math
from typing import Literal

from visagent.core.errors import ToolError
from visagent.evidence.values import ENLARGED_PIXELS, XYXY, Crop
from visagent.tools.toolkit import tool

Part = Literal["left", "right", "top", "bottom", "center", "top_left", "top_right", "bottom_left", "bottom_right"]

PARTS: dict[Part, XYXY] = {
    "left": (0, 0, 0.5, 1),
    "right": (0.5, 0, 1, 1),
    "top": (0, 0, 1, 0.5),
    "bottom": (0, 0.5, 1, 1),
    # As large as a corner's quarter: half the width and half the height, in the middle.
    "center": (0.25, 0.25, 0.75, 0.75),
    "top_left": (0, 0, 0.5, 0.5),
    "top_right": (0.5, 0, 1, 0.5),
    "bottom_left": (0, 0.5, 0.5, 1),
    "bottom_right": (0.5, 0.5, 1, 1),
}
"""Left, top, right, bottom, as shares of the width and the height."""

ENLARGED = 1024
"""Pixels to which the longer side of a small box is enlarged."""
MOST = 16.0
"""The largest scale a crop may have: above it there is nothing left to see, and memory runs out."""


@tool(by_sight=True)
def crop(image: Crop, part: Part) -> Crop:
    """Cut out one part of a picture.

    Args:
        image: What to cut from.
        part: Which half, quarter or middle.
    """
    # A part of an object is not the object: it keeps no label.
    return image.model_copy(update={"xyxy": region(image.xyxy, part), "label": ""})


@tool(by_sight=True)
def zoom(image: Crop, factor: float = 2.0) -> Crop:
    """Enlarge a picture or object, to see small details.

    Args:
        image: What to enlarge.
        factor: How many times larger.
    """
    if not 0 < factor < float("inf"):
        raise ToolError(f"zoom(factor={factor}): a picture cannot be enlarged so.", "Give a number above 0, such as 2.")
    x1, y1, x2, y2 = image.xyxy
    # No further than there is room for; what is large already stays as it is.
    room = max(1.0, math.sqrt(ENLARGED_PIXELS / max(1.0, (math.ceil(x2) - int(x1)) * (math.ceil(y2) - int(y1)))))
    scale = min(MOST, image.scale * factor)
    return image.model_copy(update={"scale": min(scale, max(room, image.scale)) if factor > 1 else scale})


@tool
def crop_box(image: Crop, box: list[float]) -> Crop:
    """Cut out a box given in pixels of the original picture, and enlarge it if it is small.

    A box of a crop is given in the original's pixels too, so that nested crops cite the original.

    Args:
        image: What to cut from.
        box: Left, top, right and bottom, pixels of the original picture.
    """
    if len(box) != 4:
        raise ToolError(f"crop_box(box={box}): a box has four numbers.", "Give left, top, right and bottom, in pixels.")
    left, top, right, bottom = image.xyxy
    x1, x2 = sorted((min(max(box[0], left), right), min(max(box[2], left), right)))
    y1, y2 = sorted((min(max(box[1], top), bottom), min(max(box[3], top), bottom)))
    if x2 - x1 < 1 or y2 - y1 < 1:
        raise ToolError(
            f"crop_box(box={box}): the box has no pixel inside the picture, which reaches from ({left:g}, {top:g}) to "
            f"({right:g}, {bottom:g}).",
            "Give a box inside it, in pixels of the original picture.",
        )
    scale = max(1.0, min(8.0, ENLARGED / max(x2 - x1, y2 - y1)))
    return image.model_copy(update={"xyxy": (x1, y1, x2, y2), "scale": scale, "label": ""})


def region(xyxy: XYXY, part: Part) -> XYXY:
    """The part of a rectangle, in the rectangle's coordinates.

    >>> region((0, 0, 100, 40), "bottom_right")
    (50.0, 20.0, 100.0, 40.0)
    """
    x1, y1, x2, y2 = xyxy
    left, top, right, bottom = PARTS[part]
    width, height = x2 - x1, y2 - y1
    return (x1 + left * width, y1 + top * height, x1 + right * width, y1 + bottom * height)
