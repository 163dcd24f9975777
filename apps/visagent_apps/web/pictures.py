"""Pictures as a browser is given them: what the agent loaded, and what its detector makes of that."""

from __future__ import annotations

import io
from pathlib import Path

from visagent.core.config import Profile
from visagent.media.media import Media
from visagent.media.pictures import encode_picture

DETECTOR_SIDE = {"nanodet": 416}
"""Pixels of the longer side to which a detector reduces a whole picture, by the name of the detector."""
THUMBNAIL = 320
"""Pixels of the longer side of a small picture."""


def detector_side(profile: Profile) -> int | None:
    """To how many pixels the profile's detector reduces a picture's longer side; None where that is not known."""
    return DETECTOR_SIDE.get(str(profile.tools.get("detect", {}).get("detector")))


def shown_as_is(path: Path) -> bool:
    """Whether a browser shows a picture's file just as the agent loads it: upright, opaque, one frame."""
    from PIL import Image

    with Image.open(path) as picture:
        still = not getattr(picture, "is_animated", False)
        opaque = not picture.has_transparency_data and picture.mode in ("RGB", "L")
        return picture.format in ("JPEG", "PNG", "WEBP") and still and opaque


def as_loaded(media: Media) -> bytes:
    """A PNG of a picture's pixels as the agent loads them."""
    file = io.BytesIO()
    # Fast rather than small: it goes to a browser once.
    media.image().save(file, "PNG", compress_level=1)
    return file.getvalue()


def as_thumbnail(media: Media) -> bytes:
    """A JPEG of a picture, small enough that a page can have many."""
    picture = media.image().copy()
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return encode_picture(picture, "JPEG", quality=80)


def as_frame(media: Media, seconds: float) -> bytes:
    """A JPEG of a video's picture at a time, for browsers that cannot play it."""
    return encode_picture(
        media.frame(min(seconds, max(0.0, (media.info.seconds or seconds) - 0.1))), "JPEG", quality=85
    )


def as_detected(media: Media, side: int) -> bytes:
    """A PNG of a whole picture as a detector's first look has it: text that only shows when reduced shows here."""
    from PIL import Image

    picture = media.image()
    scale = side / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0).save(file, "PNG")
    return file.getvalue()
