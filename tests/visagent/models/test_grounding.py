"""Boxes as models write them, and back to pixels of the original."""

from __future__ import annotations

import json
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visagent.core.errors import ModelError
from visagent.evidence.values import XYXY, Box, Crop
from visagent.models.configs import Grounding
from visagent.models.grounding import (
    Convention,
    boxes_schema,
    chosen_convention,
    convention_of,
    instructions,
    join_tiles,
    parse_boxes,
    tiles,
    to_boxes,
)
from visagent.models.image_sizes import LARGEST_IMAGE, sent_size, smart_resize
from visagent_tools.crop import crop_box

CONVENTIONS = list(Convention)


def write_box(xyxy: XYXY, convention: Convention, size: tuple[int, int]) -> list[float]:
    """A box of a picture of this size, in pixels, as a model of this convention would write it."""
    sent = sent_size(size)
    edges = {Convention.RELATIVE_1: (1, 1), Convention.RESIZED_PIXELS: smart_resize(sent), Convention.PIXELS: sent}
    width, height = edges.get(convention, (1000, 1000))
    x1, y1, x2, y2 = (v * unit / side for v, unit, side in zip(xyxy, (width, height) * 2, (*size, *size), strict=True))
    numbers = [y1, x1, y2, x2] if convention is Convention.RELATIVE_1000_YX else [x1, y1, x2, y2]
    return [round(value, 4) if convention is Convention.RELATIVE_1 else round(value) for value in numbers]


def reply(xyxy: XYXY, convention: Convention, size: tuple[int, int], label: str = "cat") -> str:
    key = "box_2d" if convention is Convention.RELATIVE_1000_YX else "bbox_2d"
    return json.dumps([{key: write_box(xyxy, convention, size), "label": label}])


# Conformance: every convention gives back the box that was written.


@pytest.mark.parametrize("convention", CONVENTIONS)
@given(
    size=st.tuples(st.integers(40, 1000), st.integers(40, 1000)),
    shares=st.tuples(*[st.floats(0, 0.45)] * 2, *[st.floats(0.55, 1)] * 2),
)
def test_a_box_written_and_read_again_is_the_same_within_a_pixel(
    convention: Convention, size: tuple[int, int], shares: XYXY
) -> None:
    box = tuple(share * side for share, side in zip(shares, (*size, *size), strict=True))

    (found,) = parse_boxes(reply(box, convention, size), convention, size)  # type: ignore[arg-type]

    assert found.label == "cat"
    # Whole numbers say no more than this; a picture that is enlarged before it is shown loses nothing.
    assert found.xyxy == pytest.approx(box, abs=1)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_box_in_a_picture_too_large_to_be_sent_comes_back_as_exactly_as_its_numbers_say(
    convention: Convention,
) -> None:
    size, box = (6000, 4000), (1500.0, 400.0, 4200.0, 3333.0)

    (found,) = parse_boxes(reply(box, convention, size), convention, size)

    # 0 to 1000 of 6,000 pixels: half a step is three pixels.
    assert found.xyxy == pytest.approx(box, abs=3.5)


@pytest.mark.parametrize(("convention", "scale"), list(product(CONVENTIONS, (1.0, 2.0, 3.7))))
def test_a_box_in_a_crop_of_a_crop_comes_back_in_pixels_of_the_original(convention: Convention, scale: float) -> None:
    outer = Crop(media="m", xyxy=(200, 100, 900, 800))
    # What a tool crops out of a crop is named in pixels of the original: where it lies in the outer one adds nothing.
    inner = Crop(media="m", xyxy=outer.to_original((100, 50, 400, 350)), scale=scale)
    assert inner.xyxy == (300, 150, 600, 450)
    shown = (round(300 * scale), round(300 * scale))
    truth = (330.0, 170.0, 480.0, 440.0)
    in_crop = tuple((value - origin) * scale for value, origin in zip(truth, (300, 150) * 2, strict=True))

    found = parse_boxes(reply(in_crop, convention, shown), convention, shown)  # type: ignore[arg-type]
    (box,) = to_boxes(found, inner, confidence=0.7).boxes

    assert box.xyxy == pytest.approx(truth, abs=1)
    assert box.confidence == 0.7


