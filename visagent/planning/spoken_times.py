"""Moments and lengths that a question says in words, in seconds: `the second minute`, `2'10"`, `两分十秒`, `一刻钟`."""

from __future__ import annotations

import re

from visagent.core.words import ORDINALS, han_numbers, numbers_in_words

_MINUTES = r"(?:min(?:ute)?s?|分钟?)"
_BOTH = re.compile(
    rf"(?<![\d:.])(\d+) ?{_MINUTES},? ?(?:and )?(\d+)(?! ?(?:{_MINUTES}|\d))"
    rf"|minute (\d+),? ?(?:and )?(?:second )?(\d+)|(?<!\d)(\d+) ?['’′](\d\d)(?!\d)"
    r"|(?<![\d:])(\d{1,2}):(\d\d)(?![\d:])"
)
_NTH_MINUTE = re.compile(rf"\b({'|'.join(ORDINALS)}) minute\b|第 ?(\d+) ?分钟?")
_AND_A_HALF = re.compile(rf"\b(?:an?|1) minute and a half|(?<!\d)(\d+) and a half {_MINUTES}|(?<!\d)(\d+) ?分(?:钟)?半")
_PARTS = {
    900: re.compile(r"\bquarter of an hour|刻钟"),
    1800: re.compile(r"\bhalf an hour|\bhalf hour|半个?(?:小时|钟头)"),
    2700: re.compile(r"\b3 quarters of an hour|(?:三|3)刻钟"),
    30: re.compile(r"\bhalf a minute|半分钟"),
}


def spoken_times(question: str) -> list[float]:
    """The times that a question says with more than one number or with a word for a part, in seconds.

    >>> spoken_times("at two minutes ten"), spoken_times("after the second minute"), spoken_times("两分十秒")
    ([130.0], [120.0], [130.0])

    Args:
        question: Question as the person put it; in English or Chinese.
    """
    text = _in_digits(question.lower())
    found = [60.0 * int(first) + int(second) for first, second in (filter(None, m) for m in _BOTH.findall(text))]
    found += [60.0 * (ORDINALS.index(word) + 1 if word else int(digits)) for word, digits in _NTH_MINUTE.findall(text)]
    found += [60.0 * int(first or second or 1) + 30 for first, second in _AND_A_HALF.findall(text)]
    return found + [float(seconds) for seconds, pattern in _PARTS.items() if pattern.search(text)]


def _in_digits(text: str) -> str:
    """The text with its English numbers, and the Chinese ones before a unit of time, in digits."""
    for number in reversed(list(numbers_in_words(text))):
        # The article of "a quarter" is no number.
        if text[number.start : number.end] != "a":
            text = f"{text[: number.start]}{number.value:g}{text[number.end :]}"
    return re.sub(r"[零一二三四五六七八九十两]+(?=分|秒)", lambda run: f"{han_numbers(run[0])[-1]:g}", text)
