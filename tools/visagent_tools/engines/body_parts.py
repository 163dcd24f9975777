"""Where the parts of a person's body are: outlines between the points of a pose. Knows no tool and no word.

An outline is drawn well inside the part, so that what stands behind a person, bare arms before the chest and the skin
at the neck stay out: it is for looking at what covers a part, not for measuring it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw

from visagent.evidence.values import Mask
from visagent_tools.engines.movenet import POINTS
from visagent_tools.engines.people import SEEN, Person

if TYPE_CHECKING:
    from numpy.typing import NDArray

BodyPart = Literal["torso", "body", "lap", "thighs", "legs", "arms", "hands", "head"]
"""Parts that can be outlined. The body is the torso and the lap, where a dress is; the lap is where a skirt is."""

LENGTH = 0.9
"""Length of a torso whose hips are not seen, of the distance between the shoulders: what is surely torso."""
INSIDE = 0.8
"""Part of an outline that must lie in the detector's box of the person; a pose that leaves it is of somebody else."""
LIMB = 0.14
"""Half the width of the strip along a limb, of the length of the bone: inside a sleeve or a trouser leg."""

_LIMBS = {
    "arms": (("shoulder", "elbow", 0.1, 1.0), ("elbow", "wrist", 0.0, 0.9)),
    "legs": (("hip", "knee", 0.15, 1.0), ("knee", "ankle", 0.0, 0.8)),
    "thighs": (("hip", "knee", 0.15, 0.6),),
}


def outlines(person: Person, part: BodyPart, size: tuple[int, int]) -> list[Mask]:
    """The pixels of a part of somebody's body: one outline, but of hands one each.

    Args:
        person: Whose.
        part: Which one; both legs, or both arms, together.
        size: Width and height of the whole picture, pixels.

    Returns:
        None of them where the points that the part lies between are not seen.
    """
    shapes = _Body(person).shapes(part)
    drawn = [[shape] for shape in shapes] if part == "hands" else [shapes] if shapes else []
    return [mask for one in drawn if (mask := _outline(person, part, one, size)) is not None]


def _outline(
    person: Person, part: BodyPart, shapes: Sequence[NDArray[np.float64]], size: tuple[int, int]
) -> Mask | None:
    inside = _drawn(shapes, size)
    whole = int(inside.sum())
    left, top, right, bottom = (round(edge) for edge in person.box.xyxy)
    own = np.zeros_like(inside)
    own[top:bottom, left:right] = inside[top:bottom, left:right]
    if not whole or (part not in ("hands", "head") and own.sum() < INSIDE * whole) or not own.any():
        return None
    if part in ("torso", "body", "lap"):
        bare = own & ~_drawn(_Body(person).forearms(), size)
        # Arms that are crossed before the chest leave little of it: then they are most likely in sleeves.
        own = bare if bare.sum() >= own.sum() / 2 else own
    return Mask.from_array(own)


