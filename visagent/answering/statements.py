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


def both(first: Look, closer: Look, first_id: str, closer_id: str, language: str) -> list[Claim]:
    """What is said where a first and a closer look stay apart: both, as what they are.

    Args:
        first: The first look.
        closer: The closer one.
        first_id: Its evidence's id.
        closer_id: Its evidence's id.
        language: Of the answer.
    """
    book = phrasebook(language)
    stop = str(book["list"]["end"])
    said = [
        (book["apart"]["first"], first, first_id),
        (book["apart"]["closer"], closer, closer_id),
    ]
    return [cited(book.render(template, answer=look.text.rstrip(_STOPS)), [id_], stop) for template, look, id_ in said]
