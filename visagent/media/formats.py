"""Tells what kind of medium bytes are, by what they are and never by a file's name. Decodes nothing."""

from __future__ import annotations

from typing import Literal

from visagent.core.errors import MediaError
from visagent.media.clip_files import ClipFile
from visagent.media.limits import MediaLimits
from visagent.media.pictures import is_picture, knows_heif
from visagent.media.tiff_pages import is_tiff_of_pages

# Known by their first bytes, so that one whose header is damaged is called damaged, and not of an unknown type.
_PICTURE_TYPES = {f"image/{name}" for name in ("png", "apng", "jpeg", "gif", "webp", "bmp", "tiff", "avif")}
_HEIF_TYPES = ("image/heic", "image/heif")


def format_of(data: bytes, name: str, limits: MediaLimits) -> Literal["image", "clip", "document"]:
    """Tell whether bytes are a picture, a video or sound, or pages; what follows their beginning may be damaged.

    Args:
        data: A file's bytes.
        name: Its name, for messages.
        limits: Most pixels of a frame, where that has to be looked at.

    Raises:
        MediaError: They are nothing that can be loaded, or not without a package that is not installed.
    """
    import filetype  # type: ignore[import-untyped]

    mime: str = filetype.guess_mime(data) or ""
    if mime == "application/pdf":
        return "document"
    group = mime.partition("/")[0]
    if group in ("audio", "video"):
        return "clip"
    if mime in _HEIF_TYPES:
        if knows_heif():
            return "image"
        raise MediaError(
            f"{name}: HEIC and HEIF pictures are read with pillow-heif, which is not installed.",
            "Run: pip install pillow-heif, or export the picture as JPEG.",
        )
    if is_tiff_of_pages(data):
        return "document"
    if mime in _PICTURE_TYPES or (group in ("", "image") and is_picture(data)):
        return "image"
    if not mime and ClipFile(data, name, limits.pixels).is_clip():
        return "clip"
    what = f"{mime} is not a type" if mime else "the content is not of a type"
    raise MediaError(
        f"{name}: {what} that can be loaded.",
        "Pass a picture (JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC, BMP), a video, audio or PDF file, or convert to one.",
    )
