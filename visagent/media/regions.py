"""Named regions of pictures and clips, by which a person points: `image1#r1`, `video1#door`. Knows no question.

A region is a medium that knows its whole: it has the whole's hash, and whatever is found in it is in pixels of the
original. Of a clip it is the same rectangle in every frame, and has no sound.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from visagent.core.errors import MediaError
from visagent.media.media import Media, MediaInfo
from visagent.media.pictures import encode_picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

SEPARATOR = "#"
"""What stands between the name of a picture or clip and that of a region of it."""
MOST_REGIONS = 64
"""Regions of one question at most."""
_NAME = re.compile(r"[^\W\d][\w-]{0,30}\Z")
_KEY = re.compile(r"(?:(?P<picture>(?:image|video)[1-9]\d{0,3})#)?(?P<region>.*)\Z", re.DOTALL)


class MediaRegion(Media):
    """A rectangle of a picture or of every frame of a clip, as a medium.

    Args:
        picture: The picture or clip.
        name: Name of the region, such as `r1`: a letter, then letters, digits, `-` and `_`.
        xyxy: Left, top, right, bottom in pixels of the upright original; right and bottom are exclusive.

    Raises:
        MediaError: the name or the rectangle cannot be used, or the medium is sound.
    """

    def __init__(self, picture: Media, name: str, xyxy: Sequence[float]) -> None:
        # Not entered among the loaded media: what looks there for a hash wants the whole picture.
        self.picture: Media = picture.picture if isinstance(picture, MediaRegion) else picture
        box = _checked(self.picture, name, xyxy)
        self.info = MediaInfo(
            hash=self.picture.hash,
            kind=self.picture.kind,
            name=name,
            width=math.ceil(box[2]) - int(box[0]),
            height=math.ceil(box[3]) - int(box[1]),
            seconds=self.picture.info.seconds,
            region=box,
        )
        self._limits = self.picture._limits  # noqa: SLF001
        self._data, self._file, self.document, self._lock = None, None, None, threading.Lock()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.unlock()

    def image(self) -> Image.Image:
        """The pixels of the region, those that it covers in part included."""
        return self._cut(self.picture.image())

    def array(self) -> NDArray[np.uint8]:
        """`image` as height x width x 3, uint8, RGB."""
        import numpy as np

        return np.asarray(self.image())

    def encoded(self) -> bytes:
        """`image` as PNG; of a clip, the whole clip's bytes, since no clip is encoded again for a rectangle."""
        return encode_picture(self.image(), "PNG") if self.kind == "image" else self.picture.encoded()

    def _sample(self, times: Iterable[float]) -> Iterator[tuple[float, Image.Image]]:
        for seconds, frame in self.picture._sample(times):  # noqa: SLF001
            yield seconds, self._cut(frame)

    def _cut(self, picture: Image.Image) -> Image.Image:
        assert self.info.region is not None
        x1, y1, x2, y2 = self.info.region
        return picture.crop((int(x1), int(y1), math.ceil(x2), math.ceil(y2)))


def whole_of(media: Media) -> Media:
    """The picture or clip of which a medium is a region; any other medium itself."""
    return media.picture if isinstance(media, MediaRegion) else media


def with_names(media: Sequence[Media], name: Mapping[str, MediaInfo]) -> dict[str, Media]:
    """Media by name: whole ones as given, and regions among them by the name of their picture and their own.

    Args:
        media: Whole media, each at its place, and regions, whose pictures are among them.
        name: Names of the whole media, in their order.
    """
    named = dict(zip(name, (one for one in media if not isinstance(one, MediaRegion)), strict=True))
    for region in media:
        if isinstance(region, MediaRegion):
            picture = next(known for known, one in named.items() if one.hash == region.hash)
            named[f"{picture}{SEPARATOR}{region.name}"] = region
    return named


def whole_media(media: Sequence[Media]) -> list[Media]:
    """The media with the pictures of which only regions were given, each once, and the regions after them."""
    regions = [one for one in media if isinstance(one, MediaRegion)]
    whole = [one for one in media if not isinstance(one, MediaRegion)]
    for region in regions:
        if all(one.hash != region.hash for one in whole):
            whole.append(region.picture)
    return [*whole, *regions]


def with_regions(media: Mapping[str, Media], regions: Mapping[str, Sequence[float]]) -> dict[str, Media]:
    """Media by name, with regions that a person points at.

    Args:
        media: Media by name.
        regions: Rectangles by name: `r1` where there is one picture or clip, else `image2#r1`; left, top, right, bottom
            in pixels of the original.

    Raises:
        MediaError: a name or a rectangle cannot be used, or it is not clear which picture is meant.
    """
    named = dict(media)
    if not isinstance(regions, Mapping):
        raise MediaError(
            f"The regions are of type {type(regions).__name__}.", 'Give boxes by name: {"r1": (10, 20, 200, 120)}.'
        )
    pictures = [name for name, one in media.items() if one.kind != "audio" and SEPARATOR not in name]
    if len(regions) > MOST_REGIONS:
        raise MediaError(f"{len(regions)} regions were given; the limit is {MOST_REGIONS}.", "Point at fewer.")
    for key, xyxy in regions.items():
        if not isinstance(key, str):
            raise MediaError(f"A region's name is of type {type(key).__name__}.", "Name it by a text, such as r1.")
        match = _KEY.match(key)
        assert match is not None
        picture = match["picture"] or (pictures[0] if len(pictures) == 1 else None)
        if picture is None or picture not in pictures:
            known = (
                f"Name its picture too: {pictures[0]}#{match['region']}." if pictures else "Give a picture or a clip."
            )
            what = f"{picture} is no picture of this question" if picture else f"{len(pictures)} pictures were given"
            raise MediaError(f"The region {key[:60]!r} has no picture: {what}.", known)
        named[f"{picture}{SEPARATOR}{match['region']}"] = MediaRegion(media[picture], match["region"], xyxy)
    return named


def picture_of(name: str) -> str:
    """The name of the picture of which a name names a region; of a whole medium, its own.

    >>> picture_of("image1#r1"), picture_of("video1")
    ('image1', 'video1')
    """
    return name.partition(SEPARATOR)[0]


def _checked(picture: Media, name: str, xyxy: Sequence[float]) -> tuple[float, float, float, float]:
    if picture.kind == "audio":
        raise MediaError(
            f"{picture.name}: a region needs a picture, and this is sound.", "Point in a picture or a clip."
        )
    if not _NAME.match(name):
        raise MediaError(
            f"{name[:60]!r} is no name for a region.", "Begin with a letter, then letters, digits, - and _, such as r1."
        )
    try:
        edges = () if isinstance(xyxy, str | bytes) else tuple(xyxy)
        numbers = [float(edge) for edge in edges if isinstance(edge, int | float) and not isinstance(edge, bool)]
    except (OverflowError, TypeError):  # an integer of hundreds of digits, or no sequence at all
        edges, numbers = (), []
    if len(numbers) != 4 or len(edges) != 4 or not all(map(math.isfinite, numbers)):
        raise MediaError(f"The region {name} is no box.", "Give left, top, right, bottom, in pixels.")
    x1, y1, x2, y2 = numbers
    width, height = picture.size
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        shown = ", ".join(f"{edge:g}" for edge in numbers)
        raise MediaError(
            f"The region {name} ({shown}) does not lie in the picture, which is {width} x {height} pixels.",
            "Give left, top, right, bottom inside it, in pixels of the upright original.",
        )
    return x1, y1, x2, y2
