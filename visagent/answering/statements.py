"""What a look says as the answer's own sentences, each citing it. Pure.

A look is the system's own statement: its sentences are neither quoted nor cut, and may share words with the question
and with what was read. Its lines stay lines, so that lists, paragraphs and tables can be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from visagent.answering.phrasing import phrasebook
from visagent.answering.sentences import sentence_spans
from visagent.evidence.answer import Claim
from visagent.evidence.values import Look

_STOPS = ".。!！?？;；"
_CLOSED = re.compile(rf"[{_STOPS}][*_)）]+$")
"""A full stop that a mark follows: citations stand behind both."""
_OPEN = re.compile(r"\s*[:：|]$")
"""What a heading or a table's row ends with: citations stand before it."""
_WORD = re.compile(r"\w")


def statements(look: Look, cites: Sequence[str], language: str) -> list[Claim]:
    """The sentences of a look's answer, in order, each with its citations before the full stop.

    Args:
        look: What was said.
        cites: Ids that each sentence cites: the look's own first, then what it rests on.
        language: Language of the answer, `en` or `zh`; says which full stop ends a sentence that has none.
    """
    stop = str(phrasebook(language)["list"]["end"])
    claims: list[Claim] = []
    before, last = "", 0
    for start, end in sentence_spans(look.text):
        gap = look.text[last:start]
        said, last = look.text[start:end], end
        gap = gap if "\n" in gap else " "
        if not _WORD.search(said):
            # A line that says nothing, such as the one under a table's head, belongs to what stands beside it.
            if claims:
                claims[-1] = claims[-1].model_copy(update={"text": f"{claims[-1].text}{gap}{said}"})
            else:
                before = f"{said}\n"
            continue
        # The lines of a list or a table end without a full stop.
        one = cited(said, cites, "" if "\n" in look.text else stop)
        claims.append(one.model_copy(update={"before": gap, "text": f"{before}{one.text}"}))
        before = ""
    return claims


def cited(sentence: str, cites: Sequence[str], stop: str) -> Claim:
    """One sentence with its citations before its own full stop, or before `stop` where it has none.

    >>> cited("It is red.", ["q0", "q2"], ".").text, cited("| eggs | 2 |", ["q0"], "").text
    ('It is red [q0, q2].', '| eggs | 2 [q0] |')
    """
    bare = sentence.rstrip()
    if _CLOSED.search(bare):
        end = ""
    elif found := _OPEN.search(bare):
        bare, end = bare[: found.start()], found[0]
    else:
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
        language: Language of the answer.
    """
    book = phrasebook(language)
    may_be = book.render(book["could_be"], answer=" ".join(other.split()).rstrip(_STOPS))
    alternative = cited(may_be, cites, str(book["list"]["end"]))
    if "\n" in look.text:
        alternative = alternative.model_copy(update={"before": "\n\n"})
    return [*statements(look, cites, language), alternative]
