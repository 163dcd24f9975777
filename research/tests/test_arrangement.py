"""How objects are arranged in regions."""

from __future__ import annotations

import pytest

from visagent.core.errors import ToolError
from visagent.evidence.values import XYXY, Box, Boxes
from visagent_research.nlvr.tools import arrangement as a

HASH = "0" * 64


def boxes(*items: tuple[str, XYXY], media: str = HASH) -> Boxes:
    return Boxes(media=media, boxes=tuple(Box(label=label, xyxy=xyxy) for label, xyxy in items))


def labels(found: Boxes) -> list[str]:
    return [box.label for box in found.boxes]


PANELS = boxes(("one", (0, 0, 100, 100)), ("two", (150, 0, 250, 100)))
TOWER = boxes(("blue block", (40, 80, 60, 100)), ("black block", (40, 59, 60, 79)), ("red block", (40, 38, 60, 58)))
ALONE = boxes(("red ball", (150, 0, 160, 10)), ("blue ball", (200, 50, 210, 60)))


def test_a_word_of_a_label_finds_its_objects() -> None:
    assert labels(a.labelled(TOWER, "Red")) == ["red block"]
    assert labels(a.labelled(TOWER, "re")) == []


def test_sets_are_intersected() -> None:
    top = boxes(TOWER.boxes[2].label and ("red block", TOWER.boxes[2].xyxy))
    assert labels(a.both(TOWER, top)) == ["red block"]


def test_regions_are_found_by_how_many_they_hold() -> None:
    assert labels(a.holding(PANELS, TOWER, "=", 3)) == ["one"]
    assert labels(a.holding(PANELS, TOWER, "=", 0)) == ["two"]
    assert labels(a.holding(PANELS, TOWER, ">=", 0)) == ["one", "two"]
    assert labels(a.holding(PANELS, TOWER, "<=", 2)) == ["two"]


@pytest.mark.parametrize(
    ("side", "found"),
    [("any", ["red ball"]), ("corner", ["red ball"]), ("left", ["red ball"]), ("right", []), ("bottom", [])],
)
def test_objects_touch_the_edges_of_their_own_region(side: a.Edge, found: list[str]) -> None:
    assert labels(a.at_edge(ALONE, PANELS, side)) == found


def test_the_nth_from_a_side_is_counted_in_each_region_and_may_be_missing() -> None:
    assert labels(a.nth_from(TOWER, PANELS, "top")) == ["red block"]
    assert labels(a.nth_from(TOWER, PANELS, "bottom", 2)) == ["black block"]
    assert labels(a.nth_from(TOWER, PANELS, "bottom", 4)) == []
    assert labels(a.nth_from(ALONE, PANELS, "right")) == ["blue ball"]
    with pytest.raises(ToolError, match="count from 1"):
        a.nth_from(TOWER, PANELS, "top", 0)


def test_blocks_of_a_stack_stand_over_under_and_on_each_other() -> None:
    blue, red = a.labelled(TOWER, "blue"), a.labelled(TOWER, "red")
    assert labels(a.stacked(TOWER, blue, "over")) == ["black block", "red block"]
    assert labels(a.stacked(TOWER, blue, "on")) == ["black block"]
    assert labels(a.stacked(TOWER, red, "under")) == ["blue block", "black block"]
    assert labels(a.stacked(TOWER, a.labelled(TOWER, "green"), "over")) == []


def test_objects_of_different_pictures_cannot_be_related() -> None:
    with pytest.raises(ToolError, match="different pictures"):
        a.both(TOWER, boxes(("x", (0, 0, 1, 1)), media="1" * 64))
