"""What was found in one picture or several, as one result. Knows no tool and no detector."""

from __future__ import annotations

from collections.abc import Sequence

from visagent.evidence.values import Box, Boxes, Crop, Note


def in_pictures(image: Sequence[Crop], found: Sequence[Sequence[Box]], notes: Sequence[Note] = ()) -> Boxes:
    """Objects of each picture as one result; where there are several pictures, each object knows its own.

    Args:
        image: Where was looked.
        found: The objects in each, in pixels of the original.
        notes: What is to be said of them; what is to be said twice is said once.
    """
    pictures = tuple(dict.fromkeys(crop.media for crop in image))
    boxes = [
        box if len(pictures) == 1 else box.model_copy(update={"media": crop.media})
        for crop, part in zip(image, found, strict=True)
        for box in part
    ]
    return Boxes(
        media=image[0].media,
        boxes=tuple(dict.fromkeys(boxes)),
        seconds=image[0].seconds,
        pictures=pictures if len(pictures) > 1 else (),
        notes=tuple(dict.fromkeys(notes)),
    )
