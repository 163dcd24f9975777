"""Areas of one colour in a drawing: boxes of a diagram, states of a map, slices of a pie. Pure; knows no word.

An area is what a border, or another colour, surrounds. Text on it and holes in it do not divide it; a line of one pixel
does. Photographs have no areas: light and texture change from pixel to pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visagent.evidence.values import XYXY
from visagent_tools.engines.color_blocks import NEAR_COLOR, Paint

LARGEST_SIDE = 1600
"""Pixels; a larger picture is made smaller first."""
SMALLEST_SIDE = 64
EVEN = 8
"""How much a channel of CIELAB, as a byte, changes within a place of 3 by 3 pixels that is of one colour."""
FEW_COLORS = 16
DRAWN_SHARE = 0.65
"""Part of the pixels of a drawing that are even and of one of its few colours."""
DRAWN_BESIDES = 0.5
"""The same part of what is not of the ground's colour: things in front of a white wall are photographs as well."""
THICK = 9
"""Side of the smallest square that fits into what is thicker than lines and letters, pixels."""
LEAST_RADIUS = 3.0
"""Of the largest circle within an area, pixels: what is thinner is a line, a letter, or a blurred edge."""
LEAST_PART = 0.004
"""The same as a part of the picture's diagonal."""
LARGEST_HOLE = 0.3
"""Part of an area that a text on it covers at most."""
LEAST_OWN = 0.25
"""Part of what its outline encloses that is of an area's own colour: of a border less is."""
RIM = 3
"""Pixels around an area that are looked at for its border."""
COLORED = 25.0
"""Distance from the grey axis of CIELAB from which on a border is coloured."""
NOISE = 4.0
"""How many times the usual difference in lightness of a colour's pixels from it others may differ."""
LEAST_NEAR = 6.0
SMEARED = 30.0
"""Distance in CIELAB up to which a pixel is of a colour that is as light: JPEG keeps hues at half the resolution."""


class Area(NamedTuple):
    """An area of one colour.

    Attributes:
        xyxy: Its box, in pixels of the picture.
        mask: The pixels of its colour within that box; those of its coloured border where it is not filled.
        size: Pixels that its outline encloses, those of text and of other things on it included.
        filled: Part of its box that these are.
        convex: Part of its convex hull that these are.
        ellipse: Intersection over union with the ellipse in its box.
        rhombus: The same with the rhombus in its box.
        triangle: Part of the smallest triangle around it that it fills.
        radius: Radius of the largest circle inside, pixels.
        ground: Whether it is of the colour of the picture's ground.
        at_edge: Whether it reaches the picture's edge, beyond which more of it may be.
        holds: How many other areas it encloses.
        color: The number of its colour.
        soft: Whether a colour much like its own touches it without a border, as in a gradient or a shadow.
    """

    xyxy: XYXY
    mask: NDArray[np.bool_]
    size: float
    filled: float
    convex: float
    ellipse: float
    rhombus: float
    triangle: float
    radius: float
    ground: bool
    at_edge: bool
    holds: int
    color: int
    soft: bool


