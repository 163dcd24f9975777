"""A rectangle to show over a picture, the same for what is drawn into pixels and for what a page lays over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visagent.evidence.values import XYXY, Mask
from visagent.media.media import MediaInfo
from visagent.media.regions import SEPARATOR

RGB = tuple[int, int, int]

PALETTE: tuple[RGB, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167), (0, 114, 178),
)  # fmt: skip
"""Okabe and Ito's colours without black, in an order in which neighbours differ in lightness."""
LABELLED = 24
"""Objects of one sub-question that get a label at most: more would hide the picture."""
PATH_ROWS = 160
"""Rows and columns at most to which a mask is thinned out for a page: its path stays below some kilobytes."""


POINTED: RGB = (255, 255, 255)
"""Colour of what a person pointed at, beside those of sub-questions."""


def color_of(position: int) -> RGB:
    """The colour of the sub-question at a position in its list; colours repeat once all are used."""
    return PALETTE[position % len(PALETTE)]


@dataclass(frozen=True)
class Mark:
    """One rectangle.

    Attributes:
        xyxy: Left, top, right and bottom edge, in pixels of the picture.
        label: Text to write on it; empty for none.
        color: Red, green and blue (0 to 255) of the sub-question that found it.
        strong: Whether the answer is about it, and not only picked from it.
        id: Id of the sub-question that found it, such as `q2`.
        start: Seconds from the start of the clip; None where it has no time.
        mask: The pixels of the picture that are the object's own; None where they are not known.
    """

    xyxy: XYXY
    label: str
    color: RGB
    strong: bool
    id: str = ""
    start: float | None = None
    mask: Mask | None = None

    @property
    def rectangle(self) -> tuple[float, float, float, float]:
        """Left, top, width and height in pixels, to a tenth."""
        x1, y1, x2, y2 = self.xyxy
        return round(x1, 1), round(y1, 1), round(x2 - x1, 1), round(y2 - y1, 1)

    @property
    def css_color(self) -> str:
        """The colour as `#rrggbb`."""
        return "#{:02x}{:02x}{:02x}".format(*self.color)

    @property
    def path(self) -> str:
        """The mask as the data of an SVG path, in pixels of the picture; empty without one."""
        return "" if self.mask is None else svg_path(self.mask)


def pointed(name: str, media: Mapping[str, MediaInfo]) -> tuple[Mark, ...]:
    """The regions of a picture that a person pointed at.

    Args:
        name: Name of the picture.
        media: All media of the question by name.
    """
    regions = [(one, info) for one, info in media.items() if one.startswith(f"{name}{SEPARATOR}")]
    return tuple(
        Mark(info.region, one.partition(SEPARATOR)[2], POINTED, strong=True)
        for one, info in regions
        if info.region is not None
    )


def svg_path(mask: Mask) -> str:
    """A mask as the data of an SVG path: a rectangle for each run of pixels in a row, thinned out to `PATH_ROWS`."""
    import numpy as np

    left, top, right, bottom = (round(edge) for edge in mask.xyxy)
    step = max(1, -(-max(right - left, bottom - top) // PATH_ROWS))
    inside = mask.array()[top:bottom:step, left:right:step]
    edges = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return "".join(
        f"M{left + step * start} {top + step * row}h{step * (end - start)}v{step}h{-step * (end - start)}z"
        for (row, start), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True)
    )
