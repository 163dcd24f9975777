"""Searching text that was read or heard: exact and pure. What it finds is data and is never acted on.

Words are compared without regard to case, punctuation and width (Unicode NFKC and casefold), as whole words, in the
singular or the plural (`ticket` finds `tickets`, and the other way round). A phrase may run over the end of a line, and
a number in it may be written out (`chapter two` finds `Chapter 2`, and the other way round). In
Chinese, Japanese and Korean, which write no spaces or join endings to words, every character counts as a word, so
that any part of a sentence can be found.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal, NamedTuple

from visagent.core.errors import AmbiguousInput, MissingInput, ToolError
from visagent.core.text import HAN
from visagent.core.words import Written, numbers_in_words, numbers_read_out, plural, singular, with_joined_digits
from visagent.evidence.values import Boolean, Label, Labels, Line, Number, Text
from visagent.tools.toolkit import tool
from visagent_tools.amounts import (
    amounts,
    dotted_times,
    is_price,
    said_times,
    size_around,
    spans,
    spelled,
)
from visagent_tools.layout import Where, beside, is_below, is_in_row
from visagent_tools.next_to import Mention, NumberKind, is_of, next_to

LONGEST_PHRASE = 80
"""Characters of a phrase that a text may be said not to mention; what is longer is a page."""
TOTALS = (
    "total", "amount due", "total due", "balance due", "grand total", "to pay", "amount", "sum", "owe", "due",
    "balance",
    "合计", "总计", "应付", "实付", "总额", "总价", "共计", "总共", "一共",
)  # fmt: skip
"""What bills call the sum that is to be paid, the surest first."""
_ASKS_TOTAL = re.compile(
    r"(?i)^(?:(?:the )?(?:grand )?total(?: amount| price| cost| sum)?|amount(?: due| owed)?|sum|owed?|due|to pay|pay"
    r"|bill|altogether|in (?:all|total)|合计|总计|应付|实付|总额|总价|共计|总共|一共|总数|总金额)$"
)
MISSPELT = 0.8
"""Similarity (difflib) from which on a word of five letters or more is taken for one that is nowhere in the text."""


@tool
def contains(text: Text, query: str) -> Boolean:
    """Whether a text mentions a word or phrase."""
    lines = lines_of(text)
    found = sorted({at for mention in _mentions("contains", lines, query) for at in mention.lines})
    if not found and len(query) > LONGEST_PHRASE:
        raise AmbiguousInput(
            "contains: a whole page is no phrase that another text mentions.", "Look for one word or line of it."
        )
    kept = tuple(lines[at] for at in found) if text.lines else ()
    return Boolean(value=bool(found), lines=kept, pictures=text.pictures if kept else ())


@tool
def find_text(text: Text, query: str, where: Where | None = None) -> Text:
    """The lines of a text that mention a word or phrase, or what stands beside, above or below it.

    A phrase that runs over the end of a line gives all lines it stands on. Where nothing is found the text is empty.

    Args:
        text: Where to look.
        query: A word or phrase.
        where: Gives the text that stands so to the phrase: the nearest one, or all of a row or column without it.
    """
    lines = lines_of(text)
    mentions = _mentions("find_text", lines, query)
    if where is None:
        found = sorted({at for mention in mentions for at in mention.lines})
        kept = tuple(lines[at] for at in found)
    else:
        mentions = mentions or _mentions("find_text", lines, query, misspelt=True)
        if not mentions:
            raise MissingInput(f"find_text: the text does not mention {query!r}.", "Look near another word.")
        whole = where in ("same_row", "same_column")
        for mention in _best_first(mentions, lines):
            there = beside(lines, mention.last_line, mention.start_in_last, mention.end, where)
            if kept := tuple(there if whole else there[:1]):
                break
    return Text(
        text="\n".join(line.text for line in kept),
        media=text.media,
        lines=kept if text.lines else (),
        pictures=text.pictures,
    )


@tool(version="6")
def find_number(text: Text, near: str | None = None, kind: NumberKind | None = None) -> Number:
    """The number in a text, next to a word if one is given.

    Next to a word is, by its place in the picture, the first number after it in its line, then to the right of it, then
    before it, to the left of it and below it; a price may stand some lines below. Dates, times and addresses are not
    numbers. English number words count where there are no digits.

    Args:
        text: Where to look.
        near: The word that it belongs to.
        kind: Only numbers that say how many (`3 x`), that are money, or that are percentages.
    """
    lines = lines_of(text)
    if near is None:
        numbers = [(number, line) for line in lines for number in amounts(line)]
        numbers = numbers or [(number, line) for line in lines for number in spelled(line)]
        fitting = [(number, line) for number, line in numbers if is_of(number, line.text, kind)]
        if not fitting:
            raise MissingInput(f"find_number: the text holds no {kind or 'number'}.", "Look for it in another text.")
        if len({number.value for number, _ in fitting}) > 1:
            shown = ", ".join(f"{number.value:.10g}" for number, _ in fitting[:8])
            raise AmbiguousInput(
                f"find_number: the text holds several numbers: {shown}{', …' if len(fitting) > 8 else ''}.",
                "Say which one is meant: the word it stands near to.",
            )
        number, line = fitting[0]
        return number.number(line.text)
    mentions = _mentions("find_number", lines, near) or _mentions("find_number", lines, near, misspelt=True)
    if not mentions and _ASKS_TOTAL.match(near.strip()):
        return _total(lines, near, kind)
    if not mentions and (general := _GENERAL.match(near.strip())):
        # A page says "VAT 21 %" and no rate.
        mentions = _mentions("find_number", lines, general["of"])
        kind = kind or ("percent" if general["what"].lower() in _IN_PERCENT else None)
    if not mentions:
        raise MissingInput(f"find_number: the text does not mention {near!r}.", "Look near another word.")
    for mention in _best_first(mentions, lines, near):
        if (nearby := next_to(mention, lines, kind)) is not None:
            number, line = nearby
            if size := size_around(number, line.text):
                raise AmbiguousInput(
                    f"find_number: next to {near!r} stands a size, {size}, which is no one number.",
                    "Read it as it is written: find_text.",
                )
            return number.number(line.text)
    raise MissingInput(f"find_number: there is no {kind or 'number'} next to {near!r}.", "Look near another word.")


_GENERAL = re.compile(
    r"(?i)(?P<of>\S.*?)[ -](?P<what>rate|percentage|discount|price|costs?|amount|fee|charge|value|number|figure|sum"
    r"|expenses?)$"
)
"""What a thing's number is called in general, which a page seldom says."""
_IN_PERCENT = frozenset(("rate", "percentage"))


