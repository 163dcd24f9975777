"""What a backend checks before it asks its model, in the same words for every backend. Knows no backend."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from visagent.core.errors import ContextOverflow, ModelError
from visagent.core.install import requiring
from visagent.core.words import with_article
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.models.protocol import Capabilities, Message


def require_media(name: str, capabilities: Capabilities, messages: Sequence[Message]) -> None:
    """Check that the model can be shown all media of a conversation.

    Args:
        name: Name of the model.
        capabilities: Capabilities of the model.
        messages: The conversation.

    Raises:
        ModelError: it cannot; names the medium and the model.
    """
    for message in messages:
        for part in () if isinstance(message.content, str) else message.content:
            if isinstance(part, str):
                continue
            kind = "image" if isinstance(part, Crop) else part.kind
            if kind not in capabilities.media:
                medium = Media.loaded(part.media) if isinstance(part, Crop) else part
                shown = "a region of a picture" if medium is None else medium.name
                raise ModelError(
                    f"{name} cannot be shown {shown}: it takes no {kind}.",
                    f"Let a tool put the {kind} in words, or give the role a model that takes {with_article(kind)}.",
                )


def require_satisfiable(name: str, schema: dict[str, Any]) -> None:
    """Check that some text satisfies a JSON schema; runtimes ignore such a mistake, crash or hang.

    Args:
        name: Name of the model, for the message.
        schema: The JSON schema.

    Raises:
        ModelError: none does, or it is no schema.
        MissingDependency: llguidance is not installed.
    """
    problem = _problem(json.dumps(schema))
    if problem:
        raise ModelError(
            f"{name}: no text satisfies the JSON schema that was asked for: {problem}.",
            "Correct the schema: every required part needs at least one possible value.",
        )


@lru_cache(256)
def _problem(schema: str) -> str:
    """Why nothing satisfies a schema; empty where something does."""
    with requiring("A reply that satisfies a schema needs llguidance", "endpoint"):
        from llguidance import LLMatcher
    problem: str = LLMatcher.validate_grammar(
        LLMatcher.grammar_from_json_schema(schema, overrides={"coerce_one_of": True})
    )
    # A keyword that llguidance does not know says nothing about whether a text exists.
    return "" if problem.startswith("Unimplemented") else " ".join(problem.split())


def context_overflow(name: str, context_tokens: int, prompt_tokens: int, parts: Mapping[str, str]) -> ContextOverflow:
    """The error for a prompt that does not fit.

    Args:
        name: Name of the model.
        context_tokens: What fits.
        prompt_tokens: What the prompt has.
        parts: How large each part of the prompt is, for example `{"system": "1,200 tokens"}`.
    """
    sizes = ", ".join(f"{part} {size}" for part, size in parts.items())
    return ContextOverflow(
        f"{name}: the prompt has {prompt_tokens:,} tokens and the context holds {context_tokens:,} ({sizes}).",
        "Show fewer or smaller media, then fewer demonstrations and tools, then ask less; "
        "or raise context_tokens in the profile.",
    )
