"""From what a person's function returns to evidence. Knows no tool and no plan."""

from __future__ import annotations

import enum
import math
import numbers
import sys
import typing
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from visagent.core.errors import MediaError, ToolError
from visagent.evidence.values import Boolean, Crop, Failure, Label, Labels, Number, Text, Value
from visagent.media.media import Media, MediaLimits, MediaSource
from visagent.tools.annotations import is_array, is_picture, way_out

PICTURE_LIMITS = MediaLimits(bytes=20 * 2**20, pixels=25_000_000)
"""Limits of pictures that tools return."""
# Evidence names a picture by its hash: the last ones stay loaded, so that later steps can look at them.
_pictures: deque[Media] = deque(maxlen=16)


def as_evidence(returned: Any, tool: str, declared: Sequence[str]) -> Value:
    """The evidence value that a return value stands for.

    Args:
        returned: Evidence, plain Python, a numpy scalar, an enum's member, a picture or an array of pixels.
        tool: Who returned it, for messages.
        declared: Types of evidence that it may be.

    Raises:
        ToolError: it is of none of these types, not finite, or a picture that cannot be used.
    """
    value = _unwrapped(returned)
    if isinstance(value, bool):
        value = Boolean(value=value)
    elif isinstance(value, numbers.Real | Decimal):
        value = _number(value, tool)
    elif isinstance(value, str):
        value = Text(text=value)
    elif isinstance(value, list | tuple) and all(isinstance(_unwrapped(item), str) for item in value):
        value = Labels(labels=tuple(Label(name=_unwrapped(item)) for item in value))
    elif "crop" in declared and (is_picture(_class_of_pictures(value)) or is_array(type(value))):
        value = picture_evidence(value, f"The picture that {tool} returned")
    if isinstance(value, Failure) or getattr(value, "type", None) in declared:
        return typing.cast(Value, value)
    shown = "None" if returned is None else type(returned).__name__
    raise ToolError(
        f"{tool} returned {shown}, but declares {' or '.join(declared)}.",
        way_out(type(returned), result=True) or "Correct the tool: return what its annotation says.",
    )


def picture_evidence(source: MediaSource, what: str) -> Crop:
    """All of a picture that a tool made, which later steps of the run can look at.

    Args:
        source: Encoded bytes, a PIL picture or an array of height x width x 3, uint8, RGB.
        what: What it is, to begin a sentence with.

    Raises:
        ToolError: it is no picture, or too large.
    """
    try:
        medium = Media.load(source, limits=PICTURE_LIMITS)
        crop = Crop.whole(medium)
    except MediaError as error:
        raise ToolError(f"{what} cannot be used: {error.fact}", error.remedy) from error
    _pictures.append(medium)
    return crop


def made_here(value: Value) -> bool:
    """Whether a value names a picture that a tool made: it is gone with this process, so the value is not kept."""
    return isinstance(value, Crop) and any(medium.hash == value.media for medium in _pictures)


def _unwrapped(value: Any) -> Any:
    """An enum's member as its value, or as its name where that is no plain value; the scalars of arrays as Python's."""
    if isinstance(value, enum.Enum):
        return value.value if isinstance(value.value, str | bool | int | float) else value.name
    # As arrays of no dimension do in numpy, torch and others.
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return value.item()
    return value


def _number(value: numbers.Real | Decimal, tool: str) -> Number:
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise ToolError(
            f"{tool} returned {found}, which is no finite number.", "Where there is none, raise an error that says why."
        )
    return Number(value=found)


def _class_of_pictures(value: Any) -> Any:
    """PIL's class of pictures, where a value is one of any format; otherwise the value's own class."""
    module = sys.modules.get("PIL.Image")
    return module.Image if module is not None and isinstance(value, module.Image) else type(value)
