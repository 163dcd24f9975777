"""Simple English sentences taken apart into atomic claims, by rules. Pure: knows no tool and no model.

A sentence is read as noun phrases, prepositions, verbs and predicates, by the word lists of
`visagent_prompts/en/claims.yaml`; a noun is whatever stands between function words, so no list of nouns is needed. What
the rules cannot place becomes a claim of the kind `other`, which no expert checks, so that it is never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, get_args

from visagent.answering.sentences import QUOTATION, quotation_text
from visagent.core.words import numbers_in_words, singular
from visagent.planning.prompts import word_lists
from visagent.verification.claims import AtomicClaim, Color, Span

_WORD = re.compile(r"[A-Za-z][\w'’-]*|\d+(?:\.\d+)?")
_KINDS_OF_NOUN = ("word", "verb", "neutral", "reading")
SEVERAL = 2
"""The least number that "several" stands for."""


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int
    value: Any = None


@dataclass(eq=False)
class _Thing:
    """A noun phrase: what it names, how many, of which colors."""

    noun: str
    place: Span
    words: str
    number: int | None = None
    comparison: str = "="
    number_place: Span | None = None
    article: Span | None = None
    colors: list[_Token] = field(default_factory=list)
    adjectives: list[_Token] = field(default_factory=list)
    negated: bool = False
    definite: bool = False
    is_picture: bool = False
    is_number_of: bool = False
    told: int | None = None
    """Which claim says by itself that there is none, or how many: a relation that follows belongs into it."""


def extract_english(text: str, sentences: Iterable[Span], *, heard: bool = False) -> list[AtomicClaim]:
    """The atomic claims of English sentences, in the text's order.

    Args:
        text: Citations already blanked out.
        sentences: Where each one stands.
        heard: Whether the text is about sound alone, so that what is quoted was spoken.
    """
    claims: list[AtomicClaim] = []
    subject: list[_Thing] = []
    for span in sentences:
        reader = _Reader(text, span, subject, heard)
        reader.read()
        claims += reader.claims
        subject = reader.subject or subject
    return claims


class _Reader:
    """Reads one sentence from left to right."""

    def __init__(self, text: str, span: Span, subject: list[_Thing], heard: bool) -> None:
        self._text, self._span, self._heard = text, span, heard
        self._tokens = _scan(text, span)
        self._at = 0
        self.claims: list[AtomicClaim] = []
        self.subject: list[_Thing] = []
        self._before = subject
        self._focus: list[_Thing] = []
        self._pending: _Token | None = None
        self._negated = False
        self._said = False
        """Whether the clause's verb has been read."""
        self._joined = False
        self._relative = False
        self._last: list[_Thing] = []
        self._waiting_part: _Token | None = None

    def read(self) -> None:
        """Fill `claims` and `subject`."""
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            thing = self._noun_phrase()
            if thing is not None:
                self._on_thing(thing)
                continue
            self._at += 1
            handler = getattr(self, f"_on_{token.kind}", None)
            if handler is not None:
                handler(token)
        if self._waiting_part is not None:
            self._claim("other", self._waiting_part.text)

    # What a token means.

    def _on_thing(self, thing: _Thing) -> None:
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
            self._tell(thing)
        if pending is not None and pending.kind in ("relation", "preposition"):
            for one in self._others(thing):
                words = f"{one.words} {pending.text} {thing.words}"
                if pending.kind == "preposition" and thing.noun in _lists()["writing_nouns"]:
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

    def _others(self, thing: _Thing) -> list[_Thing]:
        return [one for one in self._focus if one is not thing]

    def _verb_follows(self) -> bool:
        rest = self._tokens[self._at :]
        kinds = [token.kind for token in rest if token.kind not in ("filler", "negation")]
        return bool(kinds) and kinds[0] in ("copula", "verb", "neutral", "reading")

    def _on_copula(self, token: _Token) -> None:
        if self._relative:
            self._focus = self._last
        elif self.subject and self._said is False:
            self._focus = self.subject
        self._said, self._relative, self._joined = True, False, False
        self._negated = "n't" in token.text.replace("’", "'") or "n’t" in token.text
        self._pending = token

    def _on_neutral(self, token: _Token) -> None:
        self._said = True
        self._pending = token

    def _on_verb(self, token: _Token) -> None:
        self._said = True
        self._pending = token
        doing = " and ".join(thing.words for thing in self._focus)
        self._claim("other", f"{doing} {token.text}".strip(), negated=self._negated)

    def _on_relation(self, token: _Token) -> None:
        if self._relative:
            self._focus, self._relative = self._last, False
        self._pending = token

    def _on_preposition(self, token: _Token) -> None:
        self._pending = token

    def _on_part(self, token: _Token) -> None:
        if not self._focus:
            self._waiting_part = token
            return
        for thing in self._focus:
            self._relate(thing, f"{thing.words} {token.text.lower()}", part=token.value)

    def _relate(self, thing: _Thing, words: str, **where: Any) -> None:
        """Where a thing stands. Three dogs on a couch need not be all dogs there are: then that is what is counted."""
        if thing.told is not None:
            at, thing.told = thing.told, None
            claim = self.claims[at]
            where.pop("place", None)
            kind = "relation" if claim.kind == "existence" else claim.kind
            self.claims[at] = claim.model_copy(update={"kind": kind, "words": words, **where})
        else:
            if self._negated:
                where.pop("place", None)  # what is denied has nothing to stand in its place
            noun = {"noun": thing.noun, "noun_place": thing.place}
            self._claim("relation", words, negated=self._negated, **noun, **where)

    def _on_color(self, token: _Token) -> None:
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

    def _on_adjective(self, token: _Token) -> None:
        for words in [thing.words for thing in self._focus or self._before] or [""]:
            self._claim("other", f"{words} {token.text}".strip(), negated=self._negated)

    def _on_number(self, token: _Token) -> None:
        """A number that is said of a number: `the number of dogs is three`."""
        if self._focus and self._focus[0].is_number_of:
            thing = self._focus[0]
            place = (token.start, token.end)
            self._claim("count", f"{token.text} {thing.noun}", noun=thing.noun, number=token.value, place=place)
        elif self._pending is None or self._pending.kind != "copula":
            self._claim("other", token.text)

    def _on_quote(self, token: _Token) -> None:
        nouns = _lists()["speaking"]
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

    def _on_pronoun(self, token: _Token) -> None:
        if token.text.lower() in ("it", "they", "he", "she") and not self._said:
            self.subject = self._focus = list(self._before)

    def _on_negation(self, token: _Token) -> None:
        self._negated = True

    def _on_relative(self, token: _Token) -> None:
        self._relative = True
        self._said = False

    def _on_conjunction(self, token: _Token) -> None:
        self._joined = True
        if token.text.lower() == "but":
            self._negated = False

    def _on_comma(self, token: _Token) -> None:
        self._joined = True

    # Noun phrases.

    def _noun_phrase(self) -> _Thing | None:
        """The noun phrase that starts here, if one does; then the place moves behind it."""
        tokens, at = self._tokens, self._at
        first = at
        number: int | None = None
        comparison = "="
        number_place: Span | None = None
        article: Span | None = None
        colors: list[_Token] = []
        adjectives: list[_Token] = []
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
        words: list[_Token] = []
        while at < len(tokens) and self._is_noun(tokens[at], words, determined):
            words.append(tokens[at])
            at += 1
        if not words and determined and colors and colors[-1].text.lower() == "orange":
            words = [colors.pop()]
        if not words:
            return self._of_several(at, first, number, negated)
        self._at = at
        noun = singular(" ".join(token.text.lower() for token in words))
        thing = _Thing(
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
            is_picture=noun in _lists()["pictures"],
        )
        if noun == "number" and at < len(tokens) and tokens[at].text.lower() == "of":
            self._at = at + 1
            counted = self._noun_phrase()
            if counted is not None:
                counted.is_number_of = True
                return counted
        return thing

    def _of_several(self, at: int, first: int, number: int | None, negated: bool) -> _Thing | None:
        """`One of the dogs`: some of those that follow; nothing else here is a noun phrase."""
        tokens = self._tokens
        if (number is None and not negated) or at >= len(tokens) or tokens[at].text.lower() != "of":
            return None
        self._at = at + 1
        thing = self._noun_phrase()
        if thing is None:
            self._at = first
            return None
        thing.number, thing.negated = None, negated
        return thing

    def _is_noun(self, token: _Token, words: list[_Token], determined: bool) -> bool:
        if token.kind == "word":
            if not words:
                return True
            verbal = token.text.lower().endswith(("ing", "ed")) and len(token.text) > 4
            return not verbal or token.text.lower() in _lists()["nouns_in_ing"]
        # "A watch": a verb cannot stand right after an article.
        return not words and determined and token.kind in _KINDS_OF_NOUN

    # Claims.

    def _tell(self, thing: _Thing) -> None:
        """What a noun phrase says by itself: that there is such a thing, how many, of which color."""
        if thing.is_number_of or thing.noun in _lists()["speaking"]:
            return
        noun = {"noun": thing.noun, "noun_place": thing.place}
        if thing.noun in _lists()["writing_nouns"]:
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
            thing.told = len(self.claims) - 1
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


