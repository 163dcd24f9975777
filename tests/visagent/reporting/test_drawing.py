"""What an answer draws into its picture."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from visagent.core.errors import InputError, MissingInput
from visagent.evidence.answer import Answer, Claim
from visagent.evidence.tree import SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Box, Boxes, Evidence, Line, Mask, Number, Text, Value
from visagent.media.media import Media, MediaInfo
from visagent.reporting.drawing import draw
from visagent.reporting.marks import PALETTE, PATH_ROWS, Mark, svg_path

GRAY = (128, 128, 128)


def colors(picture: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(color) for color in np.unique(np.asarray(picture).reshape(-1, 3), axis=0).tolist()}


def at(digest: str, *places: tuple[float, float, float, float], label: str = "dog") -> Boxes:
    return Boxes(media=digest, boxes=tuple(Box(xyxy=place, label=label) for place in places))


def answer_of(media: dict[str, MediaInfo], *steps: tuple[str, dict[str, str], Value]) -> Answer:
    calls = [ToolCall(tool=tool, arguments=dict(arguments)) for tool, arguments, _ in steps]
    nodes = [SubQuestion(id=f"q{number}", question="?", solver=call) for number, call in enumerate(calls, 1)]
    found = {
        f"q{number}": Evidence(id=f"q{number}", tool=tool, value=value)
        for number, (tool, _, value) in enumerate(steps, 1)
    }
    return Answer(
        run_id="r",
        question="?",
        text="Yes.",
        status="answered",
        claims=(Claim(text="Yes."),),
        tree=build_tree("?", nodes),
        evidence=found,
        media=media,
    )


@pytest.fixture
def media() -> Media:
    return Media.load(Image.new("RGB", (400, 300), GRAY))


def test_the_medium_itself_is_never_drawn_on(media: Media) -> None:
    answer = answer_of({"image1": media.info}, ("detect", {}, at(media.hash, (50, 50, 150, 150))))
    drawn = answer.annotate()
    assert drawn.size == (400, 300) and PALETTE[0] in colors(drawn)
    assert colors(media.image()) == {GRAY}


def test_what_was_picked_is_strong_and_what_it_was_picked_from_is_thin(media: Media) -> None:
    left, right, bus = (20.0, 100.0, 60.0, 160.0), (300.0, 100.0, 340.0, 160.0), (100.0, 100.0, 280.0, 200.0)
    answer = answer_of(
        {"image1": media.info},
        ("detect", {"label": "dog"}, at(media.hash, left, right)),
        ("detect", {"label": "bus"}, at(media.hash, bus, label="bus")),
        ("left_of", {"a": "$q1", "b": "$q2"}, at(media.hash, left)),
        ("count", {"items": "$q3"}, Number(value=1)),
    )
    pixels = np.asarray(answer.annotate())

    def covered(color: tuple[int, int, int], place: tuple[float, float, float, float]) -> int:
        x1, y1, x2, y2 = (round(edge) for edge in place)
        return int((pixels[y1:y2, x1:x2] == color).all(-1).sum())

    picked, compared, context = PALETTE[:3]
    assert covered(picked, left) > covered(context, right) > 0
    assert covered(compared, bus) > 0 and covered(context, left) == 0


def test_read_lines_are_drawn_and_letters_the_font_lacks_are_not(media: Media) -> None:
    lines = (Line(text="出口", xyxy=(50, 50, 150, 80)),)
    answer = answer_of({"image1": media.info}, ("read_text", {}, Text(text="出口", media=media.hash, lines=lines)))
    assert PALETTE[0] in colors(answer.annotate("image1"))


def test_the_first_picture_in_which_something_was_found_is_chosen(media: Media) -> None:
    other = Media.load(Image.new("RGB", (64, 64), (1, 2, 3)))
    pictures = {"image1": other.info, "image2": media.info}
    answer = answer_of(pictures, ("detect", {"image": "image2"}, at(media.hash, (1, 1, 30, 30))))
    assert answer.annotate().size == (400, 300) and answer.annotate("image1").size == (64, 64)


def test_a_picture_that_is_unknown_or_gone_is_named(media: Media) -> None:
    answer = answer_of({"image1": media.info}, ("count", {}, Number(value=1)))
    with pytest.raises(InputError, match=r"image2.*image1"):
        answer.annotate("image2")
    gone = answer_of({"image1": media.info.model_copy(update={"hash": "f" * 64})}, ("count", {}, Number(value=1)))
    with pytest.raises(MissingInput, match="not loaded"):
        gone.annotate()


@pytest.mark.parametrize("size", [(1, 1), (20, 400), (3000, 40)])
def test_any_box_can_be_drawn_into_any_picture(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size)
    edges = [(0.0, 0.0, 0.0, 0.0), (0.0, 0.0, float(size[0]), float(size[1])), (0.5, 0.5, 0.7, 0.7)]
    marks = [Mark(xyxy, "q1 dog 0.87", PALETTE[0], strong) for xyxy in edges for strong in (True, False)]
    assert draw(picture, marks).size == size


def test_labels_do_not_hide_each_other() -> None:
    picture = Image.new("RGB", (600, 600))
    marks = [Mark((100.0, 100.0, 300.0, 300.0), "q1 dog", color, True) for color in PALETTE[:3]]
    counts = [int((np.asarray(draw(picture, marks)) == color).all(-1).sum()) for color in PALETTE[:3]]
    assert min(counts) > 300


def test_a_mask_is_filled_and_what_is_beside_it_in_its_box_is_not(media: Media) -> None:
    inside = np.zeros((300, 400), bool)
    inside[100:200, 100:150] = inside[150:200, 150:200] = True
    mask = Mask.from_array(inside)
    boxes = Boxes(media=media.hash, boxes=(Box(xyxy=mask.xyxy, label="stairs", mask=mask),))
    pixels = np.asarray(answer_of({"image1": media.info}, ("segment", {}, boxes)).annotate())
    assert not np.array_equal(pixels[170, 120], GRAY) and not np.array_equal(pixels[180, 180], GRAY)
    assert np.array_equal(pixels[120, 180], GRAY)


def test_a_mask_of_another_picture_is_not_drawn(media: Media) -> None:
    mask = Mask.from_array(np.ones((30, 40)))
    boxes = Boxes(media=media.hash, boxes=(Box(xyxy=(100, 100, 300, 250), mask=mask),))
    pixels = np.asarray(answer_of({"image1": media.info}, ("segment", {}, boxes)).annotate())
    assert np.array_equal(pixels[20, 20], GRAY)


def test_the_path_of_a_page_covers_the_pixels_of_the_mask() -> None:
    inside = np.zeros((300, 400), bool)
    inside[40:280, 100:130] = True
    path = svg_path(Mask.from_array(inside))
    rectangles = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", path)
    covered = np.zeros_like(inside)
    for x, y, w, h in (map(int, found) for found in rectangles):
        covered[y : y + h, x : x + w] = True
    assert np.array_equal(covered, inside)
    assert len(rectangles) <= PATH_ROWS
