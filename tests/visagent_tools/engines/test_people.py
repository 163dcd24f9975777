"""Faces, how they appear and the points of bodies, on real photographs."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visagent.core.errors import ModelError
from visagent.evidence.values import Box, Crop
from visagent.media.media import Media, load_media
from visagent_tools.engines.blazeface import BlazeFace
from visagent_tools.engines.detector import boxes_in
from visagent_tools.engines.faceres import FaceRes
from visagent_tools.engines.movenet import POINTS, MoveNet
from visagent_tools.engines.people import faces_in, people_in

pytest.importorskip("onnxruntime", reason="the networks need onnxruntime: pip install 'visagent[embedded]'")

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples" / "images"
WEIGHTS = Path(str(files("visagent_tools"))) / "weights"
ASTRONAUT_FACE = (224, 120)
"""The tip of her nose, in pixels of astronaut.png."""


def pixels(name: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(SAMPLES / name).convert("RGB"))


def pasted(tmp_path: Path, *names: str) -> Media:
    """A picture of several sample photographs side by side."""
    pictures = [Image.open(SAMPLES / name).convert("RGB") for name in names]
    wide = Image.new("RGB", (sum(one.width for one in pictures), max(one.height for one in pictures)))
    left = 0
    for one in pictures:
        wide.paste(one, (left, 0))
        left += one.width
    wide.save(tmp_path / "wide.png")
    return load_media(tmp_path / "wide.png")[0]


def people(media: Media) -> tuple[Crop, list[Box]]:
    whole = Crop.whole(media)
    return whole, [box for box in boxes_in(whole, {}, ["person"]) if box.confidence > 0.5]


def test_one_face_is_found_with_its_points_where_they_are() -> None:
    found = BlazeFace(WEIGHTS / "blazeface.onnx", threads=1).find(pixels("astronaut.png"))
    assert len(found.boxes) == 1
    (x1, y1, x2, y2), (right_eye, left_eye, nose, mouth, _, _) = found.boxes[0], found.points[0]
    assert x1 < right_eye[0] < left_eye[0] < x2  # her right eye is on the left
    assert y1 < right_eye[1] < nose[1] < mouth[1] < y2
    assert np.hypot(*(nose - np.array(ASTRONAUT_FACE))) < 15


def test_a_picture_without_a_face_has_none() -> None:
    found = BlazeFace(WEIGHTS / "blazeface.onnx", threads=1).find(pixels("coins.png"), threshold=0.6)
    assert found.boxes.shape == (0, 4)
    assert found.points.shape == (0, 6, 2)


def test_faces_appear_as_women_and_men(tmp_path: Path) -> None:
    media = pasted(tmp_path, "astronaut.png", "camera.png")
    whole, boxes = people(media)
    looks = {("her" if one.box.xyxy[0] < 400 else "him"): one.face for one in people_in(whole, boxes)}
    assert looks["her"] is not None
    assert looks["him"] is not None
    assert looks["her"].look.male < 0.4
    assert looks["him"].look.male > 0.8
    assert 20 < looks["her"].look.years < 55


def test_several_faces_give_what_they_give_alone() -> None:
    network = FaceRes(WEIGHTS / "faceres.onnx", threads=1)
    faces = [pixels("astronaut.png")[60:190, 160:290], pixels("camera.png")[80:200, 180:300]]
    assert network.look([]) == []
    together = network.look(faces)
    alone = [network.look([face])[0] for face in faces]
    assert [one.male for one in together] == pytest.approx([one.male for one in alone], abs=1e-4)
    assert [one.years for one in together] == pytest.approx([one.years for one in alone], abs=1e-2)


def test_a_body_has_its_points_in_order() -> None:
    picture = pixels("astronaut.png")
    pose = MoveNet(WEIGHTS / "movenet.onnx", threads=1).find(picture)
    at = {name: pose.xy[index] for index, name in enumerate(POINTS)}
    assert np.hypot(*(at["nose"] - np.array(ASTRONAUT_FACE))) < 25
    assert at["right shoulder"][0] < at["nose"][0] < at["left shoulder"][0]
    assert at["left shoulder"][1] > at["nose"][1]
    assert pose.scores[POINTS.index("left shoulder")] > 0.3


def test_points_and_faces_are_in_pixels_of_the_whole_picture(tmp_path: Path) -> None:
    media = pasted(tmp_path, "coins.png", "astronaut.png")
    offset = Image.open(SAMPLES / "coins.png").width
    whole, boxes = people(media)
    (her,) = [one for one in people_in(whole, boxes) if one.face is not None]
    assert her.face is not None
    x1, y1, x2, y2 = her.face.xyxy
    assert x1 < ASTRONAUT_FACE[0] + offset < x2
    assert y1 < ASTRONAUT_FACE[1] < y2
    assert len(her.points("left shoulder", "right shoulder")) == 2
    right = Crop(media=media.hash, xyxy=(offset, 0, whole.xyxy[2], 512))
    (face,) = faces_in(right)
    assert face.xyxy[0] < ASTRONAUT_FACE[0] + offset < face.xyxy[2]


def test_a_face_belongs_to_one_person(tmp_path: Path) -> None:
    media = pasted(tmp_path, "astronaut.png")
    whole, boxes = people(media)
    (her,) = boxes
    x1, y1, x2, y2 = her.xyxy
    beside = her.model_copy(update={"xyxy": (x1, y1, x2 + 0.6 * (x2 - x1), y2)})
    faces = [one.face for one in people_in(whole, [beside, her])]
    assert faces[0] is None
    assert faces[1] is not None


def test_a_file_that_is_no_network_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no network")
    for kind in (BlazeFace, FaceRes, MoveNet):
        with pytest.raises(ModelError, match=r"no\.onnx"):
            kind(tmp_path / "no.onnx")
