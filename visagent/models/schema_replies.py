"""Replies that satisfy a schema from models that are not held to it: asked for in words, taken out, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from visagent.models.reply_text import json_values, without_thoughts

_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


class SchemaMismatch(ValueError):
    """A reply holds no JSON value that satisfies the schema; says what is wrong, in one line.

    Attributes:
        found: The first JSON in it; empty where there is none.
    """

    def __init__(self, problem: str, found: str = "") -> None:
        super().__init__(problem)
        self.found = found


def asking_for(schema: Mapping[str, Any]) -> str:
    """The words that ask for a reply in a form, for a server that cannot enforce it."""
    return (
        "Reply with one JSON value and nothing else: no code fence, no comment. It must satisfy this JSON schema:\n"
        + json.dumps(schema, ensure_ascii=False)
    )


def asking_again(problem: str) -> str:
    """The words that send a reply back.

    Args:
        problem: What is wrong with it.
    """
    return f"This reply cannot be used: {problem}. Reply again with the JSON value alone, corrected."


def satisfying(text: str, schema: Mapping[str, Any]) -> str:
    """The JSON of a reply that satisfies a schema, without what the model wrote around it.

    Args:
        text: The reply; JSON alone, in a code fence, after thoughts, or inside prose.
        schema: What it is to satisfy.

    Raises:
        SchemaMismatch: nothing in it does.
    """
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for

    checker = validator_for(schema)(schema)
    problem = found = ""
    for value, source in _candidates(text):
        # Of the ways in which `anyOf` fails, the one that came nearest.
        error = best_match(checker.iter_errors(value))
        if error is None:
            return source
        if not found:
            where, found = "/".join(map(str, error.absolute_path)), source
            problem = (f"at {where}: " if where else "") + " ".join(error.message.split())[:200]
    raise SchemaMismatch(problem or ("it is not JSON" if text.strip() else "it is empty"), found)


def _candidates(text: str) -> Iterator[tuple[Any, str]]:
    """JSON values that the reply may mean, the likeliest first, each with its text."""
    said = without_thoughts(text)
    for source in (text, said, *map(str.strip, _FENCE.findall(said))):
        try:
            yield json.loads(source), source
        except (ValueError, RecursionError):
            continue
    for source in dict.fromkeys((said, text)):
        for value in json_values(source):
            yield value, json.dumps(value, ensure_ascii=False)
