"""English word forms and numbers in words, as far as labels and short answers need them. Knows no tool and no evidence.

Rules for regular plurals and the irregular ones that object labels use; for the full grammar there is `inflect`, which
is left out because it costs more to import than all of the rest together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

IRREGULAR_PLURALS = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "foot": "feet", "tooth": "teeth",
    "goose": "geese", "mouse": "mice", "ox": "oxen", "die": "dice", "knife": "knives", "wife": "wives",
    "life": "lives", "leaf": "leaves", "loaf": "loaves", "half": "halves", "shelf": "shelves", "wolf": "wolves",
    "calf": "calves", "thief": "thieves", "scarf": "scarves", "potato": "potatoes", "tomato": "tomatoes",
    "hero": "heroes", "mango": "mangoes", "bus": "buses",
}  # fmt: skip
_SAME = {
    "sheep", "fish", "deer", "aircraft", "series", "scissors", "skis", "glasses", "sunglasses", "jeans", "trousers",
    "pants", "shorts", "people", "men", "women", "children", "cattle", "broccoli", "luggage", "furniture", "text",
}  # fmt: skip


def plural(noun: str) -> str:
    """The plural of an English noun or noun phrase: `person` -> `people`, `glass of water` -> `glasses of water`.

    >>> plural("traffic light"), plural("woman in red"), plural("berry")
    ('traffic lights', 'women in red', 'berries')
    """
    if found := re.match(r"(.+?)( (?:of|in|on|with|from|at|by) .*)$", noun):
        return plural(found[1]) + found[2]
    rest, _, last = noun.rpartition(" ")
    before = f"{rest} " if rest else ""
    word = last.lower()
    if not word.isascii() or not word[-1:].isalpha() or word in _SAME:
        return noun
    if word in IRREGULAR_PLURALS:
        many = IRREGULAR_PLURALS[word]
    elif word.endswith("man") and word not in {"human", "german", "roman"}:
        many = f"{word[:-3]}men"
    elif word.endswith("y") and word[-2:-1] not in set("aeiou"):
        many = f"{word[:-1]}ies"
    elif word.endswith(("s", "x", "z", "ch", "sh")):
        many = f"{word}es"
    else:
        many = f"{word}s"
    # Keep the writer's capitals as far as the two forms agree.
    shared = next((at for at, (one, other) in enumerate(zip(word, many, strict=False)) if one != other), len(word))
    return before + last[:shared] + many[shared:]


def with_article(noun: str) -> str:
    """`a` or `an` before an English noun phrase, by its first letter and the usual exceptions.

    >>> with_article("apple"), with_article("unicorn"), with_article("hour glass")
    ('an apple', 'a unicorn', 'an hour glass')
    """
    silent_h = re.match(r"(?i)(hour|honest|heir|honou?r)", noun)
    like_you_or_won = re.match(r"(?i)(uni(?!n)|use|usu|eu|ewe|one\b|ufo)", noun)
    vowel = re.match(r"(?i)[aeiou]|8|11\b|18\b", noun)
    return f"{'an' if silent_h or (vowel and not like_you_or_won) else 'a'} {noun}"


_ONES = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = (
    {"zero": 0, "a": 1}
    | {word: value for value, word in enumerate(_ONES, 1)}
    | {word: value for value, word in enumerate(_TEENS, 10)}
    | {word: 10 * value for value, word in enumerate(_TENS, 2)}
)


def _grammar() -> re.Pattern[str]:
    """English cardinals below a million, as one pattern that matches the longest well-formed one."""
    ones, teens, tens = ("|".join(words) for words in (_ONES, _TEENS, _TENS))
    below_100 = rf"(?:(?:{tens})(?:[- ](?:{ones})\b)?|{teens}|{ones})\b"
    below_1000 = rf"(?:(?:a|{ones}) hundred\b(?:(?: and)? {below_100})?|{below_100})"
    return re.compile(rf"(?i)\b(?:zero\b|(?:a|{below_1000}) thousand\b(?:(?: and)? {below_1000})?|{below_1000})")


_SPELLED = _grammar()

# Thousands in groups of three, or digits with one decimal mark; never a part of a longer run such as 1.2.3.
_DIGITS = re.compile(
    r"(?<![\d.,])(?P<sign>(?<![\w)\]])[-\u2212])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+"
    r"|\d{1,3}(?:[ \u00a0\u202f']\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)?)(?![.,]?\d)"
)


class Written(NamedTuple):
    """A number as it stands in a text: its value and the characters it takes up."""

    value: float
    start: int
    end: int


def numbers_in_digits(text: str) -> Iterator[Written]:
    """Numbers written with digits, in reading order.

    A comma or a thin space before exactly three digits groups thousands (`1,000`), any other comma is a decimal mark
    (`3,50`), and a full stop is one unless a comma follows the groups (`1.5` and `1.000` are decimals, `1.000,50` is
    not). A minus counts as a sign only where no word stands right before it (`10-20` is two numbers).
    """
    for found in _DIGITS.finditer(text):
        digits = re.sub(r"[ \u00a0\u202f']", "", found["digits"])
        if re.fullmatch(r"\d{1,3}(\.\d{3})+,\d+", digits):
            digits = digits.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
            digits = digits.replace(",", "")
        else:
            digits = digits.replace(",", ".")
        value = float(digits)
        yield Written(-value if found["sign"] else value, found.start(), found.end())


def numbers_in_words(text: str) -> Iterator[Written]:
    """Cardinal numbers in English words below a million, in reading order: `two hundred and five` -> 205."""
    for found in _SPELLED.finditer(text):
        thousands = current = 0
        for word in re.findall(r"[a-z]+", found[0].lower()):
            if word == "thousand":
                thousands, current = current * 1_000, 0
            elif word == "hundred":
                current *= 100
            elif word != "and":
                current += _VALUES[word]
        yield Written(float(thousands + current), found.start(), found.end())


def singular(noun: str) -> str:
    """The singular of an English noun phrase: `traffic lights` -> `traffic light`; what is no plural stays as it is.

    >>> singular("people"), singular("buses"), singular("glass"), singular("wine glasses")
    ('person', 'bus', 'glass', 'wine glass')
    """
    before, space, last = noun.rpartition(" ")
    word = last.lower()
    irregular = {many: one for one, many in IRREGULAR_PLURALS.items()}
    if word in irregular:
        return before + space + irregular[word]
    if word.endswith("men") and len(word) > 3:
        return f"{before}{space}{word[:-3]}man"
    if not word.endswith("s") or word.endswith(("ss", "us", "is")) or word in IRREGULAR_PLURALS:
        return noun
    guesses = [word[:-1]]
    if word.endswith("ies"):
        guesses = [f"{word[:-3]}y"]
    elif word.endswith(("sses", "xes", "ches", "shes", "zes")):
        guesses = [word[:-2]]
    found = next((guess for guess in guesses if word in (plural(guess), f"{guess}s", f"{guess}es")), None)
    keeps = plural(word) == word and not before
    return noun if found is None or keeps else before + space + found
