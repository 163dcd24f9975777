"""Drawings made here, with what is in them."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from visagent.evidence.values import Boxes, Crop
from visagent.media.media import Media

pytest.importorskip("cv2")

from visagent_research.nlvr.tools.segment_shapes import panels, segment_shapes


def drawn(picture: Image.Image) -> tuple[Media, Crop]:
    medium = Media.load(picture)
    return medium, Crop.whole(medium)


def smooth(size: tuple[int, int], ground: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A canvas four times as large, so that outlines are blended once it is shrunk."""
    picture = Image.new("RGB", (size[0] * 4, size[1] * 4), ground)
    return picture, ImageDraw.Draw(picture)


def shrunk(picture: Image.Image) -> Image.Image:
    return picture.resize((picture.width // 4, picture.height // 4), Image.Resampling.BOX)


def labels(found: Boxes) -> list[str]:
    return [box.label for box in found.boxes]


def test_shapes_are_named_by_color_and_figure_whatever_the_ground() -> None:
    for ground in ("white", "lightgray", "navy"):
        picture, pen = smooth((200, 100), ground)
        pen.ellipse((40, 40, 159, 159), fill="red")
        pen.rectangle((240, 40, 359, 159), fill="yellow")
        pen.polygon([(520, 40), (440, 200), (600, 200)], fill="black")
        pen.rectangle((640, 80, 780, 140), fill="green")
        medium, whole = drawn(shrunk(picture))
        found = segment_shapes(whole)
        assert labels(found) == ["red circle", "yellow square", "black triangle", "green rectangle"]
        assert found.boxes[0].xyxy == (10, 10, 40, 40)
        assert found.media == medium.hash


def test_a_turned_square_is_a_square_and_a_cross_is_just_a_shape() -> None:
    picture, pen = smooth((120, 60), "white")
    pen.polygon([(120, 20), (220, 120), (120, 220), (20, 120)], fill="blue")
    pen.rectangle((340, 20, 380, 220), fill="blue")
    pen.rectangle((260, 100, 460, 140), fill="blue")
    medium, whole = drawn(shrunk(picture))
    assert labels(segment_shapes(whole)) == ["blue square", "blue shape"], medium


def test_a_shape_in_the_corner_cuts_off_ground_that_is_no_shape() -> None:
    picture, pen = smooth((60, 60), "lightgray")
    pen.ellipse((160, 160, 239, 239), fill="black")
    medium, whole = drawn(shrunk(picture))
    (found,) = segment_shapes(whole).boxes
    assert (found.label, found.xyxy) == ("black circle", (40, 40, 60, 60)), medium


def test_panels_are_the_ground_that_shapes_stand_on_and_empty_ground_of_the_same_look() -> None:
    picture = Image.new("RGB", (400, 100), "gray")
    pen = ImageDraw.Draw(picture)
    for left in (0, 150, 300):
        pen.rectangle((left, 0, left + 99, 99), fill="lightgray")
    pen.rectangle((40, 80, 59, 99), fill="blue")
    pen.rectangle((40, 59, 59, 78), fill="blue")
    pen.rectangle((160, 10, 169, 19), fill="yellow")
    medium, whole = drawn(picture)
    assert [box.xyxy for box in panels(whole).boxes] == [(0, 0, 100, 100), (150, 0, 250, 100), (300, 0, 400, 100)]
    assert labels(segment_shapes(whole)) == ["blue square", "blue square", "yellow square"], medium


def test_an_empty_drawing_has_no_shape_and_boxes_of_a_part_are_mapped_back() -> None:
    medium, whole = drawn(Image.new("RGB", (50, 50), "white"))
    assert segment_shapes(whole).boxes == panels(whole).boxes == (), medium
    picture = Image.new("RGB", (200, 100), "white")
    ImageDraw.Draw(picture).rectangle((150, 40, 169, 59), fill="red")
    medium, whole = drawn(picture)
    right = whole.model_copy(update={"xyxy": (100.0, 0.0, 200.0, 100.0)})
    (found,) = segment_shapes(right).boxes
    assert found.xyxy == (150, 40, 170, 60), medium
