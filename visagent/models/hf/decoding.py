"""Which token comes next: JSON-schema grammars with llguidance, and contrastive decoding. Knows no model and no batch.

A grammar guarantees more than that each token fits: before a token is accepted, the shortest way to end the reply after
it is worked out, and a token after which the reply could no longer end within its budget is refused. So a reply of any
model, however bad, ends in time and satisfies its schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from visagent.core.errors import ModelError
from visagent.core.install import requiring

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

KEPT_GRAMMARS = 64
"""Compiled schemas that are kept."""

GRAMMAR = "gbnf"
"""Key of a schema that is a llama.cpp grammar instead, for replies of another form than JSON."""

LARGEST_NUMBER = 10**15
"""In replies, where a schema sets no limit."""

DIFFUSION_STEPS = 1000
"""Steps of the diffusion schedule that `noise_pixels` counts in."""


@dataclass(frozen=True)
class Accepted:
    """What became of a token.

    Attributes:
        tokens: To be appended to the reply: the token and those that it forces, or the shortest end of the reply.
        finished: Whether the reply is complete.
        truncated: Whether it was ended because its budget ran out.
    """

    tokens: list[int]
    finished: bool = False
    truncated: bool = False


class Grammars:
    """Compiles JSON schemas for one tokenizer.

    Args:
        tokenizer: A fast tokenizer of transformers.
        vocab_size: Logits of the model, which may be more than the tokenizer has tokens.
        eos_tokens: Tokens that end a reply.

    Raises:
        MissingDependency: llguidance is not installed.
        ModelError: the tokenizer cannot be used.
    """

    def __init__(self, tokenizer: Any, vocab_size: int, eos_tokens: Sequence[int]) -> None:
        with requiring("A reply that satisfies a schema needs llguidance", "local"):
            import llguidance
            import llguidance.hf
        size = max(vocab_size, len(tokenizer))
        try:
            self._tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=size, eos_token=list(eos_tokens))
        except ValueError as error:
            raise ModelError(
                f"This model's tokenizer cannot be held to a schema: {error}.", "Use a model with a fast tokenizer."
            ) from error
        self._matcher = llguidance.LLMatcher
        self._endings = _Endings(self._tokenizer)
        self._compiled: LRUCache[str, Any] = LRUCache(KEPT_GRAMMARS)

    def compile(self, schema: dict[str, Any], *, fast_forward: bool = True) -> Grammar:
        """A grammar at its beginning, for one reply.

        Replies have no white space between JSON's tokens, and no properties that the schema does not name.

        Args:
            schema: JSON schema, or `{"gbnf": grammar}` with a grammar of llama.cpp for replies of another form.
            fast_forward: Whether tokens that the grammar forces are appended without asking the model.

        Raises:
            ModelError: no text satisfies the schema, or it uses what llguidance does not know.
        """
        key = json.dumps(schema)
        if key not in self._compiled:
            if GRAMMAR in schema:
                from llguidance.gbnf_to_lark import gbnf_to_lark

                grammar = self._matcher.grammar_from_lark(gbnf_to_lark(schema[GRAMMAR]))
            else:
                # Branches of a union that their constants tell apart: one of them and any of them are the same.
                options: Any = {"whitespace_flexible": False, "coerce_one_of": True}
                grammar = self._matcher.grammar_from_json_schema(_strict(schema), overrides=options)
            matcher = self._matcher(self._tokenizer, grammar, log_level=0)
            if matcher.is_error():
                raise ModelError(
                    f"No reply can satisfy this schema: {_first_line(matcher.get_error())}.",
                    "Correct the schema: every required field needs at least one possible value.",
                )
            self._compiled[key] = matcher
        return Grammar(self._compiled[key].deep_copy(), self._endings, fast_forward=fast_forward)


class Grammar:
    """Holds one reply to a schema; made by `Grammars.compile`."""

    def __init__(self, matcher: Any, endings: _Endings, *, fast_forward: bool) -> None:
        self._matcher, self._endings, self._fast_forward = matcher, endings, fast_forward
        # The shortest known end of the reply from here on; None where none fits into the budget.
        self._ending: list[int] | None = None

    def start(self, budget: int) -> Accepted:
        """The tokens that every reply begins with.

        Args:
            budget: Tokens that the reply may take; where no reply is that short, it will be cut off.
        """
        forced = self._forced(self._matcher)
        self._ending = self._endings.find(self._matcher, budget - len(forced))
        return Accepted(forced, finished=self._matcher.is_stopped())

    def allowed(self) -> NDArray[np.uint32]:
        """The tokens that may come next: bit t % 32 of word t // 32 for token t."""
        import numpy as np

        return np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint32)

    def accept(self, token: int, budget: int) -> Accepted:
        """Append a token to the reply, unless the reply could not end within its budget then.

        Args:
            token: One that is allowed.
            budget: Tokens that the reply may still take, this one counted.

        Raises:
            ModelError: the token is not allowed, or the grammar outgrew llguidance's limits.
        """
        if token in self._endings.eos_tokens:
            return Accepted([], finished=True)
        after = self._matcher.deep_copy()
        if not after.consume_token(token):
            reason = _first_line(after.get_error())
            raise ModelError(f"The schema cannot be followed: {reason}.", "Simplify the schema.")
        tokens = [token, *self._forced(after)]
        if self._ending is not None:
            ending = self._ending_after(tokens, after, budget - len(tokens))
            if ending is None:
                return Accepted(self._ending, finished=True, truncated=True)
            self._ending = ending
        self._matcher = after
        return Accepted(tokens, finished=after.is_stopped())

    def _ending_after(self, tokens: list[int], after: Any, budget: int) -> list[int] | None:
        """An end of the reply after some tokens; the known one often still fits, for example inside a string."""
        if self._ending:
            if self._ending[: len(tokens)] == tokens:
                return self._ending[len(tokens) :]
            if len(self._ending) <= budget and _ends(after, self._ending):
                return self._ending
        return self._endings.find(after, budget)

    def _forced(self, matcher: Any) -> list[int]:
        """Append what is forced now."""
        forced: list[int] = matcher.compute_ff_tokens() if self._fast_forward else []
        if forced:
            matcher.consume_tokens(forced)
        return forced


