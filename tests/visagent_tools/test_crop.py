"""Parts and enlargements: always in pixels of the original."""

from __future__ import annotations

import math

import pytest
from PIL import Image

from visagent.core.errors import ToolError
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent_tools.crop import PARTS, crop, region, zoom

WHOLE = Crop(media="0" * 64, xyxy=(0, 0, 100, 40))


def test_halves_and_quarters_and_the_middle() -> None:
    assert crop(WHOLE, "left").xyxy == (0, 0, 50, 40)
    assert crop(WHOLE, "bottom").xyxy == (0, 20, 100, 40)
    assert crop(WHOLE, "top_right").xyxy == (50, 0, 100, 20)
    assert crop(WHOLE, "center").xyxy == (25, 10, 75, 30)


def test_a_crop_of_a_crop_is_in_pixels_of_the_original() -> None:
    assert crop(crop(WHOLE, "right"), "bottom_right").xyxy == (75, 20, 100, 40)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_lies_inside_the_region_and_is_a_half_or_a_quarter_of_it(part: str) -> None:
    x1, y1, x2, y2 = region((10, 20, 50, 100), part)  # type: ignore[arg-type]
    assert 10 <= x1 < x2 <= 50 and 20 <= y1 < y2 <= 100
    assert (x2 - x1) * (y2 - y1) in (0.5 * 40 * 80, 0.25 * 40 * 80)


def test_a_part_of_an_object_is_not_the_object() -> None:
    person = Crop(media=WHOLE.media, xyxy=(10, 0, 20, 40), label="person", seconds=2.0)
    assert crop(person, "top").label == "" and crop(person, "top").seconds == 2.0
    assert zoom(person).label == "person"


def test_zooming_keeps_the_region_and_multiplies_the_scale_up_to_16() -> None:
    assert zoom(WHOLE).xyxy == WHOLE.xyxy
    assert zoom(zoom(WHOLE, 3), 2).scale == 6
    assert zoom(zoom(WHOLE, 10), 10).scale == 16
    assert crop(zoom(WHOLE, 3), "left").scale == 3


def test_the_enlarged_pixels_are_there_to_look_at() -> None:
    media = Media.load(Image.new("RGB", (100, 40)))
    assert zoom(crop(Crop.whole(media), "left"), 2).image().size == (100, 80)


@pytest.mark.parametrize("factor", [0, -1, math.inf, math.nan])
def test_a_factor_that_makes_no_sense_is_refused(factor: float) -> None:
    with pytest.raises(ToolError, match="cannot be enlarged"):
        zoom(WHOLE, factor)
