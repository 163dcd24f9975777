"""Outlining objects pixel by pixel, and measuring what was outlined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from visagent.core.errors import ConfigError, MissingInput, ToolError
from visagent.core.install import requiring
from visagent.evidence.masks import shared, union
from visagent.evidence.values import Box, Boxes, Crop, Mask, Note, Number
from visagent.tools.toolkit import Context, tool

Measure = Literal["area_share", "overlap", "distance"]


@tool
def segment(
    image: Crop,
    context: Context,
    boxes: Boxes | None = None,
    points: list[float] | None = None,
    phrase: str | None = None,
) -> Boxes:
    """Outline objects pixel by pixel: those in boxes, at points, or that a phrase names.

    Args:
        image: Where to look.
        boxes: One object in each.
        points: One object at each: x1, y1, x2, y2 and so on, in pixels of the original picture.
        phrase: What the objects are, in the singular.
    """
    from visagent_tools.engines.outlining import Prompt
    from visagent_tools.engines.segmenter import outlined, segmenter_for

    if sum(given is not None for given in (boxes, points, phrase)) != 1:
        raise MissingInput(
            "segment: one of boxes, points and phrase says what to outline.", "Give one of them, and no other."
        )
    segmenter = segmenter_for(context.options)
    notes: tuple[Note, ...] = ()
    known: tuple[Box, ...] = ()
    if phrase is not None and "phrase" in segmenter.takes:
        prompt = Prompt(phrase=phrase)
    elif points is not None:
        if "points" not in segmenter.takes:
            raise ToolError(f"{segmenter.name} cannot outline what is at a point.", "Give a box around the object.")
        prompt = Prompt(points=_pairs(points, image))
    else:
        found = boxes if boxes is not None else _detected(image, str(phrase), context.options)
        if "boxes" not in segmenter.takes:
            raise ToolError(f"{segmenter.name} takes a phrase and no boxes.", "Give a phrase.")
        if not found.placed:
            raise MissingInput("segment: such a thing was recognised, but not where.", "Give a box around the object.")
        if found.seconds != image.seconds or any((box.media or found.media) != image.media for box in found.boxes):
            raise ToolError(
                "segment: the boxes stand in another picture.", "Give the picture in which they were found."
            )
        known, notes = found.boxes, found.notes
        prompt = Prompt(boxes=[box.xyxy for box in known])
        if not known:
            return found
    result = outlined(image, prompt, known, segmenter)
    missed = sum(box.mask is None for box in result)
    if segmenter.by_color and missed < len(result):
        notes += (Note(kind="by_color"),)
    if missed:
        notes += (Note(kind="no_outline", words=(str(missed),)),)
    return Boxes(media=image.media, boxes=tuple(result), seconds=image.seconds, notes=notes)


@tool
def measure(a: Boxes, what: Measure, b: Boxes | None = None) -> Number:
    """Measure outlined objects: share of the picture in percent, overlap from 0 to 1, or distance in pixels.

    All objects of a count as one, and so do those of b. The overlap is intersection over union; the distance is that
    of the two nearest pixels, and 0 where the two touch.

    Args:
        a: Outlined by `segment`.
        what: The share of the picture that a covers, or how far a and b overlap or are apart.
        b: Outlined too, in the same picture; for overlap and distance.
    """
    first = _mask(a, "a")
    if what == "area_share":
        return Number(value=round(100 * first.area / (first.size[0] * first.size[1]), 2), unit="%")
    if b is None:
        raise MissingInput(f"measure(what={what}): there is nothing to compare with.", "Give b.")
    if (a.media, a.seconds) != (b.media, b.seconds):
        raise ToolError("measure: a and b stand in different pictures.", "Outline both in the same picture.")
    second = _mask(b, "b")
    if what == "overlap":
        return Number(value=round(first.iou(second), 4))
    for name, mask in (("a", first), ("b", second)):
        if not mask.area:
            raise MissingInput(f"measure({name}): its outline holds no pixel.", "Outline something that is there.")
    return Number(value=_distance(first, second), unit="px")


@tool
def nearer_of(a: Boxes, b: Boxes, context: Context) -> Boxes:
    """The objects of a that stand nearer to the camera than b.

    Where b holds several objects, one that is further away is enough. How far away an object is, a depth model says,
    by the median over the object's own pixels, or the middle of its box where it was not outlined.

    Args:
        a: Of which objects are kept.
        b: What they are compared with.
    """
    from visagent_tools.engines.depth import nearness_of

    model = context.options.get("model")
    if not isinstance(model, str) or not model:
        raise ConfigError(
            "nearer_of: no depth model is named, and boxes do not tell how far away things are.",
            'Name one in the profile: tools: {nearer_of: {model: "hub:OWNER/NAME@REVISION!/"}}.',
        )
    if (a.media, a.seconds) != (b.media, b.seconds) or a.pictures or b.pictures:
        raise ToolError("nearer_of: a and b stand in different pictures.", "Detect both in the same picture.")
    if not (a.placed and b.placed and b.boxes):
        raise MissingInput("nearer_of: there is nothing to compare with.", "Compare with an object in the picture.")
    near = nearness_of(a.media, a.seconds, [*a.boxes, *b.boxes], model)
    farthest = min(near[len(a.boxes) :])
    return a.replace([box for box, value in zip(a.boxes, near, strict=False) if value > farthest])


def _pairs(points: list[float], image: Crop) -> list[tuple[float, float]]:
    if not points or len(points) % 2:
        raise ToolError(f"segment(points={points}): a point has two numbers.", "Give x and y of each, in pixels.")
    pairs = list(zip(points[::2], points[1::2], strict=True))
    left, top, right, bottom = image.xyxy
    for x, y in pairs:
        if not (left <= x < right and top <= y < bottom):
            raise ToolError(
                f"segment: the point ({x:g}, {y:g}) is outside the picture, which reaches from ({left:g}, {top:g}) to "
                f"({right:g}, {bottom:g}).",
                "Give a point inside it, in pixels of the original picture.",
            )
    return pairs


def _detected(image: Crop, phrase: str, options: Mapping[str, JsonValue]) -> Boxes:
    """What the detector finds of a kind; the option `detector` holds its own options."""
    from visagent_tools.detect import detect

    own = options.get("detector")
    found: Boxes = detect([image], phrase, Context(options=own if isinstance(own, dict) else {}))
    return found


def _mask(boxes: Boxes, name: str) -> Mask:
    masks = [box.mask for box in boxes.boxes if box.mask is not None]
    if not masks or len(masks) < len(boxes.boxes):
        missing = "nothing was found" if not boxes.boxes else "an object has no outline"
        raise MissingInput(f"measure({name}): {missing}.", "Outline it first, with segment.")
    if boxes.pictures or len({mask.size for mask in masks}) > 1:
        raise ToolError(f"measure({name}): the objects stand in several pictures.", "Measure each picture by itself.")
    return union(masks)


def _distance(first: Mask, second: Mask) -> float:
    """Pixels between the nearest two pixels of two masks; 0 where they touch or overlap."""
    import numpy as np

    if shared([first, second]).area:
        return 0.0
    with requiring("Measuring a distance needs OpenCV", "embedded"):
        import cv2
    away = cv2.distanceTransform((~second.array()).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Between the centres of pixels: of two that touch it is 1.
    return round(max(0.0, float(away[first.array()].min()) - 1), 1)
