"""English sentences as tokens, by the word lists of `visagent_prompts/en/claims.yaml`. Pure: knows no claim."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple, get_args

from visagent.answering.sentences import QUOTATION, quotation_text
from visagent.core.words import numbers_in_words
from visagent.planning.prompts import word_lists
from visagent.verification.claims import Color, Span

_WORD = re.compile(r"[A-Za-z][\w'’-]*|\d+(?:\.\d+)?")


class Token(NamedTuple):
    """A piece of a sentence: its kind, its characters and where they stand, and what a word list says of it."""

    kind: str
    text: str
    start: int
    end: int
    value: Any = None


def scan(text: str, span: Span) -> list[Token]:
    """A sentence as tokens: the longest phrase of the word lists, a quotation, a number, a mark or a word."""
    tokens: list[Token] = []
    at, end = span
    patterns, words = _patterns(), _vocabulary()
    while at < end:
        if quotation := QUOTATION.match(text, at, end):
            tokens.append(Token("quote", quotation[0], at, quotation.end(), quotation_text(quotation)))
            at = quotation.end()
            continue
        found = None
        for kind, value, pattern in patterns:
            if found := pattern.match(text, at, end):
                if kind != "filler":
                    tokens.append(Token(kind, found[0], at, found.end(), value))
                break
        if found is None and (found := _WORD.match(text, at, end)):
            kind, value = words.get(found[0].lower().replace("’", "'"), ("word", None))
            if number := _number(found[0]):
                kind, value = "number", number[0]
            if kind != "filler":
                tokens.append(Token(kind, found[0], at, found.end(), value))
        elif found is None and text[at] in ",:":
            tokens.append(Token("comma", text[at], at, at + 1))
        at = found.end() if found else at + 1
    return tokens


def _number(word: str) -> tuple[int] | None:
    """The whole number that a word is, in a tuple, because none is not zero."""
    if word.isdigit():
        return (int(word),)
    written = [number.value for number in numbers_in_words(word) if number.end == len(word) and not number.start]
    return (int(written[0]),) if written else None


@cache
def lists() -> dict[str, Any]:
    """The word lists of the language."""
    return word_lists("en")


@cache
def _patterns() -> list[tuple[str, Any, re.Pattern[str]]]:
    """Phrases of several words, and those single ones that go before other readings, longest first."""
    known = lists()
    # What stands in the background is more than what stands in the picture.
    pictures = "|".join(name for name in known["pictures"] if not name.endswith("ground"))
    of_it = rf"\s+(?:of|in)\s+(?:the|this)\s+(?:{pictures})"
    phrases: list[tuple[str, Any, str, str]] = []
    for part, variants in known["parts"].items():
        phrases += [("part", part, phrase, r"(?!\s+of\b)") for phrase in variants]
    for relation, variants in known["relations"].items():
        phrases += [("relation", relation, phrase, "") for phrase in variants]
    phrases += [("quantity", sign, phrase, "") for phrase, sign in known["quantities"].items()]
    phrases += [("several", None, phrase, "") for phrase in known["several"]]
    phrases += [("pair", None, phrase, "") for phrase in known["pairs"]]
    phrases += [("preposition", None, phrase, "") for phrase in known["prepositions"] if " " in phrase]
    phrases += [("conjunction", None, phrase, "") for phrase in known["conjunctions"] if " " in phrase]
    phrases += [("word", None, phrase, "s?") for phrase in known["compounds"]]
    phrases += [("filler", None, phrase, "") for phrase in known["fillers"] if " " in phrase]
    phrases.sort(key=lambda item: -len(item[2]))
    compiled = [(kind, value, re.escape(phrase).replace(r"\ ", r"\s+") + tail) for kind, value, phrase, tail in phrases]
    # "On the right of the picture" is a part of it, not a relation to a thing.
    named = [("part", part, "|".join(sorted(some, key=len, reverse=True))) for part, some in known["parts"].items()]
    compiled = [(kind, part, rf"(?:{phrase}){of_it}") for kind, part, phrase in named] + compiled
    compiled.insert(0, ("filler", None, rf"(?:in|of|on)\s+(?:the|this)\s+(?:{pictures})"))
    return [(kind, value, re.compile(rf"(?i)\b{pattern}\b")) for kind, value, pattern in compiled]


@cache
def _vocabulary() -> dict[str, tuple[str, Any]]:
    """The kind of each single word, with its value; what comes later here goes before what comes earlier."""
    known = lists()
    table: dict[str, tuple[str, Any]] = {}
    for kind, key in (("verb", "verbs"), ("neutral", "neutral")):
        for verb in known[key]:
            table |= dict.fromkeys(_forms(verb), (kind, verb))
    for form, verb in known["irregular"].items():
        table[form] = table.get(verb, ("verb", verb))
    table |= {word: ("preposition", None) for word in known["prepositions"] if " " not in word}
    table |= dict.fromkeys(known["adjectives"], ("adjective", None))
    table |= dict.fromkeys(known["shades"], ("shade", None))
    table |= {color: ("color", color) for color in get_args(Color)}
    table |= {word: ("color", color) for word, color in known["colors"].items()}
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
        key = kind if kind in known else f"{kind}s"
        kept = {word: (kind, None) for word in known[key] if " " not in word}
        # That, this and these are determiners first; a noun phrase knows what follows.
        table |= {word: value for word, value in kept.items() if not (kind == "pronoun" and word in table)}
    table |= dict.fromkeys(known["copulas"], ("copula", None))
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
