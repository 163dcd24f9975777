"""Many pictures of one call, looked at one by one: what was found in each is joined. Knows no concrete tool.

Each picture's result has the address of a call about that picture alone, so it is kept as soon as it is there: a run
that is stopped goes on with the next picture, and a document or an album that was looked through once is an index by
content hash, with pages and boxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from visagent.evidence.values import Boxes, Failure, Note, Text, Value
from visagent.media.media import Media
from visagent.tools.binding import Tool

SHOWN = 6
"""Names of pictures that could not be looked at which a note gives."""


def looked_through(tool: Tool, arguments: Mapping[str, Any]) -> str | None:
    """The parameter whose pictures are looked at one by one; None where the tool is called once."""
    if not tool.spec.each:
        return None
    for parameter in tool.spec.parameters:
        given = arguments.get(parameter.name)
        if parameter.several and isinstance(given, list) and len(given) > 1:
            return parameter.name if all(isinstance(one, Media) and one.kind == "image" for one in given) else None
    return None


def joined(found: Sequence[tuple[Media, Value]], left: Sequence[Media] = ()) -> Value:
    """What was found in several pictures, as one value; those that could not be looked at are named in a note.

    Args:
        found: Each picture with its result, in order.
        left: Pictures for which there was no time.
    """
    failures = [(media, value) for media, value in found if isinstance(value, Failure)]
    good = [(media, value) for media, value in found if isinstance(value, Boxes | Text)]
    if not good:
        return failures[0][1]
    pictures = tuple(dict.fromkeys(media.hash for media, _ in good))
    # That a thing was recognised in none of the other pictures is no failure to look at them.
    unseen = [media for media, value in failures if value.error != "UnknownLabel"]
    first = good[0][1]
    values = [value for _, value in good]
    notes = [*_notes(values), *_unseen(unseen, "failed"), *_unseen(left, "time")]
    if isinstance(first, Boxes):
        boxes = tuple(
            box.model_copy(update={"media": media.hash})
            for media, value in good
            if isinstance(value, Boxes)
            for box in value.boxes
        )
        if boxes:
            notes = [note for note in notes if note.kind != "not_found"]
        return Boxes(media=first.media, boxes=boxes, pictures=pictures, notes=tuple(dict.fromkeys(notes)))
    lines = tuple(
        line.model_copy(update={"media": media.hash})
        for media, value in good
        if isinstance(value, Text)
        for line in value.lines
    )
    text = "\n".join(line.text for line in lines)
    return Text(text=text, media=first.media, lines=lines, pictures=pictures, notes=tuple(dict.fromkeys(notes)))


def _notes(values: Iterable[Boxes | Text]) -> list[Note]:
    return [note for value in values for note in value.notes]


def _unseen(media: Sequence[Media], why: str) -> list[Note]:
    """A note that names pictures; empty where there are none."""
    if not media:
        return []
    names = [f"{one.name} p. {one.info.page}" if one.info.page else one.name for one in media]
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    return [Note(kind="not_looked_at", words=(str(len(names)), shown, why))]