def _total(lines: tuple[Line, ...], near: str, kind: NumberKind | None) -> Number:
    """The number beside the first other word for a total that the text has, with that word.

    Raises:
        MissingInput: it has none with a number.
    """
    for word in TOTALS:
        for mention in _best_first(_mentions("find_number", lines, word), lines):
            if (nearby := next_to(mention, lines, kind)) is not None:
                number = nearby.number.number(nearby.line.text)
                return number.model_copy(update={"written": f"{number.written or f'{number.value:.10g}'} ({word})"})
    raise MissingInput(f"find_number: the text does not mention {near!r}.", "Look near another word.")


@tool(version="3")
def extract(text: Text, kind: Literal["number", "date", "time", "price", "email", "phone", "url"]) -> Labels:
    """All numbers, dates, times, prices, emails, phones or urls in a text.

    As they are written, in reading order, each as sure as the line it stands on.

    - date: `2026-05-01`, `1.5.2026`, `5/1/26`, `1 May 2026`, `May 1st, 2026`, `May 2026`, `2026年5月1日`
    - time: `10:30`, `10:30:15`, `9 am`, `9.05 p.m.`, `10h30`, `10点30分`; where there is none, with a dot,
      `Time: 8.05`, and written out, `at six`, `half past three`, `nine o'clock`
    - price: a currency sign, code or name before or after a number, `$5`, `EUR 3,50`, `12 dollars`, `5元`; where there
      is none in the whole text, numbers with two decimals, as many price tags write them
    - phone: 7 to 15 digits in groups, with or without a country code
    - number: digits with their separators that are no part of a date, time, email or url
    """
    lines = lines_of(text)
    found = [(line, span) for line in lines for span in spans(line.text, kind)]
    if kind == "price" and not found:
        numbers = [(line, number) for line in lines for number in amounts(line) if is_price(number, line.text)]
        found = [(line, (number.start, number.end)) for line, number in numbers]
    if kind == "time" and not found:
        found = [(line, span) for line in lines for span in (*dotted_times(line.text), *said_times(line.text))]
    if kind in ("date", "time") and not found and any(line.start is not None for line in lines):
        # Speech may say it in other words: whether it does is left open.
        raise MissingInput(
            f"extract: no {kind} was heard in digits or plain words, though one may have been said.",
            "Read what was said: transcribe.",
        )
    shown = [(line.text[start:end], line.confidence) for line, (start, end) in found]
    if kind == "time":
        # Displays leave no space, and a reader of small print takes one for the other case: 5:30pM.
        shown = [(_MERIDIEM.sub(lambda part: f" {part[0].upper()}", text), sure) for text, sure in shown]
    return Labels(labels=tuple(Label(name=text, confidence=sure) for text, sure in shown))


