"""Flat-coloured shapes of a drawing: connected regions of one colour, and what kind of figure each is. Knows no agent.

A drawing (a diagram, a chart's legend, a synthetic scene) has few colours, each flat, with blended pixels along the
outlines. Regions of one exact colour are found first; blended pixels then join the neighbouring region whose colour is
nearest, so that the blend of two colours is never taken for a third. A region that reaches from one side of the picture
to the opposite one, or holds other regions, is ground and not a shape.

A figure is named by the smallest triangle, rectangle and circle around it (O'Rourke et al. 1986, Freeman and Shapira
1975, Welzl 1991, as OpenCV has them): the one it fills best, if it fills it well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rectangle = tuple[int, int, int, int]
Kind = Literal["circle", "square", "rectangle", "triangle", "shape"]

LEAST_PIXELS = 12
"""Pixels of one exact colour that make a region; fewer are a blend or noise."""
LEAST_FILL = 0.88
"""Part of the figure around it that a region must fill to be called by the figure's name."""
SQUARE = 0.9
"""Ratio of the sides from which on a rectangle is a square."""
GROUND = 5.0
"""How much nearer to the ground's colour a blended pixel must be to belong to it. So a shape owns the pixels that it
covers to a sixth, and its box holds all of it, to the tip of a triangle."""
ROUNDS = 3
"""Pixels that an outline's blend is wide at most."""


@dataclass(frozen=True)
class Region:
    """A connected region of one colour.

    Attributes:
        xyxy: Its box, pixels; right and bottom are exclusive.
        rgb: Its colour.
        kind: What figure it is; "shape" for none that has a name here.
        fill: The part of that figure that it covers, 0 to 1.
    """

    xyxy: Rectangle
    rgb: tuple[int, int, int]
    kind: Kind
    fill: float


def find_regions(rgb: NDArray[np.uint8]) -> tuple[list[Region], list[Region]]:
    """The shapes of a drawing and its panels, each from left to right.

    Args:
        rgb: (height, width, 3), sRGB, 0 to 255.

    Returns:
        The shapes; then the pieces of ground that shapes lie on, and those that look the same but are empty.
    """
    import numpy as np

    labels, colors = _regions(rgb)
    height, width = labels.shape
    boxes = _boxes(labels, len(colors))
    ground = [
        (x1 == 0 and x2 == width) or (y1 == 0 and y2 == height) or _holds_any(boxes, index)
        for index, (x1, y1, x2, y2) in enumerate(boxes)
    ]
    # A piece of the ground that a shape cuts off, in a corner or a ring, is still ground.
    ground = [
        is_ground
        or any(
            ground[k] and _inside(boxes[index], boxes[k]) and (colors[index] == colors[k]).all()
            for k in range(len(boxes))
        )
        for index, is_ground in enumerate(ground)
    ]
    for _ in range(ROUNDS):
        if colors.size and (labels < 0).any():
            _absorb(rgb, labels, colors, np.array(ground))
    boxes = _boxes(labels, len(colors))
    shapes = []
    for index, box in enumerate(boxes):
        if not ground[index]:
            x1, y1, x2, y2 = box
            kind, fill = name_figure(labels[y1:y2, x1:x2] == index)
            shapes.append(Region(box, _rgb(colors[index]), kind, fill))
    centres = [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in (shape.xyxy for shape in shapes)]
    # The smallest ground around a shape is what it lies on.
    under = set()
    for centre in centres:
        around = [index for index, is_ground in enumerate(ground) if is_ground and _contains(boxes[index], *centre)]
        if around:
            under.add(min(around, key=lambda index: _area(boxes[index])))
    alike = {
        index
        for index, is_ground in enumerate(ground)
        for known in under
        if is_ground and np.array_equal(colors[index], colors[known]) and _same_size(boxes[index], boxes[known])
    }
    panels = [Region(boxes[index], _rgb(colors[index]), "rectangle", 1.0) for index in under | alike]
    return sorted(shapes, key=_place), sorted(panels, key=_place)


