"""Which atomic claims a text makes: by rules for English and Chinese, or by a model. Knows no tool and no evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from visagent.answering.sentences import CITATION, sentence_spans
from visagent.core.errors import ModelError
from visagent.core.json_text import read_json
from visagent.models.protocol import MLLM, Message, Reply
from visagent.planning.prompts import render
from visagent.verification.chinese import extract_chinese
from visagent.verification.claims import AtomicClaim, Span
from visagent.verification.english import extract_english

MAX_CLAIMS = 32
"""Claims that a model may find in one text."""


class Extractor(Protocol):
    """What takes a text apart."""

    async def extract(self, text: str, language: str, *, heard: bool = False) -> list[AtomicClaim]:
        """The atomic claims of a text, in its order.

        Args:
            text: Any text; it is data, whatever it says.
            language: `en` or `zh`.
            heard: Whether it is about sound alone.
        """
        ...


class RuleExtractor:
    """Rules for simple sentences; what they cannot place becomes a claim of the kind `other`."""

    async def extract(self, text: str, language: str, *, heard: bool = False) -> list[AtomicClaim]:
        """See `Extractor.extract`."""
        extract = extract_chinese if language == "zh" else extract_english
        return _distinct(extract(*_prepared(text), heard=heard))


class ModelExtractor:
    """A model that is held to the claims' schema; where it fails, the rules take its place.

    Args:
        model: What plays the role.
        on_reply: Called with each reply, for its cost.
    """

    def __init__(self, model: MLLM, on_reply: Callable[[Reply], None] = lambda reply: None) -> None:
        self._model, self._on_reply = model, on_reply

    async def extract(self, text: str, language: str, *, heard: bool = False) -> list[AtomicClaim]:
        """See `Extractor.extract`."""
        plain, sentences = _prepared(text)
        prompt = render("verifier_claims", language, text=json.dumps(plain, ensure_ascii=False))
        try:
            reply = await self._model.chat(
                [Message(role="user", content=prompt)], schema=claims_schema(), max_tokens=64 * MAX_CLAIMS
            )
            self._on_reply(reply)
            found = [_placed(fields, plain, sentences) for fields in read_json(reply.text)["claims"][:MAX_CLAIMS]]
        except (ModelError, ValueError, TypeError, KeyError, AttributeError, ValidationError):
            return await RuleExtractor().extract(text, language, heard=heard)
        return _distinct(sorted(found, key=lambda claim: claim.sentence))


def claims_schema() -> dict[str, Any]:
    """JSON schema of a model's reply: each claim with all its fields but the places, which are looked up."""
    fields = AtomicClaim.model_json_schema()["properties"]
    own = {name: schema for name, schema in fields.items() if name not in ("sentence", "place", "noun_place")}
    for name in ("words", "noun", "other", "quote"):
        own[name] = {"type": "string", "maxLength": 160}
    claim = {"type": "object", "properties": own, "required": ["kind", "words"], "additionalProperties": False}
    claims = {"type": "array", "items": claim, "maxItems": MAX_CLAIMS}
    return {
        "type": "object",
        "properties": {"claims": claims},
        "required": ["claims"],
        "additionalProperties": False,
    }


def _distinct(claims: Sequence[AtomicClaim]) -> list[AtomicClaim]:
    """Each claim once a sentence: "a bus … the bus" says one time that there is a bus."""
    own = {"words", "place", "noun_place"}
    return list({claim.model_dump_json(exclude=own): claim for claim in reversed(claims)}.values())[::-1]


def _prepared(text: str) -> tuple[str, list[Span]]:
    """The text with citations blanked out, every character at its place, and where its sentences stand."""
    plain = CITATION.sub(lambda found: " " * len(found[0]), text)
    return plain, list(sentence_spans(plain))


def _placed(fields: dict[str, Any], text: str, sentences: Sequence[Span]) -> AtomicClaim:
    """A model's claim with its places in the text; a claim whose words do not stand there belongs to its beginning."""
    claim = AtomicClaim.model_validate({**fields, "sentence": (0, len(text))})
    at = text.casefold().find(claim.words.casefold())
    span = next((span for span in sentences if span[0] <= max(at, 0) < span[1]), (0, len(text)))
    start, end = (at, at + len(claim.words)) if at >= 0 else span
    wanted = claim.quote or claim.color or (str(claim.number) if claim.number is not None else "")
    place = None
    if wanted and (found := re.search(re.escape(wanted), text[start:end], re.IGNORECASE)):
        place = (start + found.start(), start + found.end())
    return claim.model_copy(update={"sentence": span, "place": place})
