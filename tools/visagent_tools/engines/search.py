"""Looking for objects, closer where a look at the whole finds none, and what is to be said of it. Knows no tool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from visagent.evidence.values import Box, Crop, Note
from visagent_tools.engines.detector import boxes_in

if TYPE_CHECKING:
    from pydantic import JsonValue

LARGE = 640
"""Longer side, in pixels, from which on parts of a picture show more than the whole: the network sees 416."""
FINE = 2400
"""Longer side from which on a grid of 4 by 4 is searched as well as those of 2 by 2 and 3 by 3."""
SMALLEST = 24
"""Side of the smallest object that the packaged network finds, in its own pixels: half of them are missed below it."""


class Found(NamedTuple):
    """Objects, most certain first, and what is to be said of the search."""

    boxes: list[Box]
    notes: tuple[Note, ...] = ()


def search(crop: Crop, labels: Sequence[str], options: Mapping[str, JsonValue]) -> Found:
    """The objects in a region; where there seem to be none and the region is large, its parts are searched as well.

    Args:
        crop: Where to look.
        labels: What to look for, in the detector's own words.
        options: Options as for `visagent_tools.engines.detector.detector_for`.

    Raises:
        VisagentError: as `visagent_tools.engines.detector.boxes_in`.
    """
    boxes = boxes_in(crop, options, labels)
    closed = (options.get("detector") or "nanodet") == "nanodet"
    if boxes or not closed:
        return Found(boxes)
    width, height = crop.xyxy[2] - crop.xyxy[0], crop.xyxy[3] - crop.xyxy[1]
    side = max(width, height) * crop.scale
    grids = [] if options.get("tiles") or side <= LARGE else [2, 3] if side <= FINE else [2, 3, 4]
    # What a coarser look shows no part of is small: the look that shows most of it is the right one.
    if boxes := max((boxes_in(crop, {**options, "tiles": grid}, labels) for grid in grids), key=len, default=[]):
        return Found(boxes)
    # In pixels of the picture: what the finest look shows an object with the network's smallest side.
    parts = grids[-1] if grids else int(str(options.get("tiles") or 1))
    smallest = max(1, round(SMALLEST * max(width, height) / (416 * (parts - (parts - 1) * 0.2))))
    return Found([], (Note(kind="not_found", words=(str(smallest),)),))