class _Body:
    """The points of a person that are seen, and polygons between them."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._seen = {
            name: person.pose.xy[index].astype(float)
            for index, name in enumerate(POINTS)
            if person.pose.scores[index] >= SEEN
        }

    def shapes(self, part: BodyPart) -> list[NDArray[np.float64]]:
        """Polygons, each corners x 2, in pixels of the original; none where the part is not seen."""
        if part in _LIMBS:
            return self._limbs(part)
        if part == "hands":
            return [self._square(*place) for place in self._hands()]
        if part == "head":
            return [self._square(*place) for place in self._head()]
        torso = self._torso()
        lap = self._lap()
        if part == "lap":
            return lap
        if torso is None:
            return []
        if part == "body":
            return [_within(torso, (0.15, 0.85), (0.2, 1.0)), *lap]
        return [_within(torso, (0.15, 0.85), (0.2, 0.85))]

    def forearms(self) -> list[NDArray[np.float64]]:
        """Forearms with their hands, wider than they are: what may be skin before the body."""
        return self._strips("elbow", "wrist", 0.0, 1.5, width=0.3)

    def _torso(self) -> NDArray[np.float64] | None:
        """Left shoulder, right shoulder, right hip, left hip; those that are not seen where they would be."""
        shoulders, hips = self._pair("shoulder"), self._pair("hip")
        if shoulders is None:
            return None
        left, right = shoulders
        across = right - left
        if hips is None:
            down = np.array([0.0, LENGTH * float(np.hypot(*across))])
            hips = left + down + 0.1 * across, right + down - 0.1 * across
        return np.array([left, right, hips[1], hips[0]])

    def _lap(self) -> list[NDArray[np.float64]]:
        hips, knees = self._pair("hip"), self._pair("knee")
        if hips is None or knees is None:
            return []
        return [_within(np.array([hips[0], hips[1], knees[1], knees[0]]), (0.0, 1.0), (0.1, 0.6))]

    def _pair(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        found = self._seen.get(f"left {name}"), self._seen.get(f"right {name}")
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    def _limbs(self, part: str) -> list[NDArray[np.float64]]:
        return [shape for bone in _LIMBS[part] for shape in self._strips(*bone)]

    def _strips(
        self, upper: str, lower: str, start: float, end: float, width: float = LIMB
    ) -> list[NDArray[np.float64]]:
        """Strips along the bones of one name that are seen, from a part of their length to another one."""
        strips = []
        for side in ("left", "right"):
            a, b = self._seen.get(f"{side} {upper}"), self._seen.get(f"{side} {lower}")
            if a is None or b is None:
                continue
            bone = b - a
            aside = width * np.array([-bone[1], bone[0]])
            first, last = a + start * bone, a + end * bone
            strips.append(np.array([first + aside, last + aside, last - aside, first - aside]))
        return strips

    def _hands(self) -> list[tuple[NDArray[np.float64], float]]:
        """Middles of the hands and halves of their squares' sides: a hand goes on where its forearm ends."""
        places = []
        for side in ("left", "right"):
            wrist, elbow = self._seen.get(f"{side} wrist"), self._seen.get(f"{side} elbow")
            if wrist is None or elbow is None:
                continue
            forearm = wrist - elbow
            length = max(float(np.hypot(*forearm)), 0.4 * self._width())
            places.append((wrist + 0.3 * forearm, 0.4 * length))
        return places

    def _head(self) -> list[tuple[NDArray[np.float64], float]]:
        if self._person.face is None:
            return []
        x1, y1, x2, y2 = self._person.face.xyxy
        return [(np.array([(x1 + x2) / 2, (y1 + y2) / 2 - 0.15 * (y2 - y1)]), 0.75 * max(x2 - x1, y2 - y1))]

    def _width(self) -> float:
        shoulders = self._pair("shoulder")
        return 0.0 if shoulders is None else float(np.hypot(*(shoulders[1] - shoulders[0])))

    @staticmethod
    def _square(middle: NDArray[np.float64], half: float) -> NDArray[np.float64]:
        return middle + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])


def _within(
    corners: NDArray[np.float64], across: tuple[float, float], down: tuple[float, float]
) -> NDArray[np.float64]:
    """A part of a quadrilateral whose corners are top left, top right, bottom right, bottom left."""

    def place(u: float, v: float) -> NDArray[np.float64]:
        top = corners[0] + u * (corners[1] - corners[0])
        bottom = corners[3] + u * (corners[2] - corners[3])
        return np.asarray(top + v * (bottom - top))

    (u1, u2), (v1, v2) = across, down
    return np.array([place(u1, v1), place(u2, v1), place(u2, v2), place(u1, v2)])


def _drawn(shapes: Sequence[NDArray[np.float64]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Height x width; true inside any of the polygons."""
    picture = Image.new("1", size)
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        pen.polygon([(float(x), float(y)) for x, y in shape], fill=1)
    return np.array(picture)
