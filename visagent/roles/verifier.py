"""The verifier by rules: does the cited evidence bear each sentence out? Pure: knows no model and no tool.

It looks at what can be checked without understanding: citations, numbers, quotations, yes or no, and `there is no`.
`supported` therefore says that nothing checkable speaks against a sentence that cites evidence, not that every word in
it is true. It works on any text with citations in brackets, `[q3]` or `[q1, q3]`, whoever wrote it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from visagent.answer import Claim, Verdict
from visagent.evidence import (
    XYXY,
    Boolean,
    Boxes,
    Crop,
    Evidence,
    Failure,
    Labels,
    Number,
    Text,
    Tracks,
    Transcript,
)
from visagent.tree import REFERENCE, references
from visagent.words import numbers_in_digits, numbers_in_words

_CITATION = re.compile(r"\[\s*(q[1-9]\d*(?:\s*[,;，、]\s*q[1-9]\d*)*)\s*\]")
_QUOTATION = re.compile(r'"([^"]*)"|“([^”]*)”|「([^」]*)」')
# The end of a sentence: a stop before a space or the end, or a Chinese stop anywhere; not after a title or "e.g.".
_STOP = re.compile(
    r"(?:(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)(?<!\bNo)(?<!e\.g)(?<!i\.e)(?<!\bvs)[.!?;]+(?=\s|$)|[。！？；]+|\n+)\s*"
)
_ADMITS_FAILURE = re.compile(
    r"(?i)\b(?:could not|couldn't|can ?not|can't|unable|did not (?:get|find out)|failed|unknown|not verifiable)\b"
    r"|无法|不能|没能|没有来得及|找不到|未能"
)
_YES = re.compile(r"(?i)\s*(?:probably )?(?:yes\b|是，)|\s*很可能是：")
_NO = re.compile(r"(?i)\s*(?:probably )?(?:no\b(?=[,.:;!]|\s*$)|not:|否，)|\s*很可能不是：")
_NONE = re.compile(r"(?i)\s*(?:there (?:is|are) (?:no|not any)\b|i found no\b|没有找到|没有)")
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


def parse_claims(text: str) -> list[Claim]:
    """A text's sentences with what each one cites; nothing is verified yet.

    Sentences end at `.`, `!`, `?`, `;`, their Chinese forms, or a line's end, never inside quotation marks; a citation
    right after a stop belongs to the sentence before it.

    >>> [claim.cites for claim in parse_claims('It reads "Stop. Now." [q2] There are 2 dogs. [q1, q3]')]
    [('q2',), ('q1', 'q3')]
    """
    claims: list[Claim] = []
    for sentence in _sentences(text):
        bare = _CITATION.sub("", sentence).strip(" \t.。;；,，")
        if not bare and claims:
            joined = f"{claims[-1].text} {sentence}".strip()
            claims[-1] = Claim(text=joined, cites=_cites(joined))
        elif bare:
            claims.append(Claim(text=sentence, cites=_cites(sentence)))
    return claims


def verify(claims: Sequence[Claim], evidence: Mapping[str, Evidence]) -> list[Claim]:
    """The claims with a verdict each.

    `unverifiable`: nothing is cited, or something that does not exist, or that failed while the sentence does not say
    so. `contradicted`: a number, a quotation, a yes or no, or a `there is no` that the cited evidence does not bear
    out. Otherwise `supported`.

    Args:
        claims: What is said; `parse_claims` makes them from a text.
        evidence: By sub-question id.
    """
    return [claim.model_copy(update={"verdict": _verdict(claim, evidence)}) for claim in claims]


def _verdict(claim: Claim, evidence: Mapping[str, Evidence]) -> Verdict:
    if not claim.cites or any(id_ not in evidence for id_ in claim.cites):
        return "unverifiable"
    cited = [evidence[id_] for id_ in claim.cites]
    words = _without(claim.text, _CITATION, _QUOTATION)
    if any(found.failed for found in cited) and not _ADMITS_FAILURE.search(words):
        return "unverifiable"
    # What was asked for may be named too, all the way down: the text of the "exit" sign.
    asked = [argument for found in _rests_on(claim.cites, evidence) for argument in _literals(found.arguments.values())]
    named = [argument for argument in asked if isinstance(argument, str)]
    sources = [_normalised(text) for text in [*named, *(text for found in cited for text in _texts(found))]]
    for quotation in _QUOTATION.finditer(_without(claim.text, _CITATION)):
        quoted = _normalised(next(group for group in quotation.groups() if group is not None))
        if quoted and not any(quoted in source for source in sources):
            return "contradicted"
    known = [number for found in cited for number in _numbers(found)]
    known += [float(argument) for argument in asked if not isinstance(argument, str)]
    known += [number for text in named for number in _numbers_in(text)]
    if not all(_is_known(number, known) for number in _written(words)):
        return "contradicted"
    return "contradicted" if _denies(words, cited) else "supported"


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a text; what stands inside quotation marks ends none."""
    hidden = _QUOTATION.sub(lambda quotation: "x" * len(quotation[0]), text)
    # A citation that a capital letter follows ends the sentence as a stop does: "… [q2] There …".
    ends = [found.end() for found in _STOP.finditer(hidden)]
    ends += [found.end() for found in re.finditer(_CITATION.pattern + r"\s+(?=[A-Z\u4e00-\u9fff])", hidden)]
    start = 0
    for end in [*sorted(set(ends)), len(text)]:
        if sentence := text[start:end].strip():
            yield sentence
        start = end


