"""A question about what people are doing: the things that are with them are looked at. Knows no model and no picture.

A small planner describes the people, which says what there is and not what they do, or refuses.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from visagent.media.media import MediaInfo
from visagent.planning.fallbacks import REFUSAL
from visagent.planning.step_lists import Step

_DOING = re.compile(
    r"(?i)\bwhat(?:['’]?s| is| are| was| were)? (?:[\w'’-]+ ){1,8}(?:doing|up to)\b(?!.*\b(?:for|to|about|wrong)\b)"
    r"|\bwhat (?:do|does) (?:he|she|they|these people|the (?:man|woman|people|person|boy|girl|men|women)) do\b"
    r"|\b(?:what|which) (?:kind of |type of |sort of )?(?:sports?|activity) (?:is|are|do|does)\b"
    r"|(?:在|正)(?:干什么|干嘛|干啥|干些什么|做什么|做啥|做些什么|忙什么|忙啥|玩什么)(?:运动|事情?)?[呢呀啊了的]*[？?。!！]*$"
    r"|(?:什么|哪种|哪项)(?:体育)?(?:运动|活动)"
)
_LOOKING = frozenset(("caption", "classify", "unanswerable", "detect"))
"""Ends of plans that look at people without asking what they do."""


def what_is_done(
    steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo], tools: Collection[str]
) -> list[Step]:
    """A plan's steps, or those that look for what the people do whom the plan finds.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
        media: Media by the names that the plan uses; in a clip people may do one thing after the other.
        tools: Names of what the plan may call.
    """
    plan = [dict(step) for step in steps]
    ends = plan[-1].get("tool") if plan else None
    pictures = [info.kind for info in media.values()] == ["image"]
    if not pictures or "doing" not in tools or ends not in _LOOKING or not _DOING.search(question):
        return plan
    if ends in ("caption", "classify") and "$" in str(plan[-1].get("image")):
        return [*plan[:-1], {"tool": "doing", "image": plan[-1]["image"]}]
    people = plan if ends == "detect" and len(plan) == 1 else [{"tool": "detect", "label": "person"}]
    whole = plan == [REFUSAL] or len(plan) == 1
    return [*people, {"tool": "doing", "image": "$q1"}] if whole else plan
