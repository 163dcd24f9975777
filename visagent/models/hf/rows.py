"""Replies on their way: what each has written, and what the model has yet to read of it. Knows no model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from visagent.models.hf.decoding import Accepted, Grammar

if TYPE_CHECKING:
    from visagent.models.hf.prompting import Prompt


@dataclass(eq=False)
class Row:
    """One reply on its way.

    Attributes:
        prompt: What it replies to.
        max_tokens: Tokens at most.
        temperature: 0 for greedy.
        grammar: What it is held to; None for nothing.
        on_tokens: Called with all tokens so far, whenever there are more.
        on_done: Called once, when it is complete, has failed or was given up.
        gave_up: Tells whether nobody waits for the reply any more, which ends it.
        tokens: The reply so far.
        cached: Tokens of the prompt that were not computed for this row.
        prefilled: Tokens of the prompt that were.
        truncated: Whether it ran into `max_tokens`.
        done: Whether it is complete.
        error: Why it failed; None where it did not.
        pending: Tokens that are decided, but not yet read by the model.
    """

    prompt: Prompt
    max_tokens: int
    temperature: float = 0.0
    grammar: Grammar | None = None
    on_tokens: Callable[[list[int]], None] | None = None
    on_done: Callable[[], None] | None = None
    gave_up: Callable[[], bool] = lambda: False
    tokens: list[int] = field(default_factory=list)
    cached: int = 0
    prefilled: int = 0
    truncated: bool = False
    done: bool = False
    error: Exception | None = None
    pending: list[int] = field(default_factory=list)
    started: bool = False
    announced: bool = False

    @property
    def settled(self) -> bool:
        """Whether there is nothing more to do; says so once."""
        settled = self.done or self.error is not None or self.gave_up()
        if settled and not self.announced:
            self.announced = True
            if self.on_done is not None:
                self.on_done()
        return settled

    def start(self) -> None:
        """Append what every reply of its grammar begins with; done once."""
        if not self.started and self.grammar is not None:
            self.append(self.grammar.start(self.max_tokens))
        self.started = True

    def append(self, accepted: Accepted) -> None:
        """Take what became of a token."""
        left = self.max_tokens - len(self.tokens)
        tokens = accepted.tokens[:left]
        self.tokens += tokens
        self.pending += tokens
        self.truncated = accepted.truncated or (not accepted.finished and len(self.tokens) >= self.max_tokens)
        self.done = accepted.finished or self.truncated
        if tokens and self.on_tokens is not None:
            self.on_tokens(self.tokens)


@dataclass(eq=False)
class Lane:
    """One sequence of a batch: a row, with its own prompt or the noised one of contrastive decoding.

    Attributes:
        row: The row whose tokens it reads.
        prompt: What it read before them.
        cache: Cache of what was read, from the prefill until it joins a batch.
        logits: After what was read, 1 x vocabulary, for as long as the cache.
    """

    row: Row
    prompt: Prompt
    cache: Any = None
    logits: Any = None

    @property
    def tokens(self) -> list[int]:
        """All that the model has to have read; after running out of memory a reply goes on from there."""
        return self.prompt.tokens + self.row.tokens


def rows_of(lanes: list[Lane]) -> list[Row]:
    """The rows of some lanes, each once, in order."""
    return list({id(lane.row): lane.row for lane in lanes}.values())
