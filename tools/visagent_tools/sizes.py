"""Sizes of rooms and things in a plan, and which label each belongs to, by where lines stand to one another. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from visagent.evidence.overlap import shared_length
from visagent.evidence.values import XYXY, Line

NEAR = 1.0
"""Gap between a size and its label, or a heading and what stands below it, in heights of a line."""
_QUOTE, _INCHES = r"['’′]", r"(?:[\"”″]|['’′]{2})"
_FEET = rf"(\d{{1,3}})\s?{_QUOTE}\s?(?:(\d{{1,2}})\s?{_INCHES})?"
_SIDES_IN_FEET = re.compile(rf"(?<![\d.,])(?:{_FEET})\s?[xX×*]\s?(?:{_FEET})(?![\d'’′\"”″])")
_UNITS = r"mm|cm|m|ft|feet|米|厘米"
_SIDES = re.compile(
    rf"(?i)(?<![\d.,])(\d{{1,4}}(?:[.,]\d{{1,2}})?)\s?({_UNITS})?\s?[x×*]\s?(\d{{1,4}}(?:[.,]\d{{1,2}})?)\s?({_UNITS})(?![a-z²])"
)
_LIKE_SIZE = re.compile(rf"(?i)\d\s?{_QUOTE}.{{0,8}}[x×].{{0,8}}\d|\d\s?[x×]\s?\d+(?:[.,]\d+)?\s?(?:{_UNITS})\b")
_AREA_UNITS = {"mm": "mm²", "cm": "cm²", "m": "m²", "ft": "ft²", "feet": "ft²", "米": "m²", "厘米": "cm²"}
ROOMS = {
    "主卧": "master bedroom", "主卧室": "master bedroom", "次卧": "second bedroom", "次卧室": "second bedroom",
    "卧室": "bedroom", "厨房": "kitchen", "客厅": "living room", "起居室": "living room", "餐厅": "dining",
    "浴室": "bath", "卫生间": "bath", "洗手间": "wc", "厕所": "wc", "阳台": "balcony", "露台": "terrace",
    "书房": "study", "车库": "garage", "门厅": "foyer", "玄关": "foyer",
}  # fmt: skip
"""What plans in English call rooms that are asked for in Chinese."""


class Sized(NamedTuple):
    """A thing of a plan with its size.

    Attributes:
        label: The line that names it.
        name: What it is called.
        written: Its sides as they are written.
        area: Their product.
        unit: Unit of the area.
        size: The line that the size stands on.
    """

    label: Line
    name: str
    written: str
    area: float
    unit: str
    size: Line

    @property
    def text(self) -> str:
        """Name, sides and area."""
        area = f"{self.area:.0f}" if self.area >= 100 or self.area == int(self.area) else f"{self.area:.1f}"
        return f"{self.name}: {self.written} = {area} {self.unit}"


class _Size(NamedTuple):
    written: str
    area: float
    unit: str
    start: int
    end: int


def size_in(text: str) -> _Size | None:
    """The one size of two sides that a line holds, as 21'6" x 8'0" and 3.5 x 4 m do; None for none and for several."""
    found = [*_sizes(text)]
    return found[0] if len(found) == 1 else None


def _sizes(text: str) -> Iterator[_Size]:
    for match in _SIDES_IN_FEET.finditer(text):
        inches = [int(match[2] or 0), int(match[4] or 0)]
        # 34 inches are no part of a foot: misread.
        if max(inches) < 12:
            area = (int(match[1]) + inches[0] / 12) * (int(match[3]) + inches[1] / 12)
            yield _Size(match[0], area, "ft²", *match.span())
    for match in _SIDES.finditer(text):
        first, last = (match[2] or match[4]).lower(), match[4].lower()
        if _AREA_UNITS[first] == _AREA_UNITS[last]:
            area = float(match[1].replace(",", ".")) * float(match[3].replace(",", "."))
            yield _Size(match[0], area, _AREA_UNITS[last], *match.span())


def sizes(lines: Sequence[Line]) -> list[Sized]:
    """Every label that has a size, in reading order: in its own line, or above, below or beside it and next to it."""
    found: list[tuple[int, Sized]] = []
    alone: list[tuple[int, _Size]] = []
    for at, line in enumerate(lines):
        size = size_in(line.text)
        if size is None:
            continue
        rest = f"{line.text[: size.start]} {line.text[size.end :]}".strip(" :,;-()")
        if has_word(rest):
            found.append((at, Sized(line, rest, size.written, size.area, size.unit, line)))
        elif not re.search(r"\w", rest):
            alone.append((at, size))
    labels = [at for at, line in enumerate(lines) if has_word(line.text) and not [*_sizes(line.text)]]
    gaps = sorted(
        (gap, size_at, label_at)
        for (size_at, _), label_at in product(alone, labels)
        if (gap := _gap_of_label(lines[size_at], lines[label_at])) is not None
    )
    known = dict(alone)
    taken: set[int] = set()
    for _, size_at, label_at in gaps:
        if size_at not in known or label_at in taken:
            continue
        size, label = known.pop(size_at), lines[label_at]
        taken.add(label_at)
        found.append((label_at, Sized(label, label.text.strip(), size.written, size.area, size.unit, lines[size_at])))
    return [sized for _, sized in sorted(found, key=lambda one: one[0])]


def misread_sizes(lines: Sequence[Line]) -> list[str]:
    """What looks like a size and cannot be read as one."""
    return [line.text for line in lines if _LIKE_SIZE.search(line.text) and not [*_sizes(line.text)]]


def _gap_of_label(size: Line, label: Line) -> float | None:
    """How far a label is from a size, in heights of its letters; a label is rather above a size than below it."""
    if size.xyxy is None or label.xyxy is None or (size.media, size.start) != (label.media, label.start):
        return None
    height = min(letters(size.xyxy), letters(label.xyxy))
    for axis, reach in ((0, NEAR), (1, 2 * NEAR)):
        if shared_length(size.xyxy, label.xyxy, axis) >= 0.5 * least(size.xyxy, label.xyxy, axis):
            gap = max(0.0, -shared_length(size.xyxy, label.xyxy, 1 - axis)) / height
            below = axis == 0 and label.xyxy[1] > size.xyxy[1]
            return None if gap > reach else gap + (0.5 * NEAR if below else 0)
    return None


def letters(box: XYXY) -> float:
    """Height of a line's letters, also where it is turned."""
    return max(1.0, min(box[2] - box[0], box[3] - box[1]))


def least(one: XYXY, other: XYXY, axis: int) -> float:
    """The lesser of two boxes' lengths along an axis, 0 for x and 1 for y."""
    return min(one[axis + 2] - one[axis], other[axis + 2] - other[axis])


def has_word(text: str) -> bool:
    """Whether a text has two letters next to each other."""
    return re.search(r"[^\W\d_]{2}", text) is not None