@pytest.mark.parametrize(
    "family",
    ["Qwen3-VL-4B", "Qwen2.5-VL-7B", "gemma-3-4b-it", "llava-1.6", "InternVL3-8B", "GLM-4.5V", "gpt-5", "Molmo2"],
)
@pytest.mark.parametrize("region", [(120.0, 60.0, 620.0, 460.0), (33.5, 10.25, 700.0, 433.75), (5.0, 5.0, 45.0, 35.0)])
def test_in_every_family_a_box_then_a_crop_of_it_then_a_box_comes_back_within_a_pixel(
    family: str, region: XYXY
) -> None:
    convention, size = convention_of(family), (800, 500)
    (first,) = parse_boxes(reply(region, convention, size), convention, size)
    assert first.xyxy == pytest.approx(region, abs=1)
    # What the model pointed at is cut out, and shown to it enlarged.
    crop = crop_box(Crop(media="m", xyxy=(0, 0, *size)), list(first.xyxy))
    x1, y1, x2, y2 = crop.xyxy
    shown = (round((x2 - int(x1)) * crop.scale), round((y2 - int(y1)) * crop.scale))
    inner = (x1 + 0.2 * (x2 - x1), y1 + 0.3 * (y2 - y1), x1 + 0.9 * (x2 - x1), y1 + 0.7 * (y2 - y1))
    left, top, right, bottom = (
        (value - origin) * crop.scale for value, origin in zip(inner, (int(x1), int(y1)) * 2, strict=True)
    )
    found = parse_boxes(reply((left, top, right, bottom), convention, shown), convention, shown)
    (box,) = to_boxes(found, crop).boxes
    assert box.xyxy == pytest.approx(inner, abs=1)


def test_resized_pixels_are_those_of_the_processor_of_qwen() -> None:
    transformers = pytest.importorskip("transformers.models.qwen2_vl.image_processing_qwen2_vl")
    for width, height in ((640, 480), (30, 900), (1999, 1501), (20, 20), (8000, 6000), (1380, 245)):
        theirs = transformers.smart_resize(height, width, factor=28, min_pixels=3_136, max_pixels=12_845_056)
        assert smart_resize((width, height)) == theirs[::-1]


def test_a_picture_is_sent_with_at_most_four_million_pixels_and_its_proportions() -> None:
    assert sent_size((2000, 2000)) == (2000, 2000)
    width, height = sent_size((8000, 2000))
    assert width * height <= LARGEST_IMAGE
    assert width / height == pytest.approx(4, rel=0.01)


# Families and settings.


@pytest.mark.parametrize(
    ("model", "convention"),
    [
        ("Qwen/Qwen3-VL-8B-Instruct", Convention.RELATIVE_1000),
        ("Qwen3VL-2B-Instruct-Q4_K_M", Convention.RELATIVE_1000),
        ("Qwen/Qwen3.5-4B", Convention.RELATIVE_1000),
        ("Qwen/Qwen2.5-VL-7B-Instruct", Convention.RESIZED_PIXELS),
        ("qwen2_5_vl_3b", Convention.RESIZED_PIXELS),
        ("google/gemma-4-12B-it", Convention.RELATIVE_1000_YX),
        ("llava-hf/llava-1.5-7b-hf", Convention.RELATIVE_1),
        ("gpt-6", Convention.PIXELS),
        ("a-model-nobody-knows", Convention.RELATIVE_1000),
    ],
)
def test_the_convention_follows_from_the_familys_name(model: str, convention: Convention) -> None:
    assert convention_of(model) is convention
    assert chosen_convention("auto", model) is convention


def test_a_profile_may_set_the_convention_or_say_that_the_model_cannot_locate() -> None:
    assert chosen_convention("pixels", "Qwen3-VL") is Convention.PIXELS
    assert chosen_convention("none", "Qwen3-VL") is None


