"""The ways in which model families write boxes, and their mapping to pixels of a picture. Asks no model.

A family was trained on one convention and keeps to it whatever a prompt says: the prompt is worded for it
(`instructions`), and the reply is read by it (`parse_boxes`). What comes out is in pixels of the picture that was
shown; `to_boxes` maps on to the original, however deeply its crops are nested.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from visagent.core.errors import ModelError
from visagent.core.text import cleaned
from visagent.evidence.overlap import shared_area, shared_length
from visagent.evidence.values import XYXY, Box, Boxes, Crop
from visagent.models.configs import Grounding
from visagent.models.image_sizes import Size, sent_size, smart_resize
from visagent.models.reply_text import json_values, without_thoughts

_log = logging.getLogger(__name__)

MOST_BOXES = 500
"""Boxes that are read from one reply; a model that repeats itself writes them until its tokens are used up."""

POINT_SHARE = 0.02
"""Side of the square that stands for a point, as a share of the picture's shorter side."""


WIDEST = 3.0
"""Sides' ratio from which a picture is shown in parts: beyond, boxes of Qwen3-VL are far off (QwenLM/Qwen3-VL#2020)."""

MOST_TILES = 8
"""Parts at most; beyond, they are longer."""


class Convention(StrEnum):
    """What the numbers of a box mean.

    `RELATIVE_1000`: 0 to 1000 of width and height (Qwen3-VL, Qwen3.5, InternVL, GLM-V); `RELATIVE_1000_YX`: the same,
    y before x (Gemini, Gemma); `RELATIVE_1`: 0 to 1 (LLaVA, Kimi-VL); `RESIZED_PIXELS`: pixels of the picture as
    Qwen2.5-VL's processor resizes it; `PIXELS`: pixels of the picture as sent.
    """

    RELATIVE_1000 = "relative-1000"
    RELATIVE_1000_YX = "relative-1000-yx"
    RELATIVE_1 = "relative-1"
    RESIZED_PIXELS = "resized-pixels"
    PIXELS = "pixels"


# The first that matches counts; names are compared without punctuation: Qwen2.5-VL, qwen2_5_vl, qwen25vl.
_FAMILIES = (
    (re.compile(r"qwen25(vl|omni)|uitars"), Convention.RESIZED_PIXELS),
    (re.compile(r"gemini|gemma"), Convention.RELATIVE_1000_YX),
    (re.compile(r"llava|kimi"), Convention.RELATIVE_1),
    (re.compile(r"gpt|claude"), Convention.PIXELS),
)


@dataclass(frozen=True)
class GroundedBox:
    """A box that a model wrote, in pixels of the picture that it was shown.

    Attributes:
        xyxy: Left, top, right, bottom.
        label: The model's own word for it: data, one short line without markup.
        point: Whether the model gave a point, for which a small square stands.
    """

    xyxy: XYXY
    label: str = ""
    point: bool = False


def convention_of(model: str) -> Convention:
    """The convention of a model's family; `RELATIVE_1000`, which most use, where the family is not known.

    Args:
        model: Its name, as a repository, a file or a server calls it.
    """
    name = re.sub(r"[^a-z0-9]", "", model.lower())
    return next((convention for family, convention in _FAMILIES if family.search(name)), Convention.RELATIVE_1000)


def chosen_convention(setting: Grounding, model: str) -> Convention | None:
    """The convention that a profile sets; None where it says that the model cannot locate things.

    Args:
        setting: `grounding` of the model in the profile.
        model: Its name, for `auto`.
    """
    if setting == "none":
        return None
    return convention_of(model) if setting == "auto" else Convention(setting)


