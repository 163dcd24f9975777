"""Simple English sentences taken apart into atomic claims, by rules. Pure: knows no tool and no model.

A sentence is read as noun phrases, prepositions, verbs and predicates, by the word lists of
`visagent_prompts/en/claims.yaml`; a noun is whatever stands between function words, so no list of nouns is needed. What
the rules cannot place becomes a claim of the kind `other`, which no expert checks, so that it is never passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from visagent.verification.claims import AtomicClaim, Span
from visagent.verification.english_nouns import NounPhrases, Thing
from visagent.verification.english_tokens import Token, lists, scan


def extract_english(text: str, sentences: Iterable[Span], *, heard: bool = False) -> list[AtomicClaim]:
    """The atomic claims of English sentences, in the text's order.

    Args:
        text: Citations already blanked out.
        sentences: Where each one stands.
        heard: Whether the text is about sound alone, so that what is quoted was spoken.
    """
    claims: list[AtomicClaim] = []
    subject: list[Thing] = []
    for span in sentences:
        reader = _Reader(text, span, subject, heard)
        reader.read()
        claims += reader.claims
        subject = reader.subject or subject
    return claims


class _Reader:
    """Reads one sentence from left to right."""

    def __init__(self, text: str, span: Span, subject: list[Thing], heard: bool) -> None:
        self._text, self._span, self._heard = text, span, heard
        self._tokens = scan(text, span)
        self._phrases = NounPhrases(text, self._tokens)
        self.claims: list[AtomicClaim] = []
        self.subject: list[Thing] = []
        self._before = subject
        self._focus: list[Thing] = []
        self._pending: Token | None = None
        self._negated = False
        self._said = False
        """Whether the clause's verb has been read."""
        self._joined = False
        self._relative = False
        self._last: list[Thing] = []
        self._waiting_part: Token | None = None

    def read(self) -> None:
        """Fill `claims` and `subject`."""
        while self._phrases.at < len(self._tokens):
            token = self._tokens[self._phrases.at]
            thing = self._phrases.next()
            if thing is not None:
                self._on_thing(thing)
                continue
            self._phrases.at += 1
            handler = getattr(self, f"_on_{token.kind}", None)
            if handler is not None:
                handler(token)
        if self._waiting_part is not None:
            self._claim("other", self._waiting_part.text)

    # What a token means.

    def _on_thing(self, thing: Thing) -> None:
        if thing.is_picture:
            if thing.noun.endswith("ground") and self._focus:
                self._claim("other", f"{self._focus[0].words} in the {thing.noun}")
            self._joined = False
            return
        if self._joined and self._pending and self._pending.kind in ("relation", "preposition") and not thing.definite:
            # "A cup on a table and a spoon": the spoon need not be on it. "On the table and the chair": on both.
            self._pending, self._focus = None, list(self._focus)
        pending, joined = self._pending, self._joined
        starts = joined and self._said and pending is None and self._verb_follows()
        starts = starts or (joined and self._said and self._verb_follows() and not self._relative)
        self._joined = False
        if starts or (not self._said and not joined and pending is None and not self._focus):
            self._said = False
            self._pending = pending = None
            if not thing.negated:
                self._negated = False
            self.subject = self._focus = [thing]
        elif joined and pending is None:
            self._focus.append(thing)
        elif pending is None or pending.kind in ("copula", "neutral", "verb"):
            # "There is a cup": what is there is what the rest speaks of.
            self._focus = [thing]
            self.subject = self.subject or self._focus
        thing.negated = thing.negated or (self._negated and (pending is None or pending.kind != "relation"))
        if not (self._negated and pending is not None and pending.kind == "relation" and not thing.definite):
            self._claim_thing(thing)
        if pending is not None and pending.kind in ("relation", "preposition"):
            for one in self._other_things(thing):
                words = f"{one.words} {pending.text} {thing.words}"
                if pending.kind == "preposition" and thing.noun in lists()["writing_nouns"]:
                    continue
                if pending.kind == "preposition":
                    self._claim("other", words)
                else:
                    place = (pending.start, pending.end)
                    self._relate(one, words, relation=pending.value, other=thing.noun, place=place)
        if self._waiting_part is not None:
            self._focus, part, self._waiting_part = [thing], self._waiting_part, None
            self._on_part(part)
        self._last = [thing]
        if thing.negated:
            self._negated = False

    def _other_things(self, thing: Thing) -> list[Thing]:
        return [one for one in self._focus if one is not thing]

    def _verb_follows(self) -> bool:
        rest = self._tokens[self._phrases.at :]
        kinds = [token.kind for token in rest if token.kind not in ("filler", "negation")]
        return bool(kinds) and kinds[0] in ("copula", "verb", "neutral", "reading")

    def _on_copula(self, token: Token) -> None:
        if self._relative:
            self._focus = self._last
        elif self.subject and self._said is False:
            self._focus = self.subject
        self._said, self._relative, self._joined = True, False, False
        self._negated = "n't" in token.text.replace("’", "'") or "n’t" in token.text
        self._pending = token

    def _on_neutral(self, token: Token) -> None:
        self._said = True
        self._pending = token

    def _on_verb(self, token: Token) -> None:
        self._said = True
        self._pending = token
        doing = " and ".join(thing.words for thing in self._focus)
        self._claim("other", f"{doing} {token.text}".strip(), negated=self._negated)

    def _on_relation(self, token: Token) -> None:
        if self._relative:
            self._focus, self._relative = self._last, False
        self._pending = token

    def _on_preposition(self, token: Token) -> None:
        self._pending = token

    def _on_part(self, token: Token) -> None:
        if not self._focus:
            self._waiting_part = token
            return
        for thing in self._focus:
            self._relate(thing, f"{thing.words} {token.text.lower()}", part=token.value)

    def _relate(self, thing: Thing, words: str, **where: Any) -> None:
        """Where a thing stands. Three dogs on a couch need not be all dogs there are: then that is what is counted."""
        if thing.claimed is not None:
            at, thing.claimed = thing.claimed, None
            claim = self.claims[at]
            where.pop("place", None)
            kind = "relation" if claim.kind == "existence" else claim.kind
            self.claims[at] = claim.model_copy(update={"kind": kind, "words": words, **where})
        else:
            if self._negated:
                where.pop("place", None)  # what is denied has nothing to stand in its place
            noun = {"noun": thing.noun, "noun_place": thing.place}
            self._claim("relation", words, negated=self._negated, **noun, **where)

    def _on_color(self, token: Token) -> None:
        """A color that is said of the clause's subject: `the cup is brown`."""
        for thing in self._focus or self._before:
            words = f"{thing.words} is {'not ' if self._negated else ''}{token.text}"
            self._claim(
                "attribute",
                words,
                noun=thing.noun,
                noun_place=thing.place,
                color=token.value,
                negated=self._negated,
                place=(token.start, token.end),
            )

    def _on_adjective(self, token: Token) -> None:
        for words in [thing.words for thing in self._focus or self._before] or [""]:
            self._claim("other", f"{words} {token.text}".strip(), negated=self._negated)

    def _on_number(self, token: Token) -> None:
        """A number that is said of a number: `the number of dogs is three`."""
        if self._focus and self._focus[0].is_number_of:
            thing = self._focus[0]
            place = (token.start, token.end)
            self._claim("count", f"{token.text} {thing.noun}", noun=thing.noun, number=token.value, place=place)
        elif self._pending is None or self._pending.kind != "copula":
            self._claim("other", token.text)

    def _on_quote(self, token: Token) -> None:
        nouns = lists()["speaking"]
        said_by = [thing.noun for thing in self._focus or self.subject]
        spoken = self._heard or any(noun.split()[-1] in nouns for noun in said_by if noun)
        spoken = spoken or any(other.kind == "spoken" for other in self._tokens)
        self._claim(
            "speech" if spoken else "text",
            token.text,
            quote=token.value,
            negated=self._negated,
            place=(token.start + 1, token.end - 1),
        )

    def _on_pronoun(self, token: Token) -> None:
        if token.text.lower() in ("it", "they", "he", "she") and not self._said:
            self.subject = self._focus = list(self._before)

    def _on_negation(self, token: Token) -> None:
        self._negated = True

    def _on_relative(self, token: Token) -> None:
        self._relative = True
        self._said = False

    def _on_conjunction(self, token: Token) -> None:
        self._joined = True
        if token.text.lower() == "but":
            self._negated = False

    def _on_comma(self, token: Token) -> None:
        self._joined = True

    # Claims.

    def _claim_thing(self, thing: Thing) -> None:
        """What a noun phrase says by itself: that there is such a thing, how many, of which color."""
        if thing.is_number_of or thing.noun in lists()["speaking"]:
            return
        noun = {"noun": thing.noun, "noun_place": thing.place}
        if thing.noun in lists()["writing_nouns"]:
            if not any(token.kind == "quote" for token in self._tokens):
                self._claim("text", thing.words, negated=thing.negated)
            return
        color = thing.colors[0] if len(thing.colors) == 1 else None
        if thing.number is not None or (thing.negated and color):
            self._claim(
                "count",
                thing.words,
                number=thing.number or 0,
                comparison=thing.comparison,
                color=color.value if color else None,
                place=thing.number_place,
                **noun,
            )
        else:
            place = thing.number_place or thing.article
            self._claim("existence", thing.words, negated=thing.negated, place=place, **noun)
        if thing.number is not None or thing.negated:
            thing.claimed = len(self.claims) - 1
        else:
            for token in thing.colors:
                place = (token.start, token.end)
                self._claim("attribute", f"{token.text} {thing.noun}", color=token.value, place=place, **noun)
        for token in thing.adjectives:
            self._claim("other", f"{token.text} {thing.noun}")

    def _claim(self, kind: str, words: str, **details: Any) -> None:
        shown = " ".join(words.split())
        self.claims.append(
            AtomicClaim.model_validate({"kind": kind, "words": shown, "sentence": self._span, **details})
        )
