"""Whether a plan accounts for its question: the colours, numbers, ordinals and predicates that it leaves out.

Only words that a right plan nearly always says count, so that naming one is no false alarm: of the 1,572 questions of
training/questions that hold one, the right plans of 27 leave it out. Nouns are not among them, since the place where
something stands is often rightly left out. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from pydantic import JsonValue

from visagent.core.text import detect_language
from visagent.core.words import ORDINALS, numbers_in_digits, singular
from visagent.evidence.tree import references
from visagent.planning.plan import UNANSWERABLE

COLORS = {
    "black": "black", "blue": "blue", "brown": "brown", "gray": "gray", "grey": "gray", "green": "green",
    "orange": "orange", "pink": "pink", "purple": "purple", "violet": "purple", "red": "red", "white": "white",
    "yellow": "yellow", "黑": "black", "蓝": "blue", "棕": "brown", "褐": "brown", "灰": "gray", "绿": "green",
    "橙": "orange", "粉": "pink", "紫": "purple", "红": "red", "白": "white", "黄": "yellow",
}  # fmt: skip
"""Names of colours, in English and in Chinese, and what plans call them."""
_ENGLISH = "|".join(name for name in COLORS if name.isascii())
_CHINESE = "".join(name for name in COLORS if not name.isascii())
_COLOR = re.compile(rf"\b(?:{_ENGLISH})\b|[{_CHINESE}](?=色)")
# The second to the fifth: others are not looked for.
_ORDINALS = {word: place for words in (ORDINALS, "一二三四五") for place, word in enumerate(words[:5], 1) if place > 1}
# "At the second 18" and "which second" are times, and which picture is meant is decided before.
_ORDINAL = re.compile(
    r"(?<!\d[ -])(?<!which )(?<!what )(?<!how many )"
    r"\b(?:" + "|".join(word for word in _ORDINALS if word.isascii()) + r")\b"
    r"(?! (?:\d|half|minute|mark|pic|photo|image|page|scan|screenshot))"
    r"|(?<=第)[二三四五](?=[张个幅页行句段条题])"
)
# Times are said in seconds, how many pictures there are need not be said, and r1 is the name of a region.
_NO_NUMBER = re.compile(
    r"\d{1,2}:\d\d|\d+ ?分(?:钟)? ?\d+ ?秒|\d+ (?:pic|photo|image|page|scan|of these)\w*|\b(?:pics?|images?|p) ?\d+"
    r"|\d+ ?[张页](?:图|照片|文件)?|\br\d+\b"
)
# What is said of a thing beside that it is there: "anybody smoking", "is the lamp on", "does the dog bite", "猫在睡觉".
_THE = r"(?:the|this|that|these|those|my|your|his|her|its|their|our)"
_DOING = re.compile(r"\b[a-z]{2,}ing\b")
_BEFORE_NOUN = re.compile(rf"\b(?:{_THE}|an?|any|no|some|of|each|every|\d+)\s+$")
_STATES = rf"\b(?:is|are|was|were|does|do|did|has|have|had|can) {_THE} (?:[a-z]+ )?%s(?:e?s)? ([a-z]+)\b(.*)"
_COUNTED = (
    r"\bhow many (?:[a-z]+ ){0,3}?%s(?:e?s)? (?:(?:are|is|were|was|got|get|have|has|had|wear|wore) )(?:been |got )?"
    r"(?:(?:an?|the|their|his|her|any|no|some) )?([a-z]{3,})\b"
)
"""What is said of things whose number is asked for: how many people got injured, how many cats have a collar."""
_DOES_CHINESE = re.compile(r"在(?:睡|跑|跳|笑|哭|吃|喝|说话|叫|飞|打|骑)")
_BEING = frozenset(
    """
    standing hanging sitting lying being showing going having asking wondering adding imagining looking_for choosing
    anything something nothing everything morning evening
    there here they visible shown show present also too both and or one anywhere somewhere in on at of from by with near
    under over behind inside within between beside next among above below to up out please then still even really at all
    """.split()  # noqa: SIM905
)
"""What follows a thing and says no more than that it is there, or where."""
_IN_A_PLACE = re.compile(r"\b(?:on|in|at|inside|along) (?:the|this|that|a|an|our|my|your|their) ([a-z]+)\b")
_THERE_CHINESE = r"[上里中内]?(?:面|边)?(?:有|站|坐|停|一共)"
_THE_PICTURE = frozenset("picture photo photograph background foreground 图片 照片 画面 背景 图里".split())  # noqa: SIM905
_MERELY = frozenset({"detect", "exists", "count"})
"""Tools of plans that say of things that they are there, or how many, and nothing else."""
_HOW_MANY = re.compile(
    r"(?i)\b(?:how ?many|how ?much|numbers?|count\w*|total|tally|amount|quantity)\b|[几多数个共少总]"
)
_ASKS_OTHERWISE = re.compile(r"(?i)^\W*(?:\w+\W+){0,2}(?:who|whose|why|when)\b|谁|为什么|为何|为啥|什么时候|何时")
_NUMBERS = re.compile(
    r"(?i)\b(?:numbers?|numerals?|digits?|figures?|values?|amounts?|prices?|codes?|entries)\b|数|号|价|码|值"
)
_TELLS_COLORS, _COMPARES_PICTURES = "dominant_colors", "same_picture"


def colors_in(question: str) -> list[str]:
    """The colours that a question names, as plans call them."""
    return [COLORS[found[0]] for found in _COLOR.finditer(question.lower())]


def words_left_out(question: str, steps: Sequence[Mapping[str, JsonValue]]) -> tuple[str, ...]:
    """Colours, numbers and ordinals of a question that its plan says nowhere, as the question spells them.

    >>> steps = [{"tool": "detect", "label": "car"}, {"tool": "count", "items": "$q1"}]
    >>> words_left_out("How many red cars are there?", steps)
    ('red',)

    Args:
        question: Question as the person put it.
        steps: The plan's; see `visagent.planning.plan`. One that says that nothing can answer accounts for all.
    """
    if all(step.get("tool") == UNANSWERABLE for step in steps):
        return ()
    values = [value for step in steps for name, given in step.items() if name != "tool" for value in _flat(given)]
    words = "\n".join(value.lower() for value in values if isinstance(value, str))
    numbers = {float(value) for value in values if isinstance(value, int | float)}
    numbers |= {float(digits) for digits in re.findall(r"\d+(?:\.\d+)?", words)}
    tools = {str(step.get("tool")) for step in steps}
    return tuple(dict.fromkeys(_missing(question, words, numbers, tools)))


def places_left_out(
    question: str, steps: Sequence[Mapping[str, JsonValue]], places: Collection[str]
) -> tuple[str, ...]:
    """Places that a question says things are in, where its plan merely looks for these things.

    >>> steps = [{"tool": "detect", "label": "人"}, {"tool": "count", "items": "$q1"}]
    >>> places_left_out("沙滩上有几个人？", steps, {"沙滩"})
    ('沙滩',)

    Args:
        question: Question as the person put it.
        steps: Steps of the plan.
        places: Words for places; spaces as hyphens.
    """
    if not steps or not {str(step.get("tool")) for step in steps} <= _MERELY:
        return ()
    said = {str(value) for step in steps for value in step.values()}
    found = [match[1] for match in _IN_A_PLACE.finditer(question.lower()) if match[1] in places]
    found += [word for word in places if not word.isascii() and re.search(f"{word}{_THERE_CHINESE}", question)]
    return tuple(dict.fromkeys(word for word in found if word not in said | _THE_PICTURE))


def counts_unasked(question: str, steps: Sequence[Mapping[str, JsonValue]]) -> tuple[int, ...]:
    """Places of the steps that count though the question asks for no number, or that count numbers of a text, or say
    whether it holds any, where the question speaks of none.

    >>> counts_unasked("Who feeds the goats?", [{"tool": "detect", "label": "goat"}, {"tool": "count", "items": "$q1"}])
    (1,)

    Args:
        question: Question as the person put it.
        steps: Steps of the plan.
    """
    read = {id_ for step in steps for value in step.values() for id_ in references(value)}
    found = []
    for at, step in enumerate(steps):
        if step.get("tool") not in ("count", "exists") or f"q{at + 1}" in read:
            continue
        of = next((steps[int(id_[1:]) - 1] for id_ in references(step.get("items"))), {})
        written = of.get("tool") == "extract" and of.get("kind") == "number" and not _NUMBERS.search(question)
        if written or (step["tool"] == "count" and _ASKS_OTHERWISE.search(question) and not _HOW_MANY.search(question)):
            found.append(at)
    return tuple(found)


def _missing(question: str, words: str, numbers: set[float], tools: set[str]) -> Iterator[str]:
    lower, chinese = question.lower(), detect_language(question) == "zh"
    # "Is it red or black?" is answered by its colours.
    for found in () if _TELLS_COLORS in tools else _COLOR.finditer(lower):
        if COLORS[found[0]] not in words and found[0] not in words:
            yield f"{found[0]}色" if chinese else found[0]
    if tools <= _MERELY:
        yield from _predicates(lower, words, counts="count" in tools)
    if _COMPARES_PICTURES in tools:
        return
    plain = _NO_NUMBER.sub(" ", lower)
    for number in numbers_in_digits(plain):
        shown = plain[number.start : number.end]
        if not numbers & {number.value, 60 * number.value} and shown not in words:
            yield shown
    for found in _ORDINAL.finditer(lower):
        if _ORDINALS[found[0]] not in numbers and found[0] not in words:
            yield f"第{found[0]}" if chinese else found[0]


def _predicates(question: str, words: str, *, counts: bool) -> Iterator[str]:
    """What a question says of things that a plan merely looks for."""
    for found in _DOING.finditer(question):
        if found[0] not in _BEING and found[0] not in words and not _BEFORE_NOUN.search(question[: found.start()]):
            yield found[0]
    for label in () if counts else words.split("\n"):
        said = re.search(_STATES % re.escape(label), question) if label else None
        if said is not None and (said[1] not in _BEING or (said[1] in ("on", "off") and not said[2].strip(" ?.!"))):
            yield said[1]
    for label in words.split("\n") if counts else ():
        named = "|".join(re.escape(word) for word in dict.fromkeys((label, singular(label))))
        said = re.search(_COUNTED % f"(?:{named})", question) if label else None
        if said is not None and said[1] not in _BEING and said[1] not in words and singular(said[1]) not in words:
            yield said[1]
    if not counts and (does := _DOES_CHINESE.search(question)) is not None:
        yield does[0]


def _flat(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, list):
        for item in value:
            yield from _flat(item)
    else:
        yield value