def is_drawn(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture is drawn in a few even colours, and not photographed or painted.

    Args:
        pixels: The picture, height x width x 3, RGB.
    """
    share, besides = evenness(pixels)
    return share >= DRAWN_SHARE and besides >= DRAWN_BESIDES


def evenness(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """The part of a picture that is even and of one of its few most frequent colours; the same without its ground.

    Args:
        pixels: The picture, height x width x 3, RGB.
    """
    import cv2

    lab = np.asarray(cv2.cvtColor(_reduced(pixels)[0], cv2.COLOR_RGB2LAB))
    square = np.ones((3, 3), np.uint8)
    even = ((cv2.dilate(lab, square).astype(np.int16) - cv2.erode(lab, square)) <= EVEN).all(axis=-1)
    cells = lab.astype(np.int64) // 6
    keys = (cells[..., 0] * 43 + cells[..., 1]) * 43 + cells[..., 2]
    counts = np.bincount(keys[even], minlength=43**3)
    order = np.argsort(-counts)
    # A colour on the border of two cells is in both of them.
    ground = np.abs(lab.astype(np.int16) - np.median(lab[keys == order[0]], axis=0)).max(axis=-1) <= EVEN
    frequent = np.zeros(43**3, bool)
    frequent[order[: 2 * FEW_COLORS]] = True
    good = even & frequent[keys]
    # Lines and letters are not even, and no mark of a photograph.
    besides = cv2.morphologyEx((~ground).astype(np.uint8), cv2.MORPH_OPEN, np.ones((THICK, THICK), np.uint8)) > 0
    rest = good[besides].mean() if besides.any() else 1.0
    return float(good.mean()), float(rest)


def drawn_areas(pixels: NDArray[np.uint8]) -> list[Area]:
    """The areas of one colour in a drawing, the largest first, without its ground.

    Args:
        pixels: The picture, height x width x 3, RGB.
    """
    import cv2

    if min(pixels.shape[:2]) < SMALLEST_SIDE:
        return []
    small, factor = _reduced(pixels)
    shown = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB))
    lab = shown.astype(np.float32)
    light, green, blue = cv2.split(shown)
    smooth = np.stack([light, cv2.medianBlur(green, 5), cv2.medianBlur(blue, 5)], axis=-1).astype(np.float32)
    palette = _palette(small, lab)
    owner = _owners(lab, smooth, palette)
    pieces = [piece for color in range(len(palette)) for piece in _pieces(owner == color, color)]
    pieces = [piece for piece in pieces if not _is_ground(piece, owner.shape)]
    diagonal = float(np.hypot(*owner.shape))
    pieces = [piece for piece in pieces if piece.radius >= max(LEAST_RADIUS, LEAST_PART * diagonal)]
    pieces.sort(key=lambda piece: -piece.size)
    touching = _touching(pieces, owner.shape)
    return [
        _area(piece, pieces, lab, factor, any(_alike(palette, piece, pieces[other]) for other in touching[at]))
        for at, piece in enumerate(pieces)
    ]


class _Piece(NamedTuple):
    left: int
    top: int
    mask: NDArray[np.uint8]
    """Its own pixels, in its box."""
    whole: NDArray[np.uint8]
    """What its outline encloses, in its box."""
    size: float
    radius: float
    color: int


def _reduced(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """A picture of bearable size, and how many times smaller it is."""
    import cv2

    height, width = pixels.shape[:2]
    factor = max(1.0, max(height, width) / LARGEST_SIDE)
    if factor == 1.0:
        return pixels, factor
    size = max(1, round(width / factor)), max(1, round(height / factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)), factor


def _palette(pixels: NDArray[np.uint8], lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """The colours of a picture, n x 3, the ground's first."""
    near = [lab[np.linalg.norm(lab - middle, axis=-1) < NEAR_COLOR] for middle in Paint(pixels).colors()]
    return np.array([np.median(own, axis=0) for own in near if len(own)], np.float32).reshape(-1, 3)


def _owners(lab: NDArray[np.float32], smooth: NDArray[np.float32], palette: NDArray[np.float32]) -> NDArray[np.int16]:
    """For each pixel the number of its colour, -1 for none: an edge, or noise.

    Args:
        lab: The picture in CIELAB.
        smooth: The same with hues that are smoothed, for colours that JPEG has smeared. A border of one pixel is dark
            or light, which stays.
        palette: The colours.
    """
    owner = np.full(lab.shape[:2], -1, np.int16)
    best = np.full(lab.shape[:2], np.inf, np.float32)
    for number, color in enumerate(palette):
        apart = np.abs(lab - color)
        own = apart[np.linalg.norm(apart, axis=-1) < NEAR_COLOR]
        usual = np.median(own, axis=0)
        clean = bool((usual[1:] == 0).all())
        apart = apart if clean else np.abs(smooth - color)
        distances = np.linalg.norm(apart, axis=-1)
        lightness = min(NEAR_COLOR, max(LEAST_NEAR, NOISE * float(usual[0])))
        taken = (apart[..., 0] < lightness) & (distances < (NEAR_COLOR if clean else SMEARED)) & (distances < best)
        owner[taken], best[taken] = number, distances[taken]
    return owner


def _pieces(mask: NDArray[np.bool_], color: int) -> list[_Piece]:
    """The connected pieces of a colour, with thin bridges cut, and joined with what text on them surrounds."""
    import cv2

    solid = _without_small_holes(mask.astype(np.uint8))
    # Where noise opens a thin border for a pixel or two, the areas on both sides stay two.
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    core = cv2.erode(solid, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
    found = []
    for number in range(1, count):
        left, top, width, height, size = (int(one) for one in stats[number])
        if min(width, height) < 2 * LEAST_RADIUS - 3 or size < LEAST_RADIUS**2:
            continue
        # One pixel more on each side, which the erosion took.
        x1, y1 = max(0, left - 1), max(0, top - 1)
        x2, y2 = min(mask.shape[1], left + width + 1), min(mask.shape[0], top + height + 1)
        part = (labels[y1:y2, x1:x2] == number).astype(np.uint8)
        part = np.asarray(cv2.dilate(part, cross), np.uint8) & solid[y1:y2, x1:x2]
        outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        whole = np.zeros_like(part)
        cv2.drawContours(whole, outlines, -1, 1, cv2.FILLED)
        padded = cv2.copyMakeBorder(part, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        radius = float(cv2.distanceTransform(padded, cv2.DIST_L2, 5).max())
        own = part & mask[y1:y2, x1:x2]
        if radius >= LEAST_RADIUS and own.sum() > LEAST_OWN * whole.sum():
            found.append(_Piece(x1, y1, own, whole, float(whole.sum()), radius, color))
    return found


def _without_small_holes(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask in which holes are filled that hold no area of their own, as those of letters do not.

    What is mostly hole is a border, and stays one.
    """
    import cv2

    filled = mask.copy()
    outlines, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is None:
        return filled
    holes = np.zeros_like(mask)
    for outline, (_, _, _, parent) in zip(outlines, tree[0], strict=True):
        if parent >= 0:
            x, y, width, height = cv2.boundingRect(outline)
            inside = np.zeros((height, width), np.uint8)
            cv2.drawContours(inside, [outline - (x, y)], -1, 1, cv2.FILLED)
            island = inside & mask[y : y + height, x : x + width]
            if inside.sum() > LARGEST_HOLE * cv2.contourArea(outlines[parent]):
                continue
            # The outline of a hole runs along the pixels around it.
            core = cv2.erode(island, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
            padded = cv2.copyMakeBorder(core, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
            if float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max()) < LEAST_RADIUS + 1:
                holes[y : y + height, x : x + width] |= inside
    return filled | holes


def _is_ground(piece: _Piece, shape: tuple[int, ...]) -> bool:
    """Whether a piece is what the others are drawn on: of the ground's colour at the edge, or nearly all."""
    height, width = piece.whole.shape
    bottom, right = piece.top + height, piece.left + width
    at_edge = piece.left == 0 or piece.top == 0 or right == shape[1] or bottom == shape[0]
    spans = width >= 0.9 * shape[1] and height >= 0.9 * shape[0]
    return spans or (at_edge and piece.color == 0)


def _touching(pieces: list[_Piece], shape: tuple[int, ...]) -> list[set[int]]:
    """For each piece the pieces that it meets along a good part of its edge, with no border between them."""
    import cv2

    numbers = np.full(shape, -1, np.int32)
    for number, piece in enumerate(pieces):
        height, width = piece.mask.shape
        part = numbers[piece.top : piece.top + height, piece.left : piece.left + width]
        part[piece.mask > 0] = number
    found: list[set[int]] = []
    square = np.ones((3, 3), np.uint8)
    for number, piece in enumerate(pieces):
        height, width = piece.mask.shape
        y1, x1 = max(0, piece.top - 2), max(0, piece.left - 2)
        part = numbers[y1 : piece.top + height + 2, x1 : piece.left + width + 2]
        own = (part == number).astype(np.uint8)
        edge = (cv2.dilate(own, square) > 0) & (own == 0)
        met = np.bincount(part[edge & (part >= 0)], minlength=1)
        around = max(1, int(edge.sum()))
        found.append({int(other) for other in np.flatnonzero(met > 0.15 * around) if other != number})
    return found


def _alike(palette: NDArray[np.float32], a: _Piece, b: _Piece) -> bool:
    return float(np.linalg.norm(palette[a.color] - palette[b.color])) < 2 * NEAR_COLOR


def _area(piece: _Piece, pieces: list[_Piece], lab: NDArray[np.float32], factor: float, soft: bool) -> Area:
    import cv2

    height, width = piece.whole.shape
    # Compression nibbles at edges.
    whole = cv2.morphologyEx(piece.whole, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=cv2.contourArea)
    hull = np.zeros_like(piece.whole)
    cv2.fillConvexPoly(hull, cv2.convexHull(outline), 1)
    triangle = float(cv2.minEnclosingTriangle(outline)[0])
    y, x = np.mgrid[0:height, 0:width]
    across, down = np.abs((x + 0.5) / width * 2 - 1), np.abs((y + 0.5) / height * 2 - 1)
    holds = sum(
        other is not piece
        and piece.left < other.left
        and piece.top < other.top
        and other.left + other.mask.shape[1] < piece.left + width
        and other.top + other.mask.shape[0] < piece.top + height
        and other.size > 0.02 * piece.size
        and bool(piece.whole[other.top - piece.top, other.left + other.mask.shape[1] // 2 - piece.left])
        for other in pieces
    )
    box = piece.left, piece.top, piece.left + width, piece.top + height
    mask, ground = piece.mask.astype(bool), piece.color == 0
    if ground and (rim := _colored_rim(piece, lab)) is not None:
        mask = rim
        box = box[0] - RIM, box[1] - RIM, box[2] + RIM, box[3] + RIM
    return Area(
        xyxy=(box[0] * factor, box[1] * factor, box[2] * factor, box[3] * factor),
        mask=mask,
        size=piece.size * factor**2,
        filled=float(whole.sum()) / (width * height),
        convex=float(whole.sum()) / max(1.0, float(hull.sum())),
        ellipse=_overlap(whole > 0, across**2 + down**2 <= 1),
        rhombus=_overlap(whole > 0, across + down <= 1),
        triangle=float(whole.sum()) / triangle if triangle else 0.0,
        radius=piece.radius * factor,
        ground=ground,
        at_edge=box[0] <= 0 or box[1] <= 0 or box[2] >= lab.shape[1] or box[3] >= lab.shape[0],
        holds=holds,
        color=piece.color,
        soft=soft,
    )


def _colored_rim(piece: _Piece, lab: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """The border around a piece, in its box enlarged by `RIM`; None where it is black or gray."""
    import cv2

    height, width = piece.whole.shape
    x1, y1, x2, y2 = piece.left - RIM, piece.top - RIM, piece.left + width + RIM, piece.top + height + RIM
    if x1 < 0 or y1 < 0 or x2 > lab.shape[1] or y2 > lab.shape[0]:
        return None
    around = cv2.copyMakeBorder(piece.whole, RIM, RIM, RIM, RIM, cv2.BORDER_CONSTANT, value=0)
    rim = (cv2.dilate(around, np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) - around) > 0
    chroma = np.linalg.norm(lab[y1:y2, x1:x2, 1:] - 128, axis=-1)
    colored = rim & (chroma >= COLORED)
    return np.asarray(colored) if colored.sum() > 0.3 * rim.sum() else None


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))
