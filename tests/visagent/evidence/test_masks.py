"""Masks: what they hold is what they were made of, and a damaged one is refused before C code reads it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import TypeAdapter, ValidationError

from visagent import Box, Boxes, Mask
from visagent.evidence.masks import shared, union
from visagent.evidence.values import Value

PICTURES = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda size: arrays(bool, size))


@settings(deadline=None, max_examples=60)
@given(PICTURES)
def test_a_mask_gives_back_the_pixels_that_it_was_made_of(inside: np.ndarray) -> None:
    mask = Mask.from_array(inside)
    assert np.array_equal(mask.array(), inside)
    assert mask.area == inside.sum()
    assert Mask.model_validate_json(mask.model_dump_json()) == mask
    rows, columns = np.nonzero(inside)
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else (0, 0, 0, 0)
    assert mask.xyxy == expected


@settings(deadline=None, max_examples=60)
@given(st.data(), st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_union_intersection_and_iou_are_those_of_the_pixels(data: st.DataObject, size: tuple[int, int]) -> None:
    one, other = data.draw(arrays(bool, size)), data.draw(arrays(bool, size))
    first, second = Mask.from_array(one), Mask.from_array(other)
    assert np.array_equal(union([first, second]).array(), one | other)
    assert np.array_equal(shared([first, second]).array(), one & other)
    either = (one | other).sum()
    assert first.iou(second) == ((one & other).sum() / either if either else 0)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=12), st.integers(-1, 9), st.integers(-1, 9))
def test_a_damaged_mask_is_refused_and_never_decoded(counts: str, height: int, width: int) -> None:
    try:
        mask = Mask(size=(height, width), counts=counts)
    except ValidationError:
        return
    assert mask.array().shape == (height, width)
    assert mask.array().sum() == mask.area


def test_masks_of_pictures_of_different_sizes_are_not_merged() -> None:
    with pytest.raises(ValueError, match="different sizes"):
        union([Mask.from_array(np.ones((2, 3))), Mask.from_array(np.ones((3, 2)))])


def test_a_box_with_a_mask_is_as_large_as_the_mask_and_survives_storing() -> None:
    inside = np.zeros((20, 30), bool)
    inside[5:10, 5:15] = np.eye(5, 10, dtype=bool)
    mask = Mask.from_array(inside)
    boxes = Boxes(media="0" * 64, boxes=(Box(xyxy=mask.xyxy, label="line", mask=mask),))
    assert boxes.boxes[0].area == 5
    adapter: TypeAdapter[Value] = TypeAdapter(Value)
    assert adapter.validate_json(adapter.dump_json(boxes)) == boxes