def _cites(text: str) -> tuple[str, ...]:
    """Ids in a text's citations, each once, in order; what stands in quotation marks cites nothing."""
    found = _CITATION.findall(_without(text, _QUOTATION))
    return tuple(dict.fromkeys(id_ for group in found for id_ in re.findall(r"q\d+", group)))


def _without(text: str, *patterns: re.Pattern[str]) -> str:
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return text


def _normalised(text: str) -> str:
    """Letters and digits alone, in one width and case: what quoting, cleaning and shortening leave as it is."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


class _Claimed(NamedTuple):
    """A number of a sentence: its value, the decimals it is written with, and whether a percent sign follows."""

    value: float
    decimals: int
    percent: bool


def _written(text: str) -> Iterator[_Claimed]:
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
        yield _Claimed(found.value, decimals, bool(re.match(r"\s*(?:[%％]|percent\b)", after)))
    for found in numbers_in_words(text):
        # "One of them", "no one", "a hundred" as a way of speaking: one is a number only where it can count.
        before, after = text[: found.start].rstrip().lower(), text[found.end :].lstrip().lower()
        if found.value == 1 and (
            after.startswith("of ") or re.search(r"\b(?:no|any|every|each|the|this|that|which|only)$", before)
        ):
            continue
        yield _Claimed(found.value, 0, bool(re.match(r"\s*percent\b", text[found.end :])))
    for match in _HAN_NUMBER.finditer(text):
        if match[1] != "一":
            yield _Claimed(_han_number(match[1]), 0, False)


def _han_number(numerals: str) -> float:
    """The value of Chinese numerals below ten thousand: 二十五 -> 25."""
    total, digit = 0, 0
    for char in numerals:
        if char in _HAN_DIGITS:
            digit = _HAN_DIGITS[char]
        else:
            total += (digit or 1) * _HAN_SCALES[char]
            digit = 0
    return float(total + digit)


def _is_known(number: _Claimed, known: Iterable[float]) -> bool:
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


def _denies(words: str, cited: Sequence[Evidence]) -> bool:
    """Whether a sentence says yes, no or none where the evidence says otherwise."""
    truths = [found.value.value for found in cited if isinstance(found.value, Boolean)]
    # With several truths cited a rule cannot tell which one the yes or no is about.
    if len(truths) == 1 and ((truths[0] and _NO.match(words)) or (not truths[0] and _YES.match(words))):
        return True
    sizes = [size for found in cited if (size := _size(found)) is not None]
    return bool(sizes) and all(sizes) and bool(_NONE.match(words))


def _size(found: Evidence) -> float | None:
    """How many there are, as far as evidence says so."""
    match found.value:
        case Boxes(boxes=boxes):
            return len(boxes)
        case Tracks(tracks=tracks):
            return len(tracks)
        case Labels(labels=labels):
            return len(labels)
        case Number(value=number):
            return number
    return None


def _numbers(found: Evidence) -> Iterator[float]:
    """Every number that evidence bears out: counts, values, confidences, times, and those in its texts."""
    for text in _texts(found):
        yield from _numbers_in(text)
    if found.confidence is not None:
        yield found.confidence
    match found.value:
        case Number(value=number):
            yield number
        case Boxes(boxes=boxes, seconds=seconds):
            # No coordinates: among so many numbers, a wrong count would find one that bears it out.
            yield from _of([len(boxes), seconds, *(box.confidence for box in boxes)])
        case Tracks(tracks=tracks):
            yield float(len(tracks))
            for track in tracks:
                yield from _of([track.confidence, *track.seconds[:1], *track.seconds[-1:]])
        case Labels(labels=labels):
            yield float(len(labels))
            for label in labels:
                yield from _of([label.confidence, label.share])
        case Text(lines=lines) | Transcript(lines=lines):
            yield float(len(lines))
            for line in lines:
                yield from _of([line.confidence, line.start, line.end])
        case Crop(xyxy=xyxy, scale=scale, seconds=seconds):
            yield from _of([*_extent(xyxy), scale, seconds])


def _of(values: Iterable[float | None]) -> Iterator[float]:
    return (float(value) for value in values if value is not None)


def _extent(xyxy: XYXY) -> tuple[float, float]:
    """Width and height, pixels."""
    return xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]


def _texts(found: Evidence) -> Iterator[str]:
    """Every text that evidence holds."""
    match found.value:
        case Text(text=text) | Transcript(text=text):
            yield text
        case Labels(labels=labels):
            for label in labels:
                yield label.name
        case Boxes(boxes=boxes):
            for box in boxes:
                yield box.label
        case Failure(error=error, message=message, remedy=remedy):
            yield f"{error}: {message} {remedy}"


def _numbers_in(text: str) -> Iterator[float]:
    yield from (number.value for number in numbers_in_digits(text))
    yield from (number.value for number in numbers_in_words(text))


def _rests_on(ids: Iterable[str], evidence: Mapping[str, Evidence]) -> list[Evidence]:
    """Evidence and all that its arguments refer to, directly or not."""
    reached: dict[str, Evidence] = {}
    waiting = list(ids)
    while waiting:
        id_ = waiting.pop()
        if id_ in evidence and id_ not in reached:
            reached[id_] = evidence[id_]
            waiting += [need for argument in evidence[id_].arguments.values() for need in references(argument)]
    return list(reached.values())


def _literals(arguments: Iterable[JsonValue]) -> Iterator[str | float]:
    """The strings and numbers among arguments, without references."""
    for argument in arguments:
        if isinstance(argument, list):
            yield from _literals(argument)
        elif isinstance(argument, str):
            if not REFERENCE.match(argument):
                yield argument
        elif isinstance(argument, int | float) and not isinstance(argument, bool):
            yield argument
