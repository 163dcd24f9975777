"""Places in the media that are shown enlarged when a model looks again: which, and how large. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping

from visagent.evidence.values import Boxes, Crop, Evidence
from visagent.media.media import Media

MOST_CLOSER = 6
"""Enlarged regions that are shown beside the whole media."""
CLOSER_PIXELS = 1024
"""Pixels to which the longer side of a small region is enlarged."""
MARGIN = 0.15
"""How much of its surroundings an enlarged region shows on each side, as a part of its own size."""


def enlarged(region: Crop) -> Crop:
    """A region with some of its surroundings, small ones so large that details can be made out.

    It stays a region of the original picture: what is found in it is told in the original's pixels.
    """
    media = Media.loaded(region.media)
    if media is None or media.kind == "audio":
        return region
    width, height = media.size
    x1, y1, x2, y2 = region.xyxy
    across, down = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    box = (max(0.0, x1 - across), max(0.0, y1 - down), min(float(width), x2 + across), min(float(height), y2 + down))
    longer = max(box[2] - box[0], box[3] - box[1], 1.0)
    return region.model_copy(update={"xyxy": box, "scale": max(1.0, min(8.0, CLOSER_PIXELS / longer))})


def places(found: Mapping[str, Evidence]) -> list[Crop]:
    """The regions that evidence points at, the smallest sets first: a few boxes tell where to look, forty do not."""
    sets = [
        _worth_enlarging(one.value.crops()) if isinstance(one.value, Boxes) else [one.value]
        for one in found.values()
        if isinstance(one.value, Boxes | Crop)
    ]
    return [crop for crops in sorted(sets, key=len) for crop in crops]


def _worth_enlarging(crops: list[Crop]) -> list[Crop]:
    """The regions of a few things; of many, the one region that holds them all: they are looked at together."""
    if len(crops) <= MOST_CLOSER:
        return crops
    edges = [crop.xyxy for crop in crops]
    around = (min(e[0] for e in edges), min(e[1] for e in edges), max(e[2] for e in edges), max(e[3] for e in edges))
    return [crops[0].model_copy(update={"xyxy": around, "label": ""})]
