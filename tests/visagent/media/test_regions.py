"""Regions of pictures: what they show, where they stand, and what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from visagent.core.errors import MediaError
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.media.regions import MediaRegion, whole_media, with_names, with_regions


@pytest.fixture
def media() -> Media:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    return Media.load(Image.fromarray(pixels))


def test_a_region_shows_its_part_of_the_picture_and_stands_in_the_pixels_of_the_original(media: Media) -> None:
    region = MediaRegion(media, "r1", (10.5, 20, 30.2, 50))
    assert region.hash == media.hash and region.size == (21, 30)
    assert np.array_equal(region.array(), media.array()[20:50, 10:31])
    whole = Crop.whole(region)
    assert whole.media == media.hash and whole.xyxy == (10.5, 20, 30.2, 50)
    assert whole.image().size == region.size
    assert Image.open(io.BytesIO(region.encoded())).size == region.size


def test_whoever_looks_for_a_hash_gets_the_whole_picture(media: Media) -> None:
    region = MediaRegion(media, "r1", (10, 20, 30, 50))
    assert Media.loaded(region.hash) is media


def test_a_region_of_a_region_is_one_of_the_picture(media: Media) -> None:
    region = MediaRegion(MediaRegion(media, "r1", (10, 20, 30, 50)), "r2", (0, 0, 5, 5))
    assert region.picture is media and Crop.whole(region).xyxy == (0, 0, 5, 5)


@pytest.mark.parametrize(
    "box", [(10, 10, 90, 20), (-1, 0, 5, 5), (30, 0, 10, 5), (5, 5, 5, 9), (200, 200, 300, 300), (0, 0, 10, 61)]
)
def test_a_region_that_does_not_lie_in_the_picture_is_refused_with_the_pictures_size(
    media: Media, box: tuple[float, ...]
) -> None:
    with pytest.raises(MediaError, match=r"The region r1 \(.*\) does not lie in the picture, which is 80 x 60 pixels"):
        MediaRegion(media, "r1", box)


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 3, float("nan")), (1, 2, 3, "4"), (True, 0, 4, 4), ()])
def test_what_is_no_box_is_refused(media: Media, box: tuple[float, ...]) -> None:
    with pytest.raises(MediaError, match="The region r1 is no box"):
        MediaRegion(media, "r1", box)


@pytest.mark.parametrize("name", ["", "1", "a b", "x" * 40, "r#1", "../r1", "r1\n", "image1#r1"])
def test_a_name_that_plans_could_not_hold_is_refused(media: Media, name: str) -> None:
    with pytest.raises(MediaError, match="no name for a region"):
        MediaRegion(media, name, (0, 0, 5, 5))


def test_regions_are_named_after_their_picture(media: Media) -> None:
    other = Media.load(Image.new("RGB", (20, 20)))
    named = with_regions({"image1": media}, {"r1": (0, 0, 5, 5)})
    assert list(named) == ["image1", "image1#r1"]
    two = with_regions({"image1": media, "image2": other}, {"image2#sign": (0, 0, 5, 5)})
    assert Crop.whole(two["image2#sign"]).media == other.hash


@pytest.mark.parametrize("key", ["r1", "image3#r1", "audio1#r1"])
def test_a_region_of_no_known_picture_is_refused(media: Media, key: str) -> None:
    with pytest.raises(MediaError, match="has no picture"):
        with_regions({"image1": media, "image2": media}, {key: (0, 0, 5, 5)})


def test_regions_given_as_media_bring_their_picture_once(media: Media) -> None:
    regions = [MediaRegion(media, name, (0, 0, 5, 5)) for name in ("r1", "r2")]
    together = whole_media(regions)
    named = with_names(together, {"image1": media.info})
    assert named == {"image1": media, "image1#r1": regions[0], "image1#r2": regions[1]}
