"""A question about what stands beside, on or in a thing: whatever can be found is looked for there. Knows no model.

A small planner has no word for what is not named. It looks at the thing itself, which a question about its neighbour
does not ask for, or refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.core.words import singular
from visagent.media.media import MediaInfo
from visagent.planning.fallbacks import CARRIERS, PLACES, REFUSAL, WHOLE
from visagent.planning.step_lists import Step

_KIND = r"(?:(?:kind|sort|type) of )?(?P<kind>object|thing|item|animal|vehicle|piece of furniture|fruit|food)?s?"
_STANDS = (
    r"(?:standing|sitting|lying|hanging|parked|placed|located|resting|put|up|right|just|directly|there|that|you see)"
)
_RELATION = (
    r"(?P<relation>next to|beside|besides|alongside|near|nearest to|closest to|close to|(?:to )?(?:the )?left of"
    r"|(?:to )?(?:the )?right of|on top of|on|upon|under|underneath|below|beneath|above|over|inside|in)"
)
_WHAT = re.compile(
    rf"(?i)^\W*(?:(?:and|so|hi|hey|ok|please|tell me)\W+)*(?:(?P<who>who)|what|which) ?{_KIND}"
    rf"(?:['’]?s| is| are| can i see| do you see| stands| lies| sits)(?: it)?(?: {_STANDS})* {_RELATION} "
    r"(?:the|that|this|my|her|his|their|its|a|an) "
    r"(?P<thing>(?!same\b)[a-z]+(?: [a-z]+)?)"
    r"(?: (?:here|then|please|in (?:the|this) (?:picture|photo|pic)))?\W*$"
)
_RELATIONS = {
    "beside": "nearest", "besides": "nearest", "alongside": "nearest", "near": "nearest", "under": "below",
    "underneath": "below", "beneath": "below", "below": "below", "above": "above", "over": "above", "on": "overlaps",
    "upon": "overlaps", "inside": "inside", "in": "inside",
}  # fmt: skip
_HAN_WHAT = re.compile(
    r"^(?:图里|图中|照片里|画面里|请问)?[，,]?(?:在)?(?P<thing>[\u4e00-\u9fff]{1,6}?)的?(?P<side>旁边|左边|右边|上面|下面|里面|附近)"
    r"(?:放着|站着|坐着|停着|挂着|那个|的|躺着)?(?:都)?(?:是|有)(?:个|只|一个)?(?P<kind>什么(?:动物|车|水果|家具|东西|物品)?)(?:呢|啊|呀)?[？?]?$"
)
_HAN_RELATIONS = {
    "旁边": "nearest", "附近": "nearest", "左边": "left_of", "右边": "right_of", "上面": "overlaps", "下面": "below",
    "里面": "inside",
}  # fmt: skip
_VAGUE = frozenset(("caption", "classify", "read_text", "detect", "filter_boxes", "overlaps", "nearest", "left_of"))
_VAGUE_ENDS = frozenset(("caption", "classify", "unanswerable", "overlaps", "nearest", "detect", "left_of", "right_of"))


def what_is_beside(
    steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo]
) -> list[Step]:
    """A plan's steps, or those that look for anything beside, on or in the thing that a question names.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
        media: Media by the names that the plan uses; of several pictures it is not known which one is meant.
    """
    plan = [dict(step) for step in steps]
    ends = plan[-1].get("tool") if plan else None
    tools = {str(step.get("tool")) for step in plan[:-1]}
    if [info.kind for info in media.values()] != ["image"] or ends not in _VAGUE_ENDS or not tools <= _VAGUE:
        return plan
    found = _asked(question)
    if found is None or (found[0] == found[2] and plan != [REFUSAL]):
        return plan
    kind, relation, thing = found
    return [
        {"tool": "detect", "label": kind},
        {"tool": "detect", "label": thing},
        {"tool": relation, "a": "$q1", "b": "$q2"},
    ]


def _asked(question: str) -> tuple[str, str, str] | None:
    """What kind of thing is asked for, the relation, and the thing that it stands so to."""
    if (found := _WHAT.match(question)) is not None:
        thing, kind = found["thing"].lower(), "person" if found["who"] else (found["kind"] or "thing").lower()
        said = re.sub(r"^(?:to )?(?:the )?(left|right) of$", r"\1_of", found["relation"].lower())
        relation = _RELATIONS.get(said, said if said.endswith("_of") else "nearest")
        relation = "overlaps" if said.startswith("on ") else relation
    elif (found := _HAN_WHAT.match(question)) is not None:
        thing, relation = found["thing"], _HAN_RELATIONS[found["side"]]
        kind = {"什么动物": "animal", "什么车": "vehicle", "什么水果": "fruit", "什么家具": "furniture"}.get(
            found["kind"], "thing"
        )
    else:
        return None
    word = thing.replace(" ", "-")
    nowhere = PLACES | WHOLE | CARRIERS
    return None if word in nowhere or singular(word.rpartition("-")[2]) in nowhere else (kind, relation, thing)
