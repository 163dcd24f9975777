"""The people in a picture, closer: the points of a body, its face, and how that face appears. Knows no tool.

A detector finds people; here each of its boxes is looked at again, with the packaged MoveNet, BlazeFace and FaceRes.
What was found is kept by region and box, so that several questions about one person cost one look. Nobody is
recognised: of a face there are only its place and how it appears.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from visagent.evidence.overlap import part_shared
from visagent.evidence.values import XYXY, Box, Crop
from visagent_tools.engines.blazeface import BlazeFace
from visagent_tools.engines.faceres import FaceRes, Look
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.movenet import POINTS, MoveNet, Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

FACE = 0.6
"""Least score of a face."""
SEEN = 0.3
"""Least score of a point of the body that is seen: MoveNet's own rule of thumb."""
AROUND_BODY, AROUND_FACE, AROUND_HEAD = 1.25, 1.5, 0.6
"""Sides of the squares that the networks are given: of the longer side of a person's box, of a face's, and, to find
that face, of a person's box again."""
SAME = 0.3
"""Intersection over union from which on the faces of two people are one."""
BESIDE = 0.1
"""Part of a box's width and height around it that the pose network sees as well."""

_loaded: Memo[str, Any] = Memo(limit=3)
_faces: Memo[tuple[object, ...], tuple[Face, ...]] = Memo(limit=1024)
_people: Memo[tuple[object, ...], Person] = Memo(limit=4096)


class Face(NamedTuple):
    """One face.

    Attributes:
        xyxy: Its box in pixels of the original, inside the region that was looked at.
        score: How certain it is that this is a face, 0 to 1.
        look: How it appears.
    """

    xyxy: XYXY
    score: float
    look: Look


class Person(NamedTuple):
    """One person that a detector found.

    Attributes:
        box: The detector's box.
        pose: The points of the body, in pixels of the original.
        face: Their face; None where it is turned away, hidden or too small.
    """

    box: Box
    pose: Pose
    face: Face | None

    def points(self, *names: str) -> NDArray[np.float32]:
        """Those of some points of the body that are seen, x y in pixels of the original, by their names in `POINTS`."""
        indices = [POINTS.index(name) for name in names]
        return self.pose.xy[[index for index in indices if self.pose.scores[index] >= SEEN]]


def faces_in(crop: Crop) -> tuple[Face, ...]:
    """The faces in a region, most certain first.

    Raises:
        MissingInput: the region has no pixel.
        MissingDependency: onnxruntime is not installed.
        ModelError: a network cannot be loaded.
    """
    key = (crop.media, crop.xyxy, crop.scale, crop.seconds)
    return _faces.get(key, lambda: _find_faces(crop))


def people_in(crop: Crop, boxes: Sequence[Box]) -> list[Person]:
    """What a closer look shows of some people, in their order.

    Args:
        crop: The region in which they were found.
        boxes: Their boxes, in pixels of the original.

    Raises:
        VisagentError: as `faces_in`.
    """
    people = [_people.get((crop.media, crop.seconds, box.xyxy), partial(_look_at, crop, box)) for box in boxes]
    return [one if _is_own(one, people) else one._replace(face=None) for one in people]


def _is_own(person: Person, people: Sequence[Person]) -> bool:
    """Whether a person's face is not rather another's, in the middle of whose box it stands."""
    if person.face is None:
        return True
    middle = (person.face.xyxy[0] + person.face.xyxy[2]) / 2

    def aside(one: Person) -> float:
        return abs(middle - (one.box.xyxy[0] + one.box.xyxy[2]) / 2)

    same = [one for one in people if one.face is not None and part_shared(one.face.xyxy, person.face.xyxy) > SAME]
    return person is min(same, key=aside)


def _look_at(crop: Crop, box: Box) -> Person:
    picture = crop.picture()
    x1, y1, x2, y2 = box.xyxy
    side = max(x2 - x1, y2 - y1)
    # Blank beyond the box, and a little around it: the network else follows a neighbour who stands nearer.
    wide, tall = (x2 - x1) * BESIDE, (y2 - y1) * BESIDE
    alone = (x1 - wide, y1 - tall, x2 + wide, y2 + tall)
    body, corner = _square(picture, (x1 + x2) / 2, (y1 + y2) / 2, side * AROUND_BODY, alone)
    pose = _network("movenet", MoveNet).find(body)
    pose = Pose(pose.xy + np.array(corner, np.float32), pose.scores)
    # A face is this person's where their nose is, wherever another face may be in the same box.
    x, y = (float(value) for value in pose.xy[0])
    head, (left, top) = _square(picture, x, y, side * AROUND_HEAD)
    found = _network("blazeface", BlazeFace).find(head, threshold=FACE)
    for (fx1, fy1, fx2, fy2), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True):
        xyxy = (fx1 + left, fy1 + top, fx2 + left, fy2 + top)
        if xyxy[0] <= x <= xyxy[2] and xyxy[1] <= y <= xyxy[3]:
            return Person(box, pose, _face(picture, crop, xyxy, score))
    return Person(box, pose, None)


def _find_faces(crop: Crop) -> tuple[Face, ...]:
    picture = crop.picture()
    found = _network("blazeface", BlazeFace).find(crop.array(), threshold=FACE)
    return tuple(
        _face(picture, crop, crop.to_original((x1, y1, x2, y2)), score)
        for (x1, y1, x2, y2), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True)
    )


def _face(picture: Image.Image, crop: Crop, xyxy: XYXY, score: float) -> Face:
    x1, y1, x2, y2 = xyxy
    square, _ = _square(picture, (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) * AROUND_FACE)
    left, top, right, bottom = crop.xyxy
    inside = (max(x1, left), max(y1, top), min(x2, right), min(y2, bottom))
    return Face(inside, score, _network("faceres", FaceRes).look([square])[0])


def _square(
    picture: Image.Image, x: float, y: float, side: float, within: XYXY | None = None
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The pixels of a square around a place, black beyond the picture or a box in it, and its top left corner."""
    whole = max(2, round(side))
    left, top = round(x - side / 2), round(y - side / 2)
    x1, y1, x2, y2 = (0, 0, *picture.size) if within is None else (round(value) for value in within)
    part = (
        max(x1, left, 0),
        max(y1, top, 0),
        min(x2, left + whole, picture.width),
        min(y2, top + whole, picture.height),
    )
    square = Image.new("RGB", (whole, whole))
    if part[0] < part[2] and part[1] < part[3]:
        square.paste(picture.crop(part), (part[0] - left, part[1] - top))
    return np.asarray(square), (left, top)


def _network(name: str, kind: Any) -> Any:
    path = Path(str(files("visagent_tools") / "weights" / f"{name}.onnx"))
    return _loaded.get(name, lambda: kind(path))