def name_figure(mask: NDArray[np.bool_]) -> tuple[Kind, float]:
    """What figure a region is, and which part of that figure it covers.

    Args:
        mask: (height, width), true inside; no empty border.
    """
    import cv2
    import numpy as np

    contours, _ = cv2.findContours(np.pad(mask.astype(np.uint8), 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate(contours).reshape(-1, 2).astype(np.float32)
    # A pixel is a square, not a point: its four corners bound the region.
    corners = np.concatenate([points + offset for offset in ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5))])
    hull = cv2.convexHull(np.ascontiguousarray(corners, np.float32))
    area = float(mask.sum())
    _, (side, other), _ = cv2.minAreaRect(hull)
    rectangle: Kind = "square" if min(side, other) >= SQUARE * max(side, other) else "rectangle"
    _, radius = cv2.minEnclosingCircle(hull)
    triangle, _ = cv2.minEnclosingTriangle(hull)
    # Steps of the pixel grid stick out of a round or slanted outline by about half a pixel.
    round_area = np.pi * max(radius - 0.5, 0.5) ** 2
    slanted_area = triangle * (1 - 1 / max(side, other)) if triangle else np.inf
    fills: dict[Kind, float] = {
        rectangle: area / max(side * other, 1.0),
        "circle": area / round_area,
        "triangle": area / max(slanted_area, 1.0),
    }
    kind = min(fills, key=lambda name: abs(1 - fills[name]))
    fill = min(1.0, fills[kind], 1 / fills[kind])
    return (kind, fill) if fill >= LEAST_FILL else ("shape", fill)


def _regions(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """For each pixel the index of its region, -1 for a blend of colours; and each region's colour."""
    import cv2
    import numpy as np

    packed = rgb.astype(np.int64) @ np.array([65536, 256, 1])
    values, counts = np.unique(packed, return_counts=True)
    labels = np.full(packed.shape, -1, np.int32)
    colors: list[NDArray[np.uint8]] = []
    for value in values[counts >= LEAST_PIXELS]:
        same = (packed == value).astype(np.uint8)
        number, parts, stats, _ = cv2.connectedComponentsWithStats(same, connectivity=4)
        for part in range(1, number):
            if stats[part, cv2.CC_STAT_AREA] >= LEAST_PIXELS and _has_thickness(parts == part):
                labels[parts == part] = len(colors)
                colors.append(rgb[parts == part][0])
    return labels, np.array(colors, np.uint8).reshape(-1, 3)


def _has_thickness(mask: NDArray[np.bool_]) -> bool:
    """Whether a region is at least two pixels thick somewhere: an outline's blend is not."""
    return bool((mask[1:, 1:] & mask[:-1, 1:] & mask[1:, :-1] & mask[:-1, :-1]).any())


def _absorb(
    rgb: NDArray[np.uint8], labels: NDArray[np.int32], colors: NDArray[np.uint8], ground: NDArray[np.bool_]
) -> None:
    """Give blended pixels next to a shape to it, unless the ground's colour is much nearer."""
    import numpy as np

    height, width = labels.shape
    padded = np.pad(labels, 1, constant_values=-1)
    windows = [padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    near = np.stack(windows, axis=-1)[labels < 0]
    difference = colors[near].astype(np.float64) - rgb[labels < 0][:, None]
    distance = np.sqrt((difference**2).sum(axis=-1)) * np.where(ground[near], GROUND, 1.0)
    best = np.where(near < 0, np.inf, distance).argmin(axis=-1)
    chosen = np.take_along_axis(near, best[:, None], axis=-1)[:, 0]
    # What seems ground waits: the pixel beside it may turn out to be a shape's, as at the tip of a triangle.
    labels[labels < 0] = np.where((chosen >= 0) & ground[chosen], -1, chosen)


def _boxes(labels: NDArray[np.int32], number: int) -> list[Rectangle]:
    import numpy as np

    boxes = []
    for index in range(number):
        rows = np.flatnonzero((labels == index).any(axis=1))
        columns = np.flatnonzero((labels == index).any(axis=0))
        boxes.append((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    return boxes


def _holds_any(boxes: list[Rectangle], index: int) -> bool:
    """Whether another region lies inside this one and reaches none of its sides."""
    x1, y1, x2, y2 = boxes[index]
    return any(x1 < a1 and y1 < b1 and a2 < x2 and b2 < y2 for a1, b1, a2, b2 in boxes)


def _inside(one: Rectangle, other: Rectangle) -> bool:
    return (
        one != other
        and all(a >= b for a, b in zip(one[:2], other[:2], strict=True))
        and one[2] <= other[2]
        and one[3] <= other[3]
    )


def _contains(box: Rectangle, x: float, y: float) -> bool:
    return box[0] <= x < box[2] and box[1] <= y < box[3]


def _area(box: Rectangle) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _same_size(one: Rectangle, other: Rectangle) -> bool:
    return (one[2] - one[0], one[3] - one[1]) == (other[2] - other[0], other[3] - other[1])


def _rgb(color: NDArray[np.uint8]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in color)
    return red, green, blue


def _place(region: Region) -> Rectangle:
    return region.xyxy
