"""Reading drawings: flat-coloured shapes on plain ground, and the panels they stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visagent.core.install import requiring
from visagent.evidence.values import Box, Boxes, Crop
from visagent.tools.toolkit import tool
from visagent_tools.engines.memo import Memo

if TYPE_CHECKING:
    from visagent_research.nlvr.tools.flat_shapes import Region

# A plan asks for the shapes and the panels of the same drawing.
_LATEST: Memo[Crop, tuple[list[Region], list[Region]]] = Memo(8)


@tool
def segment_shapes(image: Crop) -> Boxes:
    """Find every flat shape of a drawing, such as yellow circle or black square.

    For diagrams, charts and synthetic scenes; in a photo nothing is flat. Each box is labelled by its colour and by
    circle, square, rectangle, triangle, or shape for any other figure.

    Args:
        image: The drawing.
    """
    from visagent_tools.dominant_colors import PROTOTYPES, name_pixels

    shapes, _ = _read(image)
    if not shapes:
        return Boxes(media=image.media, seconds=image.seconds)
    import numpy as np

    terms = list(PROTOTYPES)
    named = name_pixels(np.array([shape.rgb for shape in shapes], np.uint8))
    labels = [f"{terms[term]} {shape.kind}" for term, shape in zip(named, shapes, strict=True)]
    return _boxes(image, shapes, labels)


@tool
def panels(image: Crop) -> Boxes:
    """Find the panels of a drawing: the plain areas that its shapes stand on.

    Args:
        image: The drawing.
    """
    _, found = _read(image)
    return _boxes(image, found, ["panel"] * len(found))


def _read(image: Crop) -> tuple[list[Region], list[Region]]:
    """The shapes and the panels of a drawing.

    Raises:
        MissingDependency: OpenCV is not installed.
    """
    with requiring("segment_shapes needs OpenCV", "embedded"):
        from visagent_research.nlvr.tools.flat_shapes import find_regions

        return _LATEST.get(image, lambda: find_regions(image.array()))


def _boxes(image: Crop, regions: list[Region], labels: list[str]) -> Boxes:
    boxes = (
        Box(xyxy=image.to_original(region.xyxy), label=label, confidence=round(region.fill, 3))
        for region, label in zip(regions, labels, strict=True)
    )
    return Boxes(media=image.media, boxes=tuple(boxes), seconds=image.seconds)
