"""Reads JSON that a model, a server or a person wrote, with bounds. Every way to be wrong is one `ValueError`.

The standard reader raises `RecursionError` on nested brackets, and lets through what breaks later: halves of characters
that no file can hold, numbers that no float can hold, and NaN, which is no JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 32
"""Brackets within brackets."""
_MAX_DIGITS = 300


def read_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is no JSON, nested too deeply, or holds half a character or a number out of all proportion.
    """
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check(value)
    return value


def json_or_text(text: str) -> Any:
    """JSON where it is JSON, otherwise the text itself: `2` is a number, `cat` a text, `null` nothing."""
    try:
        return read_json(text)
    except ValueError:
        return text


def read_cut_object(text: str) -> dict[str, Any]:
    """What the beginning of a JSON object says, of a text that breaks off in it: its last string may be cut as well.

    Raises:
        ValueError: there is no such object.
    """
    from pydantic_core import from_json

    opening = text.find("{")
    value = from_json(text[opening:].encode(), allow_partial="trailing-strings") if opening >= 0 else None
    if not isinstance(value, dict):
        raise ValueError("there is no object in it")
    _check(value)
    return value


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _check(value: Any) -> None:
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        if isinstance(item, str):
            if not is_text(item):
                raise ValueError("it holds half of a character (a lone surrogate)")
        elif isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]


def is_text(text: str) -> bool:
    """Whether a string can be written to a file, a database or a terminal: it holds no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
