"""The words of statements about panels of shapes, with what each may mean. Knows no scene.

A sentence is brought to a small vocabulary first: case and number are dropped, phrases become one token, misspelt words
their nearest neighbour. Words that carry no meaning for a program are left out.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, NamedTuple

COLORS = ("black", "blue", "yellow")
KINDS = ("circle", "square", "triangle")

_PHRASES = (
    (r"\bgr[ae]y (square|box|boxes|squares)\b", " panel "),
    (r"\bat ?le(a)?st\b|\bt least\b", " atleast "),
    (r"\bat ?most\b|\bno more than\b|\bnot more than\b", " atmost "),
    (r"\b(more|greater) than\b", " morethan "),
    (r"\b(less|fewer) than\b", " fewerthan "),
    (r"\bor more\b", " ormore "),
    (r"\bon (the )?top of\b", " ontopof "),
    (r"\bon (the )?top\b", " top "),
    (r"\b(do|does|is|are)(n't| not)\b", " not "),
    (r"\bnone of\b", " no "),
    (r"\b(next|adjacent|close) to\b", " touching "),
    (r"\bdifferent (colou?r)", r" \1"),
)
_ALIASES = {
    "a": "a", "an": "a", "gray": "grey", "colour": "color", "colored": "color", "coloured": "color", "bigger": "big",
    "box": "panel", "tower": "panel", "stack": "panel", "yellows": "yellow", "boxe": "panel",
    "block": "object", "item": "object", "shape": "object", "thing": "object", "ones": "object", "object": "object",
    "element": "object", "large": "large", "big": "large", "little": "small", "tiny": "small", "medium": "medium",
    "have": "with", "has": "with", "having": "with", "contain": "with", "containing": "with", "contains": "with",
    "ha": "with", "consist": "with", "consisting": "with", "include": "with", "including": "with", "hold": "with",
    "touch": "touching", "touches": "touching", "wall": "edge", "side": "edge", "border": "edge", "base": "bottom",
    "over": "over", "above": "over", "below": "under", "beneath": "under", "underneath": "under",
    "each": "all", "every": "all", "both": "two", "single": "one", "just": "only", "multiple": "several",
    "many": "several", "zero": "no", "none": "no", "without": "without", "corner": "corner", "isn't": "not",
    "first": "first", "second": "second", "third": "third", "fourth": "fourth", "stacked": "stacked",
    "exact": "exactly", "inside": "in", "topmost": "top",
}  # fmt: skip
_DROPPED = frozenset(
    """the there is are that which it its be to by as at any being been does do them they closely nearly together
    following this these those was were other another colored height made""".split()  # noqa: SIM905
)
NUMBERS = dict(zip("one two three four five six seven eight nine ten".split(), range(1, 11), strict=True))  # noqa: SIM905
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}


class Meaning(NamedTuple):
    """One thing that a token may stand for.

    Attributes:
        category: Category of the grammar.
        sense: What it contributes to a program.
    """

    category: str
    sense: Any


def _meanings() -> dict[str, tuple[Meaning, ...]]:
    table: dict[str, tuple[Meaning, ...]] = {}
    for word in (*COLORS, "small", "medium", "large"):
        table[word] = (Meaning("A", ("is", word)),)
    for word in KINDS:
        table[word] = (Meaning("A", ("is", word)),)
    # People call the grey panels "squares" too.
    table["square"] = (*table["square"], Meaning("B", ("panels",)))
    table["panel"] = (Meaning("B", ("panels",)),)
    table["object"] = (Meaning("N", ("shapes",)),)
    for word, number in NUMBERS.items():
        table[word] = (Meaning("D", (number, "word")),)
    for number in range(11):
        table[str(number)] = (Meaning("D", (number, "digit")),)
    table["one"] = (*table["one"], Meaning("N", ("shapes",)))
    table["a"] = (Meaning("D", (1, "a")),)
    table["no"] = (Meaning("Q", ("=", 0, "no")), Meaning("NEG", None))
    table["not"] = (Meaning("NEG", None),)
    table["without"] = (Meaning("WO", None),)
    table["several"] = (Meaning("Q", (">=", 2, "several")),)
    table["all"] = (Meaning("Q", ("all", 0, "all")),)
    for word, operator in (
        ("exactly", "="),
        ("atleast", ">="),
        ("atmost", "<="),
        ("morethan", ">"),
        ("fewerthan", "<"),
    ):
        table[word] = (Meaning("OP", operator),)
    table["ormore"] = (Meaning("ORMORE", None),)
    table["only"] = (Meaning("ONLY", None),)
    table["with"] = (Meaning("W", None),)
    table["of"] = (Meaning("W", None),)
    table["touching"] = (Meaning("T", None),)
    table["edge"] = (Meaning("E", "any"),)
    table["corner"] = (Meaning("E", "corner"),)
    table["left"] = (Meaning("E", "left"),)
    table["right"] = (Meaning("E", "right"),)
    table["top"] = (Meaning("P", ("at", "top", 1)), Meaning("E", "top"))
    table["bottom"] = (Meaning("P", ("at", "bottom", 1)), Meaning("E", "bottom"))
    for word, number in _ORDINALS.items():
        table[word] = (Meaning("P", ("at", "bottom", number)), Meaning("P", ("at", "top", number)))
    table["over"] = (Meaning("R", "over"), Meaning("R", "on"))
    table["under"] = (Meaning("R", "under"),)
    table["on"] = (Meaning("R", "on"), Meaning("R", "over"))
    table["ontopof"] = (Meaning("R", "on"), Meaning("R", "over"), Meaning("P", ("at", "top", 1)))
    table["from"] = (Meaning("F", None),)
    table["in"] = (Meaning("IN", None),)
    table["and"] = (Meaning("AND", None),)
    table["or"] = (Meaning("OR", None),)
    table["color"] = (Meaning("C", None),)
    table["same"] = (Meaning("D", (1, "same")),)
    table["stacked"] = (Meaning("ST", None),)
    return table


MEANINGS = _meanings()
"""Every token with what it may mean."""
_KNOWN = sorted({*MEANINGS, *_ALIASES, *_DROPPED} - {"a"})


def tokens(sentence: str) -> list[str]:
    """The meaningful tokens of a sentence, each a key of `MEANINGS`.

    >>> tokens("There are atleast 2 towers with a blue squere on top of it")
    ['atleast', '2', 'panel', 'with', 'a', 'blue', 'square', 'ontopof']
    """
    text = re.sub(r"[,;]", " , ", sentence.lower())
    for pattern, token in _PHRASES:
        text = re.sub(pattern, token, text)
    found: list[str] = []
    for word in re.findall(r"[a-z']+|\d+|,", text):
        meant = "and" if word == "," else _token(word)
        if meant is not None and not (meant == "and" and found[-1:] in ([], ["and"])):
            found.append(meant)
    return found


def _token(word: str) -> str | None:
    """The vocabulary's word for a word; None for one that carries no meaning."""
    for candidate in (word, re.sub(r"s$", "", word), re.sub(r"e?s$", "", word)):
        if candidate in _DROPPED:
            return None
        if candidate in _ALIASES:
            return _ALIASES[candidate]
        if candidate in MEANINGS:
            return candidate
    # A lost first letter ("ll" for "all") is the commonest slip of all; then the nearest spelling.
    lost = [known for known in _KNOWN if known[1:] == word and len(word) > 1]
    near = lost[:1] or (get_close_matches(re.sub(r"s$", "", word), _KNOWN, 1, 0.75) if len(word) > 3 else [])
    return _token(near[0]) if near and near[0] != word else None
