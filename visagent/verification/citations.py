"""The verifier by rules: does the cited evidence bear each sentence out? Pure: knows no model and no tool.

It looks at what can be checked without understanding: citations, numbers, quotations, yes or no, and `there is no`.
`supported` therefore says that nothing checkable speaks against a sentence that cites evidence, not that every word in
it is true. It works on any text with citations in brackets, `[q3]` or `[q1, q3]`, by any author.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import JsonValue

from visagent.answering.numbering import Numbering
from visagent.answering.sentences import (
    CITATION,
    MOMENT,
    QUOTATION,
    borrows,
    has_address,
    normalised,
    parse_claims,
    quotation_text,
    without,
)
from visagent.core.words import numbers_in_digits, numbers_in_words, numbers_read_out, with_joined_digits
from visagent.evidence.answer import Claim, Verdict
from visagent.evidence.contents import items_of, notes_of
from visagent.evidence.tree import REFERENCE, references
from visagent.evidence.values import (
    XYXY,
    Boolean,
    Boxes,
    Crop,
    Evidence,
    Failure,
    Labels,
    Line,
    Look,
    Number,
    Spans,
    Table,
    Text,
    Tracks,
    Transcript,
)
from visagent.media.media import MediaInfo
from visagent.verification.claimed_values import Claimed, claimed_numbers, is_known

__all__ = ["parse_claims", "states", "verify"]

_ADMITS_FAILURE = re.compile(
    r"(?i)\b(?:could not|couldn't|can ?not|can't|unable|did not (?:get|find out)|failed|unknown|not verifiable)\b"
    r"|无法|不能|没能|没有来得及|找不到|未能"
)
_YES = re.compile(r"(?i)\s*(?:probably )?(?:yes\b|是，)|\s*很可能是：")
_NO = re.compile(r"(?i)\s*(?:probably )?(?:no\b(?=[,.:;!]|\s*$)|not:|否，)|\s*很可能不是：")
_NONE = re.compile(r"(?i)\s*(?:there (?:is|are) (?:no|not any)\b|i found no\b|没有找到|没有)")


_DENIAL = re.compile(
    r"(?i)\b(?:no|not|none|nobody|nothing|nowhere|never|neither|nor|without|false|[a-z]+n't|cannot)\b|[没不无未否非]"
)


def states(claim: Claim, found: Evidence) -> bool:
    """Whether a sentence says what evidence found out, so that it may stand for it.

    `supported` is weaker: it is also said of a sentence that has nothing to do with what it cites. Here a number has to
    be among the sentence's numbers, the first of some labels among its words, a reading among its quotations; what is
    false or was not found wants a word of denial. What cannot be told from words, such as a picture, is taken as said.

    Args:
        claim: A sentence.
        found: One piece of the evidence that it cites.
    """
    words = without(claim.text, CITATION)
    match found.value:
        case Number(value=value):
            return any(is_known(number, [value]) for number in claimed_numbers(words))
        case Boolean(value=value):
            return value or bool(_DENIAL.search(words))
        case Labels(labels=labels) if labels:
            return any(normalised(label.name) in normalised(words) for label in labels[:3])
        case Boxes(boxes=()) | Tracks(tracks=()) | Spans(spans=()) | Labels():
            return bool(_DENIAL.search(words))
        case Text(text=text) | Transcript(text=text) if text:
            return bool(QUOTATION.search(words))
    return True


def verify(
    claims: Sequence[Claim],
    evidence: Mapping[str, Evidence],
    question: str = "",
    media: Mapping[str, MediaInfo] | None = None,
) -> list[Claim]:
    """The claims with a verdict each.

    `unverifiable`: nothing is cited, or something that does not exist, or that failed while the sentence does not say
    so; or, outside quotation marks, a web address or four words in a row of what was read or heard: an instruction in a
    picture must not become the answer's own. `contradicted`: a number, a quotation, a yes or no, or a `there is no`
    that the cited evidence does not support. Otherwise `supported`.

    What a look says is the system's own statement: a sentence that rests on one need not quote it, and may share words
    with what was read.

    Args:
        claims: What is said; `parse_claims` makes them from a text.
        evidence: Evidence by sub-question id.
        question: What the person asked; its words and numbers are known to everybody.
        media: Media by the names that plans use, for the numbers of pages and pictures.
    """
    numbering = Numbering(media)
    return [claim.model_copy(update={"verdict": _verdict(claim, evidence, question, numbering)}) for claim in claims]


def _verdict(claim: Claim, evidence: Mapping[str, Evidence], question: str, numbering: Numbering) -> Verdict:
    if not claim.cites or any(id_ not in evidence for id_ in claim.cites):
        return "unverifiable"
    cited = [evidence[id_] for id_ in claim.cites]
    words = without(claim.text, CITATION, QUOTATION)
    # `video1@12.3-15.0s` is no address, and its times are numbers as others are.
    written = [time for place in MOMENT.finditer(words) for time in place.groups() if time]
    times = [Claimed(float(time), len(time.partition(".")[2]), False) for time in written]
    words = without(words, MOMENT)
    if any(found.failed for found in cited) and not _ADMITS_FAILURE.search(words):
        return "unverifiable"
    # What was asked for may be named too, all the way down: the text of the "exit" sign.
    asked = [argument for found in _rests_on(claim.cites, evidence) for argument in _literals(found.arguments.values())]
    named = [argument for argument in asked if isinstance(argument, str)]
    texts = [question, *named, *(text for found in cited for text in _texts(found))]
    sources = [normalised(written) for text in texts for written in {text, with_joined_digits(text)}]
    for quotation in QUOTATION.finditer(without(claim.text, CITATION)):
        said = quotation_text(quotation)
        same = {normalised(said), normalised(with_joined_digits(said))}
        if not any(one in source for one in same for source in sources):
            return "contradicted"
    # What was read or heard speaks for itself between quotation marks, and never in the answer's own voice, whichever
    # evidence the sentence says it rests on.
    own = any(isinstance(found.value, Look) for found in cited)
    foreign = [text for found in evidence.values() for text in _foreign(found)]
    if has_address(words) or (not own and any(borrows(words, text, question) for text in foreign)):
        return "unverifiable"
    known = [number for found in cited for number in (*_numbers(found), *_places(found, numbering))]
    known += [float(argument) for argument in asked if not isinstance(argument, str)]
    known += [number for text in (question, *named) for number in _numbers_in(text)]
    # Digits that are said one by one are a number where the evidence has that number, and else a number each.
    for number in [*numbers_read_out(words)][::-1]:
        if number.value in known:
            words = f"{words[: number.start]} {words[number.end :]}"
    if not all(is_known(number, known) for number in [*times, *claimed_numbers(words)]):
        return "contradicted"
    return "contradicted" if _denies(words, cited) else "supported"


def _denies(words: str, cited: Sequence[Evidence]) -> bool:
    """Whether a sentence says yes, no or none where the evidence says otherwise."""
    truths = [found.value.value for found in cited if isinstance(found.value, Boolean)]
    # With several truths cited a rule cannot tell which one the yes or no is about.
    if len(truths) == 1 and ((truths[0] and _NO.match(words)) or (not truths[0] and _YES.match(words))):
        return True
    sizes = [size for found in cited if (size := _size(found)) is not None]
    # That there is none of one thing may be one of several statements, about others of which there are some.
    return bool(sizes) and all(sizes) and all(truths) and bool(_NONE.match(words))


def _size(found: Evidence) -> float | None:
    """How many there are, as far as evidence says so."""
    if isinstance(found.value, Number):
        return found.value.value
    items = items_of(found.value)
    return None if items is None else len(items)


def _numbers(found: Evidence) -> Iterator[float]:
    """Every number that the evidence supports: counts, values, confidences, times, and those in its texts."""
    for text in _texts(found):
        yield from _numbers_in(text)
    if found.confidence is not None:
        yield found.confidence
    for note in notes_of(found.value):
        yield from (number for word in note.words for number in _numbers_in(word))
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
        case Spans(spans=spans):
            yield float(len(spans))
            yield round(found.value.seconds, 2)
            for span in spans:
                yield from _of([span.confidence, span.start, span.end])
        case Labels(labels=labels):
            yield float(len(labels))
            for label in labels:
                yield from _of([label.confidence, label.share])
        case Text(lines=lines, pictures=pictures):
            yield float(len(lines))
            yield from _of_lines(lines, pictures)
        case Transcript(lines=lines):
            yield float(len(lines))
            yield from _of_lines(lines, ())
        case Boolean(lines=lines, pictures=pictures):
            yield from _of_lines(lines, pictures)
        case Table():
            yield from (float(found.value.rows), float(found.value.columns))
        case Crop(xyxy=xyxy, scale=scale, seconds=seconds):
            yield from _of([*_extent(xyxy), scale, seconds])


def _places(found: Evidence, numbering: Numbering) -> list[int]:
    """The numbers of the pages and pictures that evidence stands on, as answers give them."""
    match found.value:
        case Boxes(boxes=boxes, pictures=pictures):
            return numbering.of((box.media for box in boxes), pictures)
        case Text(lines=lines, pictures=pictures) | Boolean(lines=lines, pictures=pictures):
            return numbering.of((line.media for line in lines), pictures)
    return []


def _of_lines(lines: Iterable[Line], pictures: Sequence[str]) -> Iterator[float]:
    for line in lines:
        yield from _of([line.confidence, line.start, line.end])
        if line.start is not None:
            # As answers write times.
            yield float(round(line.start))
        if line.media in pictures:
            yield float(pictures.index(line.media) + 1)


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
        case Boolean(lines=lines):
            for line in lines:
                yield line.text
        case Table(cells=cells):
            # Cells, and their rows as an answer quotes them.
            yield " | ".join(cell.text for cell in cells)
            for cell in cells:
                yield cell.text
        case Look(text=text, reasoning=reasoning, other=other):
            yield from (text, reasoning, other)
        case Labels(labels=labels):
            for label in labels:
                yield label.name
        case Boxes(boxes=boxes):
            for box in boxes:
                yield box.label
        case Spans(spans=spans):
            for span in spans:
                yield span.label
        case Failure(error=error, message=message, remedy=remedy):
            yield f"{error}: {message} {remedy}"


def _foreign(found: Evidence) -> Iterator[str]:
    """The texts of evidence that others wrote or said; a failure's and a look's own words are not among them."""
    return iter(()) if isinstance(found.value, Failure | Look) else _texts(found)


def _numbers_in(text: str) -> Iterator[float]:
    yield from (number.value for number in numbers_in_digits(text))
    yield from (number.value for number in numbers_in_words(text))
    yield from (number.value for number in numbers_read_out(text))


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