def _scan(text: str, span: Span) -> list[_Token]:
    """A sentence as tokens: the longest phrase of the word lists, a quotation, a number, a mark or a word."""
    tokens: list[_Token] = []
    at, end = span
    patterns, words = _patterns(), _vocabulary()
    while at < end:
        if quotation := QUOTATION.match(text, at, end):
            tokens.append(_Token("quote", quotation[0], at, quotation.end(), quotation_text(quotation)))
            at = quotation.end()
            continue
        found = None
        for kind, value, pattern in patterns:
            if found := pattern.match(text, at, end):
                if kind != "filler":
                    tokens.append(_Token(kind, found[0], at, found.end(), value))
                break
        if found is None and (found := _WORD.match(text, at, end)):
            kind, value = words.get(found[0].lower().replace("’", "'"), ("word", None))
            if number := _number(found[0]):
                kind, value = "number", number[0]
            if kind != "filler":
                tokens.append(_Token(kind, found[0], at, found.end(), value))
        elif found is None and text[at] in ",:":
            tokens.append(_Token("comma", text[at], at, at + 1))
        at = found.end() if found else at + 1
    return tokens


def _number(word: str) -> tuple[int] | None:
    """The whole number that a word is, in a tuple, because none is not zero."""
    if word.isdigit():
        return (int(word),)
    written = [number.value for number in numbers_in_words(word) if number.end == len(word) and not number.start]
    return (int(written[0]),) if written else None


