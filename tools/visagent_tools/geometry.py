"""Spatial relations between boxes: exact and pure. Knows no picture, only where its objects stand.

What the words mean here, chosen to agree with what people say of a photo:

- *left of*, *right of*: the centre stands further to that side, by more than a quarter of the narrower object's width;
  two things one above the other are neither.
- *above*, *below*: the same with heights, and the two share a part of the picture's width: a cup is above the table it
  stands on, a bird is not above the bench at the other end of the picture.
- *inside*: at least 85 % of the object's area lies in the other one. *Touches*: the boxes share a point.
- *nearest*: the smallest gap between the boxes' edges; where gaps are equal, as for boxes that touch, the smallest
  distance between their centres.

What somebody wears overlaps, and is inside, its wearer and nobody else. Where b holds several objects, a relation to
any one of them is enough. No object stands in a relation to itself: a box of b with the same place and label as the box
of a is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from visagent.core.errors import MissingInput, ToolError
from visagent.evidence.overlap import part_shared
from visagent.evidence.places import part_of_picture
from visagent.evidence.values import Box, Boxes, Line, Text
from visagent.tools.toolkit import tool
from visagent_tools.crop import Part, region
from visagent_tools.labels import CATEGORY_OF
from visagent_tools.worn import is_person

Order = Literal["left_to_right", "right_to_left", "top_to_bottom", "bottom_to_top", "largest_first", "smallest_first"]

MARGIN = 0.25
"""Part of the smaller extent by which centres must differ for one object to stand beside or above the other."""
SAME_OBJECT = 0.6
"""Intersection over union from which on two boxes are taken for one object."""
INSIDE = 0.85
"""Part of an object's area that must lie in another for the object to be inside it."""


@tool(by_sight=True, part_of="a")
def left_of(a: Boxes, b: Boxes) -> Boxes:
    """The objects of a left of b."""
    return _related("left_of", a, b, lambda one, other: _before(one, other, axis=0))


@tool(by_sight=True, part_of="a")
def right_of(a: Boxes, b: Boxes) -> Boxes:
    """The objects of a right of b."""
    return _related("right_of", a, b, lambda one, other: _before(other, one, axis=0))


@tool(by_sight=True, part_of="a")
def above(a: Boxes, b: Boxes) -> Boxes:
    """The objects of a above b."""
    return _related("above", a, b, lambda one, other: _before(one, other, axis=1) and _shared(one, other, axis=0) > 0)


@tool(by_sight=True, part_of="a")
def below(a: Boxes, b: Boxes) -> Boxes:
    """The objects of a below b."""
    return _related("below", a, b, lambda one, other: _before(other, one, axis=1) and _shared(one, other, axis=0) > 0)


@tool(by_sight=True, part_of="a")
def inside(a: Boxes, b: Boxes) -> Boxes:
    """The objects of a inside b."""

    def lies_in(one: Box, other: Box) -> bool:
        across, down = _shared(one, other, axis=0), _shared(one, other, axis=1)
        return across >= 0 and down >= 0 and across * down >= INSIDE * one.area

    return _related("inside", a, b, lies_in, own=True)


@tool(by_sight=True, part_of="a")
def overlaps(a: Boxes, b: Boxes) -> Boxes:
    """The objects of a that touch b."""
    return _related(
        "overlaps", a, b, lambda one, other: min(_shared(one, other, 0), _shared(one, other, 1)) >= 0, own=True
    )


@tool(by_sight=True, part_of="a")
def nearest(a: Boxes, b: Boxes) -> Boxes:
    """The object of a nearest to b."""
    _check_pair("nearest", a, b)

    def distance(one: Box) -> tuple[bool, float, float]:
        # What somebody wears is nearest to its wearer, whoever else stands there.
        return min((not owned(one, other), *_distance(one, other)) for other in b.boxes if not _same(one, other))

    others = [box for box in a.boxes if not all(_same(box, other) for other in b.boxes)]
    return a.replace([min(others, key=distance)] if others else [])


@tool(part_of="a")
def in_same_picture(a: Boxes, b: Boxes | Text) -> Boxes:
    """The objects of a that are in a picture in which there is some of b, be it an object or text."""
    items = b.lines if isinstance(b, Text) else b.boxes
    shown = {item.media or b.media for item in items if not isinstance(item, Line) or item.text.strip()}
    return a.replace([box for box in a.boxes if (box.media or a.media) in shown])


