"""Coloured parts of drawings, rendered here, and photographs, which have none."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import pytest
from PIL import Image, ImageDraw, ImageFont

from visagent import load_media
from visagent.core.errors import UnknownLabel
from visagent.evidence.values import Boxes, Crop
from visagent.media.media import Media
from visagent.tools.toolkit import Context
from visagent_tools.detect import detect
from visagent_tools.dominant_colors import Color, filter_color
from visagent_tools.drawings import SURE, drawn_things, kind_of

LOADED: list[Media] = []
"""Media that are looked at: a crop does not hold its own."""
GREEN, YELLOW, RED, BLUE = "#8fe89a", "#ffeb3b", "#e74c3c", "#4285f4"


def sheet() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (640, 420), "white")
    return image, ImageDraw.Draw(image)


def seen(image: Image.Image, *, quality: int | None = None) -> Crop:
    """A picture as a file of its own: PNG, or JPEG of a quality."""
    file = io.BytesIO()
    if quality is None:
        image.save(file, format="PNG")
    else:
        image.save(file, format="JPEG", quality=quality)
    (media,) = load_media(file.getvalue())
    LOADED.append(media)
    return Crop.whole(media)


def flow_chart() -> Image.Image:
    """Three green boxes, two yellow ones, a red diamond; text on each, lines between them."""
    image, draw = sheet()
    font = ImageFont.load_default(18)
    draw.line((110, 70, 320, 70, 320, 200, 530, 200, 530, 330), fill="black", width=2)
    places = ((40, 40), (250, 40), (460, 170), (250, 170), (40, 300))
    shown = (GREEN, "Start"), (GREEN, "Load"), (GREEN, "Save"), (YELLOW, "Wait"), (YELLOW, "Stop")
    for (x, y), (color, word) in zip(places, shown, strict=True):
        draw.rounded_rectangle((x, y, x + 140, y + 60), radius=8, fill=color, outline="black", width=2)
        draw.text((x + 70, y + 30), word, fill="black", font=font, anchor="mm")
    draw.polygon(((530, 290), (610, 340), (530, 390), (450, 340)), fill=RED, outline="black", width=2)
    return image


def found(crop: Crop, label: str, color: Color | None = None) -> Boxes:
    boxes = drawn_things([crop], label)
    assert boxes is not None
    return boxes if color is None else filter_color(boxes, color)


def sure(boxes: Boxes) -> list[bool]:
    return [box.confidence >= SURE for box in boxes.boxes]


@pytest.mark.parametrize("quality", [None, 90, 75])
@pytest.mark.parametrize(
    ("label", "color", "number"), [("box", "green", 3), ("方框", "yellow", 2), ("boxes", "blue", 0)]
)
def test_boxes_of_a_flow_chart_are_found_by_their_color(
    label: str, color: Color, number: int, quality: int | None
) -> None:
    assert sure(found(seen(flow_chart(), quality=quality), label, color)) == [True] * number


def test_a_diamond_may_be_a_box_and_is_no_rectangle_for_certain() -> None:
    crop = seen(flow_chart())
    assert sure(found(crop, "box", "red")) == [False]
    assert sure(found(crop, "菱形", "red")) == [True]
    assert sure(found(crop, "circle", "red")) == []


def test_an_area_says_where_it_is_and_what_it_is_known_by() -> None:
    boxes = detect([seen(flow_chart())], "box", Context(options={}))
    assert isinstance(boxes, Boxes)
    assert [(note.kind, note.words) for note in boxes.notes] == [("areas", ("box",))]
    first = min(boxes.boxes, key=lambda box: box.xyxy)
    assert first.xyxy == pytest.approx((42, 42, 179, 99), abs=3) and first.mask is not None


def test_a_border_of_one_pixel_parts_two_states_and_text_parts_none() -> None:
    image, draw = sheet()
    draw.polygon(((80, 60), (300, 80), (290, 300), (60, 330)), fill=GREEN, outline="gray")
    draw.polygon(((300, 80), (560, 50), (520, 350), (290, 300)), fill=GREEN, outline="gray")
    draw.text((180, 190), "MINNESOTA", fill="black", font=ImageFont.load_default(16), anchor="mm")
    draw.ellipse((420, 180, 434, 194), fill=BLUE, outline="gray")
    assert sure(found(seen(image), "state", "green")) == [True, True]
    assert sure(found(seen(image, quality=92), "州", "green")) == [True, True]
    # The dot of a town is no state.
    assert sure(found(seen(image), "state", "blue")) == []


def test_bars_stand_on_one_line_and_marks_of_the_key_do_not() -> None:
    image, draw = sheet()
    draw.line((60, 20, 60, 360, 620, 360), fill="black")
    for at, (color, high) in enumerate(((RED, 200), (BLUE, 90), (RED, 260), (BLUE, 140), (RED, 60))):
        draw.rectangle((100 + 100 * at, 359 - high, 150 + 100 * at, 359), fill=color)
    for at, color in enumerate((RED, BLUE)):
        draw.rectangle((500, 30 + 30 * at, 520, 45 + 30 * at), fill=color)
        draw.text((530, 30 + 30 * at), "Men", fill="black", font=ImageFont.load_default(14))
    crop = seen(image)
    assert sure(found(crop, "bar", "red")) == [True] * 3
    assert sure(found(crop, "柱子", "blue")) == [True] * 2


def test_of_stacked_bars_no_color_is_told() -> None:
    image, draw = sheet()
    for at in range(4):
        draw.rectangle((100 + 100 * at, 200, 150 + 100 * at, 359), fill=RED)
        draw.rectangle((100 + 100 * at, 80 + 20 * at, 150 + 100 * at, 199), fill=BLUE)
    assert drawn_things([seen(image)], "bar") is None


def test_circles_are_round_and_squares_are_not() -> None:
    image, draw = sheet()
    for x, color in ((100, RED), (300, BLUE)):
        draw.ellipse((x - 50, 100, x + 50, 200), fill=color)
        draw.rectangle((x - 50, 250, x + 50, 350), fill=color)
    crop = seen(image, quality=85)
    for label in ("circle", "圆圈", "square", "正方形"):
        assert sure(found(crop, label, "red")) == [True]


def test_a_box_that_is_only_outlined_in_a_color_is_left_open() -> None:
    image, draw = sheet()
    draw.rectangle((60, 60, 260, 160), fill=BLUE)
    draw.rectangle((340, 60, 540, 160), outline=RED, width=4)
    crop = seen(image)
    assert sure(found(crop, "box", "blue")) == [True] and sure(found(crop, "box", "red")) == [False]


def test_a_shade_between_two_names_is_left_open() -> None:
    image, draw = sheet()
    draw.rectangle((60, 60, 260, 160), fill="#7e57c2")
    crop = seen(image)
    assert sure(found(crop, "box", "blue")) == [False] and sure(found(crop, "box", "purple")) == [False]


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg", "china.jpg", "astronaut.png"])
def test_a_photograph_has_no_boxes_of_one_color(name: str, photo: Callable[[str], Media]) -> None:
    crop = Crop.whole(photo(name))
    assert drawn_things([crop], "box") is None and drawn_things([crop], "圆圈") is None


def test_what_the_detector_does_not_know_in_a_photograph_stays_unknown(photo: Callable[[str], Media]) -> None:
    with pytest.raises(UnknownLabel):
        detect([Crop.whole(photo("chelsea.png"))], "rectangle", Context(options={}))


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (("box", "boxes", "text box", "方框", "一个方框", "cells", "格子"), "box"),
        (("state", "countries", "slices", "扇形"), "part"),
        (("lunch box", "traffic circle", "arrow", "dog", "", "箭头"), None),
    ],
)
def test_words_for_parts_of_drawings_are_known(labels: Sequence[str], kind: str | None) -> None:
    assert [kind_of(label) for label in labels] == [kind] * len(labels)
