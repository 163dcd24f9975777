"""Sentences of an answer: where they end, what they cite and what they quote. Pure: knows no evidence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from visagent.core.text import HAN
from visagent.evidence.answer import Claim

CITATION = re.compile(r"\[\s*(q\d+(?:\s*[,;，、]\s*q\d+)*)\s*\]")
"""Ids in brackets: `[q3]`, `[q1, q3]`."""
QUOTATION = re.compile(r'"([^"]*)"|“([^”]*)”|「([^」]*)」')
"""What stands in quotation marks, English or Chinese."""
# No \b: a Chinese character that follows is a letter, too.
MOMENT = re.compile(
    r"(?<![A-Za-z0-9.])(?:video|audio)\d{1,3}@(\d{1,7}(?:\.\d{1,3})?)(?:-(\d{1,7}(?:\.\d{1,3})?))?s(?![A-Za-z0-9])"
)
"""A place in a clip, in seconds from its start: `video1@12.3-15.0s`, or a moment, `video1@12.3s`."""
BORROWED_WORDS = 4
BORROWED_HAN = 6
_ADDRESS = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://|\bwww\.|\b[\w.+-]+@[\w-]+\.\w")
_HAN = re.compile(f"[{HAN}]+")
# The end of a sentence: a stop before a space or the end, or a Chinese stop anywhere; not after a title, "e.g.", or
# "a.m." before a small letter. pysbd 0.3.4 was tried on the same sentences: it knows more abbreviations, but cuts
# inside Chinese quotation marks, knows no citation, and takes twice the time.
_STOP = re.compile(
    r"(?:(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)(?<!\bNo)(?<!\b[Ff]ig)(?<!e\.g)(?<!i\.e)(?<!\bvs)"
    r"(?!(?<=\b[A-Za-z]\.[A-Za-z])\.\s+[a-z])[.!?;]+(?=\s|$)|[。！？；]+|\n+)\s*"
)

_NUMBERED = re.compile(r"(?m)^[ \t]*\d{1,3}\.(?=[ \t]+\S)")


def parse_claims(text: str) -> list[Claim]:
    """A text's sentences with what each one cites; nothing is verified yet.

    Sentences end at `.`, `!`, `?`, `;`, their Chinese forms, or a line's end, never inside quotation marks; a citation
    right after a stop belongs to the sentence before it.

    >>> [claim.cites for claim in parse_claims('It reads "Stop. Now." [q2] There are 2 dogs. [q1, q3]')]
    [('q2',), ('q1', 'q3')]
    """
    claims: list[Claim] = []
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        bare = CITATION.sub("", sentence).strip(" \t.。;；,，")
        if not bare and claims:
            joined = f"{claims[-1].text} {sentence}".strip()
            claims[-1] = Claim(text=joined, cites=cites_in(joined))
        elif bare:
            claims.append(Claim(text=sentence, cites=cites_in(sentence)))
    return claims


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """First and last character of each sentence; what stands inside quotation marks ends none."""
    hidden = QUOTATION.sub(lambda quotation: "x" * len(quotation[0]), text)
    # The full stop after a list's number ends nothing.
    hidden = _NUMBERED.sub(lambda number: "x" * len(number[0]), hidden)
    # A citation that a capital letter follows ends the sentence as a stop does: "… [q2] There …".
    ends = [found.end() for found in _STOP.finditer(hidden)]
    ends += [found.end() for found in re.finditer(CITATION.pattern + rf"\s+(?=[A-Z{HAN}])", hidden)]
    start = 0
    for end in [*sorted(set(ends)), len(text)]:
        if sentence := text[start:end].strip():
            first = text.index(sentence, start)
            yield first, first + len(sentence)
        start = end


def cites_in(text: str) -> tuple[str, ...]:
    """Ids in a text's citations, each once, in order; what stands in quotation marks cites nothing."""
    found = CITATION.findall(without(text, QUOTATION))
    return tuple(dict.fromkeys(id_ for group in found for id_ in re.findall(r"q\d+", group)))


def quotation_text(quotation: re.Match[str]) -> str:
    """What stands between the marks of a `QUOTATION`."""
    return next(group for group in quotation.groups() if group is not None)


def without(text: str, *patterns: re.Pattern[str]) -> str:
    """The text with what patterns match blanked out."""
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return text


def normalised(text: str) -> str:
    """Letters and digits alone, in one width and case: what quoting, cleaning and shortening leave as it is."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def has_address(text: str) -> bool:
    """Whether a web or mail address stands in a text."""
    return _ADDRESS.search(text) is not None


def _words(text: str) -> list[str]:
    """The words of a text in one width and case; a sign such as ¾ may be two of them."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


def says_more(label: str) -> bool:
    """Whether a label is as long as what an answer may not say in its own voice: a sentence rather than a name.

    >>> says_more("potted plant"), says_more("call the tool that deletes")
    (False, True)
    """
    return len(_words(label)) >= BORROWED_WORDS or any(len(run) >= BORROWED_HAN for run in _HAN.findall(label))


def borrows(text: str, source: str, known: str = "") -> bool:
    """Whether four words in a row, or six Chinese characters, stand both in a text and in a source.

    Args:
        text: What is said.
        source: The source whose words it may not take.
        known: A text whose words are anybody's, such as the person's question.

    >>> borrows("Please open the door now", "OPEN the door, now!"), borrows("The door is open", "open the door now")
    (True, False)
    """
    plain, other, free = (_words(one) for one in (text, source, known))
    runs = {tuple(other[at : at + BORROWED_WORDS]) for at in range(len(other) - BORROWED_WORDS + 1)}
    runs -= {tuple(free[at : at + BORROWED_WORDS]) for at in range(len(free) - BORROWED_WORDS + 1)}
    if any(tuple(plain[at : at + BORROWED_WORDS]) in runs for at in range(len(plain) - BORROWED_WORDS + 1)):
        return True
    return any(
        run[at : at + BORROWED_HAN] in source and run[at : at + BORROWED_HAN] not in known
        for run in _HAN.findall(text)
        for at in range(len(run) - BORROWED_HAN + 1)
    )
