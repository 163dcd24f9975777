"""Buttons, nodes, entries of a legend: things of a drawing or screen of which only the name can be read.

Whether there is one of a name is whether the text mentions that name, and is said so; what stands below an existing
plan that looks for it with a detector of everyday things is replaced. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.media.media import MediaInfo
from visagent.planning.accounting import COLORS
from visagent.planning.plan import UNANSWERABLE
from visagent.planning.step_lists import Step

_DRAWN = (
    r"buttons?|icons?|nodes?|states?|steps?|stages?|tabs?|links?|headings?|headers?|captions?|titles?|fields?"
    r"|check ?box(?:es)?|options?|sections?|entr(?:y|ies)|items?|labels?|columns?|rows?|cells?|series|categor(?:y|ies)"
    r"|menus?|legends?|commands?|functions?"
)
_THING = (
    rf"(?:{_DRAWN}|box(?:es)?|bubbles?|blocks?|tags?|bars?|slices?|axis|axes|lines?|keys?|class(?:es)?|tables?|stations?"
    r"|stops?|gates?|rooms?|exits?|branch(?:es)?|arrows?)"
)
_CALLED = (
    r"(?:called|named|label+ed|marked|titled|entitled|tagged|captioned|that (?:says|reads)|saying|reading"
    r"|with (?:the )?(?:word|text|label|name|title)s?)"
)
_QUOTED = r"[\"“”「『《‘]\s*(?P<quoted>[^\"“”「」『』《》‘’]{1,60}?)\s*[\"“”」』》’]"
_END = r"(?:\s+(?:in|on|at|of|here|anywhere|there|among|within|too|as well|please)\b.*)?\W*$"
_IS_THERE = re.compile(
    r"(?i)^\W*(?:(?:and|so|hi|hello|hey|ok|please|then)\W+)*"
    r"(?:(?:can|could|do) (?:you|u|we) (?:see|find|spot)|(?:is|are) there"
    r"|(?:does|do|did|has|have) (?:the|this|that|it|they|these)\b[^?]*?"
    r"\b(?:have|show|contain|include|list|got|a|an|any))\b"
)
_WORD = r"(?:[A-Z0-9][\w&/+.-]*|in|out|up|to|of|off|on|as|all)"
_NAMES = (
    re.compile(rf"(?i)\b{_THING}\b.*?{_QUOTED}"),
    re.compile(rf"(?i){_QUOTED}.*?\b{_THING}\b"),
    re.compile(rf"(?i)\b{_THING} {_CALLED} (?:the )?(?P<named>[^?]{{1,60}}?){_END}"),
    re.compile(rf"(?i)\b(?:{_DRAWN}) for (?:the )?(?P<of>[^?]{{1,60}}?){_END}"),
    # A name with a capital letter inside the sentence, and not at its beginning.
    re.compile(rf"(?<=\s)(?:an?|any) (?P<capital>[A-Z0-9][\w&/+.-]*(?: {_WORD}){{0,3}}) {_THING}\b"),
)
_HAN_THING = (
    r"(?:按钮|按键|图标|节点|步骤|选项|标签页|标签|菜单项|菜单|链接|标题|字段|复选框|框|栏目|栏|图例|条目|列|行|柱子"
    r"|站点|站|出口)"
)
_HAN_IS_THERE = re.compile(r"有没有|有.*[吗么]\W*$|是否有|存在")
_HAN_NAMES = (
    re.compile(rf"{_QUOTED}(?:这个|这一|的|字样的?)?{_HAN_THING}"),
    re.compile(rf"{_HAN_THING}.{{0,4}}(?:叫|写着|名为|标着|是){_QUOTED}"),
    re.compile(
        rf"(?:叫做?|名为|写着|标着)(?:{_QUOTED}"
        rf"|(?P<named>[A-Za-z0-9][\w &/+.-]{{0,40}}?|[\u4e00-\u9fff]{{1,8}}?))的{_HAN_THING}"
    ),
)
_MEANT = frozenset(
    ("detect", "exists", "count", "read_text", "contains", "find_text", "filter_boxes", "filter_color", "locate",
     "compare", "classify", "overlaps", "inside", "zoom", "crop", UNANSWERABLE)
)  # fmt: skip
"""What small planners plan for such a question."""


def by_their_names(
    steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo]
) -> list[Step]:
    """A plan's steps, or those that look for the name in the text, where a question is whether there is such a thing.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
        media: Media by the names that the plan uses; of several pictures it is not known which one is meant.
    """
    plan = [dict(step) for step in steps]
    tools = {str(step.get("tool")) for step in plan}
    name = name_asked_for(question)
    if name is None or [info.kind for info in media.values()] != ["image"] or not tools <= _MEANT:
        return plan
    return [{"tool": "read_text"}, {"tool": "contains", "text": "$q1", "query": name}]


def name_asked_for(question: str) -> str | None:
    """The name of the button, node or the like of which a question asks whether there is one; None for another one.

    >>> name_asked_for('Is there a "Save as" button?'), name_asked_for("Is there a node called Oven on it?")
    ('Save as', 'Oven')
    >>> name_asked_for("What does the Save button do?"), name_asked_for("Is there a red button?")
    (None, None)
    """
    if re.search(r"[?？].*\w", question) or re.search(r"(?i)\b(?:and|or)\b(?![^\"“]*[\"”])|还是|以及", question):
        # Another part of the question would be lost.
        return None
    patterns = _NAMES if _IS_THERE.search(question) else _HAN_NAMES if _HAN_IS_THERE.search(question) else ()
    for pattern in patterns:
        if (found := pattern.search(question)) is not None:
            name = next(group for group in found.groups() if group).strip(" .,:;!?？。，")
            return name or None
    return None


def name_in(label: str) -> str | None:
    """The name in a label that no detector knows, of a thing that is drawn on a screen or in a diagram.

    >>> name_in("start button"), name_in("red button"), name_in("start line")
    ('start', None, None)
    """
    found = re.fullmatch(rf"(?i)(?P<name>.{{2,40}}) (?:{_DRAWN})", label.strip())
    if found is None:
        found = re.fullmatch(rf"(?P<name>[^的]{{1,12}})的?{_HAN_THING}", label.strip())
    plain = found["name"].lower() if found is not None else ""
    return None if found is None or plain.split()[-1].removesuffix("色") in COLORS else found["name"]
