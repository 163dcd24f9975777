"""Renders PDFs in worker processes that are killed when a document takes too much. Knows not where bytes come from.

pdfium has no limits of its own: a file of 4 kB can make it draw for minutes and take all memory, and it holds a lock
meanwhile. So each document is rendered by one process of a few, with limits on memory, processor seconds and time on
the clock. A process that renders well is kept for the next document, which saves the start (0.3 s).
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from visagent.core.errors import MediaError, MissingDependency
from visagent.media.pictures import check_size

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["SECONDS", "idle_workers", "render_pdf", "stop_workers"]

SECONDS = 25.0
"""Time on the clock that one document may take, the start of its process not counted."""
_MOST_WORKERS = max(4, os.cpu_count() or 4)
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "LANG", "VIRTUAL_ENV")


def render_pdf(data: bytes, name: str, max_pixels: int, max_pages: int) -> list[Image.Image]:
    """Render the pages of a PDF at 150 dpi, as RGB.

    Args:
        data: The file.
        name: Its name, for messages.
        max_pixels: Most pixels of all pages together.
        max_pages: Most pages.

    Raises:
        MediaError: It needs a password, is damaged, over a limit, or takes too long or too much memory to render.
        MissingDependency: pypdfium2 is not installed.
    """
    try:
        missing = importlib.util.find_spec("pypdfium2") is None
    except ValueError:  # a module of that name without a specification
        missing = True
    if missing:
        raise MissingDependency(
            f"{name}: pypdfium2, which opens PDFs, is missing.", 'Run: pip install "visagent[embedded]"'
        )
    with _worker() as worker:
        return worker.render(data, name, max_pixels, max_pages)


class _Worker:
    """A process that renders one document at a time."""

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

    def render(self, data: bytes, name: str, max_pixels: int, max_pages: int) -> list[Image.Image]:
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        clock = threading.Timer(SECONDS, stop)
        clock.daemon = True
        clock.start()
        try:
            self._ask(data, {"name": name, "max_pixels": max_pixels, "max_pages": max_pages})
            return list(self._pages(name, max_pixels, max_pages))
        except MediaError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.kill()
            why = "takes too long" if late.is_set() else "takes too long, takes too much memory, or is damaged"
            raise MediaError(
                f"{name}: the PDF cannot be rendered, because it {why}.",
                "Print it to a new PDF, or pass pictures of the pages you mean.",
            ) from error
        finally:
            clock.cancel()

    def _ask(self, data: bytes, limits: dict[str, Any]) -> None:
        target = self._process.stdin
        assert target is not None
        target.write(json.dumps({"bytes": len(data), "limits": limits}).encode() + b"\n")
        target.write(data)
        target.flush()

    def _pages(self, name: str, max_pixels: int, max_pages: int) -> Iterator[Image.Image]:
        """The pages that the process sends; what it says is checked, since a document may have taken it over."""
        from PIL import Image

        total = 0
        for _ in range(max_pages + 1):
            reply = self._header()
            if reply.get("done") is True:
                return
            if "error" in reply:
                fact, remedy = map(str, reply["error"])
                raise MediaError(fact[:500], remedy[:500])
            width, height, stride = int(reply["width"]), int(reply["height"]), int(reply["stride"])
            check_size(name, width, height, max_pixels)
            total += width * height
            if total > max_pixels + max_pages * 2**16 or not 3 * width <= stride <= 4 * width + 64:
                raise ValueError("more pixels than were announced")
            yield Image.frombytes(
                "RGB", (width, height), self._read(stride * height), "raw", str(reply["mode"]), stride, 1
            )
        raise ValueError("more pages than were announced")

    def _header(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        reply = json.loads(self._process.stdout.readline(4096))
        if not isinstance(reply, dict):
            raise ValueError("no reply")
        return reply

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        if len(data) != count:
            raise ValueError("cut short")
        return data


_places = threading.BoundedSemaphore(_MOST_WORKERS)
_idle: list[_Worker] = []
_lock = threading.Lock()


@contextmanager
def _worker() -> Iterator[_Worker]:
    """A process of one's own for as long as the block lasts, kept for the next one if it is still sound."""
    with _places:
        with _lock:
            worker = _idle.pop() if _idle else None
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
