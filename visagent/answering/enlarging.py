"""Places in the media that are shown enlarged when a model looks again: which, and how large. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from visagent.evidence.values import XYXY, Boxes, Crop, Evidence
from visagent.media.media import Media

MOST_CLOSER = 6
"""Enlarged regions that are shown beside the whole media."""
CLOSER_PIXELS = 1024
"""Pixels to which the longer side of a small region is enlarged."""
DETAIL = 0.1
"""Part of a picture below which a region is shown with many more pixels once it is enlarged."""
MARGIN = 0.15
"""How much of its surroundings an enlarged region shows on each side, as a part of its own size."""


def enlarged(region: Crop) -> Crop:
    """A region with some of its surroundings, small ones so large that details can be made out.

    It stays a region of the original picture: what is found in it is given in the original's pixels.
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


def details(regions: Sequence[Crop]) -> bool:
    """Whether regions show details: each a small part of its picture."""
    shares = []
    for region in regions:
        media = Media.loaded(region.media)
        if media is None or media.kind == "audio":
            return False
        x1, y1, x2, y2 = region.xyxy
        shares.append((x2 - x1) * (y2 - y1) / (media.size[0] * media.size[1]))
    return bool(shares) and max(shares) < DETAIL


def numbered(found: Mapping[str, Evidence]) -> dict[str, Media]:
    """Pictures of many things, each with its box and its number drawn in, so that a model can say which one it means.

    Args:
        found: Evidence by id; of it, the boxes in one picture that are too many to be enlarged one by one.
    """
    crowds = {id_: one.value.crops() for id_, one in found.items() if isinstance(one.value, Boxes)}
    return {
        id_: _with_numbers(crops)
        for id_, crops in crowds.items()
        if len(crops) > MOST_CLOSER and len({(crop.media, crop.seconds) for crop in crops}) == 1
    }


def _with_numbers(crops: list[Crop]) -> Media:
    from PIL import ImageDraw, ImageFont

    whole = enlarged(_around(crops))
    picture = whole.image().convert("RGB")
    left, top, right, bottom = whole.xyxy
    across, down = picture.width / (right - left), picture.height / (bottom - top)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(11, round(max(picture.size) / 64)))
    for number, crop in enumerate(crops, start=1):
        x1, y1, x2, y2 = crop.xyxy
        place = ((x1 - left) * across, (y1 - top) * down)
        pen.rectangle((*place, (x2 - left) * across, (y2 - top) * down), outline="magenta", width=2)
        pen.rectangle(pen.textbbox(place, str(number), font=font), fill="black")
        pen.text(place, str(number), fill="white", font=font)
    return Media.load(picture)


def _around(crops: list[Crop]) -> Crop:
    """The one region that holds them all."""
    x1, y1, x2, y2 = zip(*(crop.xyxy for crop in crops), strict=True)
    xyxy: XYXY = (min(x1), min(y1), max(x2), max(y2))
    return crops[0].model_copy(update={"xyxy": xyxy, "label": ""})


def _worth_enlarging(crops: list[Crop]) -> list[Crop]:
    """The regions of a few things; of many, the one region that holds them all: they are looked at together."""
    return crops if len(crops) <= MOST_CLOSER else [_around(crops)]
