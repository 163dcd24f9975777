"""Labels of boxes: none over another, none beyond the picture, and numbers with a list where there are many."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from visagent.evidence.values import XYXY
from visagent.media.media import MediaInfo
from visagent.reporting.labels import NAMED, Label, labels_of
from visagent.reporting.marks import Mark
from visagent.reporting.markup import Stage, stage_html

SIZE = (900, 640)


def mark(xyxy: XYXY, label: str, *, id_: str = "q1", strong: bool = True, start: float | None = None) -> Mark:
    return Mark(xyxy, label, (230, 159, 0), strong, id_, start)


def assert_apart_and_inside(labels: list[Label], size: tuple[int, int] = SIZE) -> None:
    places = [label.xyxy for label in labels if label.text]
    for x1, y1, x2, y2 in places:
        assert 0 <= x1 < x2 <= size[0] and 0 <= y1 < y2 <= size[1]
    for one, other in combinations(places, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], (one, other)


@pytest.mark.parametrize("seed", range(40))
def test_labels_never_overlap_nor_leave_the_picture(seed: int) -> None:
    draw = random.Random(seed)
    marks = []
    for at in range(draw.randrange(1, 60)):
        x, y = draw.uniform(0, 880), draw.uniform(0, 620)
        box = (x, y, min(900, x + draw.uniform(4, 300)), min(640, y + draw.uniform(4, 60)))
        words = draw.choice(["cat 91%", "禁止停车", "a line of text that was read from a page", "W" * 40])
        marks.append(mark(box, words, id_=f"q{at % draw.randrange(1, 4) + 1}"))
    assert_apart_and_inside(labels_of(marks, SIZE, 22.0))


def test_a_few_labels_are_written_out_at_their_boxes() -> None:
    marks = [mark((100, 100, 300, 300), "cat 91%"), mark((500, 0, 700, 200), "dog 80%")]
    cat, dog = labels_of(marks, SIZE, 20.0)
    assert (cat.text, dog.text) == ("q1 cat 91%", "q1 dog 80%")
    assert cat.xyxy[3] <= 100, "above its box"
    assert dog.xyxy[1] >= 0, "inside it where there is no room above"


def test_lines_of_a_page_are_numbered_beside_their_text_and_listed() -> None:
    marks = [mark((100, 40 + 30 * at, 400, 60 + 30 * at), f"line {at}") for at in range(NAMED + 3)]
    labels = labels_of(marks, SIZE, 20.0)
    assert [label.number for label in labels] == list(range(1, NAMED + 4))
    assert [label.text for label in labels] == [str(label.number) for label in labels]
    assert all(label.xyxy[2] <= 100 or label.xyxy[0] >= 400 for label in labels), "no number hides a text"
    assert_apart_and_inside(labels)


def test_labels_that_do_not_all_fit_are_numbers_and_none_is_lost() -> None:
    marks = [mark((10, 10, 60, 30), "x" * 40) for _ in range(8)]
    labels = labels_of(marks, (80, 60), 11.0)
    assert_apart_and_inside(labels, (80, 60))
    assert [label.number for label in labels] == list(range(1, 9))


def test_what_is_pointed_at_alone_does_not_give_way_to_another_step() -> None:
    boxes = [mark((100, 100, 300, 300), "cat", id_=id_, strong=False) for id_ in ("q1", "q2")]
    one, other = labels_of(boxes, SIZE, 20.0)
    assert one.xyxy == other.xyxy


def test_moments_of_a_clip_are_not_listed() -> None:
    marks = [mark((10, 10, 60, 60), "person 1", start=at / 10) for at in range(200)]
    assert {label.number for label in labels_of(marks, SIZE, 20.0)} == {None}


def test_the_page_lists_what_is_numbered() -> None:
    info = MediaInfo(hash="0" * 64, kind="image", name="page.png", width=900, height=640)
    marks = tuple(mark((100, 40 + 30 * at, 400, 60 + 30 * at), f"line <{at}>") for at in range(NAMED + 1))
    html = stage_html(Stage("image1", info, "x", marks=marks), "en")
    assert f"{NAMED + 1} numbered boxes" in html and html.count("<li ") == NAMED + 1
    assert '<li value="3" data-mark="3">line &lt;2&gt;</li>' in html
