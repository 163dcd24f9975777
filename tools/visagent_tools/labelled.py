"""What belongs to a label, a number or a heading in a plan, a map, a label of food or numbered instructions. Pure.

All of it is decided by where lines stand to one another; where two readings fit, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from visagent.core.words import numbers_in_words
from visagent.evidence.overlap import shared_length
from visagent.evidence.values import XYXY, Line
from visagent_tools.amounts import Amount, amounts, is_measure, is_year
from visagent_tools.layout import Where, beside, box_around
from visagent_tools.sizes import NEAR, has_word, least, letters, size_in, sizes
from visagent_tools.text import mentioned

LEADING = 0.4
"""Gap between two lines of one paragraph, in heights of a line."""
CLEARER = 1.5
"""How many times as far apart numbers and texts have to be in the second best reading of a list."""
MOST_STEPS = 30
MOST_LINES = 3
"""Lines of a label at most; what has more is a text."""

_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_NUMBER_ALONE = re.compile(
    rf"(?i)(?:step\s*)?(?:[(#]?(?P<n>\d{{1,2}})[.):]?|(?P<c>[{_CIRCLED}])\.?|第(?P<h>\d{{1,2}})步[:：]?)"
)
_NUMBERED = re.compile(
    rf"(?i)(?:step\s*(?P<s>\d{{1,2}})\s*[.):：-]?\s+|(?P<n>\d{{1,2}})[.)、:]\s*(?!\d)|(?P<c>[{_CIRCLED}])[.\s]*"
    r"|第(?P<h>\d{1,2})步[:：]?\s*)(?=\w)"
)
_SAID_STEPS = re.compile(
    r"(?i)(?<![\d.,/])(?P<n>\d{1,2}|[a-z]+)(?: (?:easy|simple|quick))?[ -]steps?\b(?! ?\d)"
    r"|(?<!第)(?P<h>\d{1,2}|[二三四五六七八九十])个?步"
)
_HAN = "一二三四五六七八九十"
_YEAR = r"(?:1[0-9]|20)\d\d"
_YEARS = re.compile(
    rf"(?i)(?:\b(?:between|from)\s+)?(?<![\d.,])({_YEAR})\s?(?:and|to|until|till|[-–—~至到])\s?({_YEAR})(?![\d.,]\d|\d)"
)
_KINDS = (frozenset(("population", "inhabitants", "residents", "people", "pop", "人口", "居民")),)
"""Words for what is counted that mean the same."""
_LASTS = re.compile(
    r"(?i)(?<![\d.,/])\d+(?:[.,]\d+)?(?:\s?(?:-|–|to|or)\s?\d+(?:[.,]\d+)?)?\s?-?"
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|秒|分钟|小时|天|周|个月)(?![a-z])"
)


_DEGREES = re.compile(
    r"(?i)(?<![\d.,/])\d{2,3}\s?"
    r"(?:(?:[°º˚]\s?[CF]?|[℃℉]|摄氏度|华氏度|度)(?![a-z])|(?P<word>d[a-z]{4,8})\b(?: [CF]\b)?)"
)
_OF_FOOD = re.compile(r"(?i)\b(?:internal|core|inside|temperature of|reach(?:es)?)\b|内部|中心")
"""What is said of how hot the food becomes, not of the oven."""


class Numbered(NamedTuple):
    """A step of instructions: its number and the lines that say what to do."""

    number: int
    lines: tuple[Line, ...]


def step_numbers(lines: Sequence[Line]) -> list[int]:
    """The numbers of numbered steps, 1 to the last one; none where they do not run on, or where there are two lists."""
    numbers = sorted(number for number, _ in (*_alone(lines), *_inline(lines)))
    return numbers if len(numbers) > 1 and numbers == [*range(1, len(numbers) + 1)] else []


def said_steps(lines: Sequence[Line]) -> list[int]:
    """The numbers of steps that lines speak of, as the heading "5 steps to a better bike" does."""
    found = []
    for line in lines:
        for match in _SAID_STEPS.finditer(line.text):
            word = match["n"] or match["h"]
            written = [number.value for number in numbers_in_words(word)] if word.isascii() else []
            number = int(word) if word.isdecimal() else int(written[0]) if written else _HAN.find(word) + 1
            if 1 < number <= MOST_STEPS:
                found.append(number)
    return found


def steps(lines: Sequence[Line]) -> list[Numbered]:
    """Numbered steps with what each says; none where that cannot be told."""
    if not step_numbers(lines):
        return []
    alone, inline = _alone(lines), _inline(lines)
    if alone and inline:
        return []
    return _steps_alone(lines, alone) if alone else _steps_inline(lines, inline)


def _alone(lines: Sequence[Line]) -> list[tuple[int, Line]]:
    found = []
    for line in lines:
        if (match := _NUMBER_ALONE.fullmatch(line.text.strip())) is not None:
            number = _CIRCLED.index(match["c"]) + 1 if match["c"] else int(match["n"] or match["h"])
            found.append((number, line))
    return found


def _inline(lines: Sequence[Line]) -> list[tuple[int, Line]]:
    found = []
    for line in lines:
        if (match := _NUMBERED.match(line.text.strip())) is not None and not _NUMBER_ALONE.fullmatch(line.text.strip()):
            number = _CIRCLED.index(match["c"]) + 1 if match["c"] else int(match["n"] or match["s"] or match["h"])
            found.append((number, line))
    return found


def _steps_inline(lines: Sequence[Line], inline: list[tuple[int, Line]]) -> list[Numbered]:
    """Each numbered line with those that go on below it."""
    first = {id(line) for _, line in inline}
    found = []
    for number, line in inline:
        at = next(index for index, one in enumerate(lines) if one is line)
        if line.xyxy is None:
            rest = next((index for index in range(at + 1, len(lines)) if id(lines[index]) in first), at + 1)
            kept = [line, *lines[at + 1 : rest]]
        else:
            kept = [line]
            below = [
                one for one in lines if id(one) not in first and one.xyxy is not None and one.xyxy[1] > line.xyxy[1]
            ]
            for one in sorted(below, key=lambda one: one.xyxy[1] if one.xyxy else 0):
                if _goes_on(kept[-1], one) and not _starts_between(inline, kept[-1], one):
                    kept.append(one)
        found.append(Numbered(number, tuple(kept)))
    return sorted(found)


def _starts_between(inline: list[tuple[int, Line]], upper: Line, lower: Line) -> bool:
    """Whether another numbered line stands between two lines of one column."""
    assert upper.xyxy is not None and lower.xyxy is not None
    return any(
        line is not upper
        and line.xyxy is not None
        and upper.xyxy[1] < line.xyxy[1] < lower.xyxy[1]
        and shared_length(line.xyxy, lower.xyxy, 0) > 0
        for _, line in inline
    )


def _steps_alone(lines: Sequence[Line], alone: list[tuple[int, Line]]) -> list[Numbered]:
    """Each number with the paragraph on that side of it on which all numbers have one of their own, and the nearest."""
    numbers = {id(line) for _, line in alone}
    blocks = paragraphs([line for line in lines if id(line) not in numbers and line.xyxy is not None])
    readings: list[tuple[float, list[Numbered]]] = []
    for side in ("right", "below", "above", "left"):
        total, found, taken = 0.0, [], set[int]()
        for number, line in alone:
            near = [
                (gap, at)
                for at, block in enumerate(blocks)
                if line.xyxy is not None and (gap := _gap_on(line.xyxy, box_around(block), side)) is not None
            ]
            if not near or min(near)[1] in taken:
                break
            gap, at = min(near)
            taken.add(at)
            total += gap
            found.append(Numbered(number, tuple(blocks[at])))
        if len(found) == len(alone):
            readings.append((total / len(alone), sorted(found)))
    readings.sort(key=lambda reading: reading[0])
    if not readings:
        return []
    height = min(letters(line.xyxy) for _, line in alone if line.xyxy is not None)
    clear = len(readings) == 1 or readings[1][0] > CLEARER * readings[0][0] + 0.2 * height
    return readings[0][1] if clear else []


def paragraphs(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that go on below one another, of one size of letters, as parts of one text."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.xyxy[1] if line.xyxy else 0):
        for block in found:
            if _goes_on(block[-1], line):
                block.append(line)
                break
        else:
            found.append([line])
    return found


def block_below(lines: Sequence[Line], heading: Line) -> list[Line]:
    """The lines below a heading that go on below one another, down to one that is written as the heading is."""
    if heading.xyxy is None:
        return []
    column = [
        line
        for line in lines
        if line is not heading
        and line.xyxy is not None
        and line.media == heading.media
        and line.xyxy[1] > (heading.xyxy[1] + heading.xyxy[3]) / 2
        and shared_length(line.xyxy, heading.xyxy, 0) > 0
    ]
    kept = [heading]
    for line in sorted(column, key=lambda line: line.xyxy[1] if line.xyxy else 0):
        if heading.text.isupper() and line.text.isupper():
            break
        if not _close_below(kept[-1], line, NEAR):
            break
        kept.append(line)
    return kept[1:]


def _goes_on(upper: Line, lower: Line) -> bool:
    """Whether a line goes on below another one: next to it, in its column, in letters about as large."""
    if upper.xyxy is None or lower.xyxy is None or upper.media != lower.media:
        return False
    heights = letters(upper.xyxy), letters(lower.xyxy)
    same = shared_length(upper.xyxy, lower.xyxy, 0) >= 0.5 * least(upper.xyxy, lower.xyxy, 0)
    styled = upper.text.isupper() == lower.text.isupper() or not (has_word(upper.text) and has_word(lower.text))
    return same and styled and max(heights) < 1.6 * min(heights) and _close_below(upper, lower, LEADING)


def _close_below(upper: Line, lower: Line, reach: float) -> bool:
    assert upper.xyxy is not None and lower.xyxy is not None
    gap = lower.xyxy[1] - upper.xyxy[3]
    height = min(letters(upper.xyxy), letters(lower.xyxy))
    return lower.xyxy[1] > (upper.xyxy[1] + upper.xyxy[3]) / 2 and gap <= reach * height


def _gap_on(number: XYXY, block: XYXY, side: str) -> float | None:
    """Pixels between a number and a text on this side of it; None where the text does not stand there."""
    axis = 0 if side in ("right", "left") else 1
    if shared_length(number, block, 1 - axis) <= 0:
        return None
    ahead = side in ("right", "below")
    gap = block[axis] - number[axis + 2] if ahead else number[axis] - block[axis + 2]
    slack = 0.3 * (number[axis + 2] - number[axis])
    return max(0.0, gap) if gap > -slack else None


def years_covered(lines: Sequence[Line]) -> tuple[int, int, list[Line]] | None:
    """The first and the last year of the periods that a text names, where these are one or follow one another.

    None for no period, and for several with years between them.
    """
    found = [
        (int(match[1]), int(match[2]), line)
        for line in lines
        for match in _YEARS.finditer(line.text)
        if int(match[1]) < int(match[2])
    ]
    if not found:
        return None
    found.sort(key=lambda period: period[0])
    first, last = found[0][:2]
    for start, end, _ in found[1:]:
        if start > last + 1:
            return None
        last = max(last, end)
    widest = [line for start, end, line in found if (start, end) == (first, last)]
    return first, last, widest or [line for *_, line in found]


def durations(text: str) -> list[str]:
    """How long things last, as "5 minutes" and "20-30 mins", in a line."""
    return [match[0] for match in _LASTS.finditer(text)]


def temperatures(lines: Sequence[Line]) -> list[tuple[str, Line]]:
    """How hot instructions want an oven, as "200 °C" and "180 degrees", with their lines; degrees may be misspelt."""
    found = []
    for line in lines:
        for match in () if _OF_FOOD.search(line.text) else _DEGREES.finditer(line.text):
            word = match["word"]
            if not word or mentioned(word, "degrees", misspelt=True) or mentioned(word, "degree", misspelt=True):
                found.append((match[0], line))
    return found


def label_at(lines: Sequence[Line], own: Sequence[int], where: Where) -> list[Line]:
    """The lines of the nearest other label on one side of a label; no size is one. Empty where nothing stands there.

    Args:
        lines: All lines of the text.
        own: Indices of the lines of the label, in order.
        where: How the other one stands to it.
    """
    at = own[0] if where == "above" else own[-1]
    mine = [lines[index] for index in own]
    there = beside(lines, at, 0, len(lines[at].text), where)
    labels = [line for line in there if line not in mine and has_word(line.text) and size_in(line.text) is None]
    if not labels:
        return []
    others = [line for line in lines if line not in mine and line.xyxy is not None and size_in(line.text) is None]
    blocks = [block for block in paragraphs(others) if labels[0] in block]
    block = blocks[0] if blocks and len(blocks[0]) <= MOST_LINES else [labels[0]]
    return [*block, *(size.size for size in sizes(lines) if size.label in block and size.size not in block)]


def amounts_of(lines: Sequence[Line], at: int, of: str) -> list[tuple[Amount, Line]]:
    """The numbers of a kind that belong to a line: in it, or in the lines next to it that say what they count.

    Args:
        lines: All lines of the text.
        at: Index of the line that is meant.
        of: What is counted; words that mean the same count as well.
    """
    words = next((kind for kind in _KINDS if of.casefold() in kind), frozenset((of,)))
    own = lines[at]
    if own.xyxy is None:
        near = [*lines[at + 1 : at + 2]]
    else:
        near = [line for line in lines if line is not own and line.xyxy is not None and _belongs(own, line)]
    for line in (own, *near):
        if any(mentioned(line.text, word) for word in words):
            found = [
                number
                for number in amounts(line)
                if number.unit is None and not is_measure(number, line.text) and not is_year(number, line.text)
            ]
            if len(found) == 1:
                return [(found[0], line)]
    return []


def _belongs(label: Line, line: Line) -> bool:
    """Whether a line stands right below a label, or right of it in its row."""
    assert label.xyxy is not None and line.xyxy is not None
    if label.media != line.media:
        return False
    height = min(letters(label.xyxy), letters(line.xyxy))
    if shared_length(label.xyxy, line.xyxy, 0) >= 0.5 * least(label.xyxy, line.xyxy, 0):
        return _close_below(label, line, NEAR)
    right = line.xyxy[0] - label.xyxy[2]
    return shared_length(label.xyxy, line.xyxy, 1) >= 0.5 * height and -0.5 * height < right <= 2 * height