def test_a_profile_can_name_every_convention() -> None:
    assert set(Grounding.__args__) == {"auto", "none", *Convention}  # type: ignore[attr-defined]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_prompt_schema_and_reader_agree_on_the_key_and_its_range(convention: Convention) -> None:
    from jsonschema import validate

    box, size = (10.0, 20.0, 300.0, 200.0), (640, 480)
    written = json.loads(reply(box, convention, size))
    validate(written, boxes_schema(convention))
    assert f'"{next(iter(written[0]))}"' in instructions(convention)


# Replies as models write them.

SIZE = (2000, 1000)
WHOLE = Convention.RELATIVE_1000


@pytest.mark.parametrize(
    "text",
    [
        '[{"bbox_2d": [100, 200, 300, 400], "label": "dog"}]',
        '{"bbox_2d": [100, 200, 300, 400], "label": "dog"}',
        '{"boxes": [{"bbox_2d": [100, 200, 300, 400], "label": "dog"}]}',
        'Here it is:\n```json\n[\n\t{"bbox_2d": [100, 200, 300, 400], "label": "dog"}\n]\n```\nAnything else?',
        '<think>Two? {"bbox_2d": [1, 2, 3, 4]}</think>[{"bbox_2d": [100, 200, 300, 400], "label": "dog"}]',
        '[{"bbox_2d": [300, 400, 100, 200], "label": "dog"}]',
        '[{"bbox_2d": ["100", "200", "300.0", 400], "label": "dog"}]',
        '[{"bbox_2d": [[100, 200], [300, 400]], "label": "dog"}]',
        '[{"label": "dog", "bbox": {"x1": 100, "y1": 200, "x2": 300, "y2": 400}}]',
        '{"dog": [[100, 200, 300, 400]]}',
        '[{"bbox_2d": [100, 200, 300, 400], "label": "dog"}, {"bbox_2d": [500, 60',
        "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(100,200),(300,400)<|box_end|>",
        "<ref>dog</ref><box>[[100, 200, 300, 400]]</box>",
    ],
)
def test_one_box_is_read_however_it_is_written(text: str) -> None:
    (found,) = parse_boxes(text, WHOLE, SIZE)
    assert found.xyxy == (200, 200, 600, 400)
    assert found.label == "dog"
    assert not found.point


def test_several_boxes_keep_their_order_and_labels() -> None:
    text = '[{"bbox_2d": [0, 0, 500, 500], "label": "a"}, {"bbox_2d": [500, 500, 1000, 1000], "label": "b"}]'
    assert [box.label for box in parse_boxes(text, WHOLE, SIZE)] == ["a", "b"]
    assert len(parse_boxes("[[0, 0, 500, 500], [500, 500, 1000, 1000]]", WHOLE, SIZE)) == 2


def test_an_empty_list_says_that_there_are_none() -> None:
    for text in ("[]", '{"boxes": []}', "```json\n[]\n```"):
        assert parse_boxes(text, WHOLE, SIZE) == []


@pytest.mark.parametrize(
    "text", ["", "I see two dogs.", "{}", '{"count": 3}', "<think>[[1, 2, 3, 4]]", "[NaN, 1, 2, 3]"]
)
def test_a_reply_without_boxes_is_an_error_that_shows_it_and_never_none_found(text: str) -> None:
    with pytest.raises(ModelError, match="asked for boxes"):
        parse_boxes(text, WHOLE, SIZE)


def test_boxes_that_reach_over_the_edge_are_clipped() -> None:
    (found,) = parse_boxes('[{"bbox_2d": [-50, 900, 200, 1300]}]', WHOLE, SIZE)
    assert found.xyxy == (0, 900, 400, 1000)


def test_boxes_without_an_area_are_left_out_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    text = '[{"bbox_2d": [10, 10, 10, 50]}, {"bbox_2d": [1500, 10, 1600, 50]}, {"bbox_2d": [10, 10, 60, 50]}]'
    assert len(parse_boxes(text, WHOLE, SIZE)) == 1
    assert "2 of 3 boxes" in caplog.text


def test_a_reply_in_another_convention_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ModelError, match="none has an area") as caught:
        parse_boxes("[[300, 400, 600, 700]]", Convention.RELATIVE_1, SIZE)
    assert "grounding" in caught.value.remedy


