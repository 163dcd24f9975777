"""Boxes there and back."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from visagent.core.errors import MissingDependency
from visagent.core.install import install_line
from visagent.evidence.values import Box, Boxes, Mask
from visagent_tools.engines.supervision import from_supervision, to_supervision

BOXES = Boxes(
    media="0" * 64,
    boxes=(
        Box(xyxy=(1, 2, 3, 4), label="dog", confidence=0.75),
        Box(xyxy=(5, 6, 7, 8), label="cat", confidence=0.5),
        Box(xyxy=(0, 0, 9, 9), label="dog", confidence=0.25),
    ),
)


def test_boxes_come_back_as_they_went() -> None:
    pytest.importorskip("supervision", reason="supervision is absent: pip install 'visagent[local]'")
    there = to_supervision(BOXES)
    assert len(there) == 3 and there.class_id is not None and there.class_id.tolist() == [1, 0, 1]
    assert from_supervision(there, BOXES.media) == BOXES


def test_no_box_comes_back_as_no_box() -> None:
    pytest.importorskip("supervision", reason="supervision is absent: pip install 'visagent[local]'")
    empty = Boxes(media="0" * 64)
    assert from_supervision(to_supervision(empty), empty.media) == empty


def test_detections_without_names_get_them_by_class_id() -> None:
    supervision = pytest.importorskip("supervision", reason="supervision is absent: pip install 'visagent[local]'")
    bare = supervision.Detections(xyxy=np.array([[-1, 2, 3, 4], [0, 0, 1, 1]], np.float32), class_id=np.array([1, 7]))
    found = from_supervision(bare, "0" * 64, ("cat", "dog")).boxes
    assert [(box.label, box.confidence) for box in found] == [("dog", 1.0), ("7", 1.0)]
    assert found[0].xyxy == (0, 2, 3, 4)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingDependency, match=re.escape(install_line("local"))):
        to_supervision(BOXES)


def test_masks_go_along_and_come_back() -> None:
    pytest.importorskip("supervision", reason="supervision is absent: pip install 'visagent[local]'")
    pixels = np.zeros((2, 12, 16), bool)
    pixels[0, 2:7, 3:9] = pixels[1, 4:5, 1:14] = True
    masks = [Mask.from_array(inside) for inside in pixels]
    outlined = Boxes(media="0" * 64, boxes=tuple(Box(xyxy=mask.xyxy, label="leaf", mask=mask) for mask in masks))
    there = to_supervision(outlined)
    assert there.mask is not None and np.array_equal(np.asarray(there.mask), pixels)
    assert there.area.tolist() == [30, 13]
    assert from_supervision(there, outlined.media) == outlined


def test_boxes_of_which_one_has_no_mask_go_without_masks() -> None:
    pytest.importorskip("supervision", reason="supervision is absent: pip install 'visagent[local]'")
    mask = Mask.from_array(np.ones((4, 4)))
    mixed = Boxes(media="0" * 64, boxes=(Box(xyxy=mask.xyxy, mask=mask), Box(xyxy=(0, 0, 2, 2))))
    assert to_supervision(mixed).mask is None
