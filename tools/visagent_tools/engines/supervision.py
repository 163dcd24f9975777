"""Boxes and masks from and to `supervision.Detections`, for people who draw, slice or score with that library (MIT)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from visagent.core.install import requiring
from visagent.evidence.values import Box, Boxes, Mask

if TYPE_CHECKING:
    import supervision


def to_supervision(boxes: Boxes) -> supervision.Detections:
    """The same objects as supervision has them; a class id is the index of the label among the sorted labels.

    Masks go along where every object has one, since supervision knows all or none.

    Raises:
        MissingDependency: supervision is not installed.
    """
    import numpy as np

    library = _import_supervision()
    found = boxes.boxes
    labels = sorted({box.label for box in found})
    masks = [box.mask.array() for box in found if box.mask is not None]
    detections: supervision.Detections = library.Detections(
        xyxy=np.array([box.xyxy for box in found], np.float32).reshape(-1, 4),
        mask=np.stack(masks) if masks and len(masks) == len(found) else None,
        confidence=np.array([box.confidence for box in found], np.float32),
        class_id=np.array([labels.index(box.label) for box in found], int),
        data={"class_name": np.array([box.label for box in found], dtype=str)},
    )
    return detections


def from_supervision(detections: supervision.Detections, media: str, labels: tuple[str, ...] = ()) -> Boxes:
    """The same objects as evidence has them.

    Args:
        detections: Boxes in pixels of the original picture, and masks of its size, where there are some; parts of a
            box outside it on the left and top are cut off.
        media: Content hash of the picture.
        labels: Names by class id; for detections that do not carry their names in `data["class_name"]`.
    """
    names = detections.data.get("class_name")
    boxes = []
    for index, (x1, y1, x2, y2) in enumerate(detections.xyxy.tolist()):
        if names is not None:
            label = str(names[index])
        elif detections.class_id is not None:
            class_id = int(detections.class_id[index])
            label = labels[class_id] if class_id < len(labels) else str(class_id)
        else:
            label = ""
        confidence = 1.0 if detections.confidence is None else float(detections.confidence[index])
        xyxy = (max(x1, 0.0), max(y1, 0.0), max(x2, 0.0), max(y2, 0.0))
        mask = None if detections.mask is None else Mask.from_array(detections.mask[index])
        boxes.append(Box(xyxy=xyxy, label=label, confidence=min(max(confidence, 0.0), 1.0), mask=mask))
    return Boxes(media=media, boxes=tuple(boxes))


def _import_supervision() -> Any:
    with requiring("Converting detections needs supervision", "local"):
        return importlib.import_module("supervision")
