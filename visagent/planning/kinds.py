"""What kind of thing is asked for: "which animal is it?" is answered by an animal, whatever else the picture shows.

A small planner asks the classifier what a picture shows. Knows no model and none of the classifier's words: what is no
kind to the classifier, that passes over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.planning.step_lists import Step, referred

_NO_KIND = (
    r"(?!(?:is|are|was|were|am|be|do|does|did|has|have|had|can|could|would|will|shall|should|might|may|must|kind|kinds|sort"
    r"|sorts|type|types|breeds?|species|colou?rs?|in|on|of|at|the|a|an|this|that|these|those|it|its|s|exactly|else|one"
    r"|picture|photo|image|thing|object|name|here|you|we|i)\b)"
)
_KIND = re.compile(
    rf"(?i)\b(?:kind|sort|type|breed|species) of (?:an? |the )?{_NO_KIND}(?P<of>[a-z]+)"
    rf"|\b(?:what|which) {_NO_KIND}(?P<which>[a-z]+)"
    rf"|\b(?:what|how|breed|species)(?:['’]?s| is| are) (?:this|that|the|these|those) {_NO_KIND}(?P<this>[a-z]+)"
    r"|(?:什么|哪种|哪一种|何种)(?P<han>(?!东西|物品|物体)[\u4e00-\u9fff]{1,3}?)(?=[？?啊呀呢吗，。]|$)"
)


def of_kind(steps: Sequence[Mapping[str, JsonValue]], question: str) -> list[Step]:
    """A plan's steps, in which what is classified is of a kind that the question names.

    >>> of_kind([{"tool": "classify"}], "And which animal is that?")
    [{'tool': 'classify', 'kind': 'animal'}]

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
    """
    steps = _of_the_picture(steps)
    kinds = dict.fromkeys(word.lower() for found in _KIND.finditer(question) for word in found.groups() if word)
    asked = [step for step in steps if step.get("tool") == "classify" and "kind" not in step]
    if not kinds or len(asked) != 1:
        return [dict(step) for step in steps]
    # What evening it is, and which animal: the classifier takes the word that it knows.
    return [dict(step) | ({"kind": " ".join(kinds)} if step is asked[0] else {}) for step in steps]


def _of_the_picture(steps: Sequence[Mapping[str, JsonValue]]) -> Sequence[Mapping[str, JsonValue]]:
    """What kind of thing "the thing" is, the picture shows: no detector looks for a thing."""
    if [step.get("tool") for step in steps] != ["detect", "classify"] or referred(steps[1].get("image")) != "q1":
        return steps
    looked = steps[0]
    if str(looked.get("label")).lower() not in _ANY_THING:
        return steps
    kept = {name: value for name, value in steps[1].items() if name not in ("image", "kind")}
    return [{**kept, **({"image": looked["image"]} if "image" in looked else {})}]


_ANY_THING = frozenset("thing object item something 东西 物体 物品".split())  # noqa: SIM905
