"""Whether something holds in every picture: a plan that asks it of all pictures together asks it of each one.

A small planner takes "in all pictures" for "in any of them", so that one picture with a cat made it a yes. And a
comparison of a thing with itself, which is always true, is no plan of anything. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.core.words import singular
from visagent.evidence.tree import references
from visagent.media.media import MediaInfo
from visagent.planning.step_lists import Step, ids_read, with_references
from visagent.tools.toolkit import Tool

MOST_STEPS = 64
"""Steps of such a plan at most; of more pictures the answer lists those that show it."""
_PICTURES = r"(?:pictures?|images?|photos?|photographs?|pics?|shots?|screenshots?|scans?|pages?)"
_EVERY = re.compile(
    rf"(?i)\b(?:all|every|each|both)(?: one)?(?: of)?(?: (?:the|these|those|my|our|them))?(?: \w+)? ?\b{_PICTURES}\b"
    r"|(?:每|所有|全部|各).{0,3}(?:图|照片|相片|画面|页)"
)
_YES_OR_NO = re.compile(r"(?i)^\W*(?:is|are|was|were|do|does|did|has|have|can|could)\b|(?:吗|是否|是不是|有没有|都有)")
_NEGATIVE = re.compile(r"(?i)\b(?:no|not|none|never|without|missing)\b|n't\b|没|不")
_OF_EACH = re.compile(
    rf"(?i)\b(?:each|every)(?: one)?(?: of)?(?: (?:the|these|those|my|our|them))?(?: \w+){{0,2}}? ?\b(?:{_PICTURES}"
    r"|receipts?|bills?|invoices?|tickets?|menus?|letters?|signs?|posters?|documents?|labels?|files?)\b"
    r"|(?:每|各).{0,3}(?:图|照片|相片|画面|页|小票|收据|发票|账单|菜单|文件|票)"
)
_WHICH_HAS_MORE = re.compile(
    rf"(?i)\b(?:which|what|whose)\b(?: one| two)?(?: of (?:the|these|those|my|our|them))?(?: two)?(?: {_PICTURES})?\b"
    r".{0,40}\b(?:more|most|fewer|fewest|less|least)\b|哪.{0,6}(?:更多|最多|更少|最少|比较多|多些)"
)
_READINGS = frozenset(("find_number", "extract", "find_text"))
_THERE = frozenset(("detect", "exists", "count", "compare", "pages", "locate", "negate", "all_true", "any_true"))
_QUANTITY = re.compile(r"(?i)\b(?:all|every|each|both)\b|每|所有|全部|各")


def asks_of_every_picture(question: str) -> bool:
    """Whether a question asks for a yes or a no about every one of several pictures, and about all of nothing else.

    >>> asks_of_every_picture("Are there dogs in all pictures?"), asks_of_every_picture("Are all the dogs white?")
    (True, False)
    """
    once = len(_QUANTITY.findall(question)) == 1
    return once and _EVERY.search(question) is not None and _YES_OR_NO.search(question) is not None


def in_every_picture(
    steps: Sequence[Mapping[str, JsonValue]],
    question: str,
    media: Mapping[str, MediaInfo],
    tools: Mapping[str, Tool],
) -> list[Step]:
    """A plan's steps with what is asked of all pictures together asked of each one; else as they were.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
        question: Question as the person put it.
        media: Media by the names that the plan uses.
        tools: Tools by name.
    """
    plan = [dict(step) for step in steps]
    pictures = [name for name, info in media.items() if info.kind == "image" and info.region is None]
    if plan and len(pictures) > 1 and plan[-1].get("tool") in _READINGS and _OF_EACH.search(question):
        return _read_apart(plan, pictures, tools)
    if not plan or len(pictures) < 2 or not asks_of_every_picture(question) or _NEGATIVE.search(question):
        return plan
    one = _statement(plan)
    looking = _looking(one, pictures, tools)
    if not looking or "boolean" not in tools[str(one[-1]["tool"])].spec.result:
        return plan
    if len(pictures) * len(one) + 1 > MOST_STEPS:
        return [*one[:1], {"tool": "locate", "boxes": "$q1"}] if one[0].get("tool") == "detect" else plan
    found = _for_each(one, pictures, looking)
    last: list[JsonValue] = [f"$q{number}" for number in range(len(one), len(found) + 1, len(one))]
    return [*found, {"tool": "all_true", "values": last}]


def _read_apart(plan: list[Step], pictures: Sequence[str], tools: Mapping[str, Tool]) -> list[Step]:
    """What is looked up in the text of all pictures together, such as a total, is looked up in that of each one."""
    looking = _looking(plan, pictures, tools)
    return plan if not looking or len(pictures) * len(plan) > MOST_STEPS else _for_each(plan, pictures, looking)


def _for_each(plan: list[Step], pictures: Sequence[str], looking: Mapping[int, str]) -> list[Step]:
    """The steps once for each picture.

    Args:
        plan: The steps for one picture.
        pictures: Their names.
        looking: The steps that take pictures, by their place, with the argument that takes them.
    """
    found: list[Step] = []
    for name in pictures:
        ids = {f"q{number}": f"q{number + len(found)}" for number in range(1, len(plan) + 1)}
        moved = enumerate(with_references(plan, ids))
        found += [step | {looking[at]: name} if at in looking else step for at, step in moved]
    return found


_WHICH_SHOWS = re.compile(
    r"(?i)\b(?:which|what) (?:one |ones )?(?:of (?:these|the|those) )?(?:\w+ )?(?:pictures?|photos?|images?)\b"
    r".{0,12}?\b(?:has|have|shows?|contains?|with|is|are)\b(?: there)? (?:an? |the |any |some )?([a-z]+)\W*$"
)


def in_which_picture(
    steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo]
) -> list[Step]:
    """A plan's steps; things that are counted in all pictures, where it is asked which has more, are counted in each.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`; the k-th one is referred to as `$qk`.
        question: Question as the person put it.
        media: Media by the names that the plan uses.
    """
    plan = [dict(step) for step in steps]
    pictures = [name for name, info in media.items() if info.kind == "image" and info.region is None]
    shown = _WHICH_SHOWS.search(question)
    if shown is not None and len(pictures) > 1 and [step.get("tool") for step in plan] == ["classify"]:
        # Which kind of thing they show best does not say which of them shows one.
        label = singular(shown[1].lower())
        return [{"tool": "detect", "image": [*pictures], "label": label}, {"tool": "locate", "boxes": "$q1"}]
    counts = [step.get("tool") for step in plan] == ["detect", "count"] and "image" not in plan[0]
    if not counts or not 2 <= len(pictures) <= MOST_STEPS // 2 or not _WHICH_HAS_MORE.search(question):
        return plan
    found = _for_each(plan, pictures, {0: "image"})
    return [*found, {"tool": "compare", "a": "$q2", "op": ">", "b": "$q4"}] if len(pictures) == 2 else found


def compares_with_itself(steps: Sequence[Mapping[str, JsonValue]]) -> bool:
    """Whether a step compares a thing with itself, which says nothing of it.

    >>> compares_with_itself([{"tool": "compare", "a": "$q2", "op": "=", "b": "$q2"}])
    True
    """
    return any(step.get("tool") == "compare" and step.get("a") == step.get("b") for step in steps)


def _statement(plan: list[Step]) -> list[Step]:
    """The steps that say of pictures what is to hold of every one of them.

    Where things of one kind are found and nothing else is said of them but how many there are of how many pictures, or
    of themselves, that they are there is meant.
    """
    tools = {str(step.get("tool")) for step in plan}
    labels = {step.get("label") for step in plan if step.get("tool") == "detect"}
    compared = [step.get(side) for step in plan for side in ("a", "b") if step.get("tool") == "compare"]
    if tools <= _THERE and len(labels) == 1 and all(any(references(value)) for value in compared):
        return [{"tool": "detect", "label": labels.pop()}, {"tool": "exists", "items": "$q1"}]
    # "Every one of" the one statement, or its opposite, which was not asked.
    return plan[:-1] if plan[-1].get("tool") in ("all_true", "any_true", "negate") else plan


def _looking(plan: list[Step], pictures: Sequence[str], tools: Mapping[str, Tool]) -> dict[int, str]:
    """By their place, the steps that take all pictures, with the argument that takes them; none where a step takes some
    of them, counts what may be meant of all together, or is read by no other."""
    found: dict[int, str] = {}
    for at, step in enumerate(plan):
        spec = tools[str(step.get("tool"))].spec if step.get("tool") in tools else None
        if spec is None or spec.name == "count":
            return {}
        for parameter in spec.parameters:
            given = step.get(parameter.name)
            if not parameter.media or any(references(given)):
                continue
            if given is not None and given != list(pictures):
                return {}
            found[at] = parameter.name
    return found if ids_read(plan) == {f"q{number}" for number in range(1, len(plan))} else {}
