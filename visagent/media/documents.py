"""PDFs, read in worker processes that are killed when a document takes too much. Knows not where bytes come from.

pdfium has no limits of its own: a file of 4 kB can make it draw for minutes and take all memory, and it holds a lock
meanwhile. So each job (a page's picture, the text layer of a few pages) is done by one process of a few, with limits on
memory, processor seconds and time on the clock. A process that worked well keeps its document open for the next job,
which saves the start (0.3 s) and reading the file again.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from visagent.core.errors import MediaError, MissingDependency
from visagent.core.install import install_line
from visagent.media.pictures import check_size

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["SECONDS", "Document", "TextLine", "idle_workers", "open_document", "stop_workers"]

SECONDS = 25.0
"""Time on the clock that one job may take, the start of its process not counted."""
TEXT_PAGES = 10
"""Pages whose text layer is read in one job."""
MOST_BYTES = 2**29
"""Of one reply: a page of the most pixels that may be allowed takes less."""
UNKNOWN = 0.2
"""Share of characters without a meaning above which a text layer is of no use: its font has no table of characters."""
SCANNED, FEW_LETTERS = 0.5, 200
"""A page is a scan if pictures cover more than this share of it, and its text layer has fewer letters than that."""
_MOST_WORKERS = max(4, os.cpu_count() or 4)
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "LANG", "VIRTUAL_ENV")


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
        return _answered(self, lambda worker: worker.picture(self, page))

    def text(self, page: int) -> tuple[TextLine, ...] | None:
        """The text layer of a page, in the order of its content; None where the page has to be read as a picture.

        That is where there is no text, where it does not say which characters it means, and where pictures cover most
        of the page: such a page was scanned, and its layer holds little more than a number.
        """
        with self._lock:
            if page not in self._text:
                first = page - (page - 1) % TEXT_PAGES
                self._read(first, min(first + TEXT_PAGES, len(self.sizes) + 1))
            return self._text[page]

    def _read(self, first: int, end: int) -> None:
        try:
            read = _answered(self, lambda worker: worker.text(self, first, end))
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
    document.sizes = _answered(document, lambda worker: worker.sizes(document, max_pixels, max_pages))
    return document


T = TypeVar("T")


def _answered(document: Document, ask: Callable[[_Worker], T]) -> T:
    """What a worker answers; where one fails that had worked on the document before, a fresh one is asked."""
    with _worker(document.hash) as worker:
        tired = worker.holds == document.hash and worker.jobs > 0
        try:
            return ask(worker)
        except MediaError:
            if worker.alive or not tired:
                raise
    with _worker(document.hash) as worker:
        return ask(worker)


class _Worker:
    """A process that works on one document at a time."""

    def __init__(self) -> None:
        # Not multiprocessing: it would run a person's script anew in the child. -P: no module of the working folder.
        path = os.pathsep.join(part for part in sys.path if part)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "visagent.media.pdf_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # No keys: a document may take the process over.
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"PYTHONPATH": path},
        )
        self.holds = ""
        """Hash of the document that it has open."""
        self.jobs = 0
        """Pages that it rendered or read."""

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    # What it says is checked, since a document may have taken it over.

    def sizes(self, document: Document, max_pixels: int, max_pages: int) -> tuple[tuple[int, int], ...]:
        """Width and height of each page in pixels."""

        def checked(header: dict[str, Any], payload: bytes) -> tuple[tuple[int, int], ...]:
            sizes = tuple((int(width), int(height)) for width, height in json.loads(payload))
            if not 0 < len(sizes) <= max_pages:
                raise ValueError("another number of pages than is allowed")
            for width, height in sizes:
                check_size(document.name, width, height, max_pixels)
            return sizes

        limits = {"max_pixels": max_pixels, "max_pages": max_pages}
        return self._done(document, {"do": "sizes", "limits": limits}, checked)

    def picture(self, document: Document, page: int) -> Image.Image:
        """A page as RGB."""
        from PIL import Image

        expected = document.sizes[page - 1]

        def checked(header: dict[str, Any], payload: bytes) -> Image.Image:
            width, height, stride = int(header["width"]), int(header["height"]), int(header["stride"])
            if max(abs(width - expected[0]), abs(height - expected[1])) > 1 or len(payload) != stride * height:
                raise ValueError("another size than was announced")
            picture = Image.frombytes("RGB", (width, height), payload, "raw", str(header["mode"]), stride, 1)
            return picture if picture.size == expected else picture.resize(expected)

        return self._done(document, {"do": "picture", "page": page - 1}, checked)

    def text(self, document: Document, first: int, end: int) -> list[tuple[TextLine, ...] | None]:
        """The text layers of pages; see `Document.text`."""

        def checked(header: dict[str, Any], payload: bytes) -> list[tuple[TextLine, ...] | None]:
            read = json.loads(payload)
            if len(read) != end - first:
                raise ValueError("another number of pages than was asked for")
            return [_usable(one, document.sizes[page - 1]) for page, one in enumerate(read, start=first)]

        return self._done(document, {"do": "text", "pages": [first - 1, end - 1]}, checked)

    def _done(self, document: Document, job: dict[str, Any], read: Callable[[dict[str, Any], bytes], T]) -> T:
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        clock = threading.Timer(SECONDS, stop)
        clock.daemon = True
        clock.start()
        try:
            self._ask(document, job)
            header = self._header()
            if "error" in header:
                self.holds = ""
                fact, remedy = map(str, header["error"])
                raise MediaError(fact[:500], remedy[:500])
            done = read(header, self._read(int(header["bytes"])))
            self.jobs += job["do"] != "sizes"
            return done
        except MediaError:
            raise
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            self.kill()
            why = "takes too long" if late.is_set() else "takes too long, takes too much memory, or is damaged"
            raise MediaError(
                f"{document.name}: the PDF cannot be rendered, because it {why}.",
                "Print it to a new PDF, or pass pictures of the pages you mean.",
            ) from error
        finally:
            clock.cancel()

    def _ask(self, document: Document, job: dict[str, Any]) -> None:
        target = self._process.stdin
        assert target is not None
        data = b"" if self.holds == document.hash else document.data
        target.write(json.dumps({**job, "name": document.name, "bytes": len(data)}).encode() + b"\n")
        target.write(data)
        target.flush()
        self.holds = document.hash

    def _header(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        reply = json.loads(self._process.stdout.readline(4096))
        if not isinstance(reply, dict):
            raise ValueError("no reply")
        return reply

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        if not 0 <= count <= MOST_BYTES:
            raise ValueError("more bytes than a page has")
        data = self._process.stdout.read(count)
        if len(data) != count:
            raise ValueError("cut short")
        return data


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


_places = threading.BoundedSemaphore(_MOST_WORKERS)
_idle: list[_Worker] = []
_lock = threading.Lock()


@contextmanager
def _worker(digest: str) -> Iterator[_Worker]:
    """A process of one's own for as long as the block lasts, kept for the next one if it is still sound.

    Args:
        digest: Of the document: a process that has it open is preferred.
    """
    with _places:
        with _lock:
            place = next((at for at, one in enumerate(_idle) if one.holds == digest), -1)
            worker = _idle.pop(place) if _idle else None
        if worker is None or not worker.alive:
            worker = _Worker()
        try:
            yield worker
        except MediaError:
            _keep(worker)
            raise
        except BaseException:
            worker.kill()
            raise
        _keep(worker)


def _keep(worker: _Worker) -> None:
    if worker.alive:
        with _lock:
            _idle.append(worker)


def idle_workers() -> list[int]:
    """Process ids of the workers that wait for a document."""
    with _lock:
        return [worker.pid for worker in _idle]


@atexit.register
def stop_workers() -> None:
    """End the workers that wait for a document; the next document starts one again."""
    with _lock:
        while _idle:
            _idle.pop().kill()
