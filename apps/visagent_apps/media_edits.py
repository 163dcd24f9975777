"""Changes places in a medium, and finds places of the same size to change instead. Knows no agent and no question.

Places are rectangles of a picture, or seconds of a sound. A clip's frames are not changed: it would have to be encoded
anew, and what that does to an answer could not be told from what the change does.
"""

from __future__ import annotations

import io
import random
import wave
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from visagent.core.errors import MediaError
from visagent.evidence.values import XYXY, Frozen
from visagent.media.media import Media

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

Edit = Literal["blank", "recolour", "replace"]
"""Blank: one grey, or silence. Recolour: the opposite hue, strongly. Replace: another picture's middle, or the sound
of these seconds backwards."""
TRIES = 300
"""Positions that are tried for a place of the same size."""
LARGEST = 0.5
"""The share of a medium above which a place is most of it, and no other of its size can be found."""
_GREY = (128, 128, 128)
_RATE = 16_000


class Place(Frozen):
    """A part of a medium.

    Attributes:
        media: Name of the medium, such as `image1`.
        xyxy: Pixels of a picture; None for sound.
        start: Seconds from the start of a sound; None for a picture.
        end: End, measured like `start`.
    """

    media: str
    xyxy: XYXY | None = None
    start: float | None = None
    end: float | None = None

    def share(self, media: Media) -> float:
        """How much of its medium it is, from 0 to 1."""
        if self.xyxy is not None:
            (x1, y1, x2, y2), (width, height) = self.xyxy, media.size
            return (x2 - x1) * (y2 - y1) / (width * height)
        assert self.start is not None and self.end is not None
        return (self.end - self.start) / (media.info.seconds or self.end or 1)


def edited(media: Media, places: Sequence[Place], edit: Edit, other: Image.Image | None = None) -> Media:
    """The medium with these places changed.

    Args:
        media: A picture or a sound; it is not changed.
        places: Places of this medium.
        edit: How.
        other: The picture whose middle replaces a place; None for the medium itself, turned around.

    Raises:
        MediaError: it is a video, or is to be recoloured and has no colour.
    """
    if media.kind == "audio":
        if edit == "recolour":
            raise MediaError(f"{media.name}: sound has no colour.", "Blank or replace it.")
        return Media.load(_edited_sound(media.audio(), places, edit))
    if media.kind != "image":
        raise MediaError(f"{media.name}: the frames of a clip are not changed.", "Ask about pictures or sound.")
    picture = media.image().copy()
    for place in places:
        assert place.xyxy is not None
        x1, y1, x2, y2 = (round(value) for value in place.xyxy)
        box = (max(0, x1), max(0, y1), min(picture.width, max(x2, x1 + 1)), min(picture.height, max(y2, y1 + 1)))
        picture.paste(_patch(picture.crop(box), edit, other), box[:2])
    return Media.load(picture)


def places_elsewhere(media: Media, places: Sequence[Place], seed: int) -> list[Place] | None:
    """As many places of the same sizes that touch none of them and not each other; None where there is no room.

    Args:
        media: Where.
        places: Places of this medium.
        seed: Seed of the positions.
    """
    draw = random.Random(seed)
    found: list[Place] = []
    for place in places:
        for _ in range(TRIES):
            moved = _moved(place, media, draw)
            if not any(_touch(moved, taken) for taken in (*places, *found)):
                found.append(moved)
                break
        else:
            return None
    return found


def _moved(place: Place, media: Media, draw: random.Random) -> Place:
    if place.xyxy is not None:
        (x1, y1, x2, y2), (width, height) = place.xyxy, media.size
        left = draw.uniform(0, max(0.0, width - (x2 - x1)))
        top = draw.uniform(0, max(0.0, height - (y2 - y1)))
        return place.model_copy(update={"xyxy": (left, top, left + x2 - x1, top + y2 - y1)})
    assert place.start is not None and place.end is not None
    length = place.end - place.start
    start = draw.uniform(0, max(0.0, (media.info.seconds or 0) - length))
    return place.model_copy(update={"start": start, "end": start + length})


def _touch(one: Place, other: Place) -> bool:
    if one.xyxy is not None and other.xyxy is not None:
        a, b = one.xyxy, other.xyxy
        return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    assert one.start is not None and one.end is not None and other.start is not None and other.end is not None
    return one.start < other.end and other.start < one.end


def _patch(patch: Image.Image, edit: Edit, other: Image.Image | None) -> Image.Image:
    from PIL import Image, ImageOps

    if edit == "blank":
        return Image.new("RGB", patch.size, _GREY)
    if edit == "replace":
        return ImageOps.fit(other, patch.size) if other is not None else patch.rotate(180)
    pixels = np.array(patch.convert("HSV"))
    pixels[..., 0] += 128  # Half way round the wheel of 256 hues, where it overflows.
    pixels[..., 1] = np.maximum(pixels[..., 1], 160)
    # What is black or white has no hue to see.
    pixels[..., 2] = np.clip(pixels[..., 2], 80, 220)
    return Image.fromarray(pixels, "HSV").convert("RGB")


def _edited_sound(sound: NDArray[np.float32], places: Sequence[Place], edit: Edit) -> bytes:
    """The sound as a WAV file of 16 kHz with these seconds changed."""
    changed = sound.copy()
    for place in places:
        assert place.start is not None and place.end is not None
        part = slice(int(place.start * _RATE), int(place.end * _RATE) + 1)
        changed[part] = 0 if edit == "blank" else changed[part][::-1]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE)
        writer.writeframes((np.clip(changed, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()