def test_a_point_becomes_a_small_square_inside_the_picture() -> None:
    first, second = parse_boxes('[{"point_2d": [500, 500], "label": "x"}, {"point_2d": [0, 0]}]', WHOLE, SIZE)
    assert first.point
    assert first.xyxy == (990, 490, 1010, 510)
    assert second.xyxy == (0, 0, 10, 10)


def test_a_label_is_data_one_line_without_markup() -> None:
    text = json.dumps([{"bbox_2d": [0, 0, 9, 9], "label": "<b>dog</b>\n[q1] \x1b[31m" + "x" * 500}])
    (found,) = parse_boxes(text, WHOLE, SIZE)
    assert len(found.label) <= 80
    assert not set("<>[]\n\x1b") & set(found.label)


def test_a_model_that_repeats_itself_for_ever_is_read_up_to_a_limit() -> None:
    assert len(parse_boxes(json.dumps([[1, 1, 9, 9]] * 5000), WHOLE, SIZE)) == 500


@given(st.text(alphabet='{}[]",:0123456789. bx_2d<think>/-e', max_size=200))
def test_no_reply_whatever_breaks_the_reader(text: str) -> None:
    try:
        boxes = parse_boxes(text, WHOLE, SIZE)
    except ModelError:
        return
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        assert 0 <= x1 < x2 <= SIZE[0]
        assert 0 <= y1 < y2 <= SIZE[1]


def test_nesting_without_end_is_no_reply() -> None:
    with pytest.raises(ModelError):
        parse_boxes("[" * 5000, WHOLE, SIZE)


# Very wide and very tall pictures.


def test_a_picture_of_ordinary_shape_is_shown_whole() -> None:
    crop = Crop(media="m", xyxy=(0, 0, 1600, 900))
    assert tiles(crop) == [crop]


@pytest.mark.parametrize("xyxy", [(100, 50, 1480, 295), (50, 100, 295, 1480), (0, 0, 30_000, 40)])
def test_a_very_wide_or_tall_region_is_covered_by_overlapping_parts(xyxy: XYXY) -> None:
    parts = tiles(Crop(media="m", xyxy=xyxy))
    axis = 0 if xyxy[2] - xyxy[0] > xyxy[3] - xyxy[1] else 1
    assert 2 <= len(parts) <= 8
    assert parts[0].xyxy[:2] == xyxy[:2]
    assert parts[-1].xyxy[2:] == pytest.approx(xyxy[2:])
    for one, other in pairwise(parts):
        assert one.xyxy[axis] < other.xyxy[axis] < one.xyxy[axis + 2] < other.xyxy[axis + 2]


@pytest.mark.parametrize("turned", [False, True])
def test_what_lies_on_a_seam_is_found_once_and_whole(turned: bool) -> None:
    def turn(xyxy: XYXY) -> XYXY:
        return (xyxy[1], xyxy[0], xyxy[3], xyxy[2]) if turned else xyxy

    parts = tiles(Crop(media="m", xyxy=turn((0, 0, 1000, 100))))
    things: list[XYXY] = [
        (5, 10, 30, 90),
        (140, 10, 430, 90),
        (470, 20, 490, 40),
        (475, 60, 495, 80),
        (900, 0, 1000, 99),
    ]

    def seen(tile: Crop) -> list[Box]:
        boxes = []
        for thing in map(turn, things):
            x1, y1, x2, y2 = (
                max(thing[0], tile.xyxy[0]),
                max(thing[1], tile.xyxy[1]),
                min(thing[2], tile.xyxy[2]),
                min(thing[3], tile.xyxy[3]),
            )
            if x2 - x1 > 2 and y2 - y1 > 2:
                boxes.append(Box(xyxy=(x1, y1, x2, y2), label="watch"))
        return boxes

    joined = join_tiles([(tile, seen(tile)) for tile in parts])
    assert sorted(box.xyxy for box in joined) == [pytest.approx(thing) for thing in sorted(map(turn, things))]
