"""A question which of two or more is more, that a small planner plans as anything but a choice. Knows no model.

- Of two rows of a table or chart, "Peru or Chile", the one with the larger number of the column that is meant.
- Of two things of one kind, "the upper one or the lower one", the larger one, and where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from visagent.media.media import MediaInfo
from visagent.planning.plan import UNANSWERABLE
from visagent.planning.step_lists import Step

_MORE = r"more|most|higher|highest|bigger|biggest|larger|largest|greater|greatest|longer|longest|older|oldest"
_MORE += "|taller|tallest"
_LESS = r"less|least|fewer|fewest|lower|lowest|smaller|smallest|shorter|shortest|younger|youngest|cheaper|cheapest"
_COMPARES = re.compile(
    rf"(?i)\b(?:which|who|what|where|whose)\b.*\b(?:(?P<more>{_MORE})|(?P<less>{_LESS}))\b"
    r"|哪.*(?:(?P<han_more>[更最较](?:大|多|高|长)|[大多高长]一?[点些])|(?P<han_less>[更最较](?:小|少|低|短)|[小少低短]一?[点些]))"
)
_OR = re.compile(
    r"(?:^|[,:;?]|\b(?:in|for|of|with|is|by|between)\b|[，：])\s*(?:the )?(?P<a>\w[\w'&.-]*(?: [A-Z][\w'&.-]*){0,2})"
    r"(?:\s+or\s+|还是)(?:the |in |for )?(?P<b>\w[\w'&.-]*(?: [A-Z][\w'&.-]*){0,2})\W*$"
)
_BETWEEN = re.compile(
    r"(?i)^\W*(?:\w+,? ){0,2}?(?:was|were|is|are)\s+(?:the )?(?P<by>\w[\w ]*?) "
    rf"(?:(?P<more>{_MORE})|(?P<less>{_LESS})) (?:in|for|at) "
    r"(?:the )?(?P<among>\w[\w'&.-]*(?: [\w'&.-]+){0,2}? or (?:in |for |at )?(?:the )?\w[\w'&.-]*)\s*(?:[,?.!]|$)"
)
_SIDES = re.compile(
    r"(?i)\b(?:left|right|top|bottom|upper|lower|front|back|near|far)(?:er|most|-hand)?\b.*\bor\b.*\b(?:left|right|top|bottom|upper"
    r"|lower|front|back|near|far)(?:er|most|-hand)?\b|[上下左右前后].*还是.*[上下左右前后]"
)
LONGEST_NAME = 4
"""Words of a column's name at most."""
_READING = frozenset(
    ("read_text", "read_table", "find_number", "calculate", "compare", "best_row", "cell", "find_text")
)
_WORDS = {"find_number": "near", "cell": "column", "best_row": "by", "aggregate": "of", "find_text": "query"}
_LOOKING = frozenset(
    """
    detect exists locate filter_boxes pick sort count compare merge above below left_of right_of nearest overlaps
    """.split()  # noqa: SIM905
)


def extreme_asked(question: str) -> Literal["most", "least"] | None:
    """Whether a question asks which of several is the most or the least; None where it asks for neither.

    >>> extreme_asked("Which city is older?"), extreme_asked("哪个更便宜，小一点的？"), extreme_asked("Is it larger?")
    ('most', 'least', None)
    """
    found = _COMPARES.search(question)
    if found is None:
        return None
    return "least" if found["less"] or found["han_less"] else "most"


def with_choice(steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo]) -> list[Step]:
    """A plan's steps, or those that choose between what the question offers.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
        media: Media by the names that the plan uses; of several pictures it is not known which one is meant.
    """
    plan = [dict(step) for step in steps]
    which = extreme_asked(question)
    tools = {str(step.get("tool")) for step in plan}
    if [info.kind for info in media.values()] != ["image"]:
        return plan
    if which is None:
        return _between(tools, question) or plan
    for choose in (_row, _column, _thing):
        if (chosen := choose(plan, tools, question, which)) is not None:
            return chosen
    return plan


def _between(tools: set[str], question: str) -> list[Step] | None:
    """The row that is more, for "was the rent higher in 2003 or 2004?", where the plan looks for text or gives up."""
    found = _BETWEEN.search(question)
    if found is None or not tools <= _READING | {UNANSWERABLE}:
        return None
    among = re.sub(r"(?i)\bor (?:in|for|at) (?:the )?", "or ", found["among"])
    which = "most" if found["more"] else "least"
    return [
        {"tool": "read_table"},
        {"tool": "best_row", "table": "$q1", "which": which, "by": found["by"], "among": among},
    ]


def _row(plan: list[Step], tools: set[str], question: str, which: str) -> list[Step] | None:
    """The row of the table that is more, where the plan looks up one thing for which both rows have a number."""
    offered = _OR.search(question)
    if offered is None or not tools <= _READING:
        return None
    names = (offered["a"], offered["b"])
    words = {
        str(step[_WORDS[tool]]) for step in plan if (tool := str(step.get("tool"))) in _WORDS and _WORDS[tool] in step
    }
    by = [word for word in words if not any(_alike(word, name) for name in names)]
    if len(by) > 1 and len(by) == len(words):
        # "Fruit and nuts" may be one column: the numbers beside its words are not those that are compared.
        return [{"tool": "read_table"}, {"tool": "look_up", "table": "$q1", "asked": question, "how": which}]
    if len(by) != 1:
        return None
    choice: Step = {
        "tool": "best_row",
        "table": "$q1",
        "which": which,
        "by": by[0],
        "among": f"{names[0]} or {names[1]}",
    }
    return [{"tool": "read_table"}, choice]


def _column(plan: list[Step], tools: set[str], question: str, which: str) -> list[Step] | None:
    """The row that is most in a column, where a plan compares the numbers beside words of the column's name."""
    near = [str(step["near"]).lower() for step in plan if step.get("tool") == "find_number" and "near" in step]
    lower = question.lower()
    if (
        len(near) < 2
        or not tools <= _READING
        or re.search(r"\bor\b|还是", lower)
        or not all(one in lower for one in near)
    ):
        return None
    name = lower[min(map(lower.index, near)) : max(lower.index(one) + len(one) for one in near)]
    if len(name.split()) > LONGEST_NAME or re.search(r"[,;:，；：]|\band\b|和", name):
        return None
    best: Step = {"tool": "best_row", "table": "$q1", "which": which, "by": name}
    return [{"tool": "read_table"}, best]


def _thing(plan: list[Step], tools: set[str], question: str, which: str) -> list[Step] | None:
    """The larger of the things of one kind, and where it stands."""
    labels = {str(step.get("label")) for step in plan if step.get("tool") == "detect"}
    if len(labels) != 1 or not tools <= _LOOKING or not _SIDES.search(question):
        return None
    label = labels.pop()
    if which == "least":
        by: Step = {"tool": "sort", "boxes": "$q1", "by": "smallest_first"}
        return [{"tool": "detect", "label": label}, by, {"tool": "pick", "items": "$q2", "position": 1}]
    return [{"tool": "detect", "label": label}, {"tool": "largest", "boxes": "$q1"}]


def _alike(word: str, name: str) -> bool:
    return word.lower() in name.lower() or name.lower() in word.lower()
