"""What a plan may quote from a question: its words and its numbers, so that a small planner makes up neither."""

from __future__ import annotations

import re

from visagent.core.text import HAN
from visagent.core.words import ORDINALS, han_numbers, numbers_in_digits, numbers_in_words, singulars
from visagent.planning.spoken_times import spoken_times

LONGEST_HAN = 8
"""Characters of a Chinese run at most; letters and digits that stand together count as one."""

_WORD = re.compile(r"\d+(?:[:.,]\d+)+|[^\s,.;:?!()\"“”„«»，。；：？！（）、]+")
_QUOTATION = re.compile(r"[\"“”„«»「」『』《》]([^\"“”„«»「」『』《》]{1,80})[\"“”„«»「」『』《》]")
_HAN_RUN = re.compile(f"[{HAN}A-Za-z0-9]*[{HAN}][{HAN}A-Za-z0-9]*")
_HAN_UNIT = re.compile(f"[{HAN}]|[A-Za-z0-9]+")


def phrases(question: str, longest: int = 3) -> list[str]:
    """What a plan may quote from a question: its runs of words, with the last one also in the singular, and quotations.

    >>> phrases("Two traffic lights?", longest=2)
    ['Two', 'two', 'Two traffic', 'two traffic', 'traffic', 'traffic lights', 'traffic light', 'lights', 'light']

    Args:
        question: Question as the person put it.
        longest: Words in a run at most; quotations may be longer.
    """
    found: dict[str, None] = {}
    written = _WORD.findall(question)
    words = [word.removesuffix("'s").strip("'") for word in written]
    for start in range(len(words)):
        for end in range(start + 1, min(start + longest, len(words)) + 1):
            *before, last = words[start:end]
            for form in (last, *singulars(last)):
                phrase = " ".join([*before, form])
                found |= {phrase: None, phrase.lower(): None}
            # With its apostrophes: "visitors' book".
            found[" ".join(written[start:end])] = None
    for run in _HAN_RUN.findall(question):
        # Chinese writes no spaces: every run of its characters may be a word, also together with letters (`A4纸`).
        units = _HAN_UNIT.findall(run)
        ends = (
            (start, end)
            for start in range(len(units))
            for end in range(start + 1, min(start + LONGEST_HAN, len(units)) + 1)
        )
        found |= dict.fromkeys("".join(units[start:end]) for start, end in ends)
    found |= dict.fromkeys(_QUOTATION.findall(question))
    return [phrase for phrase in found if phrase and "\\" not in phrase]


_NUMBER_WORDS = {word: float(number) for number, word in enumerate(ORDINALS, start=1) if number > 4} | {
    "eleventh": 11.0, "twelfth": 12.0, "dozen": 12.0, "half": 0.5,
}  # fmt: skip
"""Numbers that words other than cardinals stand for; smaller ordinals are in every plan's reach."""
_IN_REACH = (0, 1, 2, 3, 4, -1, -2, -3, -4, -5, 60)
"""Numbers that words such as "first", "last" and "a minute" stand for."""


def numbers(question: str) -> list[str]:
    """Numbers that a plan may hold: those of the question, and the small ones that words such as "last" stand for.

    Times are in seconds: see `spoken_times`, and the minutes and hours that the question speaks of.
    """
    said = [written.value for find in (numbers_in_digits, numbers_in_words) for written in find(question)]
    # Digits that touch letters, as in "5s" and "image2", are numbers as well.
    said += [float(digits) for digits in re.findall(r"\d+(?:\.\d+)?", question)[:20]]
    said += han_numbers(question)
    said += [value for word, value in _NUMBER_WORDS.items() if re.search(rf"\b{word}\b", question.lower())]
    minutes = [60 * value for value in said if re.search(r"\bmin|分", question) and value < 100]
    hours = [3600 * value for value in said if re.search(r"\bhour|小时|钟头", question) and value < 25]
    values = [*said, *spoken_times(question), *minutes, *hours, *_IN_REACH]
    return list(dict.fromkeys(f"{value:.6f}".rstrip("0").rstrip(".") for value in values if abs(value) < 1e9))
