"""What a look says as the answer's own sentences, each citing it. Pure.

A look is the system's own statement: its sentences are neither quoted nor cut, and may share words with the question
and with what was read.
"""

from __future__ import annotations

from collections.abc import Sequence

from visagent.answering.phrasing import phrasebook
from visagent.answering.sentences import sentence_spans
from visagent.evidence.answer import Claim
from visagent.evidence.values import Look

_STOPS = ".。!！?？;；"


def statements(look: Look, cites: Sequence[str], language: str) -> list[Claim]:
    """The sentences of a look's answer, in order, each with its citations before the full stop.

    Args:
        look: What was said.
        cites: Ids that each sentence cites: the look's own first, then what it rests on.
        language: Of the answer, `en` or `zh`; says which full stop ends a sentence that has none.
    """
    stop = str(phrasebook(language)["list"]["end"])
    return [cited(look.text[start:end], cites, stop) for start, end in sentence_spans(look.text)]


def cited(sentence: str, cites: Sequence[str], stop: str) -> Claim:
    """One sentence with its citations before its own full stop, or before `stop` where it has none.

    >>> cited("It is red.", ["q0", "q2"], ".").text
    'It is red [q0, q2].'
    """
    bare = sentence.rstrip()
    end = bare[-1] if bare[-1:] and bare[-1] in _STOPS else stop
    bare = bare.rstrip(_STOPS).rstrip()
    ids = tuple(dict.fromkeys(cites))
    return Claim(text=f"{bare} [{', '.join(ids)}]{end}", cites=ids)


def open_answer(look: Look, other: str, cites: Sequence[str], language: str) -> list[Claim]:
    """What is said where a closer look could not rule out another answer: its own, then the other as what may be.

    Args:
        look: The closer look.
        other: The other answer.
        cites: Ids that each sentence cites.
        language: Of the answer.
    """
    book = phrasebook(language)
    may_be = book.render(book["could_be"], answer=other.rstrip(_STOPS))
    return [*statements(look, cites, language), cited(may_be, cites, str(book["list"]["end"]))]
