"""Writes questions of the grammar with the plans that answer them: wordings filled in, and finished as people write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from visagent_training.expressions import parse
from visagent_training.lexicon import choose
from visagent_training.noun_phrases import Vocabulary
from visagent_training.slots import SLOT, fill_slots


@dataclass(frozen=True)
class Example:
    """A question about named media, and the plan that answers it.

    Attributes:
        question: Question as a person would write it.
        media: Names as in a plan, for example `("image1", "audio1")`.
        steps: The gold plan's steps.
        intent: Which intents it was made from, joined by "+".
        wordings: The patterns that it was made from.
        nouns: The nouns in it, in the singular.
    """

    question: str
    media: tuple[str, ...]
    steps: list[dict[str, JsonValue]]
    intent: str
    wordings: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()


class Writer(Vocabulary):
    """Writes questions of one split."""

    def clause(
        self, wording: str, plan: str, given: Mapping[str, Any] | None = None
    ) -> tuple[str, list[Any], dict[str, Any]]:
        """One wording filled in.

        Returns:
            Its text, still with `~` and `!`; the expressions of its plan; the slots' values.
        """
        text = choose(wording, self.rng)
        values, words = fill_slots(self, text, plan, given or {})
        text = self._typo(text)
        text = SLOT.sub(lambda match: words[match[1]][match[2] or ""], text)
        found = parse(plan, values, self.specs)
        return text, list(found) if isinstance(found, tuple) else [found], values

    def _typo(self, text: str) -> str:
        """Now and then two letters of one of the wording's own words are swapped, or one is lost."""
        if not self.chance(0.03):
            return text
        spans = [match.span() for match in re.finditer(r"(?<![{\w])(?!count)[a-z]{5,}(?![\w}])", text)]
        if not spans:
            return text
        start, end = self.rng.choice(spans)
        index = self.rng.randrange(start + 1, end - 2)
        if self.chance(0.5):
            return text[:index] + text[index + 1] + text[index] + text[index + 2 :]
        return text[:index] + text[index + 1 :]

    def medium(self, text: str, phrase: str | None) -> str:
        """The text with its reference to the medium filled in; a phrase that must be said goes in front otherwise."""
        if phrase is None:
            return text.replace("~", "")
        if "~" in text:
            return text.replace("~", f" {phrase}")
        return f"!{phrase}, {text[1:]}" if text.startswith("!") else f"{phrase}, {text}"

    def finish(self, text: str) -> str:
        """The text as people write: openers, capitals, punctuation."""
        command = text.startswith("!")
        text = text.removeprefix("!")
        if self.chance(0.12 if not command else 0.25):
            text = self.word("commands" if command else "openers") + text
        if self.chance(0.07):
            text += self.word("closers")
        if not text.endswith("?"):
            text += (
                self.rng.choice([".", ".", "", "!"])
                if command
                else self.rng.choice(["?", "?", "?", "?", "?", "?", "", "."])
            )
        if self.lower:
            return text.lower()
        return text[0].upper() + text[1:] if self.chance(0.75) else text
