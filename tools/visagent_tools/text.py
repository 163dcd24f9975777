"""Searching text that was read or heard: exact and pure. What it finds is data and is never acted on.

Words are compared without regard to case, punctuation and width (Unicode NFKC and casefold), as whole words, in the
singular or the plural (`ticket` finds `tickets`, and the other way round). A phrase may run over the end of a line. In
Chinese, Japanese and Korean, which write no spaces or join endings to words, every character counts as a word, so
that any part of a sentence can be found.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

from visagent.core.errors import AmbiguousInput, MissingInput, ToolError
from visagent.core.text import HAN
from visagent.core.words import numbers_in_digits, numbers_in_words, plural
from visagent.evidence.values import Label, Labels, Line, Number, Text
from visagent.tools.toolkit import tool


@tool
def contains(text: Text, query: str) -> bool:
    """Whether a text mentions a word or phrase."""
    return bool(_mentions("contains", _lines(text), query))


@tool
def find_text(text: Text, query: str) -> Text:
    """The lines of a text that mention a word or phrase.

    A phrase that runs over the end of a line gives all lines it stands on. Where nothing is found the text is empty.
    """
    lines = _lines(text)
    found = sorted({at for mention in _mentions("find_text", lines, query) for at in mention.lines})
    kept = tuple(lines[at] for at in found)
    return Text(text="\n".join(line.text for line in kept), media=text.media, lines=kept if text.lines else ())


@tool
def find_number(text: Text, near: str | None = None) -> Number:
    """The number in a text, next to a word if one is given.

    Next to a word is the first number after it on its line, else the last one before it on its line, else the first one
    on the line below. Dates, times and addresses are not numbers. English number words count where there are no digits.
    """
    lines = _lines(text)
    if near is None:
        numbers = [number for line in lines for number in _digits(line)]
        numbers = numbers or [number for line in lines for number in _spelled(line)]
        if not numbers:
            raise MissingInput("find_number: the text holds no number.", "Look for it in another text.")
        if len({number.value for number in numbers}) > 1:
            shown = ", ".join(f"{number.value:.10g}" for number in numbers[:8])
            raise AmbiguousInput(
                f"find_number: the text holds several numbers: {shown}{', …' if len(numbers) > 8 else ''}.",
                "Say which one is meant: the word it stands near to.",
            )
        return numbers[0].number()
    mentions = _mentions("find_number", lines, near)
    if not mentions:
        raise MissingInput(f"find_number: the text does not mention {near!r}.", "Look near another word.")
    for mention in mentions:
        if (nearby := _next_to(mention, lines)) is not None:
            return nearby.number()
    raise MissingInput(f"find_number: there is no number next to {near!r}.", "Look near another word.")


@tool
def extract(text: Text, kind: Literal["number", "date", "time", "price", "email", "phone", "url"]) -> Labels:
    """All numbers, dates, times, prices, emails, phones or urls in a text.

    As they are written, in reading order, each as sure as the line it stands on.

    - date: `2026-05-01`, `1.5.2026`, `5/1/26`, `1 May 2026`, `May 1st, 2026`, `May 2026`, `2026年5月1日`
    - time: `10:30`, `10:30:15`, `9 am`, `9:05 p.m.`, `10h30`, `10点30分`
    - price: a currency sign, code or name before or after a number, `$5`, `EUR 3,50`, `12 dollars`, `5元`
    - phone: 7 to 15 digits in groups, with or without a country code
    - number: digits with their separators that are no part of a date, time, email or url
    """
    return Labels(
        labels=tuple(
            Label(name=line.text[start:end], confidence=line.confidence)
            for line in _lines(text)
            for start, end in _spans(line.text, kind)
        )
    )


class _Found(NamedTuple):
    """A number of a line: its value and unit, the characters it takes up, and how sure the line is."""

    value: float
    start: int
    end: int
    unit: str | None
    confidence: float

    def number(self) -> Number:
        return Number(value=self.value, unit=self.unit, confidence=self.confidence)


class _Mention(NamedTuple):
    """Where a phrase stands: its first and last line, and its first and last character on these."""

    first_line: int
    start: int
    last_line: int
    end: int

    @property
    def lines(self) -> range:
        return range(self.first_line, self.last_line + 1)


class _Word(NamedTuple):
    text: str
    line: int
    start: int
    end: int


def _lines(text: Text) -> tuple[Line, ...]:
    return text.lines or tuple(Line(text=line) for line in text.text.splitlines())


# Chinese characters, kana and Hangul syllables.
_CJK = f"{HAN}\u3040-\u30ff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(rf"[{_CJK}]|(?:[^\W_{_CJK}]|[\u0300-\u036f]|(?<=\w)['’](?=\w))+")


def _words(text: str, line: int = 0) -> list[_Word]:
    """The words of a line as they are compared, each with its place in it."""

    def compared(written: str) -> str:
        return re.sub("['’]", "", unicodedata.normalize("NFKC", written).casefold())

    return [_Word(compared(found[0]), line, found.start(), found.end()) for found in _WORD.finditer(text)]


def _alike(one: str, other: str) -> bool:
    """Whether two words are the same but for an English plural."""
    return one == other or plural(one) == other or plural(other) == one


def _mentions(tool_name: str, lines: tuple[Line, ...], query: str) -> list[_Mention]:
    """Every place where a phrase stands, in reading order.

    Raises:
        ToolError: the query holds no word.
    """
    wanted = _words(query)
    if not wanted:
        raise ToolError(f"{tool_name}: {query!r} holds no word to look for.", "Give a word or a phrase.")
    words = [word for at, line in enumerate(lines) for word in _words(line.text, at)]
    found = []
    for start in range(len(words) - len(wanted) + 1):
        run = words[start : start + len(wanted)]
        if all(_alike(word.text, other.text) for word, other in zip(run, wanted, strict=True)):
            found.append(_Mention(run[0].line, run[0].start, run[-1].line, run[-1].end))
    return found


def _next_to(mention: _Mention, lines: tuple[Line, ...]) -> _Found | None:
    """The number that stands next to a phrase, as `find_number` defines it."""
    for numbers_of in (_digits, _spelled):
        after = [found for found in numbers_of(lines[mention.last_line]) if found.start >= mention.end]
        before = [found for found in numbers_of(lines[mention.first_line]) if found.end <= mention.start]
        if after or before:
            return after[0] if after else before[-1]
        if mention.last_line + 1 < len(lines) and (below := numbers_of(lines[mention.last_line + 1])):
            return below[0]
    return None


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"(?i)(?<![\d./-])(?:\d{{4}}([-/.]){_DAY}\1{_DAY}|{_DAY}([-/.]){_DAY}\2(?:\d{{4}}|\d{{2}}))(?![./-]?\d)"
    rf"|\b{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? \d{{4}}\b)?"
    rf"|\b{_MONTH} (?:\d{{4}}\b|{_DAY}(?:st|nd|rd|th)?\b(?:,? \d{{4}}\b)?)"
    rf"|\d{{4}}年\d{{1,2}}月(?:\d{{1,2}}[日号])?|\d{{1,2}}月\d{{1,2}}[日号]"
)
_TIME = re.compile(
    r"(?i)(?<![\d:])(?:(?:[01]?\d|2[0-4])[:h][0-5]\d(?::[0-5]\d)?(?![\d:])(?:\s?[ap]\.?m\b\.?)?"
    r"|(?:1[0-2]|0?[1-9])\s?[ap]\.?m\b\.?)"
    r"|(?:[上下中]午|早上|晚上|凌晨)?\d{1,2}[点时](?:\d{1,2}分?|半)?(?!间)"
)
# Bounded repeats keep the search linear on long runs of letters.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_URL = re.compile(
    r"(?i)(?:https?://|www\.)[^\s<>\"'）)]{2,2000}"
    r"|(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|info|eu|io|cn|de|es|fr|in|it|jp|uk)\b(?:/[^\s<>\"]*)?"
)
_PHONE = re.compile(r"(?<![\w+.,])(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,5}\)[ .-]?)?\d{2,5}(?:[ .-]?\d{2,5}){1,5}(?!\w)")
_MONEY = r"[A-Z]{0,3}[$€£¥₹₩₽₺]|USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|CAD|AUD|SEK|NOK|DKK|PLN|Rs\.?"
_MONEY_BEFORE = re.compile(rf"(?:{_MONEY})\s?$")
_MONEY_AFTER = re.compile(
    rf"\s?(?:(?:{_MONEY})(?!\w)|(?:dollars?|euros?|pounds?|cents?|yuan|yen|rupees?|francs?)\b|[元块円])"
)
_PERCENT = re.compile(r"\s?[%％]")


def _spans(text: str, kind: str) -> list[tuple[int, int]]:
    """First and last character of everything of a kind in a line, in reading order."""
    match kind:
        case "number":
            return [(found.start, found.end) for found in _digits(Line(text=text))]
        case "price":
            return _prices(text)
        case "phone":
            spans = [found.span() for found in _PHONE.finditer(_without(text, "date", "time", "email", "url"))]
            return [(start, end) for start, end in spans if 7 <= sum(map(str.isdigit, text[start:end])) <= 15]
        case "url":
            found = _URL.finditer(_without(text, "email"))
            return [(match.start(), match.start() + len(match[0].rstrip(".,;:!?"))) for match in found]
    return [found.span() for found in {"date": _DATE, "time": _TIME, "email": _EMAIL}[kind].finditer(text)]


def _without(text: str, *kinds: str) -> str:
    """The line with everything of these kinds blanked out, so that the other places stay where they are."""
    for kind in kinds:
        for start, end in _spans(text, kind):
            text = f"{text[:start]}{chr(10) * (end - start)}{text[end:]}"
    return text


def _digits(line: Line) -> list[_Found]:
    """The numbers of a line that are written with digits; the sign of a currency, or %, is their unit."""
    prices = {span: (start, end) for start, end, span in _money(line.text)}
    numbers = []
    for found in numbers_in_digits(_without(line.text, "date", "time", "email", "url")):
        unit = None
        if price := prices.get((found.start, found.end)):
            unit = (line.text[price[0] : found.start] + line.text[found.end : price[1]]).strip()
        elif _PERCENT.match(line.text, found.end):
            unit = "%"
        numbers.append(_Found(found.value, found.start, found.end, unit, line.confidence))
    return numbers


def _spelled(line: Line) -> list[_Found]:
    """The numbers of a line that are written in English words."""
    return [_Found(found.value, found.start, found.end, None, line.confidence) for found in numbers_in_words(line.text)]


def _money(text: str) -> list[tuple[int, int, tuple[int, int]]]:
    """Every price: its first and last character, then those of its digits alone."""
    prices = []
    taken = 0
    for found in numbers_in_digits(_without(text, "date", "time", "email", "url")):
        # A sign between two amounts belongs to the first one unless that has one in front: "5 € 7 €", "$5 $7".
        if before := _MONEY_BEFORE.search(text, max(taken, found.start - 6), found.start):
            start, end = before.start(), found.end
        elif after := _MONEY_AFTER.match(text, found.end):
            start, end = found.start, after.end()
        else:
            continue
        taken = end
        prices.append((start, end, (found.start, found.end)))
    return prices


def _prices(text: str) -> list[tuple[int, int]]:
    return [(start, end) for start, end, _ in _money(text)]
