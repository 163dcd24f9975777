"""Panels with flat shapes, as a program reads them: who stands where, and what touches what. Knows no sentence.

Sets of objects and sets of panels are bit masks (bit k is the k-th object or panel), so that thousands of programs can
be run over thousands of scenes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from visagent.core.errors import InputError
from visagent.evidence.values import XYXY, Box

Side = Literal["left", "top", "right", "bottom"]
Size = Literal["small", "medium", "large"]
SIDES: tuple[Side, ...] = ("left", "top", "right", "bottom")

NEAR = 3.0
"""Pixels between two things that still touch: stacked blocks are drawn a pixel apart."""
SMALL, LARGE = 0.15, 0.25
"""Parts of the panel's width below which an object is small, and above which it is large."""
_COLORS = {"#0099ff": "blue", "black": "black", "yellow": "yellow"}
_SIDE_OF_A_PANEL = 100.0


@dataclass(frozen=True)
class Shape:
    """One object of a scene.

    Attributes:
        panel: Index of the panel that it lies in.
        xyxy: Its box, pixels of the picture.
        color: A colour term.
        kind: "circle", "square" or "triangle".
        size: Relative to its panel.
    """

    panel: int
    xyxy: XYXY
    color: str
    kind: str
    size: Size


@dataclass(frozen=True)
class Scene:
    """Panels and the shapes in them.

    Attributes:
        panels: Boxes of the panels, pixels of the picture.
        shapes: Shapes in no order that means anything.
    """

    panels: tuple[XYXY, ...]
    shapes: tuple[Shape, ...]

    @property
    def everything(self) -> int:
        """The mask of all shapes."""
        return (1 << len(self.shapes)) - 1

    @property
    def every_panel(self) -> int:
        """The mask of all panels."""
        return (1 << len(self.panels)) - 1

    @cached_property
    def members(self) -> tuple[int, ...]:
        """For each panel, the mask of the shapes in it."""
        return tuple(self.where(lambda shape, p=panel: shape.panel == p) for panel in range(len(self.panels)))

    def where(self, holds: Any) -> int:
        """The mask of the shapes for which `holds(shape)` is true."""
        return sum(1 << index for index, shape in enumerate(self.shapes) if holds(shape))

    @cached_property
    def at_side(self) -> Mapping[Side, int]:
        """For each side, the mask of the shapes that touch that side of their panel."""
        return {
            side: self.where(lambda s, k=axis: abs(s.xyxy[k] - self.panels[s.panel][k]) < 1)
            for axis, side in enumerate(SIDES)
        }

    @cached_property
    def above(self) -> tuple[int, ...]:
        """For each shape, the mask of those that it stands above: a higher centre, and columns in common."""
        return tuple(self._related(one, touching=False) for one in self.shapes)

    @cached_property
    def on(self) -> tuple[int, ...]:
        """For each shape, the mask of those that it rests on: above them, with no gap to speak of."""
        return tuple(self._related(one, touching=True) for one in self.shapes)

    @cached_property
    def near(self) -> tuple[int, ...]:
        """For each shape, the mask of the others of its panel that it touches."""
        return tuple(
            self.where(
                lambda other, one=one: other is not one and other.panel == one.panel and _gap(one, other) <= NEAR
            )
            for one in self.shapes
        )

    @cached_property
    def heights(self) -> tuple[tuple[int, ...], ...]:
        """For each panel, the indices of its shapes from the highest to the lowest."""
        return tuple(tuple(sorted(bits(mask), key=lambda index: self.shapes[index].xyxy[3])) for mask in self.members)

    def _related(self, one: Shape, *, touching: bool) -> int:
        def holds(other: Shape) -> bool:
            shared = min(one.xyxy[2], other.xyxy[2]) - max(one.xyxy[0], other.xyxy[0])
            rise = (other.xyxy[1] + other.xyxy[3]) / 2 - (one.xyxy[1] + one.xyxy[3]) / 2
            margin = 0.25 * min(one.xyxy[3] - one.xyxy[1], other.xyxy[3] - other.xyxy[1])
            close = not touching or 0 <= other.xyxy[1] - one.xyxy[3] <= NEAR
            return other.panel == one.panel and shared > 0 and rise > margin and close

        return self.where(holds)


def bits(mask: int) -> list[int]:
    """The positions of a mask's ones, rising.

    >>> bits(0b1011)
    [0, 1, 3]
    """
    return [index for index in range(mask.bit_length()) if mask >> index & 1]


def scene_of_record(record: Sequence[Sequence[Mapping[str, Any]]]) -> Scene:
    """The scene that NLVR's `structured_rep` describes: panels of 100 x 100 pixels with 50 pixels between them.

    Raises:
        InputError: an object lacks a field, or has an unknown colour.
    """
    shapes, panels = [], []
    for panel, objects in enumerate(record):
        left = panel * 1.5 * _SIDE_OF_A_PANEL
        panels.append((left, 0.0, left + _SIDE_OF_A_PANEL, _SIDE_OF_A_PANEL))
        for item in objects:
            try:
                color = _COLORS[str(item["color"]).lower()]
                x, y, size = left + float(item["x_loc"]), float(item["y_loc"]), float(item["size"])
                kind = str(item["type"])
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"structured_rep: {dict(item)} is no object: {error}.",
                    "Give x_loc, y_loc, size, type, and a color among Black, Yellow and #0099ff.",
                ) from error
            shapes.append(Shape(panel, (x, y, x + size, y + size), color, kind, _size(size / _SIDE_OF_A_PANEL)))
    return Scene(tuple(panels), tuple(shapes))


def scene_of_boxes(panels: Sequence[Box], shapes: Sequence[Box]) -> Scene:
    """The scene that was seen: boxes of panels, and boxes of shapes labelled by colour and kind ("yellow circle").

    A shape belongs to the panel that its centre lies in; one that lies in none is left out.
    """
    found = []
    for box in shapes:
        x, y = box.centre
        for index, panel in enumerate(panels):
            x1, y1, x2, y2 = panel.xyxy
            if x1 <= x < x2 and y1 <= y < y2:
                color, _, kind = box.label.rpartition(" ")
                share = (box.xyxy[2] - box.xyxy[0]) / (x2 - x1)
                found.append(Shape(index, box.xyxy, color, kind, _size(share)))
                break
    return Scene(tuple(panel.xyxy for panel in panels), tuple(found))


def _size(share: float) -> Size:
    return "small" if share < SMALL else "large" if share > LARGE else "medium"


def _gap(one: Shape, other: Shape) -> float:
    """Pixels between two boxes, along the axis on which they are further apart; 0 where they overlap."""
    across = max(one.xyxy[0], other.xyxy[0]) - min(one.xyxy[2], other.xyxy[2])
    down = max(one.xyxy[1], other.xyxy[1]) - min(one.xyxy[3], other.xyxy[3])
    return max(0.0, across, down)
