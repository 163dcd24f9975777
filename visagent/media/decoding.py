"""Decodes a picture here where that is cheap whatever is in it, and else in a process that is killed at a limit.

Cheap is what most pictures are: a usual format, of a size that a camera makes. Others may take hundreds of megabytes
(several copies of the pixels), or minutes (a JPEG of a thousand passes), or have a decoder with a record of holes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from visagent.media.pictures import decode_here, megapixels, most_pixels, open_picture
from visagent.media.workers import Job, Reply, worker_for

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decode_apart", "decode_picture", "shrunk_picture"]

_log = logging.getLogger(__name__)
SHRUNK_PIXELS = 16_000_000
"""What a picture over the limit is scaled down to, where that is wanted: more than any expert looks at."""
HERE_PIXELS = 16_000_000
"""Most pixels of a picture that is decoded in this process."""
_HERE = ("PNG", "JPEG", "GIF", "WEBP")
_AS_IN_FILE = ("BMP", "PPM")
"""Formats that are not compressed: a picture takes what its file does."""
_MOST_SCANS = 100
"""Passes over all pixels of a JPEG that is decoded in this process; encoders write a dozen at most."""
_SCAN = b"\xff\xda"


def decode_picture(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Decode a picture, the first frame of an animated one, to upright RGB.

    Raises:
        MediaError: It is damaged, cut short, over the limit, or takes too much to decode.
    """
    try:
        picture = open_picture(data)
        size, format = picture.width * picture.height, picture.format
    except Exception:  # said below, in its words
        return decode_here(data, name, max_pixels)
    cheap = format in _HERE and size <= HERE_PIXELS and not (format == "JPEG" and data.count(_SCAN) > _MOST_SCANS)
    if cheap or format in _AS_IN_FILE or size > most_pixels(picture, max_pixels):
        return decode_here(data, name, max_pixels)
    return decode_apart(data, name, max_pixels)


def decode_apart(data: bytes, name: str, max_pixels: int, *, frame: int = 0, shrink_to: int = 0) -> Image.Image:
    """As `visagent.media.pictures.decode_pixels`, in another process.

    Raises:
        MediaError: As `decode_picture`.
    """
    most = shrink_to or max_pixels

    def checked(reply: Reply) -> Image.Image:
        if int(reply.header["width"]) * int(reply.header["height"]) > most:
            raise ValueError("another size than is allowed")
        return reply.picture()

    do: dict[str, Any] = {"do": "decode", "max_pixels": most, "frame": frame, "shrink_to": shrink_to}
    remedy = "Scale it down, or save it as a plain JPEG or PNG."
    with worker_for() as worker:
        return worker.done(Job(do, data, name, "the picture cannot be decoded", remedy), checked)


def shrunk_picture(data: bytes, name: str, max_pixels: int) -> Image.Image | None:
    """Read a picture of more than so many pixels scaled down to 16 megapixels; None for one within the limit.

    A JPEG is never decoded at full size; others are, where that takes no more memory than a worker may have.

    Raises:
        MediaError: It is damaged, over Pillow's limit of 179 megapixels, or takes too much to decode.
    """
    try:
        picture = open_picture(data)
        if picture.width * picture.height <= most_pixels(picture, max_pixels):
            return None
    except Exception:
        # Said in the same words as of any other picture.
        return decode_here(data, name, max_pixels)
    small = decode_apart(data, name, max_pixels, shrink_to=SHRUNK_PIXELS)
    _log.warning("%s: %s; read scaled down to %d x %d", name, megapixels(picture.size), *small.size)
    return small
