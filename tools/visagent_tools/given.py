"""Facts about the media themselves: how many, how long, and whether two show the same picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visagent.core.errors import MissingInput
from visagent.evidence.values import Crop, Number
from visagent.tools.toolkit import Clip, tool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME = 10
"""Bits of 64 in which the perceptual hashes of two copies may differ. Of 28 pictures (photographs, drawings, receipts)
no two different ones differ in fewer than 16; copies at 200 pixels, as JPEG of quality 30 or in grey differ in at most
6, but for one tiled of 30 equal photos (up to 18)."""


@tool
def pages(image: list[Crop]) -> Number:
    """How many pages or pictures were given.

    Args:
        image: The pictures; all of them where none is named.
    """
    return Number(value=len({crop.media for crop in image}))


@tool
def duration(clip: Clip) -> Number:
    """How long a recording or video is, in seconds.

    Args:
        clip: The recording or video.
    """
    if clip.info.seconds is None:
        raise MissingInput("duration: the length of this file is not known.", "Give a recording or a video.")
    return Number(value=round(clip.info.seconds, 2), unit="s")


@tool
def same_picture(image: list[Crop]) -> bool:
    """Whether pictures are copies of the same one, in whatever size and format.

    Args:
        image: Two pictures or more; all of them where none is named.
    """
    if len(image) < 2:
        raise MissingInput("same_picture: there is only one picture.", "Give another one to compare it with.")
    first, *others = image
    return all(_same(first, other) for other in others)


def _same(one: Crop, other: Crop) -> bool:
    import numpy as np

    if (one.media, one.xyxy, one.seconds) == (other.media, other.xyxy, other.seconds):
        return True
    (width, height), (other_width, other_height) = one.image().size, other.image().size
    # A copy keeps its shape, but for a rounded pixel.
    if abs(width / height - other_width / other_height) > 0.03 * width / height:
        return False
    return int(np.count_nonzero(perceptual_hash(one) != perceptual_hash(other))) <= SAME


def perceptual_hash(crop: Crop) -> NDArray[np.bool_]:
    """The 64 signs of a picture's lowest frequencies (pHash, C. Zauner, 2010).

    Raises:
        MissingInput: the region has no pixel.
    """
    import numpy as np
    from PIL import Image

    small = np.asarray(crop.image().convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    frequencies = np.arange(32)
    basis = np.cos(np.pi * np.outer(frequencies, 2 * np.arange(32) + 1) / 64)
    low = (basis @ small @ basis.T)[1:9, 1:9]
    return np.asarray(low > np.median(low))
