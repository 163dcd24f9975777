"""Numbers as sentences write them: in digits, in English words, in Chinese numerals. Pure: knows no evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from visagent.core.words import numbers_in_digits, numbers_in_words

# Of a run of Chinese numerals before a measure word; 一 alone is as often an article.
_HAN_NUMBER = re.compile(r"(?<!第)([〇零一二两三四五六七八九十百千]+)(?=\s*[个只辆条名位张头匹台座架艘本件])")
_HAN_DIGITS = {
    "〇": 0,
    "零": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000}


class Claimed(NamedTuple):
    """A number of a sentence: its value, the decimals it is written with, and whether a percent sign follows."""

    value: float
    decimals: int
    percent: bool


def claimed_numbers(text: str) -> Iterator[Claimed]:
    """The numbers of a sentence: in digits, in English words, in Chinese numerals before a measure word."""
    for found in numbers_in_digits(text):
        before, after = text[: found.start].rstrip(" "), text[found.end :]
        # A name such as image2 counts nothing, and neither does a place in an order: 2nd, 第 2 个.
        named = before == text[: found.start] and before[-1:].isascii() and before[-1:].isalpha()
        if named or before.endswith("第") or re.match(r"(?:st|nd|rd|th)\b", after):
            continue
        digits = text[found.start : found.end]
        fraction = re.search(r"[.,](\d+)$", digits)
        grouped = fraction is not None and "," in digits and "." not in digits and found.value == int(found.value)
        decimals = 0 if fraction is None or grouped else len(fraction[1])
        yield Claimed(found.value, decimals, bool(re.match(r"\s*(?:[%％]|percent\b)", after)))
    for found in numbers_in_words(text):
        # "One of them", "no one", "a hundred" as a way of speaking: one is a number only where it can count.
        before, after = text[: found.start].rstrip().lower(), text[found.end :].lstrip().lower()
        if found.value == 1 and (
            after.startswith("of ") or re.search(r"\b(?:no|any|every|each|the|this|that|which|only)$", before)
        ):
            continue
        yield Claimed(found.value, 0, bool(re.match(r"\s*percent\b", text[found.end :])))
    for match in _HAN_NUMBER.finditer(text):
        if match[1] != "一":
            yield Claimed(han_number(match[1]), 0, False)


_CODE = re.compile(r"(?<![\w-])(?=[\w-]*\d)(?=[\w-]*[^\W\d_])[\w-]+(?![\w-])")


def figures(text: str) -> frozenset[float | str]:
    """The numbers of a text, and the words in which letters and digits stand together, in capitals.

    >>> sorted(figures("It reads t3337-JR0, and 12 of them."), key=str)
    [12.0, 'T3337-JR0']
    """
    codes = {found[0].upper() for found in _CODE.finditer(text)}
    return frozenset(codes | {number.value for number in claimed_numbers(_CODE.sub(" ", text))})


def han_number(numerals: str) -> float:
    """The value of Chinese numerals below ten thousand: 二十五 -> 25."""
    total, digit = 0, 0
    for char in numerals:
        if char in _HAN_DIGITS:
            digit = _HAN_DIGITS[char]
        else:
            total += (digit or 1) * _HAN_SCALES[char]
            digit = 0
    return float(total + digit)


def is_known(number: Claimed, known: Iterable[float]) -> bool:
    """Whether a number is one of the evidence's, rounded to as many decimals as it is written with."""
    tolerance = 0.5 * 10.0**-number.decimals + 1e-9
    for value in known:
        # Counts are never rounded, and a part of one is written as a percentage or with decimals: 0.87 is not "1".
        exact = value == int(value) or (abs(value) < 1 and not number.decimals)
        if abs(value - number.value) <= (1e-9 if exact else tolerance):
            return True
        if number.percent and abs(value * 100 - number.value) <= tolerance:
            return True
    return False
