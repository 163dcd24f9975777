"""Spatial relations: what they say of everyday scenes, and laws that hold for all boxes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visagent.core.errors import MissingInput, ToolError
from visagent.evidence.values import XYXY, Box, Boxes, Line, Note, Text
from visagent.media.media import Media
from visagent_tools import geometry as g

PICTURE = Media.load(Image.new("RGB", (300, 300)))


def boxes(*items: tuple[str, XYXY] | Box, media: str = PICTURE.hash) -> Boxes:
    made = [item if isinstance(item, Box) else Box(label=item[0], xyxy=item[1]) for item in items]
    return Boxes(media=media, boxes=tuple(made))


def labels(found: Boxes) -> list[str]:
    return [box.label for box in found.boxes]


BUS = ("bus", (100.0, 0.0, 200.0, 100.0))
WEST = ("west", (0.0, 0.0, 40.0, 90.0))
EAST = ("east", (250.0, 0.0, 290.0, 90.0))
FRONT = ("front", (145.0, 50.0, 155.0, 90.0))


def test_people_on_either_side_of_the_bus_are_told_apart_and_one_before_its_middle_is_on_neither() -> None:
    people = boxes(EAST, WEST, FRONT)
    assert labels(g.left_of(people, boxes(BUS))) == ["west"]
    assert labels(g.right_of(people, boxes(BUS))) == ["east"]


def test_one_of_several_is_enough_to_be_left_of() -> None:
    car = ("car", (220.0, 0.0, 260.0, 40.0))
    assert labels(g.left_of(boxes(WEST, FRONT, EAST), boxes(BUS, car))) == ["west", "front"]


def test_the_cup_on_the_table_is_above_it_and_the_bird_over_the_bench_is_not() -> None:
    table = boxes(("table", (0.0, 100.0, 200.0, 200.0)))
    things = boxes(("cup", (80.0, 80.0, 100.0, 120.0)), ("bird", (250.0, 10.0, 260.0, 20.0)))
    assert labels(g.above(things, table)) == ["cup"]
    assert labels(g.below(table, things)) == ["table"]


def test_inside_takes_most_of_the_area_and_touching_takes_an_edge() -> None:
    frame = boxes(("frame", (0.0, 0.0, 100.0, 100.0)))
    things = boxes(
        ("in", (10.0, 10.0, 20.0, 20.0)),
        ("half", (95.0, 10.0, 105.0, 20.0)),
        ("edge", (100.0, 10.0, 110.0, 20.0)),
        ("far", (101.0, 10.0, 110.0, 20.0)),
    )
    assert labels(g.inside(things, frame)) == ["in"]
    assert labels(g.overlaps(things, frame)) == ["in", "half", "edge"]


def test_nearest_goes_by_gaps_and_then_by_centres() -> None:
    assert labels(g.nearest(boxes(WEST, EAST), boxes(BUS))) == ["east"]
    assert labels(g.nearest(boxes(("deep", (180.0, 0.0, 220.0, 50.0)), FRONT), boxes(BUS))) == ["front"]


def test_an_object_stands_in_no_relation_to_itself() -> None:
    people = boxes(WEST, EAST)
    for relation in (g.inside, g.overlaps):
        assert relation(people, people).boxes == ()
    assert labels(g.nearest(boxes(WEST), boxes(WEST))) == []
    assert labels(g.nearest(people, people)) == ["west"]


RELATIONS = [g.left_of, g.right_of, g.above, g.below, g.inside, g.overlaps, g.nearest]


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.spec.name)
def test_nothing_to_compare_with_is_missing_and_nothing_to_compare_is_none(relation: Any) -> None:
    with pytest.raises(MissingInput, match="nothing to compare with"):
        relation(boxes(WEST), boxes())
    assert relation(boxes(), boxes(BUS)).boxes == ()


@pytest.mark.parametrize("relation", [*RELATIONS, g.merge], ids=lambda relation: relation.spec.name)
def test_places_in_different_pictures_are_not_compared(relation: Any) -> None:
    with pytest.raises(ToolError, match="different pictures"):
        relation(boxes(WEST), boxes(BUS, media="other"))
    with pytest.raises(ToolError, match="different pictures"):
        relation(boxes(WEST), boxes(BUS).model_copy(update={"seconds": 2.0}))


def test_merge_holds_each_object_once() -> None:
    assert labels(g.merge(boxes(WEST, BUS), boxes(EAST, WEST))) == ["west", "bus", "east"]


def test_largest_of_none_is_none_and_of_equals_the_first() -> None:
    assert g.largest(boxes()).boxes == ()
    assert labels(g.largest(boxes(WEST, BUS, EAST))) == ["bus"]
    assert labels(g.largest(boxes(WEST, EAST))) == ["west"]


def test_filters_hold_together() -> None:
    found = boxes(Box(xyxy=(0, 0, 10, 10), label="Dog", confidence=0.9), Box(xyxy=(0, 0, 9, 9), label="cat"))
    assert labels(g.filter_boxes(found, label=" dog ")) == ["Dog"]
    assert labels(g.filter_boxes(found, min_confidence=0.95)) == ["cat"]
    assert labels(g.filter_boxes(found, label="dog", min_confidence=0.95)) == []
    assert g.filter_boxes(found) == found


@pytest.mark.parametrize(
    ("xyxy", "parts", "place"),
    [
        ((0, 0, 20, 20), {"left", "top", "top_left"}, "top left"),
        ((140, 140, 158, 158), {"left", "top", "top_left", "center"}, "center"),
        ((280, 140, 300, 170), {"right", "bottom", "bottom_right"}, "middle right"),
    ],
)
def test_parts_and_thirds_go_by_the_centre(xyxy: XYXY, parts: set[str], place: str) -> None:
    found = boxes(("dog", xyxy))
    every: list[Any] = list(g.filter_boxes.spec.parameter("part").choices)  # type: ignore[union-attr]
    assert {part for part in every if g.filter_boxes(found, part=part).boxes} == parts
    located = g.locate(found)
    assert located.text.startswith(f"dog: {place} (") and located.lines[0].xyxy == xyxy


def test_a_place_in_a_picture_that_is_not_loaded_is_missing() -> None:
    with pytest.raises(MissingInput, match="not loaded"):
        g.locate(boxes(BUS, media="gone"))
    with pytest.raises(MissingInput, match="none was found"):
        g.locate(boxes())


coordinates = st.floats(0, 1000, allow_nan=False, width=16)


@st.composite
def any_box(draw: st.DrawFn) -> Box:
    x1, x2 = sorted((draw(coordinates), draw(coordinates)))
    y1, y2 = sorted((draw(coordinates), draw(coordinates)))
    return Box(xyxy=(x1, y1, x2, y2), label=draw(st.sampled_from(["cat", "dog"])))


many = st.lists(any_box(), max_size=6).map(lambda found: boxes(*found))
some = st.lists(any_box(), min_size=1, max_size=6).map(lambda found: boxes(*found))


@settings(deadline=None)
@given(many, some)
def test_a_relation_only_ever_picks_from_a_and_keeps_its_order(a: Boxes, b: Boxes) -> None:
    for relation in RELATIONS:
        found = relation(a, b).boxes
        rest = iter(a.boxes)
        assert all(box in rest for box in found)


@settings(deadline=None)
@given(any_box(), any_box())
def test_opposites_mirror_each_other(one: Box, other: Box) -> None:
    a, b = boxes(one), boxes(other)
    for relation, opposite in ((g.left_of, g.right_of), (g.above, g.below), (g.overlaps, g.overlaps)):
        assert bool(relation(a, b).boxes) == bool(opposite(b, a).boxes)
    assert not (g.left_of(a, b).boxes and g.right_of(a, b).boxes)


@settings(deadline=None)
@given(some, some)
def test_nearest_is_exactly_one_unless_there_is_only_the_thing_itself(a: Boxes, b: Boxes) -> None:
    found = g.nearest(a, b).boxes
    assert len(found) == 1 or all((box.xyxy, box.label) == (b.boxes[0].xyxy, b.boxes[0].label) for box in a.boxes)


@settings(deadline=None)
@given(many, st.sampled_from(list(g.sort.spec.parameter("by").choices)))  # type: ignore[union-attr]
def test_sorting_keeps_every_object_and_equals_in_their_order(found: Boxes, by: Any) -> None:
    ordered = g.sort(found, by=by)
    assert sorted(map(repr, ordered.boxes)) == sorted(map(repr, found.boxes))
    assert g.sort(ordered, by=by) == ordered
    tied = boxes(*(Box(xyxy=(1, 1, 2, 2), label=str(number)) for number in range(4)))
    assert g.sort(tied, by=by) == tied


def test_objects_that_are_not_among_others_are_kept_even_if_their_boxes_differ_a_little() -> None:
    cat, dog = Box(xyxy=(0, 0, 10, 10), label="cat"), Box(xyxy=(20, 0, 30, 10), label="dog")
    seen_again = cat.model_copy(update={"xyxy": (0, 1, 10, 10)})
    animals = Boxes(media="m", boxes=(cat, dog))
    assert g.without(animals, Boxes(media="m", boxes=(seen_again,))).boxes == (dog,)
    assert g.without(animals, Boxes(media="m")).boxes == (cat, dog)


def test_objects_of_different_pictures_stand_in_no_relation() -> None:
    one = Box(xyxy=(0, 0, 10, 10), label="cup", media="a")
    a = Boxes(media="a", boxes=(one,), pictures=("a", "b"))
    b = Boxes(media="a", boxes=(Box(xyxy=(20, 0, 30, 10), label="cat", media="b"),), pictures=("a", "b"))
    assert g.left_of(a, b).boxes == ()
    there = b.replace([b.boxes[0].model_copy(update={"media": "a"})])
    assert g.left_of(a, there).boxes == (one,)


def test_what_is_in_a_picture_with_something_else_is_kept_and_told_by_picture() -> None:
    first, second, third = ("1" * 64, "2" * 64, "3" * 64)
    all_of_them = (first, second, third)
    cats = [Box(xyxy=(0, 0, 9, 9), label="cat", confidence=0.9, media=media) for media in all_of_them]
    found = Boxes(media=first, boxes=tuple(cats), pictures=all_of_them)
    lines = (Line(text="SALE", media=second), Line(text=" ", media=third))
    assert g.in_same_picture(found, Text(text="SALE", media=first, lines=lines, pictures=all_of_them)).boxes == (
        cats[1],
    )
    cup = found.replace([cats[2].model_copy(update={"label": "cup"})])
    assert g.in_same_picture(found, cup).boxes == (cats[2],)
    assert not g.in_same_picture(found, found.replace([])).boxes
    # What was recognised and not placed is still known to be in that picture.
    seen = found.model_copy(update={"boxes": (cats[1],), "notes": (Note(kind="not_counted", words=("cat",)),)})
    assert not seen.placed and g.locate(seen).text == "cat in picture 2"
