"""Questions about people by gender and age, which a small planner plans as if a person were a thing. Knows no model.

- Whether somebody is a man or a woman: one look at them for each word.
- Men "touching people" are those men, and "men, not women" are the men.
- A plan that looks for people where the question says men looks for men.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.media.media import MediaInfo
from visagent.planning.accounting import colors_in
from visagent.planning.plan import UNANSWERABLE
from visagent.planning.step_lists import Step, ids_read, numbered, only_steps, referred, with_references, without_unread

_MEN = r"m[ae]n|guys?|boys?|gentlem[ae]n|males?|dudes?|grandpas?|grandfathers?"
_WOMEN = r"wom[ae]n|lad(?:y|ies)|girls?|females?|grandmas?|grandmothers?"
_CHILDREN = r"kids?|child(?:ren)?|bab(?:y|ies)|adults?"
_HAN_MEN = "男[人孩士生的性]|老爷爷|老头|小伙子"
_HAN_WOMEN = "女[人孩士生的性]|老奶奶|老太太|姑娘"
_AGED = r"(?:(?:young|old|elderly|little|small|older|younger) )?"
_A = r"(?:an? |the )?"
_CHOICE = re.compile(
    rf"(?i)\b{_A}({_AGED}(?:{_MEN}))(?:,? or (?:is it |is (?:he|she) )?){_A}({_AGED}(?:{_WOMEN}))\W*$"
    rf"|\b{_A}({_AGED}(?:{_WOMEN}))(?:,? or (?:is it |is (?:he|she) )?){_A}({_AGED}(?:{_MEN}))\W*$"
    rf"|({_HAN_MEN}|男)还是({_HAN_WOMEN}|女)(?=[呀啊呢吗？?。]*$)|({_HAN_WOMEN}|女)还是({_HAN_MEN}|男)(?=[呀啊呢吗？?。]*$)"
)
_COMPARES = re.compile(
    r"(?i)\b(?:more|fewer|less|most|who(?:se)?(?! ?['’]?s)|which|older|younger|taller|bigger|any|there|many)\b"
    r"|更|最|多|少|谁|哪|有没有|几"
)
_WHICH = re.compile(
    r"(?i)^\W*which (?:one |person |of (?:the|these|those) (?:two|\d|people|persons)(?: people| persons)? )?"
    rf"(?:is|are) (?:an? |the )({_AGED}(?:{_MEN}|{_WOMEN}|{_CHILDREN}))\W*$"
    rf"|哪(?:一?个|位)(?:人)?是({_HAN_MEN}|{_HAN_WOMEN})\W*$"
)
_WORD = re.compile(rf"(?i)\b{_AGED}(?:{_MEN}|{_WOMEN}|{_CHILDREN})\b|{_HAN_MEN}|{_HAN_WOMEN}|孩子|小孩|老人|婴儿")
_NOUNS = {said: f"{said[0]}人" for said in ("男", "女", "男的", "女的", "男性", "女性")}
_PEOPLE = re.compile(r"(?i)(?:persons?|people|人们?|人物|human)")
_FACES = re.compile(r"(?i)faces?")
_ASKS_FOR_PEOPLE = re.compile(r"(?i)\bhow many (?:people|persons)(?! (?:\w+ ){0,2}are\b)|多少(?:个)?人|几(?:个|位)人")
_MALE, _FEMALE = re.compile(rf"(?i).*\b(?:{_MEN})|{_HAN_MEN}"), re.compile(rf"(?i).*\b(?:{_WOMEN})|{_HAN_WOMEN}")
_CHOOSING = frozenset(("filter_boxes", "sort", "pick", "largest", "smallest"))
_RELATING = frozenset(("overlaps", "inside", "nearest"))


def about_persons(
    steps: Sequence[Mapping[str, JsonValue]], question: str, media: Mapping[str, MediaInfo]
) -> list[Step]:
    """A plan's steps, or those that look for the people whom a question names.

    >>> [step["tool"] for step in about_persons([{"tool": "unanswerable"}], "is this a man or a woman?", {})]
    ['detect', 'exists', 'detect', 'exists']

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        question: Question as the person put it.
        media: Media by the names that the plan uses.
    """
    plan = [dict(step) for step in steps]
    one_picture = [info.kind for info in media.values()] in ([], ["image"])
    if one_picture and (offered := _offered(question)):
        return _looked_at(plan, offered)
    if one_picture and (found := _WHICH.search(question)) and _finds_nothing(plan):
        word = _NOUNS.get(found[2], found[2]) or found[1]
        return [{"tool": "detect", "label": word}, {"tool": "locate", "boxes": "$q1"}]
    return _without_people(_named(plan, question))


def _offered(question: str) -> list[str]:
    """The words for people between which a question lets choose for somebody; none where it asks anything else."""
    found = _CHOICE.search(question)
    if found is None or _COMPARES.search(question):
        return []
    words = [word for word in found.groups() if word]
    return [_NOUNS.get(word, word) for word in words]


def _looked_at(plan: Sequence[Step], offered: Sequence[str]) -> list[Step]:
    """A look for each word at the person whom the plan chooses by their place; at the whole picture if it chooses none.

    What stands beside them is passed over: it does not matter where all people look alike, and else nothing follows.
    """
    chain: list[Step] = []
    for id_, step in numbered(plan).items():
        people = step["tool"] == "detect" and (
            _WORD.fullmatch(str(step["label"])) or _PEOPLE.fullmatch(str(step["label"]))
        )
        if not chain and people and "$" not in str(step.get("image")):
            chain, last = [{**step, "label": "person"}], id_
        elif chain and step["tool"] in _CHOOSING and last in (referred(step.get("boxes")), referred(step.get("items"))):
            chain.append(with_references([step], {last: f"q{len(chain)}"})[0])
            last = id_
    if all(step["tool"] == "filter_boxes" for step in chain[1:]):
        looks: list[list[Step]] = [[{"tool": "detect", "label": word}, *chain[1:]] for word in offered]
        steps: list[Step] = []
    else:
        # Of several, the leftmost is one person, whoever it is.
        looks = [[{"tool": "detect", "image": f"$q{len(chain)}", "label": word}] for word in offered]
        steps = chain
    for look in looks:
        first = len(steps)
        moved = {f"q{at}": f"q{at + first}" for at in range(1, len(look) + 1)}
        steps = [*steps, look[0], *with_references(look[1:], moved)]
        steps = [*steps, {"tool": "exists", "items": f"$q{len(steps)}"}]
    return steps


def _finds_nothing(plan: Sequence[Step]) -> bool:
    return {str(step["tool"]) for step in plan} <= {"classify", UNANSWERABLE}


def _named(plan: Sequence[Step], question: str) -> list[Step]:
    """The steps with the one word for people that the question says, where they look for people whoever they are."""
    words = list(dict.fromkeys(found[0] for found in _WORD.finditer(question)))
    labels = [str(step["label"]) for step in plan if step.get("tool") == "detect" and "label" in step]
    said = any(_WORD.search(str(value)) for step in plan for value in step.values())
    if len(words) != 1 or said or _ASKS_FOR_PEOPLE.search(question):
        return [dict(step) for step in plan]
    people = [label for label in labels if _PEOPLE.fullmatch(label)]
    if not people and re.search(rf"(?i)\bhow many (?:of them )?are (?:\w+ )?{words[0]}\W*$", question):
        # "Of these faces, how many are men?"
        people = [label for label in labels if _FACES.fullmatch(label)]
    if len(people) != 1:
        return [dict(step) for step in plan]
    word = _NOUNS.get(words[0], words[0])
    named = [step | ({"label": word} if step.get("label") == people[0] else {}) for step in plan]
    colors = colors_in(question)
    # Of men, a small planner makes pink people.
    invented = {
        id_: referred(step.get("boxes"))
        for id_, step in numbered(named).items()
        if step["tool"] == "filter_color" and not colors
    }
    return _passed_over(named, {id_: source for id_, source in invented.items() if source})


def _without_people(plan: Sequence[Step]) -> list[Step]:
    """The steps without relations of people to people as such, and of men to women whom they are not."""
    ids = numbered(plan)
    labels = {id_: str(step["label"]) for id_, step in ids.items() if step["tool"] == "detect" and "label" in step}
    over = {}
    for id_, step in ids.items():
        a, b = referred(step.get("a")), referred(step.get("b"))
        if a is None or b not in labels or step.get("c") is not None:
            continue
        one, other = labels.get(a, ""), labels[b]
        if step["tool"] in _RELATING and _WORD.fullmatch(one) and _PEOPLE.fullmatch(other):
            over[id_] = a
        elif step["tool"] in _RELATING and _WORD.fullmatch(other) and _PEOPLE.fullmatch(one):
            over[id_] = b
        elif step["tool"] == "without" and _are_opposite(one, other):
            over[id_] = a
    return _passed_over(plan, over)


def _are_opposite(one: str, other: str) -> bool:
    male, female = ([bool(of.fullmatch(word)) for word in (one, other)] for of in (_MALE, _FEMALE))
    return male != female and sorted(male) == sorted(female) == [False, True]


def _passed_over(plan: Sequence[Step], over: Mapping[str, str]) -> list[Step]:
    """The steps without some, each of which gives way to another one that stands before it."""
    steps = [dict(step) for step in plan]
    if not over:
        return steps
    leads = dict(over)
    while any(target in leads for target in leads.values()):
        leads = {id_: leads.get(target, target) for id_, target in leads.items()}
    ids = numbered(steps)
    idle = ids_read(ids[id_] for id_ in over)
    led = with_references(steps, leads)
    kept = [id_ for id_ in ids if id_ not in over]
    dropped = {f"q{number}" for number, id_ in enumerate(kept, 1) if id_ in idle}
    last = leads.get(f"q{len(steps)}", f"q{len(steps)}")
    # What the plan ends with stays.
    dropped -= {f"q{number}" for number, id_ in enumerate(kept, 1) if id_ == last}
    return without_unread(only_steps(led, kept), dropped)
