"""Reads clips and animations in a process that is killed at a limit. Knows neither formats nor where bytes come from.

A container of a few hundred bytes can make ffmpeg build an index of gigabytes, and an animation of a few kilobytes hold
hours of work. A worker keeps its file open, so that the next frame costs no more than to decode it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from visagent.core.errors import DecodingUnavailable, MediaError, MissingDependency
from visagent.core.install import install_line
from visagent.media.clips import SAMPLE_RATE, SCANNED, ClipHeader, ScannedFrame
from visagent.media.pictures import check_size
from visagent.media.workers import Job, Reply, worker_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["ClipFile"]

LONGER = 1 / 60
"""Share of a clip's length: seconds of the processor, beyond those of any job, that its whole sound may take."""
_BLOCK = 2**20

T = TypeVar("T")


@dataclass(frozen=True)
class ClipFile:
    """A clip, or an animated picture, that is decoded in another process; safe between threads.

    Attributes:
        data: The file.
        name: Its name, for messages.
        max_pixels: Most pixels of a still picture; frames may have fewer.
        animated: Whether it is an animated picture.
        hash: SHA-256 of the file, in hex; computed if it is not given.
    """

    data: bytes = field(repr=False)
    name: str
    max_pixels: int
    animated: bool = False
    hash: str = ""

    def __post_init__(self) -> None:
        if not self.hash:
            object.__setattr__(self, "hash", hashlib.sha256(self.data).hexdigest())

    def is_clip(self) -> bool:
        """Tell whether ffmpeg knows these bytes as a clip; False without PyAV.

        Raises:
            DecodingUnavailable: No process can be had to look with.
        """
        try:
            return self._answered({"do": "clip is"}, lambda reply: bool(reply.header["is"]))
        except DecodingUnavailable:
            raise
        except (MediaError, MissingDependency):
            return False

    def header(self, max_seconds: float) -> ClipHeader:
        """Measure the clip and decode its first frame, or all frames of an animation.

        Raises:
            MediaError: It is damaged, holds neither picture nor sound, or is over a limit.
            MissingDependency: PyAV is not installed.
        """
        return self._answered({"do": "clip header", "max_seconds": max_seconds}, self._checked_header)

    def sound(self, max_seconds: float) -> NDArray[np.float32]:
        """Decode the sound to float32 samples, mono, 16 kHz; sample 0 is the start of the clip.

        Raises:
            MediaError: There is none, it cannot be decoded, or turns out longer than the limit.
            MissingDependency: PyAV is not installed.
        """
        do = {"do": "clip sound", "max_seconds": max_seconds}
        return self._answered(do, partial(_samples, most=max_seconds + 2), longer=LONGER * max_seconds)

    def frames(self, times: Iterable[float], length: float | None) -> Iterator[tuple[float, Image.Image]]:
        """Give the upright RGB frame on screen at each of the rising times, in seconds, until the clip ends.

        Args:
            times: Rising times, in seconds from the start of the clip.
            length: Length of the clip in seconds; None when unknown, then the last frame ends it.

        Raises:
            MediaError: It has no picture, or cannot be decoded.
            MissingDependency: PyAV is not installed.
        """
        stream = uuid.uuid4().hex
        for time in times:
            do = {"do": "clip frame", "seconds": time, "length": length, "stream": stream}
            picture = self._answered(do, self._checked_picture)
            if picture is None:
                return
            yield time, picture

    def scan(self, start: float = 0.0, end: float | None = None, frame_pixels: int = 0) -> Iterator[ScannedFrame]:
        """Give every frame of a stretch of the clip, in order of time.

        Args:
            start: Seconds from the start of the clip; the frame that is on screen then is the first one.
            end: End, measured like `start`, where it stops; None for the end of the clip.
            frame_pixels: How many a frame has; as many are held at once as are cheap.

        Raises:
            MediaError: It has no picture, or cannot be decoded; also half-way, after what could be decoded was given.
            MissingDependency: PyAV is not installed.
        """
        stream, after = uuid.uuid4().hex, None
        do = {"do": "clip scan", "stream": stream, "end": end, "frame_pixels": frame_pixels}
        while True:
            begin = start if after is None else max(0.0, after)
            header, found = self._answered({**do, "start": begin, "after": after}, _scanned)
            for seconds, until, small in found:
                yield ScannedFrame(seconds, until, small, partial(self._shown, stream, seconds))
            if "problem" in header:
                fact, remedy = map(str, header["problem"])
                raise MediaError(fact[:500], remedy[:500])
            if header.get("over") or not found:
                return
            after = found[-1][0]

    def sound_pieces(self, start: float = 0.0) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """Give the sound in pieces of two minutes, so that a long one need not be in memory as a whole.

        Args:
            start: Where to begin, seconds from the start of the clip.

        Yields:
            When the piece starts, in seconds, and its samples: float32, mono, 16 kHz.

        Raises:
            MediaError: It has no sound, or cannot be decoded; also half-way, after what could be decoded was given.
            MissingDependency: PyAV is not installed.
        """
        stream = uuid.uuid4().hex

        def checked(reply: Reply) -> tuple[float, NDArray[np.float32]] | None:
            if reply.header.get("over"):
                return None
            return _finite(reply.header["start"]), _samples(reply, most=600)

        while (piece := self._answered({"do": "clip piece", "start": start, "stream": stream}, checked)) is not None:
            begin, samples = piece
            # Where another clip came in between, it was opened again, and may begin a little earlier.
            early = max(0, round((start - begin) * SAMPLE_RATE))
            if early >= len(samples):
                return
            yield begin + early / SAMPLE_RATE, samples[early:]
            start = begin + len(samples) / SAMPLE_RATE

    def _shown(self, stream: str, seconds: float) -> Image.Image:
        """A frame that was scanned, at full size."""
        do = {"do": "clip shown", "stream": stream, "seconds": seconds}
        picture = self._answered(do, self._checked_picture)
        if picture is None:  # the worker has gone on, or reads something else
            picture = next((shown for _, shown in self.frames([seconds], None)), None)
        if picture is None:
            raise MediaError(f"{self.name}: its frame at {seconds:.3f} s is gone.", "Record or export it again.")
        return picture

    def _checked_header(self, reply: Reply) -> ClipHeader:
        said = reply.header["header"]
        kind, has_audio = said["kind"], bool(said["has_audio"])
        seconds = None if said["seconds"] is None else max(0.0, _finite(said["seconds"]))
        if kind == "audio" and not self.animated:
            return ClipHeader("audio", None, None, seconds, has_audio)
        if kind != "video":
            raise ValueError("neither picture nor sound")
        width, height = int(said["width"]), int(said["height"])
        check_size(self.name, width, height, self.max_pixels)
        return ClipHeader("video", width, height, seconds, has_audio)

    def _checked_picture(self, reply: Reply) -> Image.Image | None:
        if not reply.header["shown"]:
            return None
        check_size(self.name, int(reply.header["width"]), int(reply.header["height"]), self.max_pixels)
        return reply.picture()

    def _answered(self, do: dict[str, Any], read: Callable[[Reply], T], longer: float = 0.0) -> T:
        if not self.animated and importlib.util.find_spec("av") is None:
            raise MissingDependency(
                "Opening video and audio needs PyAV, which is not installed.", f"Run: {install_line('embedded')}"
            )
        what, remedy = "clip", "Cut it, or record or export it again."
        if self.animated:
            what, remedy = "animation", "Scale it down, cut it, or save it as a video."
        do = {**do, "max_pixels": self.max_pixels, "animated": self.animated}
        with worker_for(self.hash) as worker:
            job = Job(do, self.data, self.name, f"the {what} cannot be decoded", remedy, self.hash, longer)
            return worker.done(job, read)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no time")
    return number


def _scanned(reply: Reply) -> tuple[dict[str, Any], list[tuple[float, float, NDArray[np.uint8]]]]:
    import numpy as np

    times = [(_finite(seconds), _finite(until)) for seconds, until in reply.header["times"]]
    width, height = SCANNED
    frames = np.frombuffer(reply.payload(), np.uint8).reshape(len(times), height, width, 3)
    return reply.header, [(*time, small) for time, small in zip(times, frames, strict=True)]


def _samples(reply: Reply, most: float) -> NDArray[np.float32]:
    """Samples of 16 bits as float32; taken in blocks, so that they are in memory once."""
    import numpy as np

    count = int(reply.header["bytes"]) // 2
    if not 0 <= count <= most * SAMPLE_RATE:
        raise ValueError("longer than was asked for")
    samples = np.empty(count, np.float32)
    for begin in range(0, count, _BLOCK):
        part = samples[begin : begin + _BLOCK]
        np.divide(np.frombuffer(reply.take(2 * len(part)), np.int16), np.float32(32768), out=part)
    return samples
