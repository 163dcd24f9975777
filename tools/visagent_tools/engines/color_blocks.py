"""Rectangles of one colour in a drawing, such as a chart's bars. Pure; knows no text and no tool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visagent.evidence.overlap import part_shared
from visagent.evidence.values import XYXY

Block = tuple[XYXY, int]
"""A rectangle of one colour, and the number of that colour."""

BIN = 6
"""Side of a cell of colour space, in CIELAB as bytes."""
COLOR_SHARE = 0.0002
"""Part of the picture that one cell of a colour covers at least."""
MOST_COLORS = 60
NEAR_COLOR = 14.0
"""Distance in CIELAB up to which pixels are of one colour: compression blurs edges."""
SOLID = 0.8
"""Part of its box that a rectangle covers: words may stand on it."""
SAME_BLOCK = 0.8
"""Intersection over union from which two rectangles are one."""


class Paint:
    """The pixels of a picture by colour; those of one cell of colour space are treated alike.

    Args:
        pixels: The picture, height x width x 3, RGB.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        import cv2

        lab = np.asarray(cv2.cvtColor(cv2.medianBlur(pixels, 3), cv2.COLOR_RGB2LAB))
        side = 256 // BIN + 1
        light, green, blue = np.moveaxis(lab.astype(np.int32) // BIN, -1, 0)
        self._cell_of = (light * side + green) * side + blue
        counts = np.bincount(self._cell_of.ravel(), minlength=side**3)
        self._taken = np.flatnonzero(counts)
        self._counts = counts[self._taken]
        places = np.unravel_index(self._taken, (side, side, side))
        self._middles = (np.stack(places, axis=1).astype(np.float32) + 0.5) * BIN

    def colors(self) -> NDArray[np.float32]:
        """The colours that cover a good part of the picture, n x 3, the most frequent first: that is its ground."""
        kept: list[NDArray[np.float32]] = []
        for at in np.argsort(-self._counts):
            if self._counts[at] < COLOR_SHARE * self._counts.sum() or len(kept) == MOST_COLORS:
                break
            if all(np.linalg.norm(self._middles[at] - other) >= NEAR_COLOR for other in kept):
                kept.append(self._middles[at])
        return np.stack(kept)

    def painted(self, colors: NDArray[np.float32], near: float) -> NDArray[np.int16]:
        """The number of the nearest of these colours for each pixel; -1 where none is near.

        Args:
            colors: n x 3, in CIELAB.
            near: How far a pixel may be from it.
        """
        distances = np.linalg.norm(self._middles[:, None] - colors[None], axis=2)
        nearest = np.full(self._taken.max() + 1, -1, np.int16)
        nearest[self._taken] = np.where(distances.min(axis=1) < near, distances.argmin(axis=1), -1)
        numbers: NDArray[np.int16] = nearest[self._cell_of]
        return numbers

    def blocks(self, colors: NDArray[np.float32], near: float) -> list[Block]:
        """The solid rectangles of these colours, without the first one's, which is the ground.

        Args:
            colors: n x 3, in CIELAB.
            near: How far a pixel may be from the nearest of them.
        """
        import cv2

        painted = self.painted(colors, near)
        found: list[Block] = []
        for number in range(1, len(colors)):
            mask = cv2.morphologyEx((painted == number).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
            outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            for outline in outlines:
                x, y, width, height = cv2.boundingRect(outline)
                if min(width, height) >= 4 and cv2.contourArea(outline) >= SOLID * (width - 1) * (height - 1):
                    box = float(x), float(y), float(x + width), float(y + height)
                    # The blurred edge of a block may pass for a block of a colour of its own.
                    if all(part_shared(box, other) < SAME_BLOCK for other, _ in found):
                        found.append((box, number))
        return found
