"""Tells what bytes are: a picture, a clip or a document, whatever the file is called. Decodes as little as it can."""

from __future__ import annotations

from typing import Literal

from visagent.core.errors import MediaError
from visagent.media.clips import is_clip
from visagent.media.limits import MediaLimits
from visagent.media.pictures import is_picture

# Known by their first bytes, so that one whose header is damaged is called damaged, and not of an unknown type.
_PICTURE_TYPES = {f"image/{name}" for name in ("png", "apng", "jpeg", "gif", "webp", "bmp", "tiff", "avif")}


def format_of(data: bytes, name: str, limits: MediaLimits) -> Literal["image", "clip", "pdf"]:
    """The kind of a file's content.

    Raises:
        MediaError: it is of no type that can be loaded.
    """
    import filetype  # type: ignore[import-untyped]

    mime: str = filetype.guess_mime(data) or ""
    if mime == "application/pdf":
        return "pdf"
    group = mime.partition("/")[0]
    if group in ("audio", "video"):
        return "clip"
    if mime in _PICTURE_TYPES or (group in ("", "image") and is_picture(data)):
        return "image"
    if not mime and is_clip(data, limits.pixels):
        return "clip"
    what = f"{mime} is not a type" if mime else "the content is not of a type"
    raise MediaError(
        f"{name}: {what} that can be loaded.",
        "Pass a picture (JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP), a video, audio or PDF file, or convert it to one.",
    )
