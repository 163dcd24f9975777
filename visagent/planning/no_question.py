"""What is typed and asks nothing: no word at all, or words that no question is made of. Knows no model."""

from __future__ import annotations

import re
from collections.abc import Mapping

from visagent.core.text import HAN
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Boolean, Evidence, Failure, Text

NO_QUESTION = 'no question was found in it; write a whole one, such as "How many people are there?", and ask again'
"""Why it is not answered."""
_LOOKED_UP = frozenset(("find_text", "find_number", "contains", "cell"))
"""Tools that look for a person's words in a text."""
_LETTER = re.compile(r"[^\W_]")
_ASKING = frozenset(
    """
    a all an and any are aren't at both by can could describe did do does doesn't each every find for from give had has
    have he her his how i in is isn't it its list look many me more most much my no not of on or our read say says see
    she show some spell tell text than that the their them there these they this those to translate us was we were what
    what's when where where's which who who's whom whose why will with would write written you your
    """.split()  # noqa: SIM905
)
"""Words one of which nearly every question has."""


def has_words(question: str) -> bool:
    """Whether a question holds at least two different letters or digits, or one that stands alone.

    >>> has_words("???"), has_words("aaaa"), has_words("x?"), has_words("How many?")
    (False, False, True, True)
    """
    letters = _LETTER.findall(question.lower())
    return len(set(letters)) > 1 or len(letters) == 1


def asks(question: str) -> bool:
    """Whether a word of a question is one that questions are made of, or it is not written in letters that tell.

    >>> asks("asdf qwer"), asks("how many cups"), asks("有几个人？")
    (False, True, True)
    """
    words = re.findall(r"[^\W_]+(?:'[a-z]+)?", question.lower().replace("’", "'"))
    return re.search(f"[{HAN}]", question) is not None or not _ASKING.isdisjoint(words)


def was_no_question(question: str, tree: QuestionTree, evidence: Mapping[str, Evidence]) -> bool:
    """Whether loose words were looked for in a text and nothing else, and are not there: "asdf qwer" asks nothing.

    Args:
        question: Question as the person put it.
        tree: What it was planned as.
        evidence: What was found, by sub-question id.
    """
    return (
        not asks(question)
        and bool(tree.sinks)
        and all(
            tree[sink].solver.tool in _LOOKED_UP and sink in evidence and _is_nothing(evidence[sink])
            for sink in tree.sinks
        )
    )


def _is_nothing(found: Evidence) -> bool:
    match found.value:
        case Text(text=text):
            return not text.strip()
        case Boolean(value=value):
            return not value
    return isinstance(found.value, Failure)
