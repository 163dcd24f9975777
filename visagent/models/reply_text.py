"""Takes JSON out of what models write around it: thoughts, code fences, prose. Knows no schema and no server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_START_OF_THOUGHT = re.compile(r"\s*<(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_OPENING = re.compile(r"[\[{]")


def without_thoughts(text: str) -> str:
    """A reply without what the model thought aloud; a thought that never ends is all there is, and leaves nothing.

    >>> without_thoughts("<think>Two cats?</think>\\n\\nOne cat.")
    'One cat.'
    >>> without_thoughts("Two cats?</think>One cat.")
    'One cat.'
    """
    if not _END_OF_THOUGHT.search(text):
        return "" if _START_OF_THOUGHT.match(text) else text
    text = _THOUGHT.sub("", text)
    if ends := list(_END_OF_THOUGHT.finditer(text)):
        # Chat templates that open the thought themselves leave only its end in the reply.
        text = text[ends[-1].end() :]
    return "" if _START_OF_THOUGHT.match(text) else text.strip()


def json_values(text: str) -> Iterator[Any]:
    """Every JSON object and list in a text, outermost first and in order; those inside one that was given are not.

    >>> list(json_values('Sure! ```json\\n{"a": [1]}\\n``` and [2], but not {this}.'))
    [{'a': [1]}, [2]]
    """
    decoder = json.JSONDecoder()
    at = 0
    while opening := _OPENING.search(text, at):
        try:
            value, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            at = opening.end()
            continue
        yield value