@tool(by_sight=True)
def largest(boxes: Boxes) -> Boxes:
    """The largest object."""
    return boxes.replace([max(boxes.boxes, key=lambda box: box.area)] if boxes.boxes else [])


@tool(by_sight=True)
def merge(a: Boxes, b: Boxes) -> Boxes:
    """All objects of a and of b together."""
    _check_same_picture("merge", a, b)
    new = [box for box in b.boxes if not any(_same(box, known) for known in a.boxes)]
    return a.replace([*a.boxes, *new])


@tool(by_sight=True, part_of="a")
def without(a: Boxes, b: Boxes) -> Boxes:
    """The objects of a that are not among b, such as animals other than cats.

    An object of a is among b if they share most of their place: two looks at one object need not give the same box.
    """
    return a.replace([box for box in a.boxes if not any(_same_object(box, other) for other in b.boxes)])


@tool(by_sight=True)
def sort(boxes: Boxes, by: Order) -> Boxes:
    """Put objects in order.

    Left, right, top and bottom go by centres, size by area; objects of equal rank keep the order they came in.
    """
    keys: dict[Order, Callable[[Box], float]] = {
        "left_to_right": lambda box: box.centre[0],
        "right_to_left": lambda box: -box.centre[0],
        "top_to_bottom": lambda box: box.centre[1],
        "bottom_to_top": lambda box: -box.centre[1],
        "largest_first": lambda box: -box.area,
        "smallest_first": lambda box: box.area,
    }
    return boxes.replace(sorted(boxes.boxes, key=keys[by]))


@tool(by_sight=True)
def filter_boxes(
    boxes: Boxes, label: str | None = None, min_confidence: float | None = None, part: Part | None = None
) -> Boxes:
    """The objects with a label, enough confidence, or in a part of the picture.

    All that is given must hold. Labels are compared without regard to case. An object is in a part if its centre is;
    the parts are those that `crop` cuts out.
    """
    kept = list(boxes.boxes)
    if label is not None:
        kept = [box for box in kept if box.label.strip().casefold() == label.strip().casefold()]
    if min_confidence is not None:
        kept = [box for box in kept if box.confidence >= min_confidence]
    if part is not None and kept:
        kept = [box for box in kept if _is_in(box, part, *_picture_size("filter_boxes", boxes, box))]
    return boxes.replace(kept)


@tool
def locate(boxes: Boxes) -> Text:
    """Say where in the picture objects are.

    One line an object, with its box: the third of the picture in which its centre stands, down and across, then how
    far the centre is from the left and the top edge, for example `dog: bottom left (12 % from the left, 80 % from the
    top)`. The words are top, middle, bottom and left, middle, right; the middle of both is `center`.
    """
    if not boxes.boxes:
        raise MissingInput("There is no object to locate: none was found.", "Look for something else.")
    if len(boxes.pictures) < 2:
        _check_placed("locate", boxes)
    lines = []
    for box in boxes.boxes:
        if not boxes.placed and box.media in boxes.pictures:
            # In which picture such a thing was recognised is known.
            number = boxes.pictures.index(box.media) + 1
            text = f"{box.label or 'object'} in picture {number}"
            lines.append(Line(text=text, confidence=box.confidence, media=box.media))
            continue
        width, height = _picture_size("locate", boxes, box)
        x, y = box.centre[0] / width, box.centre[1] / height
        where = part_of_picture(box, width, height)
        text = f"{box.label or 'object'}: {where} ({x:.0%} from the left, {y:.0%} from the top)".replace("%", " %")
        if box.media in boxes.pictures:
            text = f"{text} in picture {boxes.pictures.index(box.media) + 1}"
        lines.append(Line(text=text, confidence=box.confidence, xyxy=box.xyxy, media=box.media))
    text = "\n".join(line.text for line in lines)
    return Text(text=text, media=boxes.media, lines=tuple(lines), pictures=boxes.pictures)


def owned(one: Box, other: Box) -> bool:
    """Whether one of two boxes is of a part of the other one's object, as a shirt is of its wearer."""
    return any(
        part.whole is not None and part_shared(part.whole, whole.xyxy) >= SAME_OBJECT
        for part, whole in ((one, other), (other, one))
    )


