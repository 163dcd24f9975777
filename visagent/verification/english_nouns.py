"""Noun phrases of an English sentence, read from its tokens. Pure: knows no claim and no verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from visagent.core.words import singular
from visagent.verification.claims import Span
from visagent.verification.english_tokens import Token, lists

_KINDS_OF_NOUN = ("word", "verb", "neutral", "reading")
SEVERAL = 2
"""The least number that "several" stands for."""


@dataclass(eq=False)
class Thing:
    """A noun phrase: what it names, how many, of which colors."""

    noun: str
    place: Span
    words: str
    number: int | None = None
    comparison: str = "="
    number_place: Span | None = None
    article: Span | None = None
    colors: list[Token] = field(default_factory=list)
    adjectives: list[Token] = field(default_factory=list)
    negated: bool = False
    definite: bool = False
    is_picture: bool = False
    is_number_of: bool = False
    claimed: int | None = None
    """Which claim says by itself that there is none, or how many: a relation that follows belongs into it."""


class NounPhrases:
    """Reads noun phrases from left to right.

    Args:
        text: What the tokens were read from.
        tokens: Tokens of one sentence.

    Attributes:
        at: Number of the next token; readers of the other tokens move it, too.
    """

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text, self._tokens = text, tokens
        self.at = 0

    def next(self) -> Thing | None:
        """The noun phrase that starts here, if one does; then the place moves behind it."""
        tokens, at = self._tokens, self.at
        first = at
        number: int | None = None
        comparison = "="
        number_place: Span | None = None
        article: Span | None = None
        colors: list[Token] = []
        adjectives: list[Token] = []
        negated = determined = definite = False
        while at < len(tokens):
            token = tokens[at]
            following = tokens[at + 1].kind if at + 1 < len(tokens) else ""
            if token.kind == "quantity" and following == "number":
                comparison = token.value
            elif token.kind == "number" and isinstance(token.value, int):
                number, number_place, determined = token.value, (token.start, token.end), True
            elif token.kind in ("several", "pair"):
                number, comparison = SEVERAL, ">=" if token.kind == "several" else "="
                number_place, determined = (token.start, token.end), True
            elif token.kind == "determiner" or (token.kind == "pronoun" and token.text.lower() in ("this", "these")):
                determined = True
                definite = token.text.lower() not in ("a", "an", "some", "any", "another")
                article = None if definite else (token.start, token.end)
            elif token.kind == "negation" and token.text.lower() == "no":
                negated = determined = True
                number_place = (token.start, token.end)
            elif token.kind == "color":
                colors.append(token)
            elif token.kind == "adjective" or (
                token.kind == "verb" and determined and token.text.endswith(("ing", "ed")) and following == "word"
            ):
                adjectives.append(token)
            elif token.kind == "shade" or (
                token.kind in ("conjunction", "comma") and colors and following in ("color", "adjective", "shade")
            ):
                pass
            else:
                break
            at += 1
        words: list[Token] = []
        while at < len(tokens) and self._is_noun(tokens[at], words, determined):
            words.append(tokens[at])
            at += 1
        if not words and determined and colors and colors[-1].text.lower() == "orange":
            words = [colors.pop()]
        if not words:
            return self._of_several(at, first, number, negated)
        self.at = at
        noun = singular(" ".join(token.text.lower() for token in words))
        thing = Thing(
            noun=noun,
            place=(words[0].start, words[-1].end),
            words=self._text[(number_place or (words[0].start, words[0].end))[0] : words[-1].end],
            number=number,
            comparison=comparison,
            number_place=number_place,
            article=article,
            colors=colors,
            adjectives=adjectives,
            negated=negated,
            definite=definite,
            is_picture=noun in lists()["pictures"],
        )
        if noun == "number" and at < len(tokens) and tokens[at].text.lower() == "of":
            self.at = at + 1
            counted = self.next()
            if counted is not None:
                counted.is_number_of = True
                return counted
        return thing

    def _of_several(self, at: int, first: int, number: int | None, negated: bool) -> Thing | None:
        """`One of the dogs`: some of those that follow; nothing else here is a noun phrase."""
        tokens = self._tokens
        if (number is None and not negated) or at >= len(tokens) or tokens[at].text.lower() != "of":
            return None
        self.at = at + 1
        thing = self.next()
        if thing is None:
            self.at = first
            return None
        thing.number, thing.negated = None, negated
        return thing

    def _is_noun(self, token: Token, words: list[Token], determined: bool) -> bool:
        if token.kind == "word":
            if not words:
                return True
            verbal = token.text.lower().endswith(("ing", "ed")) and len(token.text) > 4
            return not verbal or token.text.lower() in lists()["nouns_in_ing"]
        # "A watch": a verb cannot stand right after an article.
        return not words and determined and token.kind in _KINDS_OF_NOUN
