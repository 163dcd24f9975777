"""Boxes of a diagram, states of a map, bars of a chart: things that are drawn in one colour, found by colour and shape.

What an area is meant to be, nobody but the reader of a map can tell: the results say that they are areas of one colour.
Those whose shape or size leaves it open whether they count have a low confidence; answers that hang on them stay open.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from visagent.core.words import singulars
from visagent.evidence.masks import union
from visagent.evidence.values import Box, Boxes, Crop, Mask, Note
from visagent_tools.engines.memo import Memo
from visagent_tools.found import in_pictures

if TYPE_CHECKING:
    from visagent_tools.engines.drawn_areas import Area

SURE = 0.45
"""Confidence of an area that has the shape that is asked for: answers say "probably"."""
UNSURE = 0.2
"""Confidence of an area of which it is open whether it counts."""

ROUND = 0.88
NEARLY_ROUND = 0.84
"""Intersection over union with an ellipse from which on an area is one, or may be one: of a square it is 0.79."""
LONGER = 1.2
"""How many times as wide as high, or the other way round, a circle or a square is at most."""
SMALL = 0.15
"""Part of the usual size below which an area may be a mark of the key, or a town."""
NEAR = 6.0
"""Pixels from the line on which bars begin within which something else may be a bar as well."""
LEAST = 0.01
"""Part of the usual size below which an area is the blurred edge of another one."""

_KINDS = {
    "box": "box block rectangle tile cell 方框 框 框框 方块 矩形 长方形 色块 格子 单元格 方格 格",
    "square": "square 正方形",
    "circle": "circle bubble disc disk 圆圈 圆 圆形 圈 气泡",
    "dot": "dot spot 圆点 点",
    "ellipse": "ellipse oval 椭圆 椭圆形",
    "diamond": "diamond rhombus 菱形",
    "triangle": "triangle 三角形 三角",
    "bar": "bar column 柱子 柱 柱形 柱条 条形",
    "part": """state country province county region area district territory zone slice wedge segment sector shape
        州 国家 省 省份 县 地区 区域 扇形 扇区 形状 图形""",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_BEFORE = frozenset(
    "flow chart flowchart diagram map pie table text bar colored coloured filled rounded rectangular shaded".split()  # noqa: SIM905
)
"""Words that may stand before such a word without making it another thing, as "lunch" does of a box."""


class Candidate(NamedTuple):
    """What may be one of the things that are asked for, mostly one area, and whether it surely is of their shape."""

    areas: tuple[Area, ...]
    sure: bool


def drawn_things(image: Sequence[Crop], label: str) -> Boxes | None:
    """The areas of one colour that a word for a part of a drawing stands for.

    None where the word is none of these, or a picture is no drawing: then nothing can be told this way.

    Args:
        image: Where to look.
        label: What to look for.

    Raises:
        MissingInput: a region has no pixel.
    """
    kind = kind_of(label)
    if kind is None:
        return None
    found = [_areas(crop) for crop in image]
    chosen = [None if areas is None else _KEPT[kind](areas) for areas in found]
    if any(one is None for one in chosen):
        return None
    boxes = [
        [_box(crop, candidate, label) for candidate in candidates or ()]
        for crop, candidates in zip(image, chosen, strict=True)
    ]
    return in_pictures(image, boxes, [Note(kind="areas", words=(label,))])


def kind_of(label: str) -> str | None:
    """What shape a word for a part of a drawing asks for; None for any other word.

    >>> kind_of("flow chart boxes"), kind_of("方框"), kind_of("lunch box")
    ('box', 'box', None)
    """
    from visagent_tools.labels_zh import english

    *before, last = english(label).lower().replace("-", " ").split() or [""]
    if not _BEFORE.issuperset(before):
        return None
    return next((_KIND_OF[form] for form in (last, *singulars(last)) if form in _KIND_OF), None)


def _areas(crop: Crop) -> list[Area] | None:
    """The areas of a region that is drawn; None of one that is not."""
    from visagent_tools.engines.drawn_areas import drawn_areas, is_drawn

    def look() -> list[Area] | None:
        pixels = crop.array()
        return drawn_areas(pixels) if is_drawn(pixels) else None

    return kept_areas.get((crop.media, crop.xyxy, crop.scale, crop.seconds), look)


kept_areas: Memo[tuple[object, ...], list[Area] | None] = Memo(limit=16)
"""The areas of the latest regions: a question often asks for several kinds and colours."""


def _box(crop: Crop, candidate: Candidate, label: str) -> Box:
    """What was found as a box, with a mask of the pixels that are of its colour."""
    edges = list(zip(*(crop.to_original(area.xyxy) for area in candidate.areas), strict=True))
    masks = [mask for area in candidate.areas if (mask := _mask(crop, area)) is not None]
    return Box(
        xyxy=(min(edges[0]), min(edges[1]), max(edges[2]), max(edges[3])),
        label=label,
        confidence=SURE if candidate.sure else UNSURE,
        mask=union(masks) if masks else None,
    )


def _mask(crop: Crop, area: Area) -> Mask | None:
    """The pixels of an area in the picture that a region is of."""
    import cv2
    import numpy as np

    from visagent.media.media import Media

    media = Media.loaded(crop.media)
    if media is None:
        return None
    left, top, right, bottom = (round(edge) for edge in crop.to_original(area.xyxy))
    width, height = media.image().size if crop.seconds is None else media.frame(crop.seconds).size
    right, bottom = min(width, max(right, left + 1)), min(height, max(bottom, top + 1))
    whole = np.zeros((height, width), np.uint8)
    shown = area.mask.astype(np.uint8)
    whole[top:bottom, left:right] = cv2.resize(shown, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
    return Mask.from_array(whole)


def _is_rectangle(area: Area) -> bool:
    """Whether it is a rectangle whose corners may be rounded."""
    return area.filled >= 0.84 and area.convex >= 0.95 and area.ellipse < ROUND


def _is_ellipse(area: Area) -> bool:
    return area.ellipse >= ROUND and area.convex >= 0.9


def _longer(area: Area) -> float:
    """How many times its shorter side the longer side of its box is."""
    x1, y1, x2, y2 = area.xyxy
    return max(x2 - x1, y2 - y1) / max(1.0, min(x2 - x1, y2 - y1))


def _is_closed(area: Area) -> bool:
    """Whether it is an area of its own for certain: not the ground between lines, nor one shade of a gradient."""
    return not (area.ground or area.soft or area.at_edge)


def _shaped(areas: Sequence[Area], fits: Callable[[Area], bool], perhaps: Callable[[Area], bool]) -> list[Candidate]:
    """Areas of a shape, and those that may pass for it; much smaller ones, and ones that hold others, are unsure."""
    of_shape = [area for area in areas if fits(area)]
    usual = _usual_size(of_shape)
    return [
        Candidate((area,), fits(area) and _is_closed(area) and not area.holds and area.size >= SMALL * usual)
        for area in areas
        if fits(area) or (perhaps(area) and area.size >= SMALL * usual)
    ]


def _boxes(areas: list[Area]) -> list[Candidate]:
    # What is not a rectangle, such as a diamond, is called a box as well, or is several boxes that touch.
    return _shaped(areas, _is_rectangle, lambda area: not area.ground)


def _squares(areas: list[Area]) -> list[Candidate]:
    return _shaped(
        areas,
        lambda area: _is_rectangle(area) and _longer(area) <= LONGER,
        lambda area: not area.ground and (area.convex < 0.95 or (_is_rectangle(area) and _longer(area) <= 1.5)),
    )


def _circles(areas: list[Area]) -> list[Candidate]:
    return _shaped(
        areas,
        lambda area: _is_ellipse(area) and _longer(area) <= LONGER,
        lambda area: not area.ground and (area.convex < 0.9 or (area.ellipse >= NEARLY_ROUND and _longer(area) <= 1.5)),
    )


def _ellipses(areas: list[Area]) -> list[Candidate]:
    return _shaped(
        areas, _is_ellipse, lambda area: not area.ground and (area.convex < 0.9 or area.ellipse >= NEARLY_ROUND)
    )


def _diamonds(areas: list[Area]) -> list[Candidate]:
    return _shaped(areas, lambda area: area.rhombus >= 0.88, lambda area: not area.ground and area.convex < 0.9)


def _triangles(areas: list[Area]) -> list[Candidate]:
    return _shaped(
        areas,
        lambda area: area.triangle >= 0.88 and area.filled < 0.7 and area.rhombus < 0.8,
        lambda area: not area.ground and area.convex < 0.9,
    )


def _parts(areas: list[Area]) -> list[Candidate]:
    """Areas of any shape, without the little squares of a key and the dots of towns."""
    usual = _usual_size([area for area in areas if not area.ground and not area.at_edge])
    kept = []
    for area in areas:
        mark = (_is_rectangle(area) or area.ellipse >= 0.8) and _longer(area) <= 3
        scrap = area.size < LEAST * usual or area.convex < 0.85 or area.filled < 0.5
        if area.size >= SMALL * usual or not (mark or scrap):
            kept.append(Candidate((area,), _is_closed(area) and area.size >= SMALL * usual))
    return kept


def _usual_size(areas: Sequence[Area]) -> float:
    """The size of an area of which half of all that is covered belongs to larger ones; 0 without any."""
    half = sum(area.size for area in areas) / 2
    for area in sorted(areas, key=lambda one: -one.size):
        half -= area.size
        if half <= 0:
            return area.size
    return 0.0


def _bars(areas: list[Area]) -> list[Candidate] | None:
    """Rectangles that begin on one line and are equally wide; None where there are no three, or they are stacked."""
    from visagent_tools.engines.bar_charts import bars_in_one_row

    blocks = {area.xyxy: area for area in areas if area.filled >= 0.8 and not area.ground}
    wide = max((area.xyxy[2] for area in areas), default=0.0)
    colored = [(xyxy, area.color) for xyxy, area in blocks.items()]
    rows = {lying: bars_in_one_row(colored, lying, wide) for lying in (False, True)}
    lying = len(rows[True]) > len(rows[False])
    if len(rows[lying]) < 3:
        return None
    stacks = [tuple(blocks[xyxy] for xyxy in parts) for parts in rows[lying]]
    if any(len({area.color for area in parts}) > 1 for parts in stacks):
        # What colour a bar of several shades is called by, and whether it counts for each, nobody can tell.
        return None
    taken = {xyxy for parts in rows[lying] for xyxy in parts}
    # Words may cover most of a short bar, and lines may cut one.
    base = statistics.median((parts[0].xyxy[0] if lying else parts[0].xyxy[3]) for parts in stacks)
    others = [
        area
        for area in areas
        if not area.ground and area.xyxy not in taken and abs((area.xyxy[0] if lying else area.xyxy[3]) - base) <= NEAR
    ]
    return [
        *(Candidate(parts, not any(area.soft or area.holds for area in parts)) for parts in stacks),
        *(Candidate((area,), False) for area in others),
    ]


_KEPT: dict[str, Callable[[list[Area]], list[Candidate] | None]] = {
    "box": _boxes,
    "square": _squares,
    "circle": _circles,
    "dot": _circles,
    "ellipse": _ellipses,
    "diamond": _diamonds,
    "triangle": _triangles,
    "bar": _bars,
    "part": _parts,
}
