"""What kind of answer a question's own words ask for. Pure."""

from __future__ import annotations

import re

_WHICH = re.compile(r"(?i)\b(?:which|what|who|whose|where)\b|哪|谁|还是|什么")
# "More cats or more dogs?", but not "Is it red or blue?", whose answer may well begin with yes.
_MORE_OR = re.compile(r"(?i)^(?!\s*(?:is|are|was|were|do|does|did|has|have|can)\b).*\b(?:more|fewer|less)\b.*\bor\b")


def asks_which(question: str) -> bool:
    """Whether a question asks which of things it is, so that neither yes nor no answers it.

    >>> asks_which("Which of them has more windows?"), asks_which("Are there more cats than dogs?")
    (True, False)
    """
    return _WHICH.search(question) is not None or _MORE_OR.search(question) is not None


def asks_which_picture(question: str) -> bool:
    """Whether a question about several pictures asks which of them it is, rather than where in them.

    >>> asks_which_picture("Which one shows a dog?"), asks_which_picture("Where are the dogs?")
    (True, False)
    """
    return re.search(r"(?i)\bwhich\b|哪(?!里|儿|边)", question) is not None
