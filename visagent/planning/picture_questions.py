"""Questions about pictures for which the packaged planner has no plan. Knows no model.

- Which of several pictures show two things, "a dog and text": it looks for one of them.
- What share of a picture a thing covers: it counts the thing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from pydantic import JsonValue

from visagent.media.media import MediaInfo
from visagent.planning.step_lists import Step
from visagent.planning.timed import cleaned_up, thing

_PICTURE = r"(?:picture|image|photo|photograph|pic|page|screenshot)"
_OF_THEM = rf"(?: (?:of|these|those|the|my|all|ones|{_PICTURE}s?))*"
_BOTH = r"(?:both )?(?P<a>[\w' -]+?),? (?:and(?: also)?|together with|as well as) (?P<b>[\w' -]+?)"
_WHICH = re.compile(
    rf"(?:(?:in |on )?(?:which|what){_OF_THEM}(?: that)? (?:shows?|ha(?:ve|s)|contains?|includes?|depicts?"
    rf"|(?:is|are) there|(?:can|do) (?:i|you|we) see|with)"
    rf"|(?:show me|find|list|give me|name){_OF_THEM}"
    rf" (?:with|showing|containing|that (?:show|have|contain)|where there is))"
    rf" {_BOTH}(?: (?:together|at the same time|at once|in (?:it|them)))?"
)
_HAN_WHICH = re.compile(
    r"在?哪(?:些|几张|一?张)?(?:图片|图|照片|相片|画面)?[里中上]?(?:既有|同时有|同时出现|同时显示|有|出现|显示)了?"
    r"(?P<a>.+?)(?:又有|以及|还有|和|与)(?P<b>.+?)"
)
_TEXT = re.compile(r"(?:(?:some|any|a|the) )?(?:text|writing|words?|letters|lettering|inscription)|文字|字")
_COVERS = r"(?:covers?|takes? up|fills?|occup(?:y|ies)|makes? up)"
_THING = r"(?P<n>[\w' -]+?)"
_SHARE = re.compile(
    rf"(?:how much|(?:what|how large a|how big a) (?:share|percentage|percent|part|fraction|proportion|portion|area))"
    rf"(?: (?:of|in) (?:the|this) (?:whole |entire )?{_PICTURE}(?:'s area)?)? "
    rf"(?:(?:does|do) {_THING} {_COVERS}"
    rf"|(?:is|are) (?:covered|filled|taken up|occupied|made up) (?:by|with|of) (?P<m>[\w' -]+?))"
    rf"(?: (?:of|in) (?:the|this) (?:whole |entire )?{_PICTURE})?"
    rf"|how much (?:space|area|room) (?:does|do) (?P<o>[\w' -]+?) {_COVERS}(?: (?:of|in|on) (?:the|this) {_PICTURE})?"
)
_HAN_SHARE = re.compile(
    r"(?P<n>.+?)(?:的?面积)?(?:在(?:图片|图|照片|画面)[里中])?(?:占了?|覆盖了?)(?:据了)?(?:整[张个幅])?(?:图片|图|照片|画面)?的?"
    r"(?:多少|多大|百分之几|几成)(?:的?(?:面积|比例))?"
)
_HAN_NO_THING = re.compile(r"[和与或它这那什么吗谁哪]|图|照片|画面|的$")


def about_pictures(question: str, media: Mapping[str, MediaInfo], tools: Collection[str]) -> list[Step]:
    """The plan's steps for such a question; empty where it is none.

    Args:
        question: Question as the person put it.
        media: Media by the names that the plan may use; where there is a region, nothing is planned.
        tools: Names of what the plan may call.
    """
    if any(info.kind != "image" or info.region is not None for info in media.values()):
        return []
    text = cleaned_up(question).lower()
    names: list[JsonValue] = [*media]
    steps = _share(text, names[0]) if len(names) == 1 else _which(text, names)
    return steps if all(step["tool"] in tools for step in steps) else []


def _which(text: str, names: list[JsonValue]) -> list[Step]:
    found = _WHICH.fullmatch(text) or _HAN_WHICH.fullmatch(text)
    if found is None:
        return []
    sides = sorted((found["a"], found["b"]), key=lambda side: _TEXT.fullmatch(side) is not None)
    labels = [None if _TEXT.fullmatch(side) else _label(side) for side in sides]
    if labels[0] is None or (labels[1] is None and not _TEXT.fullmatch(sides[1])):
        return []
    one: Step = {"tool": "detect", "image": names, "label": labels[0]}
    other: Step = {"tool": "detect", "image": names, "label": labels[1]}
    return [
        one,
        {"tool": "read_text", "image": names} if labels[1] is None else other,
        {"tool": "in_same_picture", "a": "$q1", "b": "$q2"},
        {"tool": "locate", "boxes": "$q3"},
    ]


def _share(text: str, name: JsonValue) -> list[Step]:
    found = _SHARE.fullmatch(text) or _HAN_SHARE.fullmatch(text)
    said = next((part for part in found.groupdict().values() if part), "") if found is not None else ""
    label = _label(said)
    if label is None:
        return []
    return [
        {"tool": "segment", "image": name, "phrase": label},
        {"tool": "measure", "a": "$q1", "what": "area_share"},
    ]


def _label(name: str) -> str | None:
    if re.search(r"[\u4e00-\u9fff]", name):
        return None if len(name) > 8 or _HAN_NO_THING.search(name) else re.sub("^(?:这|那)?一?[个只辆位条]", "", name)
    return thing(name)
