"""The text layer of a PDF page as pieces with boxes, in pixels of the rendered page. Runs in the PDF worker.

pdfium gives characters with their boxes, in the order of the page's content. They become pieces of a line: one ends
where the line does, and where a gap is as wide as a line is high, as between the cells of a table.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

MOST_CHARACTERS = 100_000
"""Characters of a page that are read; a page of a newspaper has 20,000."""
GAP = 1.0
"""Gap between two characters, in heights of a line, that parts two pieces."""
FINE = 64
"""Parts of a pixel in which pdfium, which gives whole numbers, is asked for places."""
_LINE_ENDS = (10, 13)
_HYPHENS = (2, 0xAD, 0xFFFE)
"""What pdfium gives for a hyphen at the end of a line."""


class _Word(NamedTuple):
    """Characters between spaces, their box in pixels, and whether a line begins with them."""

    codes: list[int]
    left: float
    top: float
    right: float
    bottom: float
    begins: bool


def page_text(page: Any, width: int, height: int) -> dict[str, Any]:
    """What a page's text layer says: `pieces` of `[text, left, top, right, bottom]`, and what tells how good it is.

    Args:
        page: Page of pypdfium2.
        width: Width of the rendered page, pixels.
        height: Height, measured like `width`.

    Returns:
        Beside `pieces`: `letters`, of characters that are no space; `unknown`, of these how many stand for no known
        character; `pictures`, the share of the page that pictures cover.
    """
    raw = importlib.import_module("pypdfium2.raw")
    text = page.get_textpage()
    pieces, letters, unknown = [], 0, 0
    for piece in _pieces(_words(raw, page, text, width, height)):
        codes = [code for word in piece for code in (32, *word.codes)]
        if said := " ".join("".join(map(_letter, codes)).split()):
            left, right = min(word.left for word in piece), max(word.right for word in piece)
            top, bottom = min(word.top for word in piece), max(word.bottom for word in piece)
            edges = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
            if edges[0] <= edges[2] and edges[1] <= edges[3]:
                pieces.append([said, *(round(edge, 1) for edge in edges)])
                letters += len(said) - said.count(" ")
                unknown += sum(code in (0, 0xFFFD) or 0xE000 <= code <= 0xF8FF for code in codes)
    share = _pictures(raw, page)
    text.close()
    page.close()
    return {"pieces": pieces, "letters": letters, "unknown": unknown, "pictures": share}


def _words(raw: Any, page: Any, text: Any, width: int, height: int) -> Iterator[_Word]:
    """The words with their boxes: that of the first and that of the last character, which is a third of the work."""
    place = _to_pixels(raw, page, width, height)
    box = raw.FS_RECTF()
    boxed = ctypes.byref(box)

    def edges(index: int) -> tuple[float, float, float, float]:
        if not raw.FPDFText_GetLooseCharBox(text, index, boxed):
            return (0.0, 0.0, 0.0, 0.0)
        (x1, y1), (x2, y2) = place(box.left, box.top), place(box.right, box.bottom)
        return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)

    count = min(raw.FPDFText_CountChars(text), MOST_CHARACTERS)
    codes = [raw.FPDFText_GetUnicode(text, index) for index in range(count)]
    begins, start = True, 0
    for index, code in enumerate([*codes, 32]):
        if not _blank(code):
            continue
        if start < index:
            one, other = edges(start), edges(index - 1)
            yield _Word(
                codes[start:index],
                min(one[0], other[0]),
                min(one[1], other[1]),
                max(one[2], other[2]),
                max(one[3], other[3]),
                begins,
            )
            begins = False
        begins = begins or code in _LINE_ENDS
        start = index + 1


def _to_pixels(raw: Any, page: Any, width: int, height: int) -> Any:
    """From a place on the page to one in the picture, however the page is turned or cut."""

    def asked(x: float, y: float) -> tuple[float, float]:
        across, down = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(
            page, 0, 0, width * FINE, height * FINE, 0, x, y, ctypes.byref(across), ctypes.byref(down)
        )
        return across.value / FINE, down.value / FINE

    (x0, y0), (xa, ya), (xb, yb) = asked(0, 0), asked(1000, 0), asked(0, 1000)

    def place(x: float, y: float) -> tuple[float, float]:
        return x0 + ((xa - x0) * x + (xb - x0) * y) / 1000, y0 + ((ya - y0) * x + (yb - y0) * y) / 1000

    return place


def _pieces(words: Iterator[_Word]) -> Iterator[list[_Word]]:
    piece: list[_Word] = []
    for word in words:
        if piece:
            last = piece[-1]
            high = max(min(last.bottom - last.top, word.bottom - word.top), 1.0)
            apart = word.left - last.right > GAP * high or word.right < last.left
            if word.begins or apart or abs(word.top + word.bottom - last.top - last.bottom) > 1.4 * high:
                yield piece
                piece = []
        piece.append(word)
    if piece:
        yield piece


def _blank(code: int) -> bool:
    return code in (32, 10, 13, 9, 0xA0, 0x3000) or 0x2000 <= code <= 0x200B


def _letter(code: int) -> str:
    if code in _HYPHENS:
        return "-"
    # Half a character (a surrogate) could not be written anywhere.
    return chr(code) if 32 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else " "


def _pictures(raw: Any, page: Any) -> float:
    """The share of a page that its pictures cover, as if none covered another."""
    width, height = page.get_size()
    share = 0.0
    for one in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = one.get_bounds()
        share += max(0.0, min(right, width) - max(left, 0.0)) * max(0.0, min(top, height) - max(bottom, 0.0))
    return min(1.0, share / (width * height)) if width and height else 0.0