@cache
def _lists() -> dict[str, Any]:
    return word_lists("en")


@cache
def _patterns() -> list[tuple[str, Any, re.Pattern[str]]]:
    """Phrases of several words, and those single ones that go before other readings, longest first."""
    lists = _lists()
    # What stands in the background is more than what stands in the picture.
    pictures = "|".join(name for name in lists["pictures"] if not name.endswith("ground"))
    of_it = rf"\s+(?:of|in)\s+(?:the|this)\s+(?:{pictures})"
    phrases: list[tuple[str, Any, str, str]] = []
    for part, variants in lists["parts"].items():
        phrases += [("part", part, phrase, r"(?!\s+of\b)") for phrase in variants]
    for relation, variants in lists["relations"].items():
        phrases += [("relation", relation, phrase, "") for phrase in variants]
    phrases += [("quantity", sign, phrase, "") for phrase, sign in lists["quantities"].items()]
    phrases += [("several", None, phrase, "") for phrase in lists["several"]]
    phrases += [("pair", None, phrase, "") for phrase in lists["pairs"]]
    phrases += [("preposition", None, phrase, "") for phrase in lists["prepositions"] if " " in phrase]
    phrases += [("conjunction", None, phrase, "") for phrase in lists["conjunctions"] if " " in phrase]
    phrases += [("word", None, phrase, "s?") for phrase in lists["compounds"]]
    phrases += [("filler", None, phrase, "") for phrase in lists["fillers"] if " " in phrase]
    phrases.sort(key=lambda item: -len(item[2]))
    compiled = [(kind, value, re.escape(phrase).replace(r"\ ", r"\s+") + tail) for kind, value, phrase, tail in phrases]
    # "On the right of the picture" is a part of it, not a relation to a thing.
    named = [("part", part, "|".join(sorted(some, key=len, reverse=True))) for part, some in lists["parts"].items()]
    compiled = [(kind, part, rf"(?:{phrase}){of_it}") for kind, part, phrase in named] + compiled
    compiled.insert(0, ("filler", None, rf"(?:in|of|on)\s+(?:the|this)\s+(?:{pictures})"))
    return [(kind, value, re.compile(rf"(?i)\b{pattern}\b")) for kind, value, pattern in compiled]


@cache
def _vocabulary() -> dict[str, tuple[str, Any]]:
    """The kind of each single word, with its value; what comes later here goes before what comes earlier."""
    lists = _lists()
    table: dict[str, tuple[str, Any]] = {}
    for kind, key in (("verb", "verbs"), ("neutral", "neutral")):
        for verb in lists[key]:
            table |= dict.fromkeys(_forms(verb), (kind, verb))
    for form, verb in lists["irregular"].items():
        table[form] = table.get(verb, ("verb", verb))
    table |= {word: ("preposition", None) for word in lists["prepositions"] if " " not in word}
    table |= dict.fromkeys(lists["adjectives"], ("adjective", None))
    table |= dict.fromkeys(lists["shades"], ("shade", None))
    table |= {color: ("color", color) for color in get_args(Color)}
    table |= {word: ("color", color) for word, color in lists["colors"].items()}
    for kind in (
        "reading",
        "spoken",
        "determiner",
        "pronoun",
        "copula",
        "negation",
        "conjunction",
        "relative",
        "filler",
    ):
        key = kind if kind in lists else f"{kind}s"
        kept = {word: (kind, None) for word in lists[key] if " " not in word}
        # That, this and these are determiners first; a noun phrase knows what follows.
        table |= {word: value for word, value in kept.items() if not (kind == "pronoun" and word in table)}
    table |= dict.fromkeys(lists["copulas"], ("copula", None))
    return table


def _forms(verb: str) -> list[str]:
    """A regular verb's forms."""
    stem = verb.removesuffix("e")
    doubled = verb + verb[-1] if re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", verb) else stem
    ends_in_y = f"{verb[:-1]}i" if verb.endswith("y") and verb[-2:-1] not in "aeiou" else verb
    return [
        verb,
        f"{verb}s",
        f"{ends_in_y}es",
        f"{doubled}ing",
        f"{stem}ing",
        f"{doubled}ed",
        f"{ends_in_y}ed",
        f"{stem}ed",
    ]
