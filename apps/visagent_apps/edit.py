"""`visagent edit`: what a person writes for an edit, as `visagent.agent.edits` takes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from visagent.agent.edits import Add, Change, Edit, Remove
from visagent.core.errors import QuestionError
from visagent.core.json_text import json_or_text

_WRITTEN = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|\[[^\]]*\]|\S+)")


def parse_edits(changes: Sequence[str], adds: Sequence[str], removes: Sequence[str]) -> list[Edit]:
    """Edits as they are written on the command line, changes first, removals last.

    >>> parse_edits(['q1 label="red car"'], ["count items=$q1"], [])
    [Change(type='change', id='q1', arguments={'label': 'red car'}, tool=None), \
Add(type='add', tool='count', arguments={'items': '$q1'})]

    Args:
        changes: Such as `q1 label=cat`, or `q1 detect label=cat` for another tool.
        adds: Such as `count items=$q1`.
        removes: Ids.

    Raises:
        QuestionError: one is not of that form, or there is none.
    """
    edits: list[Edit] = []
    for text in changes:
        id_, tool, arguments = _parts(text)
        edits.append(Change(id=id_, tool=tool, arguments=arguments))
    for text in adds:
        name, second, arguments = _parts(text, first=r"[A-Za-z_]\w*")
        if second is not None:
            raise _refused(text)
        edits.append(Add(tool=name, arguments=arguments))
    for text in removes:
        if not re.fullmatch(r"q\d+", text):
            raise _refused(text)
        edits.append(Remove(id=text))
    if not edits:
        raise QuestionError("There is nothing to edit.", 'Give --change "q1 label=cat", --add or --remove.')
    return edits


def _parts(text: str, first: str = r"q\d+") -> tuple[str, str | None, dict[str, JsonValue]]:
    """The first word, the tool after it if there is one, and the arguments."""
    head = re.match(rf"\s*({first})(?:\s+([A-Za-z_]\w*)(?!\s*=|\w))?", text)
    if head is None:
        raise _refused(text)
    arguments: dict[str, JsonValue] = {}
    place = head.end()
    while place < len(text.rstrip()):
        match = _WRITTEN.match(text, place)
        if match is None:
            raise _refused(text)
        arguments[match[1]] = json_or_text(match[2])
        place = match.end()
    return head[1], head[2], arguments


def _refused(text: str) -> QuestionError:
    return QuestionError(f"This is no edit: {text!r}.", 'Write it like "q1 label=cat", or "count items=$q1" for --add.')
