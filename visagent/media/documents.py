"""PDFs, read in worker processes that are killed when a document takes too much. Knows not where bytes come from.

A job is a page's picture, or the text layer of a few pages. A worker keeps its document open for the next one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from visagent.core.errors import DecodingUnavailable, MediaError, MissingDependency
from visagent.core.install import install_line
from visagent.media.pictures import check_size
from visagent.media.workers import Job, Reply, worker_for

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Document", "TextLine", "open_document"]

TEXT_PAGES = 10
"""Pages whose text layer is read in one job."""
UNKNOWN = 0.2
"""Share of characters without a meaning above which a text layer is of no use: its font has no table of characters."""
SCANNED, FEW_LETTERS = 0.5, 200
"""A page is a scan if pictures cover more than this share of it, and its text layer has fewer letters than that."""

RETRIED_SECONDS = 4.0
"""A job that failed within so long is tried again in a fresh process, if its own had worked on the document before."""

T = TypeVar("T")


class TextLine(NamedTuple):
    """A piece of a line of a page's text layer, and where it stands in pixels of the rendered page."""

    text: str
    xyxy: tuple[float, float, float, float]


class Document:
    """A PDF whose pages are rendered, and whose text layer is read, when they are asked for; safe between threads.

    Made by `open_document`.

    Attributes:
        data: The file.
        name: Its name, for messages.
        hash: SHA-256 of the file, in hex.
        sizes: Width and height of each page in pixels at 150 dpi.
    """

    def __init__(self, data: bytes, name: str, digest: str, sizes: Sequence[tuple[int, int]]) -> None:
        self.data, self.name, self.hash, self.sizes = data, name, digest, tuple(sizes)
        self._text: dict[int, tuple[TextLine, ...] | None] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.Lock()

    def picture(self, page: int) -> Image.Image:
        """A page as RGB; pages are counted from 1.

        Raises:
            MediaError: It takes too long or too much memory to render, or is damaged.
        """
        width, height = self.sizes[page - 1]

        def checked(reply: Reply) -> Image.Image:
            announced = int(reply.header["width"]), int(reply.header["height"])
            if max(abs(announced[0] - width), abs(announced[1] - height)) > 1:
                raise ValueError("another size than was announced")
            picture = reply.picture()
            return picture if picture.size == (width, height) else picture.resize((width, height))

        return _answered(self, {"do": "page", "page": page - 1}, checked)

    def text(self, page: int) -> tuple[TextLine, ...] | None:
        """The text layer of a page, in the order of its content; None where the page has to be read as a picture.

        That is where there is no text, where it does not say which characters it means, and where pictures cover most
        of the page: such a page was scanned, and its layer holds little more than a number.

        Raises:
            DecodingUnavailable: No process can be had to read with.
        """
        with self._lock:
            if page not in self._text:
                first = page - (page - 1) % TEXT_PAGES
                self._read(first, min(first + TEXT_PAGES, len(self.sizes) + 1))
            return self._text[page]

    def _read(self, first: int, end: int) -> None:
        def checked(reply: Reply) -> list[tuple[TextLine, ...] | None]:
            read = json.loads(reply.payload())
            if len(read) != end - first:
                raise ValueError("another number of pages than was asked for")
            return [_usable(one, self.sizes[page - 1]) for page, one in enumerate(read, start=first)]

        try:
            read = _answered(self, {"do": "text", "pages": [first - 1, end - 1]}, checked)
        except DecodingUnavailable:
            raise
        except MediaError:
            if end - first == 1:
                self._text[first] = None
                return
            # One page of them takes too much: the others have their text all the same.
            for page in range(first, end):
                self._read(page, page + 1)
            return
        self._text.update(zip(range(first, end), read, strict=True))


def open_document(data: bytes, name: str, max_pixels: int, max_pages: int) -> Document:
    """Open a PDF; nothing of it is rendered yet.

    Args:
        data: The file.
        name: Its name, for messages.
        max_pixels: Most pixels of a page.
        max_pages: Most pages.

    Raises:
        MediaError: It needs a password, is damaged, or over a limit.
        MissingDependency: pypdfium2 is not installed.
    """
    try:
        missing = importlib.util.find_spec("pypdfium2") is None
    except ValueError:  # a module of that name without a specification
        missing = True
    if missing:
        raise MissingDependency(f"{name}: pypdfium2, which opens PDFs, is missing.", f"Run: {install_line('embedded')}")
    document = Document(data, name, hashlib.sha256(data).hexdigest(), ())

    def checked(reply: Reply) -> tuple[tuple[int, int], ...]:
        sizes = tuple((int(width), int(height)) for width, height in json.loads(reply.payload()))
        if not 0 < len(sizes) <= max_pages:
            raise ValueError("another number of pages than is allowed")
        for width, height in sizes:
            check_size(name, width, height, max_pixels)
        return sizes

    limits = {"max_pixels": max_pixels, "max_pages": max_pages}
    document.sizes = _answered(document, {"do": "sizes", "limits": limits}, checked)
    return document


def _answered(document: Document, do: dict[str, Any], read: Callable[[Reply], T]) -> T:
    """What a worker answers; where one fails that had worked on the document before, a fresh one is asked."""
    remedy = "Print it to a new PDF, or pass pictures of the pages you mean."
    job = Job(do, document.data, document.name, "the PDF cannot be rendered", remedy, document.hash)
    with worker_for(document.hash) as worker:
        tired, began = worker.holds == document.hash and worker.jobs > 1, time.monotonic()
        try:
            return worker.done(job, read)
        except MediaError:
            # What takes seconds takes them again.
            if worker.alive or not tired or time.monotonic() - began > RETRIED_SECONDS:
                raise
    with worker_for(document.hash) as worker:
        return worker.done(job, read)


def _usable(read: dict[str, Any], size: tuple[int, int]) -> tuple[TextLine, ...] | None:
    """The lines of a text layer; None where it is of no use."""
    letters, unknown, pictures = int(read["letters"]), int(read["unknown"]), float(read["pictures"])
    if not letters or unknown > UNKNOWN * letters or (pictures > SCANNED and letters < FEW_LETTERS):
        return None
    width, height = size
    lines = []
    for text, x1, y1, x2, y2 in read["pieces"]:
        if not (0 <= x1 <= x2 <= width and 0 <= y1 <= y2 <= height):
            raise ValueError("text beside the page")
        lines.append(TextLine(str(text), (float(x1), float(y1), float(x2), float(y2))))
    return tuple(lines)
