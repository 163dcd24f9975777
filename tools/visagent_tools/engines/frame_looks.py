"""Looks at frames of a video on several threads at once, while the next ones are decoded, and gives results in order.

A look runs on one thread of the network's library or on as many as there are; several looks side by side keep all
processors busy also where one of them waits for text to be read. Knows no index file and no tool.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import numpy as np
from pydantic import JsonValue

from visagent.evidence.values import Box, Crop, Line
from visagent_tools.engines.detector import boxes_in, detector_for
from visagent_tools.engines.video_index import IndexedFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

T = TypeVar("T")

THREADS = min(4, os.cpu_count() or 1)
"""Looks that run side by side."""
WAITING = 2 * THREADS
"""Looks that are begun or waiting, at most: each holds a frame at full size."""


class Looks(Generic[T]):
    """Work on frames, done on threads and given back in the order in which it was put in."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="visagent-looks")
        self._waiting: deque[tuple[float, Future[T]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def put(self, seconds: float, look: Callable[[], T]) -> None:
        """Begin a look.

        Args:
            seconds: Time of the frame.
            look: What to do.
        """
        self._waiting.append((seconds, self._pool.submit(look)))

    def until(self, reached: float) -> float:
        """Up to when all looks have been given back.

        Args:
            reached: Up to when frames were decoded.
        """
        return min(reached, self._waiting[0][0]) if self._waiting else reached

    def results(self, *, rest: bool = False) -> Iterator[T]:
        """The results that are there, oldest first; waits where too many looks are waiting.

        Args:
            rest: Whether to wait for all.

        Raises:
            Exception: what a look raised.
        """
        while self._waiting and (rest or len(self._waiting) > WAITING or self._waiting[0][1].done()):
            yield self._waiting.popleft()[1].result()


def look(
    media: str, seconds: float, previous: float, picture: Image.Image, options: Mapping[str, JsonValue], *, reads: bool
) -> IndexedFrame:
    """What is in a frame.

    Args:
        media: Content hash of the video.
        seconds: Time of the frame.
        previous: When the picture was last looked at before.
        picture: The frame.
        options: Options as for `detector_for`.
        reads: Whether to read its text.

    Raises:
        VisagentError: as `detector_for`.
    """
    boxes, weak = sightings(media, seconds, picture, options)
    lines = _read(np.asarray(picture)) if reads else None
    return IndexedFrame(seconds, previous, tuple(boxes), lines, tuple(weak))


def sightings(
    media: str, seconds: float, picture: Image.Image, options: Mapping[str, JsonValue]
) -> tuple[list[Box], list[Box]]:
    """The objects in a frame, and what its detector is less sure of, where it tells; see `look`."""
    pixels = np.asarray(picture)
    # A detector that tells what it is less sure of is asked once for both.
    find_weak = getattr(detector_for(options), "find_weak", None)
    if find_weak is not None:
        sure, weak = find_weak(pixels)
        return list(sure), list(weak)
    crop = Crop(media=media, xyxy=(0, 0, *picture.size), seconds=seconds)
    return boxes_in(crop, options, pixels=pixels), []


def _read(pixels: NDArray[np.uint8]) -> tuple[Line, ...]:
    """The lines in a frame from top to bottom; read once as it stands: a frame is no page that may lie on its side."""
    from visagent_tools.engines.ocr import TextReader, kept_reader

    # Other looks run beside it on the other processors.
    sure, _ = kept_reader.get("rapidocr on one thread", lambda: TextReader(threads=1)).read(pixels)
    return tuple(
        Line(text=one.text, confidence=one.confidence, xyxy=one.xyxy)
        for one in sorted(sure, key=lambda one: (one.xyxy[1], one.xyxy[0]))
    )
