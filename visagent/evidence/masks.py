"""Which pixels an object covers: run lengths as COCO writes them, in the coordinates of the original picture.

The coding, its areas and its set operations are those of pycocotools; what is read from outside is checked before that
library's C code sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from visagent.evidence.record import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

XYXY = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the original image; right and bottom are exclusive."""

MOST_PIXELS = 2**31 - 1
"""Pixels of a mask's picture at most: run lengths are 32 bits."""


class Mask(Frozen):
    """The pixels of one object in an original, EXIF-upright picture; compressed run lengths, as in COCO's data sets.

    Attributes:
        size: Height and width of the picture, pixels, in this order, as COCO has them.
        counts: Lengths of the runs of pixels outside and inside, column by column, in COCO's compressed text.
    """

    size: tuple[int, int]
    counts: str

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        height, width = self.size
        if height < 1 or width < 1 or height * width > MOST_PIXELS:
            raise ValueError(f"a mask's size is height and width of a picture, got {self.size}")
        runs = _runs(self.counts)
        if min(runs, default=-1) < 0 or sum(runs) != height * width:
            raise ValueError(f"the runs of a mask of {height} x {width} pixels do not cover it")
        return self

    @classmethod
    def from_array(cls, inside: NDArray[Any]) -> Mask:
        """The mask of an array of height x width, in which what is not 0 is inside."""
        import numpy as np
        from pycocotools import mask as coco

        coded = coco.encode(np.asfortranarray(inside, dtype=bool).view(np.uint8))
        return _from_coco(coded)

    def array(self) -> NDArray[np.bool_]:
        """Height x width; true inside."""
        import numpy as np

        runs = _runs(self.counts)
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(self.size[::-1]).T

    @property
    def area(self) -> int:
        """Pixels inside."""
        return sum(_runs(self.counts)[1::2])

    @property
    def xyxy(self) -> XYXY:
        """The smallest box around it; (0, 0, 0, 0) for a mask of nothing."""
        from pycocotools import mask as coco

        if not self.area:
            return (0.0, 0.0, 0.0, 0.0)
        left, top, width, height = (float(edge) for edge in coco.toBbox(_to_coco(self)))
        return (left, top, left + width, top + height)

    def iou(self, other: Mask) -> float:
        """Intersection over union with another mask of the same picture; 0 where both are empty.

        Raises:
            ValueError: the other one is of a picture of another size.
        """
        both, either = shared([self, other]).area, union([self, other]).area
        return both / either if either else 0.0


def union(masks: Sequence[Mask]) -> Mask:
    """The pixels that are in any of one or more masks of one picture.

    Raises:
        ValueError: they are of pictures of different sizes.
    """
    return _merged(masks, intersect=False)


def shared(masks: Sequence[Mask]) -> Mask:
    """The pixels that are in all of one or more masks of one picture.

    Raises:
        ValueError: they are of pictures of different sizes.
    """
    return _merged(masks, intersect=True)


def _merged(masks: Sequence[Mask], *, intersect: bool) -> Mask:
    from pycocotools import mask as coco

    # pycocotools gives an empty mask for sizes that differ.
    if len({mask.size for mask in masks}) != 1:
        raise ValueError("masks of pictures of different sizes cannot be merged")
    return _from_coco(coco.merge([_to_coco(mask) for mask in masks], intersect=intersect))


def _to_coco(mask: Mask) -> dict[str, Any]:
    return {"size": list(mask.size), "counts": mask.counts.encode("ascii")}


def _from_coco(coded: dict[str, Any]) -> Mask:
    height, width = coded["size"]
    return Mask(size=(int(height), int(width)), counts=coded["counts"].decode("ascii"))


def _runs(counts: str) -> list[int]:
    """Run lengths from COCO's compressed text; [-1] if it is damaged.

    Each is written in groups of five bits, the lowest first, and from the third on as the difference to the one before
    the last.
    """
    runs: list[int] = []
    value = shift = 0
    for char in counts:
        bits = ord(char) - 48
        if not 0 <= bits < 64 or shift > 30:
            return [-1]
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs if not shift else [-1]
