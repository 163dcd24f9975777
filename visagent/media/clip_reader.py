"""What a worker process does with a clip or an animation: one at a time, kept open between jobs. Trusts no file.

Jobs go on where the last one of the same stream ended; where another clip came in between, the stream is opened again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from visagent.core.errors import MediaError
from visagent.media import animations, clips
from visagent.media.clips import ScannedFrame
from visagent.media.pictures import pixel_strips

if TYPE_CHECKING:
    from PIL import Image

BATCH = 64
"""Frames that are scanned in one job, at most."""
BATCH_PIXELS = 16_000_000
"""Pixels that the frames of one job may have together, which are kept until the next one."""

Answer = tuple[dict[str, Any], Iterable[bytes | memoryview]]


class ClipReader:
    """One file at a time."""

    def __init__(self) -> None:
        self._data = b""
        self._name = ""
        self._pixels = 0
        self._animated = False
        self._stream: tuple[str, Iterator[Any]] | None = None
        self._wanted = 0.0
        self._shown: dict[float, Callable[[], Image.Image]] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._leave_stream()
        self._data = b""

    def take(self, data: bytes) -> None:
        """Hold a file instead of the one before."""
        self._leave_stream()
        self._data = data

    def work(self, job: dict[str, Any]) -> Answer:
        """What a job's reply says, and the bytes that follow it.

        Raises:
            MediaError: The clip is damaged, or over a limit.
        """
        self._name, self._pixels, self._animated = job["name"], job["max_pixels"], job["animated"]
        match job["do"]:
            case "clip is":
                return {"is": clips.is_clip(self._data, self._pixels)}, []
            case "clip header":
                measure = animations.read_animation_header if self._animated else clips.read_clip_header
                header = measure(self._data, self._name, self._pixels, job["max_seconds"])
                return {"header": header._asdict()}, []
            case "clip sound":
                return {}, [piece.data.cast("B") for piece in self._sound(job["max_seconds"])]
            case "clip frame":
                return self._frame(job)
            case "clip scan":
                return self._scan(job)
            case "clip shown":
                taken = self._shown.get(job["seconds"])
                return _picture(None if taken is None else taken())
            case _:
                return self._piece(job)

    def _sound(self, max_seconds: float) -> list[np.ndarray[Any, np.dtype[np.int16]]]:
        self._leave_stream()
        return clips.decode_sound(self._data, self._name, self._pixels, max_seconds)

    def _frame(self, job: dict[str, Any]) -> Answer:
        self._wanted = job["seconds"]

        def opened() -> Iterator[tuple[float, Image.Image]]:
            times = iter(lambda: self._wanted, None)
            if self._animated:
                return animations.sample_animation(self._data, self._name, self._pixels, times)
            return clips.sample_frames(self._data, self._name, self._pixels, times, job["length"])

        found = next(self._stream_of(job["stream"], opened), None)
        return _picture(None if found is None else found[1])

    def _scan(self, job: dict[str, Any]) -> Answer:
        def opened() -> Iterator[ScannedFrame]:
            after = job["after"]
            given = clips.scan_frames(self._data, self._name, self._pixels, job["start"], job["end"])
            return given if after is None else (frame for frame in given if frame.seconds > after + 1e-6)

        stream = self._stream_of(job["stream"], opened)
        self._shown = {}
        times: list[tuple[float, float]] = []
        small: list[memoryview] = []
        header: dict[str, Any] = {"times": times}
        while len(times) < BATCH and len(times) * job["frame_pixels"] < BATCH_PIXELS:
            try:
                frame = next(stream, None)
            except MediaError as error:
                header["problem"] = [error.fact, error.remedy]
                break
            if frame is None:
                header["over"] = True
                break
            self._shown[frame.seconds] = frame.picture
            times.append((frame.seconds, frame.until))
            small.append(np.ascontiguousarray(frame.small).data.cast("B"))
        return header, small

    def _piece(self, job: dict[str, Any]) -> Answer:
        def opened() -> Iterator[Any]:
            return clips.sound_pieces(self._data, self._name, self._pixels, job["start"])

        found = next(self._stream_of(job["stream"], opened), None)
        if found is None:
            return {"over": True}, []
        return {"start": found[0]}, [np.ascontiguousarray(found[1]).data.cast("B")]

    def _stream_of(self, token: str, opened: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        if self._stream is None or self._stream[0] != token:
            self._leave_stream()
            self._stream = token, opened()
        return self._stream[1]

    def _leave_stream(self) -> None:
        self._stream = None
        self._shown = {}


def _picture(picture: Image.Image | None) -> Answer:
    if picture is None:
        return {"shown": False}, []
    width, height = picture.size
    stride = 3 * width
    size = {"width": width, "height": height, "stride": stride, "bytes": stride * height}
    # Strip by strip: a copy of all its pixels would be in memory beside them.
    return {"shown": True, "mode": "RGB", **size}, (strip.tobytes() for _, strip in pixel_strips(picture))
