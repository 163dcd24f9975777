"""Preparing a picture for the text reader: slices of long ones, turned ones upright, faint ones with more contrast.

What is found is in pixels of the picture as it was given. Knows neither a tool nor where the pixels come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from visagent.evidence.overlap import shared_area
from visagent.evidence.values import XYXY, Note
from visagent_tools.engines.reading_order import reading_order

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONG = 3.0
"""Longer side over shorter side from which on a picture is read in slices."""
SLICE = 1800
"""Length of a slice in pixels at least; one of a wide picture is as long as the picture is high, if that is more."""
OVERLAP = 160
"""Pixels that neighbouring slices share: more than a line is high."""
BLANK = 8
"""Levels of 255 between the darkest and the lightest point of a slice, up to which nothing is written on it."""
TALL = 1.6
"""Height over width from which on a box of two letters or more holds a line that is turned."""
FAINT = 96
"""Levels of grey, of 255, between the darkest and the lightest hundredth of a picture that are little for text."""
SPARSE = 0.5
"""Letters for each height that a line is long, below which most of it was not read: Latin has 1.1 or more, wide spacing
included, Chinese 0.9; of a line in Cyrillic only the digits remain."""
SPARSE_FROM, UNSURE_FROM = 3.0, 5.0
"""Length over height from which on a line says something of the script: a sparse one, and one that is unsure."""


HALF_SURE = 0.6
"""Confidence from which on a line that is not sure enough is text all the same: of coins in a row come up to 0.57."""


DOUBTFUL = 0.88
"""Mean confidence of the letters below which a picture may stand on its head: what is upright has 0.95 or more."""


class Reading(NamedTuple):
    """One line in pixels of the picture that was read."""

    text: str
    confidence: float
    xyxy: XYXY


class Page(NamedTuple):
    """The lines that were read, those that were seen but not read, and what is to be said of the picture."""

    lines: list[Reading]
    unread: list[Reading]
    notes: tuple[Note, ...] = ()


Read = Callable[["NDArray[np.uint8]"], tuple[list[Reading], list[Reading]]]
"""Reads one picture as it is: the lines that it is sure of, and the others."""


def is_long(width: int, height: int) -> bool:
    """Whether a picture of this size is read in slices."""
    longer, shorter = max(width, height), min(width, height)
    return longer >= LONG * shorter and longer > max(SLICE, shorter) + OVERLAP


def read_page(pixels: NDArray[np.uint8], read: Read) -> Page:
    """The text in a picture, however long, turned or faint it is.

    Args:
        pixels: Height x width x 3, uint8, RGB.
        read: Reads pixels as they are.
    """
    lines, unread = _in_slices(pixels, read)
    notes: tuple[Note, ...] = ()
    if candidates := _likely_turns(lines, unread):
        turns = [(degrees, *_turned(pixels, degrees, read)) for degrees in candidates]
        degrees, better, rest = max(turns, key=lambda turn: _letters(turn[1]))
        # Upright stays what it was unless a turn makes it clearly better: numbers read both ways.
        # On its head Hebrew passes for Latin letters, and badly.
        clear = degrees != 180 or _letters(better) >= DOUBTFUL * _count(better)
        if clear and _letters(better) > 1.2 * _upright_letters(lines):
            lines, unread, notes = better, rest, (Note(kind="turned", words=(str(degrees),)),)
    if not lines and _is_faint(pixels):
        lines, unread = _in_slices(np.asarray(ImageOps.autocontrast(Image.fromarray(pixels), cutoff=1)), read)
    if any(_is_sparse(line) for line in lines) or any(
        _is_unread(line) and line.confidence >= HALF_SURE for line in unread
    ):
        notes = (*notes, Note(kind="unknown_script"))
    if not notes or notes[0].kind != "turned":
        lines = [lines[index] for index in reading_order([line.xyxy for line in lines])]
    return Page(lines, unread, notes)


def _in_slices(pixels: NDArray[np.uint8], read: Read) -> tuple[list[Reading], list[Reading]]:
    """Lines of a picture; a long one is read in overlapping slices, as the detector would shrink the whole of it."""
    height, width = pixels.shape[:2]
    axis, length = (0, height) if height >= width else (1, width)
    size = max(SLICE, min(height, width))
    if not is_long(width, height):
        return read(pixels)
    lines: list[Reading] = []
    unread: list[Reading] = []
    starts = range(0, length - OVERLAP, size - OVERLAP)
    parts = [pixels[start : start + size] if axis == 0 else pixels[:, start : start + size] for start in starts]
    # Most of a long picture may be empty, and to see that takes no network.
    written = [(start, part) for start, part in zip(starts, parts, strict=True) if int(np.ptp(part)) > BLANK]
    for start, part in written:
        shift = (0, start) if axis == 0 else (start, 0)
        for into, found in zip((lines, unread), read(part), strict=True):
            into += [_moved(line, shift) for line in found]
    return _once(lines), _once(unread)


def _moved(line: Reading, shift: tuple[int, int]) -> Reading:
    x1, y1, x2, y2 = line.xyxy
    return line._replace(xyxy=(x1 + shift[0], y1 + shift[1], x2 + shift[0], y2 + shift[1]))


def _once(lines: Sequence[Reading]) -> list[Reading]:
    """Lines of overlapping slices, each once: of two that share a place, the longer one, which is not cut off."""
    kept: list[Reading] = []
    for line in sorted(lines, key=lambda line: -_area(line.xyxy)):
        if not any(shared_area(line.xyxy, other.xyxy) > 0.5 * _area(line.xyxy) for other in kept):
            kept.append(line)
    return kept


def _likely_turns(lines: Sequence[Reading], unread: Sequence[Reading]) -> tuple[int, ...]:
    """By how many degrees the picture may have to be turned for its lines to be read; nothing where it is upright.

    Lines of a picture that lies on its side are columns; those of one that stands on its head are read, but badly.
    """
    seen = [*lines, *unread]
    tall = [line for line in seen if len(line.text) > 1 and _height(line.xyxy) > TALL * _width(line.xyxy)]
    if 2 * len(tall) > len(seen):
        return (90, 270)
    letters = _count(lines)
    doubtful = letters > 0 and _letters(lines) < DOUBTFUL * letters
    return (180,) if doubtful or sum(_is_unread(line) for line in unread) > len(lines) else ()


def _turned(pixels: NDArray[np.uint8], degrees: int, read: Read) -> tuple[list[Reading], list[Reading]]:
    """What is read after turning by so many degrees counter-clockwise, in pixels of the picture before that."""
    height, width = pixels.shape[:2]
    turned = np.ascontiguousarray(np.rot90(pixels, degrees // 90))

    def back(line: Reading) -> Reading:
        x1, y1, x2, y2 = line.xyxy
        places: dict[int, XYXY] = {
            90: (width - y2, x1, width - y1, x2),
            180: (width - x2, height - y2, width - x1, height - y1),
            270: (y1, height - x2, y2, height - x1),
        }
        return line._replace(xyxy=places[degrees])

    lines, unread = _in_slices(turned, read)
    upright = [line for line in lines if _height(line.xyxy) <= TALL * _width(line.xyxy) or len(line.text) == 1]
    # In the order in which they are read upright.
    ordered = [upright[index] for index in reading_order([line.xyxy for line in upright])]
    return [back(line) for line in ordered], [back(line) for line in unread]


def _letters(lines: Sequence[Reading]) -> float:
    """How much was read: letters and digits, each as sure as its line."""
    return sum(line.confidence * sum(map(str.isalnum, line.text)) for line in lines)


def _count(lines: Sequence[Reading]) -> int:
    return sum(sum(map(str.isalnum, line.text)) for line in lines)


def _upright_letters(lines: Sequence[Reading]) -> float:
    return _letters([line for line in lines if _height(line.xyxy) <= TALL * _width(line.xyxy)])


def _is_sparse(line: Reading) -> bool:
    long = _width(line.xyxy) / max(1.0, _height(line.xyxy))
    return long >= SPARSE_FROM and len("".join(line.text.split())) < SPARSE * long


def _is_unread(line: Reading) -> bool:
    return _width(line.xyxy) >= UNSURE_FROM * _height(line.xyxy)


def _is_faint(pixels: NDArray[np.uint8]) -> bool:
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    low, high = np.percentile(grey, (1, 99))
    return bool(0 < high - low < FAINT)


def _width(xyxy: XYXY) -> float:
    return xyxy[2] - xyxy[0]


def _height(xyxy: XYXY) -> float:
    return xyxy[3] - xyxy[1]


def _area(xyxy: XYXY) -> float:
    return _width(xyxy) * _height(xyxy)
