"""TIFFs of several pages, as scanners write them, read page by page with Pillow. Knows not where bytes come from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from visagent.core.errors import MediaError
from visagent.media.decoding import decode_apart
from visagent.media.documents import Document, TextLine
from visagent.media.pictures import check_size, damaged, open_picture

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["TiffDocument", "is_tiff_of_pages", "open_tiff"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_KIND_OF_PAGE = 254
_NO_PAGE = 0b101
"""Bits of that tag: a smaller copy of another page, and a mask of one."""
_MOST_FRAMES = 10_000
"""Frames that are looked at, pages or not; each takes a millisecond at most."""


class TiffDocument(Document):
    """A TIFF whose pages are decoded when they are asked for; safe between threads. Made by `open_tiff`.

    Args:
        data: The file.
        name: Its name, for messages.
        sizes: Width and height of each page in pixels, upright.
        frames: Where each page stands among the frames of the file, some of which may be no page.
        max_pixels: Most pixels of a page.
    """

    def __init__(
        self, data: bytes, name: str, sizes: Sequence[tuple[int, int]], frames: Sequence[int], max_pixels: int
    ) -> None:
        super().__init__(data, name, hashlib.sha256(data).hexdigest(), sizes)
        self._frames, self._max_pixels = tuple(frames), max_pixels

    def picture(self, page: int) -> Image.Image:
        """A page as RGB; pages are counted from 1.

        Raises:
            MediaError: It is damaged, cut short, or over the limit.
        """
        return decode_apart(self.data, f"{self.name}, page {page}", self._max_pixels, frame=self._frames[page - 1])

    def text(self, page: int) -> tuple[TextLine, ...] | None:
        """Nothing: a scan is read as a picture."""
        return None


def is_tiff_of_pages(data: bytes) -> bool:
    """Whether these bytes are a TIFF with more than one page; what is damaged further on counts as one more."""
    if data[:4] not in _MAGIC:
        return False
    try:
        return len(_pages(data, most=1)[0]) > 1
    except Exception:  # said of the picture, in its words
        return False


def open_tiff(data: bytes, name: str, max_pixels: int, max_pages: int) -> TiffDocument | None:
    """Open a TIFF of several pages, none of which is decoded yet; None for anything else.

    Args:
        data: The file.
        name: Its name, for messages.
        max_pixels: Most pixels of a page.
        max_pages: Most pages.

    Raises:
        MediaError: It is damaged, or over a limit.
    """
    if not is_tiff_of_pages(data):
        return None
    try:
        frames, sizes = _pages(data, max_pages)
    except Exception as error:  # Pillow's decoders raise nearly everything on bytes that are damaged
        raise damaged(name, error) from error
    if len(frames) > max_pages:
        raise MediaError(
            f"{name}: the TIFF has more pages than the limit of {max_pages}.",
            "Save the pages you mean to a file of their own, or raise MediaLimits(pages=...).",
        )
    for page, size in enumerate(sizes, 1):
        check_size(f"{name}, page {page}", *size, max_pixels)
    return TiffDocument(data, name, sizes, frames, max_pixels)


def _pages(data: bytes, most: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Frames that are pages and their sizes, one beyond the most that are allowed at the end; Pillow's errors pass."""
    picture = open_picture(data)
    frames: list[int] = []
    sizes: list[tuple[int, int]] = []
    number = 0
    while len(frames) <= most:
        try:
            picture.seek(number)
        except EOFError:
            break
        if not int(picture.tag_v2.get(_KIND_OF_PAGE, 0)) & _NO_PAGE:  # type: ignore[attr-defined]
            frames.append(number)
            sizes.append(picture.size)
        number += 1
        if number > _MOST_FRAMES:
            raise ValueError(f"more than {_MOST_FRAMES} frames")
    return frames, sizes