def _is_living(box: Box) -> bool:
    return box.whole is None and (is_person(box.label) or box.label in CATEGORY_OF["animal"])


def _related(name: str, a: Boxes, b: Boxes, holds: Callable[[Box, Box], bool], *, own: bool = False) -> Boxes:
    """The boxes of a for which the relation holds to at least one other box of b, in a's order.

    Args:
        name: The tool's, for messages.
        a: Boxes of which some are kept.
        b: To which they are related.
        holds: Whether two boxes stand in the relation.
        own: Whether what somebody wears stands in it to its wearer, and to nobody else.
    """

    def stands(one: Box, other: Box) -> bool:
        if own and (one.whole is None) != (other.whole is None) and (_is_living(one) or _is_living(other)):
            return owned(one, other)
        return holds(one, other)

    _check_pair(name, a, b)
    return a.replace(
        [
            one
            for one in a.boxes
            if any(
                stands(one, other)
                for other in b.boxes
                if (one.media or a.media) == (other.media or b.media) and not _same(one, other)
            )
        ]
    )


def _check_pair(name: str, a: Boxes, b: Boxes) -> None:
    """Refuse boxes of different pictures, an empty b, and what was recognised without its place."""
    for boxes in (a, b):
        _check_placed(name, boxes)
    _check_same_picture(name, a, b)
    if not b.boxes:
        raise MissingInput(
            f"{name}(b): there is nothing to compare with, as no such object was found.",
            "Compare with an object that is in the picture.",
        )


def _check_placed(name: str, boxes: Boxes) -> None:
    if not boxes.placed:
        raise MissingInput(
            f"{name}: such a thing was recognised in the picture, but not where.",
            "Detect something that the detector can place.",
        )


def _check_same_picture(name: str, a: Boxes, b: Boxes) -> None:
    if a.seconds != b.seconds or not set(a.pictures or [a.media]) & set(b.pictures or [b.media]):
        raise ToolError(
            f"{name}: a and b stand in different pictures, where places cannot be compared.",
            "Detect both in the same picture, or compare their numbers.",
        )


def _same(one: Box, other: Box) -> bool:
    return one.xyxy == other.xyxy and one.label == other.label and one.media == other.media


def _same_object(one: Box, other: Box) -> bool:
    """Whether two boxes, perhaps of different looks, show one object."""
    across, down = _shared(one, other, 0), _shared(one, other, 1)
    if one.media != other.media or across <= 0 or down <= 0:
        return False
    both = across * down
    return both >= SAME_OBJECT * (one.area + other.area - both)


def _extent(box: Box, axis: int) -> float:
    """Width (axis 0) or height (axis 1), pixels."""
    return box.xyxy[axis + 2] - box.xyxy[axis]


def _before(one: Box, other: Box, axis: int) -> bool:
    """Whether `one` stands further left (axis 0) or up (axis 1), by the margin."""
    margin = MARGIN * min(_extent(one, axis), _extent(other, axis))
    return other.centre[axis] - one.centre[axis] > margin


def _shared(one: Box, other: Box, axis: int) -> float:
    """Pixels that both cover along an axis; below zero, the gap between them."""
    return min(one.xyxy[axis + 2], other.xyxy[axis + 2]) - max(one.xyxy[axis], other.xyxy[axis])


def _distance(one: Box, other: Box) -> tuple[float, float]:
    """Gap between the edges, then the distance between the centres, pixels."""
    gap = math.hypot(*(max(0.0, -_shared(one, other, axis)) for axis in (0, 1)))
    return gap, math.dist(one.centre, other.centre)


def _is_in(box: Box, part: Part, width: int, height: int) -> bool:
    x, y = box.centre
    left, top, right, bottom = region((0, 0, width, height), part)
    # Halves share no object, and the far edges of the picture belong to it.
    return (left <= x < right or x == right == width) and (top <= y < bottom or y == bottom == height)


def _picture_size(name: str, boxes: Boxes, box: Box) -> tuple[int, int]:
    """Width and height, pixels, of the picture in which a box stands."""
    from visagent.media.media import Media

    media = Media.loaded(box.media or boxes.media)
    if media is None:
        raise MissingInput(
            f"{name}: the picture {boxes.media[:12]} is not loaded, so its size is unknown.",
            "Load it again with load_media(path).",
        )
    return media.size
