"""Where labels of marks stand: at their box, inside the picture, none over another. Geometry alone; draws nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from visagent.evidence.values import XYXY
from visagent.reporting.marks import Mark

NAMED = 12
"""Marks of one sub-question whose labels are written out at most; more are numbered, and listed beside the picture."""
NUMBERED = 150
"""Marks of a picture that get a number on it at most; all are listed."""
HEIGHT = 1.4
"""Height of a label, as a multiple of its letters' size."""


@dataclass(frozen=True)
class Label:
    """What is written at a mark.

    Attributes:
        text: Text as it stands on the picture; empty where there is no room for it.
        number: Number in the list beside the picture; None for a mark that is not listed.
        xyxy: The place of the text, in pixels of the picture.
    """

    text: str = ""
    number: int | None = None
    xyxy: XYXY = (0.0, 0.0, 0.0, 0.0)


def labels_of(marks: Sequence[Mark], size: tuple[int, int], letter: float) -> list[Label]:
    """A label for each mark, in their order.

    Marks that are seen together share the room: those that the answer is about, and apart from them those of each
    sub-question that is pointed at. Of a clip each moment is by itself, and nothing is listed.

    Args:
        marks: Marks of one picture or clip.
        size: Its width and height in pixels.
        letter: Size of the letters, in pixels of the picture.
    """
    groups: dict[tuple[str, float | None], list[int]] = {}
    for at, mark in enumerate(marks):
        groups.setdefault((mark.id, mark.start), []).append(at)
    labels = [Label() for _ in marks]
    boxes = [mark.xyxy for mark in marks[:NUMBERED]]
    taken: dict[tuple[str, float | None], list[XYXY]] = {}
    listed = 0
    for (id_, start), members in groups.items():
        about = any(marks[at].strong for at in members)
        room = taken.setdefault(("" if about else id_, start), [])
        named = _written(marks, members, size, letter, room) if len(members) <= NAMED else None
        if named is not None or start is not None:
            for at, label in zip(members, named or (), strict=False):
                labels[at] = label
            continue
        for at in members:
            listed += 1
            text = str(listed)
            wanted = extent(text, letter)
            spot = _beside(marks[at].xyxy, wanted, size, room, boxes) if listed <= NUMBERED else None
            if spot is not None:
                room.append(spot)
            labels[at] = Label(text if spot else "", listed, spot or Label.xyxy)
    return labels


def _written(
    marks: Sequence[Mark], members: Sequence[int], size: tuple[int, int], letter: float, room: list[XYXY]
) -> list[Label] | None:
    """The labels of a group written out, with their room taken; None where not all of them fit."""
    found: list[Label] = []
    own: list[XYXY] = []
    for at in members:
        text = f"{marks[at].id} {marks[at].label}".strip() if marks[at].label else ""
        spot = place(marks[at].xyxy, extent(text, letter), size, [*room, *own]) if text else None
        if text and spot is None:
            return None
        own += [spot] if spot else []
        found.append(Label(text, None, spot or Label.xyxy))
    room += own
    return found


def _beside(
    xyxy: XYXY, wanted: tuple[float, float], size: tuple[int, int], room: Sequence[XYXY], boxes: Sequence[XYXY]
) -> XYXY | None:
    """A number's place: to the left or right of its box and on no other if possible, so that no text is hidden."""
    (x1, y1, x2, y2), (w, h) = xyxy, wanted
    middle = (y1 + y2 - h) / 2
    for x in (x1 - w, x2):
        spot = (x, middle, x + w, middle + h)
        inside = x >= 0 and x + w <= size[0] and middle >= 0 and middle + h <= size[1]
        if inside and not any(_overlap(spot, other) for other in (*room, *boxes)):
            return spot
    return place(xyxy, wanted, size, (*room, *boxes)) or place(xyxy, wanted, size, room)


def extent(text: str, letter: float) -> tuple[float, float]:
    """Width and height that a label takes at most, in the unit of its letters' size."""
    ems = sum(1.05 if unicodedata.east_asian_width(sign) in "WF" else 0.68 for sign in text)
    return (ems + 0.6) * letter, HEIGHT * letter


def place(xyxy: XYXY, extent: tuple[float, float], size: tuple[int, int], taken: Sequence[XYXY]) -> XYXY | None:
    """The first free place for a label at a box that lies inside the picture; None where there is none.

    Args:
        xyxy: The box.
        extent: The label's width and height.
        size: The picture's.
        taken: Places that are not free.
    """
    (width, height), (w, h) = size, extent
    if w > width or h > height:
        return None
    for x, y in _places(xyxy, w, h):
        spot = (min(max(0.0, x), width - w), y, min(max(0.0, x), width - w) + w, y + h)
        if y >= 0 and y + h <= height and not any(_overlap(spot, other) for other in taken):
            return spot
    return None


def _places(xyxy: XYXY, w: float, h: float) -> Iterator[tuple[float, float]]:
    """Above the box, in its upper corners, below it, beside it, and then step by step across it."""
    x1, y1, x2, y2 = xyxy
    yield from ((x1, y1 - h), (x1, y1), (x2 - w, y1 - h), (x2 - w, y1), (x1, y2), (x2 - w, y2))
    yield from ((x1 - w, y1), (x2, y1), (x1 - w, y2 - h), (x2, y2 - h), (x1, y2 - h), (x2 - w, y2 - h))
    for step in range(1, 12):
        yield from ((x1, y1 + step * h), (x1 + step * w, y1 - h), (x1 + step * w, y1), (x2 + (step - 1) * w, y1))


def _overlap(one: XYXY, other: XYXY) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