class _Endings:
    """Finds a short way to end a reply: closes what is open, and opens as little as the schema allows."""

    def __init__(self, tokenizer: Any) -> None:
        import numpy as np

        self.eos_tokens = frozenset(tokenizer.eos_tokens)
        self._texts = texts = [
            b"" if tokenizer.is_special_token(token) else tokenizer.decode_bytes([token])
            for token in range(tokenizer.vocab_size)
        ]
        kinds = np.array([_kind(text) for text in texts])
        # One bit mask a kind, so that the best token of a mask takes a few vector operations.
        # llguidance's own masks have a word to spare for some sizes.
        words = (len(texts) // 32 + 2) * 32
        self._masks = []
        for kind in range(_SPECIAL):
            bits = np.zeros(words, dtype=np.uint8)
            bits[: len(texts)] = kinds == kind
            self._masks.append(np.packbits(bits, bitorder="little").view(np.uint32))
        self._space = texts.index(b" ") if b" " in texts else None

    def find(self, matcher: Any, budget: int) -> list[int] | None:
        """Tokens that end the reply, at most `budget` of them; None where none were found.

        A complete reply ends with none, but not where what is forced with its last token has outrun the budget.
        """
        if budget < 0:
            return None
        for longest in (True, False):
            if (ending := self._follow(matcher.deep_copy(), budget, longest)) is not None:
                return ending
        return None

    def _follow(self, matcher: Any, budget: int, longest: bool) -> list[int] | None:
        ending: list[int] = []
        while not matcher.is_accepting():
            forced = matcher.compute_ff_tokens()
            step = forced or [self._best(matcher, longest)]
            ending += step
            if len(ending) > budget or not matcher.consume_tokens(step):
                return None
        return ending

    def _best(self, matcher: Any, longest: bool) -> int:
        import numpy as np

        allowed = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint32)
        # Without white space between JSON's tokens, a space can only be part of a string, where brackets close nothing.
        in_string = self._space is not None and allowed[self._space >> 5] >> (self._space & 31) & 1
        for kind in _INSIDE if in_string else _OUTSIDE:
            found = allowed & self._masks[kind][: allowed.size]
            # A few of the words are enough to choose from.
            if (words := np.flatnonzero(found)[:8]).size:
                tokens = [32 * int(word) + bit for word in words for bit in range(32) if int(found[word]) >> bit & 1]
                best: int = (max if longest else min)(tokens, key=lambda token: len(self._texts[token]))
                return best
        return int(min(self.eos_tokens))


def _ends(matcher: Any, ending: list[int]) -> bool:
    """Whether these tokens end the reply; the matcher is left as it was."""
    taken = matcher.try_consume_tokens(ending)
    ends = taken == len(ending) and matcher.is_accepting()
    matcher.rollback(taken)
    return bool(ends)