def instructions(convention: Convention) -> str:
    """What a prompt says of how boxes are written: the same for every picture, so that a prefix is reused."""
    box, of = '"bbox_2d" is [x1, y1, x2, y2]', "of the picture's width and height"
    return {
        Convention.RELATIVE_1000: f"{box}, whole numbers from 0 to 1000 {of}",
        Convention.RELATIVE_1000_YX: '"box_2d" is [ymin, xmin, ymax, xmax], whole numbers from 0 to 1000 of the '
        "picture's height and width",
        Convention.RELATIVE_1: f"{box}, numbers from 0 to 1 {of} with three decimals",
        Convention.RESIZED_PIXELS: f"{box} in pixels of the picture",
        Convention.PIXELS: f"{box} in pixels of the picture",
    }[convention] + "; (0, 0) is the top left corner."


def boxes_schema(convention: Convention, *, most: int = 100) -> dict[str, Any]:
    """JSON schema of a list of boxes with labels, in the form that the convention's families were trained on.

    Args:
        convention: Convention of the model.
        most: Boxes at most.
    """
    number: dict[str, Any] = {"type": "integer", "minimum": 0}
    if convention in (Convention.RELATIVE_1000, Convention.RELATIVE_1000_YX):
        number["maximum"] = 1000
    elif convention is Convention.RELATIVE_1:
        number = {"type": "number", "minimum": 0, "maximum": 1}
    key = _box_key(convention)
    item = {
        "type": "object",
        "properties": {
            key: {"type": "array", "items": number, "minItems": 4, "maxItems": 4},
            "label": {"type": "string", "maxLength": 80},
        },
        "required": [key, "label"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": item, "maxItems": most}


def parse_boxes(text: str, convention: Convention, size: Size) -> list[GroundedBox]:
    """The boxes in a model's reply, in pixels of the picture that was shown, in the reply's order.

    Reads a list or a single object, inside a schema's object, in a code fence, after thoughts or amid prose, cut off in
    the middle, and the tags of families that do not write JSON. Corners are put in order and clipped to the picture; a
    box without an area is left out, and a log line says so.

    Args:
        text: The reply.
        convention: Convention of the model.
        size: Size of the picture that was shown, before it was shrunk to be sent.

    Returns:
        None where the model says that there are none.

    Raises:
        ModelError: the reply holds neither boxes nor an empty list, or no box of it lies in the picture.
    """
    said = without_thoughts(text)
    found = list(_found(said))[:MOST_BOXES]
    if not found and not any(_says_none(value) for value in json_values(said)):
        raise ModelError(
            f"The model was asked for boxes and answered “{cleaned(said) or 'nothing'}”.",
            "Use a model that was trained to locate things, such as Qwen3-VL, or a detector.",
        )
    boxes = [box for item in found if (box := _placed(item, convention, size)) is not None]
    if found and not boxes:
        raise ModelError(
            f"The model gave {len(found)} boxes of which none has an area inside the picture.",
            f"Set `grounding` of the model in the profile: {convention} may not be its convention.",
        )
    if left_out := len(found) - len(boxes):
        _log.warning(
            "%d of %d boxes of a reply have no area inside the picture and were left out", left_out, len(found)
        )
    return boxes


def to_boxes(found: Sequence[GroundedBox], crop: Crop, *, confidence: float = 1.0) -> Boxes:
    """Boxes in pixels of the original picture.

    Args:
        found: Boxes in pixels of `crop.image()`.
        crop: The region that was shown; of a region of a region, too, it says where in the original it lies.
        confidence: Confidence of every box; models do not tell.
    """
    return Boxes(
        media=crop.media,
        seconds=crop.seconds,
        boxes=tuple(Box(xyxy=crop.to_original(box.xyxy), label=box.label, confidence=confidence) for box in found),
    )


def tiles(crop: Crop) -> list[Crop]:
    """The region itself; one that is very wide or very tall, where models miss, as overlapping parts.

    Ask for boxes in each and join them with `join_tiles`.
    """
    left, top, right, bottom = crop.xyxy
    sides = (right - left, bottom - top)
    long, short = max(sides), min(sides)
    if short <= 0 or long <= WIDEST * short:
        return [crop]
    overlap = short / 2
    count = min(MOST_TILES, math.ceil((long - overlap) / (2 * short - overlap)))
    length = (long + (count - 1) * overlap) / count
    starts = [number * (length - overlap) for number in range(count)]
    if sides[0] == long:
        parts = [(left + start, top, min(right, left + start + length), bottom) for start in starts]
    else:
        parts = [(left, top + start, right, min(bottom, top + start + length)) for start in starts]
    return [crop.model_copy(update={"xyxy": part}) for part in parts]


def join_tiles(found: Sequence[tuple[Crop, Sequence[Box]]]) -> list[Box]:
    """The boxes of overlapping tiles, each thing once; what a seam cuts in two becomes one box.

    Args:
        found: The tiles of one region in their order, each with its boxes in pixels of the original.
    """
    joined: list[tuple[int, Box]] = []
    for number, (tile, boxes) in enumerate(found):
        for box in boxes:
            same = next(
                (
                    at
                    for at, (other, kept) in enumerate(joined)
                    if other == number - 1 and _same_thing(found[other][0], kept, tile, box)
                ),
                None,
            )
            if same is None:
                joined.append((number, box))
            else:
                joined[same] = (number, _union(joined[same][1], box))
    return [box for _, box in joined]


def _same_thing(tile: Crop, kept: Box, next_tile: Crop, box: Box) -> bool:
    """Whether boxes from two neighbouring tiles show one thing."""
    if kept.label.casefold() != box.label.casefold():
        return False
    shared = shared_area(kept.xyxy, box.xyxy)
    if shared <= 0:
        return False
    if shared >= 0.5 * (kept.area + box.area - shared):
        return True
    # A part that ends at the seam belongs to what goes on beyond it; 2 % of the tile is how exactly models draw.
    axis = 0 if next_tile.xyxy[0] > tile.xyxy[0] else 1
    near = 0.02 * (tile.xyxy[axis + 2] - tile.xyxy[axis])
    cut = kept.xyxy[axis + 2] >= tile.xyxy[axis + 2] - near or box.xyxy[axis] <= next_tile.xyxy[axis] + near
    low, high = 1 - axis, 3 - axis
    beside = shared_length(kept.xyxy, box.xyxy, low)
    return cut and beside >= 0.5 * max(kept.xyxy[high] - kept.xyxy[low], box.xyxy[high] - box.xyxy[low])


def _union(one: Box, other: Box) -> Box:
    (a, b, c, d), (e, f, g, h) = one.xyxy, other.xyxy
    return one.model_copy(
        update={
            "xyxy": (min(a, e), min(b, f), max(c, g), max(d, h)),
            "confidence": max(one.confidence, other.confidence),
        }
    )


@dataclass(frozen=True)
class _Found:
    numbers: tuple[float, ...]
    label: str


def _box_key(convention: Convention) -> str:
    return "box_2d" if convention is Convention.RELATIVE_1000_YX else "bbox_2d"


def _units(convention: Convention, size: Size) -> tuple[float, float]:
    """What the right and the lower edge of the picture are called."""
    match convention:
        case Convention.RELATIVE_1000 | Convention.RELATIVE_1000_YX:
            return 1000, 1000
        case Convention.RELATIVE_1:
            return 1, 1
        case Convention.RESIZED_PIXELS:
            return smart_resize(sent_size(size))
        case Convention.PIXELS:
            return sent_size(size)


_BOX_KEYS = ("bbox_2d", "box_2d", "bbox", "box", "bounding_box", "coordinates")
_POINT_KEYS = ("point_2d", "point")
_LABEL_KEYS = ("label", "name", "object", "phrase", "text_content", "text")
_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
# <|box_start|>(1,2),(3,4)<|box_end|>, <box>[[1, 2, 3, 4]]</box>, <|det|>[[1, 2, 3, 4]]<|/det|>, <box>1 2 3 4</box>
_TAGGED = re.compile(
    r"(?:<\|?(?:ref|object_ref_start)\|?>(?P<label>[^<]{0,200})<\|?/?(?:ref|object_ref_end)\|?>)?\s*"
    r"<\|?(?:box|box_start|det)\|?>(?P<inside>[^<]{0,2000})<\|?/?(?:box|box_end|det)\|?>"
)


def _found(text: str) -> Iterator[_Found]:
    """What a reply says of places, as written: four numbers or two, and the label."""
    tagged = False
    for match in _TAGGED.finditer(text):
        tagged = True
        yield from _grouped(tuple(map(float, re.findall(_NUMBER, match["inside"]))), match["label"] or "")
    if not tagged:
        for value in json_values(text):
            yield from _walk(value, "")


def _walk(value: Any, label: str) -> Iterator[_Found]:
    if isinstance(value, dict):
        label = next((value[key] for key in _LABEL_KEYS if isinstance(value.get(key), str)), label)
        for key, inside in value.items():
            if key in (*_BOX_KEYS, *_POINT_KEYS) and (numbers := _numbers(inside)):
                yield from _grouped(numbers, label)
            elif (numbers := _numbers(inside)) and len(numbers) % 4 == 0:
                # In {"cat": [[1, 2, 3, 4]]} the key is the label; in {"boxes": [[1, 2, 3, 4]]} it is none.
                yield from _grouped(numbers, label or ("" if key in ("boxes", "objects", "detections") else key))
            elif isinstance(inside, dict | list):
                yield from _walk(inside, label)
    elif isinstance(value, list):
        if value and (numbers := _numbers(value)) and len(numbers) % 4 == 0:
            yield from _grouped(numbers, label)
        else:
            for item in value:
                yield from _walk(item, label)


def _grouped(numbers: tuple[float, ...], label: str) -> Iterator[_Found]:
    """One box of four numbers, several of a multiple of four, a point of two."""
    step = 2 if len(numbers) == 2 else 4
    for at in range(0, len(numbers) - step + 1, step):
        yield _Found(numbers[at : at + step], label)


def _numbers(value: Any) -> tuple[float, ...]:
    """The numbers of a list, of lists in a list, or of {"x1": …}; none where anything else is in it."""
    if isinstance(value, dict):
        for keys in (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"), ("x", "y")):
            if keys[0] in value and all(key in value for key in keys):
                return _numbers([value[key] for key in keys])
        return ()
    if isinstance(value, list):
        parts = [_numbers(item) for item in value]
        return tuple(number for part in parts for number in part) if all(parts) else ()
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        return (float(value),)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 and math.isfinite(value):
        return (float(value),)
    return ()


def _says_none(value: Any) -> bool:
    """Whether a value is an empty list, or an object with one."""
    return value == [] or (isinstance(value, dict) and any(item == [] for item in value.values()))


def _placed(found: _Found, convention: Convention, size: Size) -> GroundedBox | None:
    """A box in pixels of the shown picture; None where it has no area in it."""
    numbers = found.numbers
    if convention is Convention.RELATIVE_1000_YX:
        numbers = tuple(numbers[at ^ 1] for at in range(len(numbers)))
    across, down = _units(convention, size)
    width, height = size
    shares = [value / units for value, units in zip(numbers, (across, down) * 2, strict=False)]
    xs = [min(max(share, 0.0), 1.0) * width for share in shares[::2]]
    ys = [min(max(share, 0.0), 1.0) * height for share in shares[1::2]]
    label = cleaned(found.label, 80)
    if len(numbers) == 2:
        if not all(0 <= share <= 1 for share in shares):
            return None
        half = max(1.0, POINT_SHARE * min(size)) / 2
        square = (
            max(0.0, xs[0] - half),
            max(0.0, ys[0] - half),
            min(float(width), xs[0] + half),
            min(float(height), ys[0] + half),
        )
        return GroundedBox(square, label, point=True)
    x1, x2 = sorted(xs)
    y1, y2 = sorted(ys)
    return GroundedBox((x1, y1, x2, y2), label) if x2 > x1 and y2 > y1 else None
