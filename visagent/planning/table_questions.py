"""What a question asks of a table as a whole: one cell, two cells added or set against each other, the most of some;
and what so much of a thing costs.

The expert `look_up` finds which rows and columns the question names, and refuses where it says anything else. Knows no
table and no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from visagent.core.words import han_numbers, numbers_in_words
from visagent.media.media import MediaInfo
from visagent.planning.choices import extreme_asked
from visagent.planning.fallbacks import REFUSAL
from visagent.planning.step_lists import Step

_SUM = re.compile(
    r"(?i)\b(?:together|altogether|combined|in total|in all|taken together|add(?:ed)?(?: up)?|sum)\b"
    r"|一共|总共|加起来|合计"
)
_MORE = r"more|higher|larger|bigger|greater|longer|later|dearer|taller|older|faster"
_LESS = r"less|fewer|lower|smaller|shorter|earlier|cheaper|younger|sooner|slower"
_DIFFERENCE = re.compile(
    rf"(?i)\bhow (?:much|many|far|long)\b.*\b(?:(?P<more>{_MORE})|(?P<less>{_LESS}))\b.*\bth[ae]n\b"
    r"|\bdifference between\b.+ and "
    r"|^[^比]+比.+?(?:(?P<han_more>[多高长大贵晚])|(?P<han_less>[少低短小便早]))[^，,]*(?:多少|几)"
)
_CHOOSES = re.compile(
    r"(?i)\b(?:which|who|what['’]?s?|where)\b.*\b(?:dearer|dearest|priciest|heaviest|fastest|hottest|warmest|busiest|last"
    r"|latest|newest|most recent|(?P<less>least|lightest|slowest|coldest|first|earliest))\b"
    r"|^(?=.*\bor (?!less\b|more\b|not\b))(?!.*\bth[ae]n\b)(?!.*\bor (?:less|more)\b)"
    r".*\b(?:more|(?P<fewer>less|fewer))\b"
    r"|哪.*最(?:[贵重远久快热忙晚新后]|(?P<han>便宜|[轻近慢冷早先]))"
)
_COMPARES = re.compile(
    rf"(?i)\b(?:{_MORE}|{_LESS}|th[ae]n|compared|average|mean|ratio|difference|times|twice|half|double|other|except|not|without"
    r"|how many of|since|first|last|rank|closest|nearest|over|under|above|below|exceed\w*)\b|\w+n['’]t\b"
    r"|比|差|平均|不|没|倍|除了|以外|其他|最|更|超过"
)
_OF_OTHERS = re.compile(
    r"(?i)\b(?:average|mean|ratio|times as|twice|half|double|other than|except|not|without|second|third|fourth|next"
    r"|only|\d(?:st|nd|rd|th)|compared|each|every|respectively)\b|\w+n['’]t\b|平均|倍|除了|以外|之外|第[二三四五]|各|分别|不"
)
"""What no row or column of these names says by itself."""
_ASKS = re.compile(
    r"(?i)^\W*(?:\w+ ){0,3}?(?:what|how (?:much|many)|tell me|give me"
    r"|which (?:percentage|number|amount|share|figure))\b|多少|几"
)
_MONEY = re.compile(r"(?i)\b(?:cost|costs|price|pay|paid|spend|owe|how much)\b|多少钱|价")
_SO_MUCH_OF = re.compile(
    r"(?i)\b(?P<n>\d+(?:\.\d+)?|[a-z]+(?:[ -][a-z]+)?) "
    r"(?:kilos?|kg|pounds?|lbs?|gallons?|lit(?:er|re)s?|pints?|met(?:er|re)s?|yards?|feet|pieces?"
    r"|portions?|servings?|slices?|bottles?|cups?|glasses|cans?|packs?|packets?|boxes|bags?|tins?|rolls?|dozen) of "
    r"(?:the |your |this )?(?P<name>[\w'& -]+?)"
    r"(?: (?:cost|costs|be|come to|set me back|going|for me|me|please|in total))*\W*$"
    r"|(?P<han_n>\d+(?:\.\d+)?|[一二两三四五六七八九十]+)"
    r"(?:公斤|千克|斤|加仑|升|米|份|个|瓶|杯|罐|包|袋|盒|张|只|片)的?(?P<han>[^，,。]+?)"
    r"(?:一共|总共|要|得|需要|是)*(?:花|付)?多少钱"
)
_COUNTS = re.compile(
    r"(?i)\bhow many (?:\w+ )?(?:countries|nations|cities|towns|rows|columns|entries|categories|items|kinds|types"
    r"|names)\b"
    r"|(?:多少|几)[个座种家支]?(?:国家|城市|地方|种类|类别|行|列|项|公司|球?队|东西)"
)


def price_of_many(question: str) -> list[Step]:
    """The plan's steps that work out what so much of a thing costs, by the price beside its name; empty for others.

    Prices are mostly for a kilo or a litre, so that what is asked for in grams is left.

    >>> price_of_many("What do 3 kilos of plums cost?")[-1]
    {'tool': 'calculate', 'expression': 'a * 3', 'a': '$q2'}

    Args:
        question: Question as the person put it.
    """
    found = _SO_MUCH_OF.search(question) if _MONEY.search(question) else None
    if found is None:
        return []
    said = found["n"] or found["han_n"]
    numbers = [float(said)] if said.isascii() and said[0].isdigit() else han_numbers(said) if not said.isascii() else []
    numbers = numbers or [number.value for number in numbers_in_words(said)]
    name = (found["name"] or found["han"]).strip()
    if len(numbers) != 1 or re.search(r"(?i)\b(?:and|or|plus \w)\b|[和与或]", name):
        return []
    return [
        {"tool": "read_text"},
        {"tool": "find_number", "text": "$q1", "near": name, "kind": "price"},
        {"tool": "calculate", "expression": f"a * {numbers[0]:g}", "a": "$q2"},
    ]


def of_a_table(question: str) -> list[Step]:
    """The plan's steps for such a question about the table of the one picture; empty where it asks something else.

    >>> [step.get("how") for step in of_a_table("What share did Peru spend on food?")]
    [None, None]
    >>> [step.get("how") for step in of_a_table("Who sold more tea, Peru or Chile?")]
    [None, 'most']
    >>> of_a_table("Is this a table?")
    []

    Args:
        question: Question as the person put it.
    """
    table: Step = {"tool": "read_table"}
    asked: Step = {"tool": "look_up", "table": "$q1", "asked": question}
    if _COUNTS.search(question) or _OF_OTHERS.search(question):
        return []
    if (found := _DIFFERENCE.search(question)) is not None:
        # What is less comes first, and what is left is to be above zero.
        turned = found["less"] or found["han_less"]
        return _of_two(question, "b - a" if turned else "a - b")
    if _SUM.search(question):
        return _of_two(question, "a + b")
    if (which := extreme_asked(question) or _most(question)) is not None:
        return [table, {**asked, "how": which}]
    if _COMPARES.search(question) or not _ASKS.search(question):
        return []
    return [table, asked]


def most_of_a_table(
    steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo]
) -> list[Step]:
    """A plan's steps, or, of one that refuses a question for the oldest, the cheapest or the like of one picture, those
    that look it up in its table, if there is one.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
        media: Media by the names that the plan uses.
    """
    plan = [dict(step) for step in steps]
    asked = of_a_table(question) if plan == [REFUSAL] and [info.kind for info in media.values()] == ["image"] else []
    return asked if asked and asked[-1].get("how") in ("most", "least") else plan


def sets_apart(question: str) -> bool:
    """Whether a question compares, excludes or averages, so that one cell of a table does not answer it.

    >>> sets_apart("How much more rain fell in Vigo than in Lugo?"), sets_apart("How much rain fell in Vigo?")
    (True, False)
    """
    return any(pattern.search(question) is not None for pattern in (_COMPARES, _DIFFERENCE, _CHOOSES))


def _most(question: str) -> Literal["most", "least"] | None:
    """Which extreme is asked for in words that `extreme_asked` has not."""
    found = _CHOOSES.search(question)
    return None if found is None else "least" if found["less"] or found["fewer"] or found["han"] else "most"


def _of_two(question: str, expression: str) -> list[Step]:
    """Two cells, in the order of the question's words, and what is worked out from them."""

    def number(at: int, how: str) -> list[Step]:
        cell: dict[str, JsonValue] = {"table": "$q1", "asked": question, "how": how}
        return [{"tool": "look_up", **cell}, {"tool": "find_number", "text": f"$q{at}"}]

    worked: Step = {"tool": "calculate", "expression": expression, "a": "$q3", "b": "$q5"}
    return [{"tool": "read_table"}, *number(2, "first"), *number(4, "second"), worked]