_CLOSING, _MIXED, _COMMA, _QUOTE, _WORD, _OTHER, _OPENING, _SPECIAL = range(8)
# What is open is closed first; a comma goes before a word, because outside of strings only numbers could go on. Inside
# of strings brackets and commas are but text.
_OUTSIDE = (_CLOSING, _MIXED, _COMMA, _QUOTE, _WORD, _OTHER, _OPENING)
_INSIDE = (_MIXED, _QUOTE, _WORD, _OTHER, _COMMA, _OPENING)


def _kind(text: bytes) -> int:
    """What a token does for the end of a reply."""
    if not text:
        return _SPECIAL
    if text.strip(b"]}") == b"":
        return _CLOSING
    if text == b'"':
        return _QUOTE
    if text.strip(b'"]}') == b"":
        return _MIXED
    if text.isalnum() and text.isascii():
        return _WORD
    if any(character in text for character in b"{["):
        return _OPENING
    if any(character in text for character in b",:"):
        return _COMMA
    return _OTHER


def _strict(schema: Any) -> Any:
    """A schema whose objects have the properties that it names and no others, constants always, and finite numbers.

    Whatever satisfies it satisfies the original. Constants tell the branches of a union apart, which pydantic does not
    call required where they have a default. Inside `allOf` each part names some of the properties: these stay open.
    """
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, item in schema.items():
        if key in ("properties", "$defs", "definitions", "patternProperties") and isinstance(item, dict):
            result[key] = {name: _strict(part) for name, part in item.items()}
        else:
            result[key] = item if key in ("allOf", "const", "enum", "default") else _strict(item)
    if schema.get("type") in ("number", "integer"):
        # Without limits a number may have a thousand digits, and then it is infinite where it is read.
        limits = {"minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
        given = {limit.removeprefix("exclusive").lower() for limit in schema}
        result |= {limit: value for limit, value in limits.items() if limit not in given}
    properties = schema.get("properties")
    if isinstance(properties, dict) and schema.get("type", "object") == "object":
        if not {"additionalProperties", "patternProperties", "allOf", "$ref"} & schema.keys():
            result["additionalProperties"] = False
        constants = [name for name, part in properties.items() if isinstance(part, dict) and "const" in part]
        required = [*schema.get("required", []), *constants]
        if required:
            result["required"] = list(dict.fromkeys(required))
    return result


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0].rstrip(".") if message.strip() else "no reason given"


def contrast(logits: torch.Tensor, noised: torch.Tensor, alpha: float, beta: float) -> torch.Tensor:
    """Visual contrastive decoding (arXiv 2311.16922): what the picture adds to what the words alone suggest.

    `(1 + alpha) * logits - alpha * noised`, and only tokens that the model finds plausible with the true picture:
    those with a probability of at least `beta` times the largest.

    Args:
        logits: Logits of the true picture, rows x vocabulary; tokens that a grammar forbids are -inf.
        noised: Logits of the noised picture, the same shape.
        alpha: How strongly the difference counts; 0 changes nothing but the plausibility.
        beta: Share of the best probability that a token needs, from 0 (all tokens) to 1 (the most likely one alone).

    Returns:
        Logits of the same shape, -inf for implausible tokens.
    """
    import math

    import torch

    cutoff = logits.max(dim=-1, keepdim=True).values + (math.log(beta) if beta > 0 else -math.inf)
    result: torch.Tensor = (1 + alpha) * logits - alpha * noised
    return result.masked_fill((logits < cutoff) | torch.isneginf(logits), -math.inf)


def noise_pixels(pixels: torch.Tensor, step: int) -> torch.Tensor:
    """A picture after some steps of forward diffusion, as in the paper on contrastive decoding.

    The noise is the same each time, so that a noised picture's key-value cache can be reused.

    Args:
        pixels: Normalised pixels of any shape.
        step: 0 to `DIFFUSION_STEPS` - 1; the paper uses 500 for most questions.
    """
    import torch

    betas = torch.sigmoid(torch.linspace(-6, 6, DIFFUSION_STEPS)) * (0.5e-2 - 1e-5) + 1e-5
    kept = float(torch.cumprod(1 - betas, dim=0)[step])
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(0)).to(pixels)
    noised: torch.Tensor = kept**0.5 * pixels + (1 - kept) ** 0.5 * noise
    return noised
