"""Frames of animated pictures (GIF, WebP, PNG, AVIF) within limits, with Pillow, in this process. Knows no files.

All but `moves` takes what it takes, and is called in a process that may be killed, by `visagent.media.clip_files`.

Every function takes a name, for messages only. Times are seconds from the start of the animation, which is played once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from visagent.core.errors import MediaError
from visagent.media.clips import ClipHeader
from visagent.media.pictures import check_size, damaged, open_picture, upright_rgb

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["moves", "read_animation_header", "sample_animation"]

_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
_COPIES = 4
"""How many times as much memory as of a still picture is taken; as many times fewer pixels are let in."""
_USUAL_SECONDS = 0.1
"""How long browsers show a frame that asks for 10 milliseconds or less."""


def moves(data: bytes, name: str) -> bool:
    """Tell whether a picture is an animated one; of its frames one more than the first is looked for at most.

    Raises:
        MediaError: It is damaged or cut short.
    """
    return _is_moving(_opened(data, name), name)


def read_animation_header(data: bytes, name: str, max_pixels: int, max_seconds: float) -> ClipHeader:
    """Measure an animated picture, every frame of which is decoded to do so.

    Raises:
        MediaError: It is damaged, cut short, or over a limit.
    """
    picture = _opened(data, name)
    check_size(name, *picture.size, max_pixels // _COPIES)
    seconds = 0.0
    for length in _lengths(picture, name):
        seconds += length
        if seconds > max_seconds:
            raise MediaError(
                f"{name}: the animation is longer than the limit of {max_seconds:.0f} s.",
                "Cut it, or raise MediaLimits(seconds=...).",
            )
    return ClipHeader("video", picture.width, picture.height, round(seconds, 3), False)


def sample_animation(
    data: bytes, name: str, max_pixels: int, times: Iterable[float]
) -> Iterator[tuple[float, Image.Image]]:
    """Give the RGB frame on screen at each of the rising times, in seconds, until the animation ends.

    Args:
        data: The picture's bytes.
        name: Its name, for messages.
        max_pixels: Most pixels of a frame.
        times: Rising times, in seconds.

    Raises:
        MediaError: It is damaged or cut short.
    """
    picture = _opened(data, name)
    lengths = _lengths(picture, name)
    end = next(lengths)
    for moment in times:
        while moment >= end - 1e-6:
            length = next(lengths, None)
            if length is None:
                # The last frame is on screen up to the very end.
                if moment > end + 1e-6:
                    return
                break
            end += length
        yield moment, upright_rgb(picture, name, max_pixels)


def _opened(data: bytes, name: str) -> Image.Image:
    try:
        return open_picture(data)
    except Exception as error:  # as in decode_picture
        raise damaged(name, error) from error


def _is_moving(picture: Image.Image, name: str) -> bool:
    # A TIFF's frames are pages, and a JPEG's are previews of the same picture.
    try:
        return picture.format in _FORMATS and bool(getattr(picture, "is_animated", False))
    except Exception as error:  # as in _lengths
        raise damaged(name, error) from error


def _lengths(picture: Image.Image, name: str) -> Iterator[float]:
    """How long each frame is shown, in seconds; while one is given, the picture is that frame."""
    # A GIF does not say how many it has, and is read to its end to count them: it ends where it ends.
    for number in itertools.count() if picture.format == "GIF" else range(getattr(picture, "n_frames", 1)):
        try:
            picture.seek(number)
            picture.load()
        except Exception as error:  # Pillow's decoders raise nearly everything on bytes that are damaged
            if picture.format == "GIF" and isinstance(error, EOFError) and picture.tell() < number:
                return
            raise damaged(name, error) from error
        seconds = float(picture.info.get("duration", 0)) / 1000
        yield seconds if seconds > 0.01 else _USUAL_SECONDS