def mentioned(text: str, query: str, *, misspelt: bool = False) -> bool:
    """Whether a line mentions a word or phrase.

    Args:
        text: The line.
        query: The phrase; one without a word is mentioned nowhere.
        misspelt: Whether words that are spelt nearly the same count.
    """
    return bool(_words(query)) and bool(_mentions("mentioned", (Line(text=text),), query, misspelt=misspelt))


def placed(lines: Sequence[Line], phrase: str) -> list[tuple[int, int]]:
    """The first and the last line of every place where a phrase stands, in order; none for one without a word.

    Args:
        lines: Such as the words of a speech one by one: a phrase may run over several.
        phrase: What to look for.
    """
    if not _words(phrase):
        return []
    return [(found.first_line, found.last_line) for found in _mentions("placed", tuple(lines), phrase)]


class _Word(NamedTuple):
    text: str
    line: int
    start: int
    end: int


def lines_of(text: Text) -> tuple[Line, ...]:
    """The lines of a text; composed text is parted at its line breaks."""
    return text.lines or tuple(Line(text=line) for line in text.text.splitlines())


# Chinese characters, kana and Hangul syllables.
_CJK = f"{HAN}\u3040-\u30ff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(rf"[{_CJK}]|(?:[^\W_{_CJK}]|[\u0300-\u036f]|(?<=\w)['’](?=\w))+")
_MODEL = re.compile(r"(?i)(?=\w*\d)(?=\w*[a-z])[a-z0-9]{3,}")
_MERIDIEM = re.compile(r"(?i)(?<=\d)[ap]m$")


def _words(text: str, line: int = 0) -> list[_Word]:
    """The words of a line as they are compared, each with its place in it."""

    def compared(written: str) -> str:
        if written.isascii():
            return written.lower().replace("'", "")
        return re.sub("['’]", "", unicodedata.normalize("NFKC", written).casefold())

    return [_Word(compared(found[0]), line, found.start(), found.end()) for found in _WORD.finditer(text)]


def _with_joined_digits(words: list[_Word], text: str) -> list[_Word]:
    """A line's words in which digits that are said one by one are one word, as in "three seven nine" and "379"."""
    for run in numbers_read_out(text):
        words = _with_one_word(words, run, with_joined_digits(text[run.start : run.end]))
    return words


def _in_digits(words: list[_Word], text: str) -> list[_Word]:
    """A line's words in which English numbers that are written out are digits, as in "chapter twenty-one"."""
    for run in numbers_in_words(text):
        words = _with_one_word(words, run, f"{run.value:.0f}")
    return words


def _with_one_word(words: list[_Word], run: Written, written: str) -> list[_Word]:
    """A line's words in which those of a run are one."""
    first = next(at for at, word in enumerate(words) if word.start >= run.start)
    last = max(at for at, word in enumerate(words) if word.end <= run.end)
    return [*words[:first], _Word(written, words[first].line, run.start, run.end), *words[last + 1 :]]


def _alike(one: str, other: str) -> bool:
    """Whether two words are the same but for an English plural."""
    return one == other or plural(one) == other or plural(other) == one


def _mentions(tool_name: str, lines: tuple[Line, ...], query: str, *, misspelt: bool = False) -> list[Mention]:
    """Every place where a phrase stands, in reading order.

    Args:
        tool_name: Name of the tool, for the message.
        lines: Where to look.
        query: The phrase.
        misspelt: Whether words that are spelt nearly the same count.

    Raises:
        ToolError: the query holds no word.
    """
    wanted = _words(query)
    if not wanted:
        raise ToolError(f"{tool_name}: {query!r} holds no word to look for.", "Give a word or a phrase.")
    # A long document says few different words very often.
    alike = cache(_nearly_alike if misspelt else _alike)
    by_line = [_words(line.text, at) for at, line in enumerate(lines)]

    def runs(words: list[list[_Word]], phrase: list[_Word]) -> list[Mention]:
        return [one for one in _runs(words, phrase, alike) if _is_joined(lines, one)]

    found = runs(by_line, wanted)
    if not found:
        joined = [_with_joined_digits(words, line.text) for words, line in zip(by_line, lines, strict=True)]
        found = runs(joined, _with_joined_digits(wanted, query))
    # A number alone is too little to go by: "one" is no "1".
    if not found and len(said := _in_digits(wanted, query)) > 1:
        found = runs([_in_digits(words, line.text) for words, line in zip(by_line, lines, strict=True)], said)
    return found or _stacked(lines, by_line, wanted, alike) or _models(by_line, wanted)


def _runs(lines: list[list[_Word]], wanted: list[_Word], alike: Callable[[str, str], bool]) -> list[Mention]:
    """Every place where words follow each other, over the ends of lines too."""
    words = [word for line in lines for word in line]
    found = []
    for start in range(len(words) - len(wanted) + 1):
        run = words[start : start + len(wanted)]
        if all(alike(word.text, other.text) for word, other in zip(run, wanted, strict=True)):
            found.append(Mention(run[0].line, run[0].start, run[-1].line, run[-1].end))
    return found


def _is_joined(lines: tuple[Line, ...], mention: Mention) -> bool:
    """Whether a phrase goes on where a reader goes on: in the same row, or right below."""
    boxes = [lines[at].xyxy for at in mention.lines]
    return all(
        one is None or other is None or is_below(other, one) or is_in_row(other, one) for one, other in pairwise(boxes)
    )


def _stacked(
    lines: tuple[Line, ...], by_line: list[list[_Word]], wanted: list[_Word], alike: Callable[[str, str], bool]
) -> list[Mention]:
    """Every place where a phrase is broken in two in a column: its last words, below a line with the first ones.

    Lines side by side are read one after the other, so that such a phrase stands nowhere in reading order.
    """
    found = []
    for cut in range(1, len(wanted)):
        firsts = [lines[one.last_line].xyxy for one in _runs(by_line, wanted[:cut], alike)]
        for last in _runs(by_line, wanted[cut:], alike):
            box = lines[last.first_line].xyxy
            if box is not None and any(first is not None and is_below(box, first) for first in firsts):
                found.append(last)
    return found


def _models(by_line: list[list[_Word]], wanted: list[_Word]) -> list[Mention]:
    """Every place of a model's number in a phrase, such as F150: it names the thing without its maker."""
    models = [word for word in wanted if _MODEL.fullmatch(word.text)]
    return _runs(by_line, models, lambda one, other: _bare(one) == _bare(other)) if len(models) == 1 else []


def _bare(word: str) -> str:
    """A word without its accents, which readers of print see where there are none."""
    return "".join(one for one in unicodedata.normalize("NFKD", word) if not unicodedata.combining(one))


def _nearly_alike(one: str, other: str) -> bool:
    """Whether two words are the same but for a slip of the pen, or of the reader."""
    if _alike(one, other):
        return True
    return min(len(one), len(other)) >= 5 and difflib.SequenceMatcher(None, one, other).ratio() >= MISSPELT


def _best_first(mentions: list[Mention], lines: tuple[Line, ...], query: str = "") -> list[Mention]:
    """Mentions with which a line begins before those inside one: `Total` rather than the one in `Sub total`.

    Where several of a thing are asked for, those of several come first: `11 servings` rather than `Serving size`.
    """
    last = query.casefold().split()[-1:]
    several = last if last and singular(last[0]) != last[0] else []

    def order(mention: Mention) -> tuple[bool, bool]:
        of_one = any(word not in lines[mention.last_line].text.casefold() for word in several)
        return of_one, bool(re.search(r"[^\W\d]", lines[mention.first_line].text[: mention.start]))

    return sorted(mentions, key=order)
