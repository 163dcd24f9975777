"""Outlining with what needs no weights, measuring against known shapes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydantic import JsonValue

from visagent.core.errors import ConfigError, MissingInput, ToolError
from visagent.evidence.values import Box, Boxes, Crop, Mask, Note
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.segment import measure, nearer_of, segment

pytest.importorskip("cv2", reason="OpenCV is absent: pip install 'visagent[embedded]'")

DISC = (60.0, 50.0, 180.0, 170.0)


@pytest.fixture(scope="module")
def media() -> Media:
    """A red disc on a noisy green ground."""
    noise = np.random.default_rng(0).normal(0, 12, (240, 320, 3))
    picture = Image.fromarray(np.clip(noise + np.array([40, 140, 60]), 0, 255).astype(np.uint8))
    ImageDraw.Draw(picture).ellipse((*DISC[:2], DISC[2] - 1, DISC[3] - 1), fill=(200, 40, 40))
    return Media.load(picture)


def truth() -> Mask:
    picture = Image.new("1", (320, 240))
    ImageDraw.Draw(picture).ellipse((*DISC[:2], DISC[2] - 1, DISC[3] - 1), fill=1)
    return Mask.from_array(np.asarray(picture))


def at(media: Media, *boxes: Box) -> Boxes:
    return Boxes(media=media.hash, boxes=boxes)


def shape(media: Media, left: int, top: int, right: int, bottom: int) -> Boxes:
    inside = np.zeros(media.size[::-1], bool)
    inside[top:bottom, left:right] = True
    mask = Mask.from_array(inside)
    return at(media, Box(xyxy=mask.xyxy, mask=mask))


def test_grabcut_finds_the_outline_in_a_loose_box_and_says_that_it_goes_by_color(media: Media) -> None:
    loose = Box(xyxy=(50, 40, 190, 180), label="disc", confidence=0.5)
    found = segment(Crop.whole(media), Context(), boxes=at(media, loose))
    (box,) = found.boxes
    assert box.mask is not None and box.mask.iou(truth()) > 0.95
    assert box.label == "disc" and box.confidence == 0.5
    assert np.allclose(box.xyxy, DISC, atol=3)
    assert [note.kind for note in found.notes] == ["by_color"]


def test_an_outline_found_in_an_enlarged_region_is_in_pixels_of_the_original(media: Media) -> None:
    region = Crop(media=media.hash, xyxy=(20.5, 10.5, 260, 230), scale=3)
    (box,) = segment(region, Context(), boxes=at(media, Box(xyxy=(50, 40, 190, 180)))).boxes
    assert box.mask is not None and box.mask.size == (240, 320) and box.mask.iou(truth()) > 0.95


def test_what_cannot_be_outlined_stays_in_its_box_and_is_counted(media: Media) -> None:
    everything = Box(xyxy=(0, 0, 320, 240), label="all")
    found = segment(Crop.whole(media), Context(), boxes=at(media, everything))
    assert found.boxes == (everything,)
    assert found.notes == (Note(kind="no_outline", words=("1",)),)


def test_one_way_of_saying_what_to_outline_is_wanted(media: Media) -> None:
    for given in ({}, {"phrase": "disc", "points": [1.0, 2.0]}):
        with pytest.raises(MissingInput, match="one of boxes, points and phrase"):
            segment(Crop.whole(media), Context(), **given)  # type: ignore[arg-type]


def test_a_point_is_refused_by_what_takes_boxes_alone(media: Media) -> None:
    with pytest.raises(ToolError, match="GrabCut cannot outline what is at a point"):
        segment(Crop.whole(media), Context(), points=[100, 100])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"segmenter": "grabkut"}, "Did you mean 'grabcut'"),
        ({"segmenter": "transformers"}, "needs model"),
        ({"segmenter": "ultralytics"}, "needs weights"),
        ({"segmenter": "transformers", "model": "x", "threshold": "high"}, "is not a confidence"),
    ],
)
def test_a_segmenter_that_cannot_be_made_is_named(media: Media, options: dict[str, JsonValue], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        segment(Crop.whole(media), Context(options=options), boxes=at(media, Box(xyxy=DISC)))


def test_boxes_of_another_picture_are_refused(media: Media) -> None:
    other = Boxes(media="0" * 64, boxes=(Box(xyxy=DISC),))
    with pytest.raises(ToolError, match="another picture"):
        segment(Crop.whole(media), Context(), boxes=other)


def test_measures_are_those_of_the_pixels(media: Media) -> None:
    square, same, half = shape(media, 0, 0, 60, 60), shape(media, 0, 0, 60, 60), shape(media, 0, 30, 60, 90)
    assert measure(square, "area_share").value == round(100 * 3600 / (240 * 320), 2)
    assert measure(square, "overlap", same).value == 1
    assert measure(square, "overlap", half).value == round(1800 / 5400, 4)
    assert measure(square, "distance", half).value == 0
    assert measure(square, "distance", shape(media, 60, 0, 90, 60)).value == 0
    assert measure(square, "distance", shape(media, 63, 64, 90, 90)).value == pytest.approx(np.hypot(4, 5) - 1, abs=0.1)


def test_what_has_no_outline_cannot_be_measured(media: Media) -> None:
    with pytest.raises(MissingInput, match=r"measure\(a\): an object has no outline"):
        measure(at(media, Box(xyxy=DISC)), "area_share")
    with pytest.raises(MissingInput, match=r"measure\(a\): nothing was found"):
        measure(at(media), "area_share")
    with pytest.raises(MissingInput, match="nothing to compare with"):
        measure(shape(media, 0, 0, 9, 9), "overlap")


def test_a_mask_of_nothing_has_no_area_no_overlap_and_no_distance(media: Media) -> None:
    nothing = at(media, Box(xyxy=DISC, mask=Mask.from_array(np.zeros((media.size[1], media.size[0]), bool))))
    square = shape(media, 0, 0, 60, 60)
    assert measure(nothing, "area_share").value == 0 and measure(nothing, "overlap", square).value == 0
    assert measure(nothing, "overlap", nothing).value == 0
    with pytest.raises(MissingInput, match=r"measure\(a\): its outline holds no pixel"):
        measure(nothing, "distance", square)
    with pytest.raises(MissingInput, match=r"measure\(b\): its outline holds no pixel"):
        measure(square, "distance", nothing)


def test_without_a_depth_model_nothing_is_said_to_be_nearer(media: Media) -> None:
    with pytest.raises(ConfigError, match="no depth model is named"):
        nearer_of(at(media, Box(xyxy=DISC)), at(media, Box(xyxy=(0, 0, 9, 9))), Context())
