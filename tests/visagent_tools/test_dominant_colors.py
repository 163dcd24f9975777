"""Colour names: on patches, and on photographs that a person has looked at."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visagent.core.errors import MissingInput
from visagent.evidence.values import Box, Boxes, Crop, Labels
from visagent.media.media import Media
from visagent_tools.dominant_colors import PROTOTYPES, cielab, color_shares, dominant_colors, filter_color, name_pixels

TERMS = list(PROTOTYPES)


def named(*rgb: int) -> str:
    return TERMS[int(name_pixels(np.array(rgb, np.uint8)))]


def colors(*crops: Crop) -> dict[str, float]:
    found = dominant_colors(list(crops))
    assert isinstance(found, Labels)
    shares = {label.name: label.share or 0.0 for label in found.labels}
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    return shares


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((40, 40, 42), "black"),
        ((255, 255, 255), "white"),
        ((225, 228, 226), "white"),
        ((128, 128, 128), "gray"),
        ((76, 76, 76), "gray"),
        ((255, 0, 0), "red"),
        ((139, 0, 0), "red"),
        ((0, 255, 0), "green"),
        ((0, 100, 0), "green"),
        ((107, 142, 35), "green"),
        ((0, 0, 255), "blue"),
        ((0, 0, 128), "blue"),
        ((135, 206, 235), "blue"),
        ((0, 255, 255), "blue"),
        ((255, 255, 0), "yellow"),
        ((255, 215, 0), "yellow"),
        ((255, 165, 0), "orange"),
        ((255, 140, 0), "orange"),
        ((139, 69, 19), "brown"),
        ((210, 180, 140), "brown"),
        ((101, 67, 33), "brown"),
        # A pale and a muted shade.
        ((209, 253, 189), "green"),
        ((103, 140, 173), "blue"),
        ((128, 0, 128), "purple"),
        ((148, 0, 211), "purple"),
        ((206, 162, 253), "purple"),
        ((255, 192, 203), "pink"),
        ((255, 105, 180), "pink"),
    ],
)
def test_a_patch_gets_the_name_people_give_it(rgb: tuple[int, int, int], name: str) -> None:
    assert named(*rgb) == name


@pytest.mark.parametrize("level", range(256))
def test_a_shade_without_color_is_black_gray_or_white(level: int) -> None:
    assert named(level, level, level) in ("black", "gray", "white")


def test_cielab_gives_the_published_values() -> None:
    # White, black and the sRGB primary red, as http://www.brucelindbloom.com calculates them.
    lab = cielab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8))
    assert np.abs(lab - np.array([[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]])).max() < 0.1


def test_a_flag_has_its_colors_in_their_shares() -> None:
    flag = Image.new("RGB", (300, 100), (0, 85, 164))
    ImageDraw.Draw(flag).rectangle((100, 0, 199, 99), fill="white")
    ImageDraw.Draw(flag).rectangle((200, 0, 299, 99), fill=(239, 65, 53))
    media = Media.load(flag)
    assert colors(Crop.whole(media)) == pytest.approx({"blue": 1 / 3, "white": 1 / 3, "red": 1 / 3}, abs=0.02)


def test_what_shows_in_the_corners_of_an_objects_box_counts_little() -> None:
    picture = Image.new("RGB", (200, 200), "green")
    ImageDraw.Draw(picture).ellipse((0, 0, 199, 199), fill="red")
    media = Media.load(picture)
    assert colors(Crop.whole(media))["green"] > 0.2
    assert colors(Crop(media=media.hash, xyxy=(0, 0, 200, 200), label="ball")) == pytest.approx({"red": 1}, abs=0.03)


def test_a_color_on_less_than_a_twentieth_is_left_out() -> None:
    picture = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(picture).rectangle((0, 0, 19, 19), fill="red")
    media = Media.load(picture)
    assert set(colors(Crop.whole(media))) == {"white"}


def test_several_objects_count_the_same_whatever_their_size() -> None:
    picture = Image.new("RGB", (100, 100), "blue")
    ImageDraw.Draw(picture).rectangle((0, 0, 9, 9), fill="yellow")
    media = Media.load(picture)
    small, large = (Crop(media=media.hash, xyxy=xyxy) for xyxy in ((0, 0, 10, 10), (20, 20, 100, 100)))
    assert colors(small, large) == pytest.approx({"yellow": 0.5, "blue": 0.5})


def test_nothing_to_look_at_is_missing_input() -> None:
    with pytest.raises(MissingInput):
        dominant_colors([])


@pytest.mark.parametrize(
    ("name", "xyxy", "seen"),
    [
        ("rocket.jpg", (100, 0, 270, 300), "blue"),  # the evening sky
        ("chelsea.png", (60, 60, 200, 280), "brown"),  # the cat's cheek
        ("astronaut.png", (60, 240, 190, 330), "orange"),  # the suit
        ("china.jpg", (0, 0, 60, 120), "blue"),  # the sky
        ("coffee.png", (480, 20, 600, 200), "brown"),  # the table
        ("camera.png", (90, 220, 150, 420), "black"),  # the coat
    ],
)
def test_the_main_color_of_a_photographs_part(
    name: str, xyxy: tuple[int, int, int, int], seen: str, photo: Callable[[str], Media]
) -> None:
    assert next(iter(colors(Crop(media=photo(name).hash, xyxy=xyxy)))) == seen


def test_a_gray_photograph_has_no_color(photo: Callable[[str], Media]) -> None:
    assert set(colors(Crop.whole(photo("camera.png")))) <= {"black", "gray", "white"}


def test_the_blue_bus_is_blue_and_not_red_and_the_man_in_the_beige_coat_is_neither(bus: Media) -> None:
    the_bus = Box(xyxy=(30, 217, 796, 735), label="bus")
    man = Box(xyxy=(55, 395, 235, 914), label="person")
    both = Boxes(media=bus.hash, boxes=(the_bus, man))
    assert filter_color(both, "blue").boxes == (the_bus,)
    assert filter_color(both, "red").boxes == ()


def test_the_main_color_of_an_object_is_always_its_color() -> None:
    media = Media.load(Image.new("RGB", (50, 50), "purple"))
    box = Box(xyxy=(0, 0, 50, 50), label="cup")
    assert filter_color(Boxes(media=media.hash, boxes=(box,)), "purple").boxes == (box,)
    assert filter_color(Boxes(media=media.hash), "purple").boxes == ()


def test_shares_sum_to_one(photo: Callable[[str], Media]) -> None:
    assert sum(color_shares(Crop.whole(photo("coffee.png"))).values()) == pytest.approx(1)
