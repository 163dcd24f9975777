"""Regions as they are written on a command line. Knows no medium."""

from __future__ import annotations

from collections.abc import Sequence

from visagent.core.errors import QuestionError


def parse_regions(written: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Rectangles by name, from `r1=10,20,200,120`; whether they lie in a picture, only the picture tells.

    Args:
        written: One a region; `image2#r1=…` where there are several pictures.

    Raises:
        QuestionError: one has another form, or two have one name.
    """
    regions: dict[str, tuple[float, ...]] = {}
    for text in written:
        name, _, numbers = text.rpartition("=")
        try:
            box = tuple(float(number) for number in numbers.split(","))
        except ValueError:
            box = ()
        if not name.strip() or len(box) != 4:
            raise QuestionError(
                f"--region {text[:80]!r} is no region.", "Write NAME=LEFT,TOP,RIGHT,BOTTOM in pixels: r1=10,20,200,120."
            )
        if name.strip() in regions:
            raise QuestionError(f"Two regions are named {name.strip()[:60]!r}.", "Give each a name of its own.")
        regions[name.strip()] = box
    return regions
