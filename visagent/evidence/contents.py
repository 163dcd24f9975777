"""What a value holds, for code that counts, shows or describes it. Knows no tool and no language but English."""

from __future__ import annotations

from typing import Any

from visagent.core.terminal import printable
from visagent.evidence.values import (
    Boolean,
    Boxes,
    Crop,
    Failure,
    Labels,
    Look,
    Note,
    Number,
    Spans,
    Table,
    Text,
    Tracks,
    Transcript,
    Value,
)

_COUNTED = {"boxes": ("box", "boxes"), "tracks": ("track", "tracks"), "spans": ("span", "spans")}


def items_of(value: Value) -> tuple[Any, ...] | None:
    """The objects, tracks, spans or labels of a value that lists such; None for a value of another type."""
    match value:
        case Boxes(boxes=items) | Tracks(tracks=items) | Spans(spans=items) | Labels(labels=items):
            return items
    return None


def notes_of(value: Value) -> tuple[Note, ...]:
    """What a tool noted beside a value."""
    return getattr(value, "notes", ())


def summary(value: Any, limit: int = 60) -> str:
    """One short line that shows a value to a person, for example `4 boxes`.

    Args:
        value: Any `Value`.
        limit: Characters of text to show at most.
    """

    def short(text: str) -> str:
        flat = " ".join(printable(text).split())
        return flat if len(flat) <= limit else flat[: limit - 1] + "…"

    match value:
        case Boxes() | Tracks() | Spans():
            count, (one, many) = len(items_of(value) or ()), _COUNTED[value.type]
            return f"{count} {one if count == 1 else many}"
        case Table():
            return f"a table of {value.rows} × {value.columns} cells"
        case Labels(labels=labels):
            shown = (f"{label.name} {label.confidence if label.share is None else label.share:.0%}" for label in labels)
            return short(", ".join(shown)) or "no label"
        case Text(text=text) | Transcript(text=text) | Look(text=text):
            return f"“{short(text)}”" if text.strip() else "no text"
        case Boolean(value=truth):
            return "yes" if truth else "no"
        case Number():
            return str(value)
        case Crop(xyxy=(x1, y1, x2, y2)):
            return f"{round(x2 - x1)}×{round(y2 - y1)} px"
        case Failure(error=error, message=message):
            return f"{error}: {short(message)}"
    raise TypeError(f"not an evidence value: {value!r}")
