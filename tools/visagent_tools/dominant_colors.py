"""Naming colours.

A pixel gets the basic colour term of the nearest prototype in CIELAB. The terms are the eleven of Berlin and Kay (Basic
Color Terms, 1969); the prototypes are shades that the xkcd colour survey (R. Munroe, 2010, CC0: 222,500 people naming
colours on screens, https://blog.xkcd.com/2010/05/03/color-survey-results/) calls by these terms, such as "dark red".
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

from visagent.core.errors import MissingInput
from visagent.evidence.values import Boxes, Crop, Label, Labels
from visagent.tools.toolkit import tool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Color = Literal["black", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white", "yellow"]

PROTOTYPES: dict[Color, tuple[str, ...]] = {
    "black": ("000000",),
    "blue": (
        "0343df",
        "95d0fc",
        "cafffb",
        "01889f",
        "000133",
        "436bad",
        "040273",
        "0203e2",
        "3a2efe",
        "8b88f8",
        "3b719f",
        "5a86ad",
    ),
    "brown": ("653700", "341c02", "886806", "d3b683", "876e4b", "b2713d"),
    "gray": ("929591", "86775f", "89a0b0"),
    "green": ("15b01a", "a8b504", "7bb274", "6a6e09", "033500", "96f97b", "3d9973", "bdf8a3"),
    "orange": ("f97306", "fdaa48", "d8863b", "c04e01"),
    "pink": ("ff81c0", "de9dac", "ff028d", "ffd1df", "f075e6", "fe7b7c", "d1768f"),
    "purple": ("7e1e9c", "84597e", "35063e", "9900fa", "bf77f6", "b790d4", "eecffe"),
    "red": ("e50000", "840000", "8f1402", "af2f0d"),
    "white": ("ffffff", "ffffe4"),
    "yellow": ("ffff14", "fec615", "ffff84", "c2b709"),
}
"""sRGB values of shades that people call by each term."""

LEAST_CHROMA = 9.0
"""Distance from the grey axis of CIELAB below which a pixel is black, gray or white: what photographs make of gray."""

SIDE = 96  # a region is averaged down to at most so many pixels a side: texture and noise blend as they do to the eye
LEAST_SHARE = 0.05
OF_A_COLOR = 0.2
"""The share from which on an object is of a colour, though another may cover more of it: windows, tyres and shadows are
black on everything. The value was set on one picture, between a blue bus (26 % blue) and a man in jeans (17 %); that
picture is in the question set as well, and no labelled set has confirmed it.
"""

EVEN = 10.0
"""Distance in CIELAB within which three of four pixels of an object are of one shade, as in a drawing."""
AS_NEAR = 1.2
"""How many times as far another term may be as the nearest one, if some will call an even shade by it."""
UNSURE = 0.2
"""Confidence of an object whose even shade is between two terms: answers that hang on it stay open."""


@tool(version="3", by_sight=True, serves="tell_colors")
def dominant_colors(image: list[Crop]) -> Labels:
    """Name the main colors of a picture or object.

    Args:
        image: What to look at.
    """
    shares = _pooled(image)
    # Of what somebody wears an outline holds a little else as well: hair, a hand, skin at the neck.
    least = LEAST_SHARE if any(crop.mask is None for crop in image) else min(OF_A_COLOR, max(shares.values()))
    ranked = sorted(((share, name) for name, share in shares.items() if share >= least), reverse=True)
    return Labels(labels=tuple(Label(name=name, share=share) for share, name in ranked))


@tool(version="3", by_sight=True)
def filter_color(boxes: Boxes, color: Color) -> Boxes:
    """The objects that are of a color.

    Args:
        boxes: The objects.
        color: A basic color term.
    """
    kept = []
    for box, crop in zip(boxes.boxes, boxes.crops(), strict=True):
        if even := _even_names(crop):
            unsure = {"confidence": min(box.confidence, UNSURE)} if len(even) > 1 else {}
            kept += [box.model_copy(update=unsure)] if color in even else []
            continue
        shares = color_shares(crop)
        if shares[color] >= OF_A_COLOR or shares[color] == max(shares.values()):
            kept.append(box)
    return boxes.replace(kept)


def color_shares(crop: Crop) -> dict[Color, float]:
    """The part of a region that each basic colour covers; they sum to 1.

    Of an object that is outlined its own pixels count, and of a person what covers the torso, where that is seen: it is
    clothes that make a person red. Any other crop with a label is one object in its box: only the ellipse that touches
    the box's sides counts, and its middle counts more, because the corners of a box show what is behind the object.

    Raises:
        MissingInput: the region has no pixel.
    """
    import numpy as np
    from PIL import Image

    from visagent_tools.worn import clothes, is_person

    if crop.mask is None and is_person(crop.label) and (worn := clothes(crop)) is not None:
        crop = crop.model_copy(update={"mask": worn, "xyxy": worn.xyxy})
    picture = crop.image()
    own = _own_pixels(crop, picture.size)
    factor = SIDE / max(picture.size)
    if factor < 1:
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        if own is not None:
            # Black beyond the outline, then as bright again as its pixels are: no background is blended in.
            picture = Image.fromarray(np.where(own[..., None], np.asarray(picture), 0).astype(np.uint8))
        picture = picture.resize(size, Image.Resampling.BOX)
        if own is not None:
            own = np.asarray(Image.fromarray(own.astype(np.float32)).resize(size, Image.Resampling.BOX))
            bright = np.asarray(picture) / np.maximum(own, 1e-3)[..., None]
            picture = Image.fromarray(bright.clip(0, 255).astype(np.uint8))
    pixels = np.asarray(picture)
    named = name_pixels(pixels).ravel()
    if own is not None and own.any():
        weights = np.asarray(own, float).ravel()
    else:
        weights = _middle(*pixels.shape[:2]).ravel() if crop.label else np.ones(len(named))
    summed = np.bincount(named, weights, minlength=len(PROTOTYPES))
    return {name: min(1.0, float(share)) for name, share in zip(PROTOTYPES, summed / summed.sum(), strict=True)}


def _even_names(crop: Crop) -> tuple[Color, ...]:
    """What an object whose mask is all of one shade may be called; nothing where it has no mask, or several shades."""
    import numpy as np

    if crop.mask is None:
        return ()
    picture = crop.image()
    inside = _own_pixels(crop, picture.size)
    if inside is None or not inside.any():
        return ()
    own = np.asarray(picture)[inside > 0]
    own = own[:: max(1, len(own) // SIDE**2)]
    lab = cielab(own)
    shade = np.median(lab, axis=0)
    if np.quantile(np.linalg.norm(lab - shade, axis=1), 0.75) > EVEN:
        return ()
    prototypes, terms = _prototypes()
    distances = np.linalg.norm(prototypes - shade, axis=1)
    first = name_pixels(np.median(own, axis=0)[None].astype(np.uint8))[0]
    near = {int(term) for term in terms[distances <= AS_NEAR * distances[terms == first].min()]}
    return tuple(name for at, name in enumerate(PROTOTYPES) if at == first or at in near)


def name_pixels(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    """For each pixel the index of its basic colour among the keys of `PROTOTYPES`.

    Args:
        rgb: (..., 3), sRGB, 0 to 255.
    """
    import numpy as np

    prototypes, terms = _prototypes()
    lab = cielab(rgb)[..., None, :]
    distances = ((lab - prototypes) ** 2).sum(axis=-1)
    neutral = np.hypot(lab[..., 1], lab[..., 2]) < LEAST_CHROMA
    names = list(PROTOTYPES)
    colored = ~np.isin(terms, [names.index("black"), names.index("gray"), names.index("white")])
    distances[neutral & colored] = np.inf
    return np.asarray(terms[distances.argmin(axis=-1)])


def cielab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB (CIE 15:2004) under D65 of sRGB values (IEC 61966-2-1).

    scikit-image has the same formula, with scipy and 150 MB behind it; OpenCV interpolates in a table, and is off by up
    to 0.4 on the 8-bit colors.

    Args:
        rgb: (..., 3), 0 to 255.
    """
    import numpy as np

    value = np.asarray(rgb) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _own_pixels(crop: Crop, size: tuple[int, int]) -> NDArray[np.float64] | None:
    """Height x width of a region's picture: 1 for the pixels of the object that is meant; None without an outline."""
    import numpy as np
    from PIL import Image

    if crop.mask is None:
        return None
    # The same whole pixels as `Crop.image` takes.
    left, top, right, bottom = int(crop.xyxy[0]), int(crop.xyxy[1]), *(-int(-edge // 1) for edge in crop.xyxy[2:])
    part = crop.mask.array()[top:bottom, left:right]
    shown = Image.fromarray(part).convert("L").resize(size, Image.Resampling.NEAREST)
    return np.asarray(shown, np.float64) / 255


def _pooled(crops: list[Crop]) -> dict[Color, float]:
    """The mean shares over crops, each of which counts the same whatever its size."""
    if not crops:
        raise MissingInput(
            "dominant_colors(image): there is nothing to look at.",
            "Give a picture, or boxes that hold at least one object.",
        )
    each = [color_shares(crop) for crop in crops]
    return {name: min(1.0, sum(shares[name] for shares in each) / len(each)) for name in PROTOTYPES}


@cache
def _prototypes() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The prototypes in CIELAB, and for each the index of its term."""
    import numpy as np

    rgb = [[int(shade[i : i + 2], 16) for i in (0, 2, 4)] for shades in PROTOTYPES.values() for shade in shades]
    terms = [index for index, shades in enumerate(PROTOTYPES.values()) for _ in shades]
    return cielab(np.array(rgb, np.uint8)), np.array(terms)


def _middle(height: int, width: int) -> NDArray[np.float64]:
    """Weights that fall off from 1 in the middle to 0 at the ellipse that touches the sides."""
    import numpy as np

    y = (np.arange(height) + 0.5) / height * 2 - 1
    x = (np.arange(width) + 0.5) / width * 2 - 1
    return np.asarray((1 - y[:, None] ** 2 - x[None] ** 2).clip(min=0))
