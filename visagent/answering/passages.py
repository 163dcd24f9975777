"""What an answer shows of a text that is too long to be shown: the lines that have to do with the question.

Pure: by words alone, weighed by how rare they are in the text (BM25).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from visagent.answering.phrasing import Phrasebook
from visagent.core.text import cleaned
from visagent.evidence.values import Text, Transcript
from visagent.planning.page_search import by_words

MOST = 3
"""Passages that are shown at most."""
NEARLY = 0.45
"""Part of the best passage's score from which on another one is shown beside it."""
SHORT = 24
"""Characters below which a line is shown with the next one: the name of a field, whose value stands behind it."""
BEGINNING = 80
"""Characters of a long text that are shown before the passages that have to do with the question."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_ASKING = re.compile(
    r"(?i)\b(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|has|have|had|can|could|will|would|should"
    r"|say|says|said|speak\w*|talk\w*|tell\w*|told|mention\w*|read\w*|writ\w+|show\w*|stand\w*|call\w*|name\w*|text|word\w*"
    r"|recording|audio|clip|video|voice|please|you|me|my|i|he|she|they|them|him|her|we|us|any\w*|some\w*|there|here|about"
    r"|according|give\w*|find|look\w*|see\w*|last|first|next|go\w*|get\w*|many|much)\b"
    r"|什么|哪[个里些天]?|谁|多少|几|吗|呢|请|告诉|提到|说|写|里面?|中|的|是|有|在|了|上面?|这|那|个|图|片|录音|视频|文字"
)


def telling(found: Text | Transcript, question: str) -> list[str]:
    """The lines, or sentences, of a text that share its rarer words with a question, in their order.

    >>> telling(Transcript(text="They met. The teacher was Martha. It rained.", media="0"), "Who was the teacher?")
    ['The teacher was Martha.']

    Args:
        found: What was read or heard.
        question: Question as the person put it.
    """
    parts = _parts(found)
    words = " ".join(_ASKING.sub(" ", question).split())
    scores = by_words(words, parts) if words and parts else {}
    if not scores:
        return []
    best = max(scores.values())
    ranked = sorted((at for at, score in scores.items() if score >= NEARLY * best), key=lambda at: -scores[at])[:MOST]
    shown: list[str] = []
    for at in sorted(ranked):
        shown.append(parts[at])
        if isinstance(found, Text) and len(parts[at]) < SHORT and at + 1 < len(parts) and at + 1 not in ranked:
            shown.append(parts[at + 1])
    return shown


def shown_of(book: Phrasebook, found: Text | Transcript, question: str) -> str:
    """A text in quotation marks; of one that is too long its beginning, and what has to do with the question.

    Args:
        book: The answer's language.
        found: What was read or heard.
        question: Question as the person put it.
    """
    passages = telling(found, question) if cleaned(found.text).endswith("…") else []
    if not passages:
        return book.quote(found.text)
    quoted = book["list"]["comma"].join(book.quote(passage) for passage in passages)
    return book.render(book["passages"], beginning=book.quote(found.text, BEGINNING), quoted=quoted)


def _parts(found: Text | Transcript) -> Sequence[str]:
    if isinstance(found, Text) and found.lines:
        return [line.text for line in found.lines]
    parts = found.text.splitlines() if isinstance(found, Text) else _SENTENCE_END.split(found.text)
    return [part.strip() for part in parts if part.strip()]
