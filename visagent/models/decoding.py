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

from visagent.errors import MissingDependency, ModelError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

KEPT_GRAMMARS = 64
"""Compiled schemas that are kept."""

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
        try:
            import llguidance
            import llguidance.hf
        except ImportError as error:
            raise MissingDependency(
                "Replies that satisfy a schema need llguidance, which is not installed.", 'pip install "visagent[local]"'
            ) from error
        size = max(vocab_size, len(tokenizer))
        try:
            self._tokenizer = llguidance.hf.from_tokenizer(tokenizer, n_vocab=size, eos_token=list(eos_tokens))
        except ValueError as error:
            raise ModelError(
                f"This model's tokenizer cannot be held to a schema: {error}.", "Use a model with a fast tokenizer."
            ) from error
        self._matcher = llguidance.LLMatcher
        self._endings = _Endings(self._tokenizer)
        self._compiled: dict[str, Any] = {}

    def compile(self, schema: dict[str, Any], *, fast_forward: bool = True) -> Grammar:
        """A grammar at its beginning, for one reply. Its JSON has no white space between tokens.

        Args:
            schema: JSON schema.
            fast_forward: Whether tokens that the grammar forces are appended without asking the model.

        Raises:
            ModelError: no text satisfies the schema, or it uses what llguidance does not know.
        """
        key = json.dumps(schema)
        if key not in self._compiled:
            grammar = self._matcher.grammar_from_json_schema(key, overrides={"whitespace_flexible": False})
            matcher = self._matcher(self._tokenizer, grammar, log_level=0)
            if matcher.is_error():
                raise ModelError(
                    f"No reply can satisfy this schema: {_first_line(matcher.get_error())}.",
                    "Mend the schema: every required field needs at least one possible value.",
                )
            while len(self._compiled) >= KEPT_GRAMMARS:
                self._compiled.pop(next(iter(self._compiled)))
            self._compiled[key] = matcher
        return Grammar(self._compiled[key].deep_copy(), self._endings, fast_forward=fast_forward)


class Grammar:
    """Holds one reply to a schema; made by `Grammars.compile`."""

    def __init__(self, matcher: Any, endings: _Endings, *, fast_forward: bool) -> None:
        self._matcher, self._endings, self._fast_forward = matcher, endings, fast_forward
        # The shortest known end of the reply from here on.
        self._ending: list[int] | None = None

    def start(self, budget: int) -> Accepted:
        """The tokens that every reply begins with.

        Args:
            budget: Tokens that the reply may take.
        """
        self._ending = self._endings.find(self._matcher, budget)
        return self._forward([])

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
            raise ModelError(f"The schema cannot be followed: {_first_line(after.get_error())}.", "Simplify the schema.")
        ending = self._ending_after(token, after, budget - 1)
        if ending is None:
            # Where even the known end does not fit, the budget was too small from the start.
            tokens = self._ending if self._ending is not None and len(self._ending) <= budget else [token]
            return Accepted(tokens, finished=tokens is self._ending, truncated=True)
        self._matcher, self._ending = after, ending
        return self._forward([token])

    def _ending_after(self, token: int, after: Any, budget: int) -> list[int] | None:
        """An end of the reply after a token; the known one often still fits, for example inside a string."""
        if self._ending:
            if self._ending[0] == token:
                return self._ending[1:]
            if len(self._ending) <= budget and _ends(after, self._ending):
                return self._ending
        return self._endings.find(after, budget)

    def _forward(self, tokens: list[int]) -> Accepted:
        """Append what is forced now."""
        if self._fast_forward and (forced := self._matcher.compute_ff_tokens()):
            self._matcher.consume_tokens(forced)
            tokens = [*tokens, *forced]
            known = self._ending is not None and self._ending[: len(forced)] == forced
            self._ending = self._ending[len(forced) :] if known and self._ending is not None else None
        return Accepted(tokens, finished=self._matcher.is_stopped())


class _Endings:
    """Finds a short way to end a reply: closes what is open, and opens as little as the schema allows."""

    def __init__(self, tokenizer: Any) -> None:
        import numpy as np

        self.eos_tokens = frozenset(tokenizer.eos_tokens)
        self._texts = texts = [
            b"" if tokenizer.is_special_token(token) else tokenizer.decode_bytes([token])
            for token in range(tokenizer.vocab_size)
        ]
        rank = np.array([_rank(text) for text in texts])
        # One bit mask a rank, best first, so that the best token of a mask takes a few vector operations.
        words = -(-len(texts) // 32) * 32
        self._ranks = []
        for value in sorted(set(rank.tolist())):
            bits = np.zeros(words, dtype=np.uint8)
            bits[: len(texts)] = rank == value
            self._ranks.append(np.packbits(bits, bitorder="little").view(np.uint32))

    def find(self, matcher: Any, budget: int) -> list[int] | None:
        """Tokens that end the reply, at most `budget` of them; None where none were found."""
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
        for mask in self._ranks:
            found = allowed & mask
            # A few of the words are enough to choose from.
            if (words := np.flatnonzero(found)[:8]).size:
                tokens = [32 * int(word) + bit for word in words for bit in range(32) if int(found[word]) >> bit & 1]
                return (max if longest else min)(tokens, key=lambda token: len(self._texts[token]))
        return min(self.eos_tokens)


def _ends(matcher: Any, ending: list[int]) -> bool:
    """Whether these tokens end the reply; the matcher is left as it was."""
    taken = matcher.try_consume_tokens(ending)
    ends = taken == len(ending) and matcher.is_accepting()
    matcher.rollback(taken)
    return bool(ends)


def _rank(text: bytes) -> int:
    """How much a token helps to end JSON; less is better."""
    if not text:
        return 9
    if text.strip(b"]}") == b"":
        return 0
    if text.strip(b'"]}') == b"":
        return 1 if text != b'"' else 2
    if text.isalnum() and text.isascii():
        return 3
    if any(character in text for character in b"{["):
        return 6
    if any(character in text for character in b",:"):
        return 5
    return 4


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0].rstrip(".") if message.strip() else "no reason given"


def contrast(logits: torch.Tensor, noised: torch.Tensor, alpha: float, beta: float) -> torch.Tensor:
    """Visual contrastive decoding (arXiv 2311.16922): what the picture adds to what the words alone suggest.

    `(1 + alpha) * logits - alpha * noised`, and only tokens that the model finds plausible with the true picture:
    those with a probability of at least `beta` times the largest.

    Args:
        logits: Of the true picture, rows x vocabulary; tokens that a grammar forbids are -inf.
        noised: Of the noised picture, the same shape.
        alpha: How strongly the difference counts; 0 changes nothing but the plausibility.
        beta: From 0, all tokens, to 1, the most likely one alone.

    Returns:
        Logits of the same shape, -inf for implausible tokens.
    """
    import math

    import torch

    cutoff = logits.max(dim=-1, keepdim=True).values + (math.log(beta) if beta > 0 else -math.inf)
    result = (1 + alpha) * logits - alpha * noised
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
    return kept**0.5 * pixels + (1 - kept) ** 0.5 * noise
