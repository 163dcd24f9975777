"""What kind of answer a question's own words ask for. Pure."""

from __future__ import annotations

import re

_WHICH = re.compile(r"(?i)\b(?:which|what|who|whose|where)\b|哪|谁|还是|什么")
# "More cats or more dogs?", but not "Is it red or blue?", whose answer may well begin with yes.
_MORE_OR = re.compile(r"(?i)^(?!\s*(?:is|are|was|were|do|does|did|has|have|can)\b).*\b(?:more|fewer|less)\b.*\bor\b")

_DESCRIBE = re.compile(
    r"(?i)\bdescri|\bcaption|\bexplain|\btell (?:me|us) (?:more )?about\b|\blooks? like\b|\bit like\b"
    r"|\bsummar|\bimpression|\b(?:going|goes) on\b|\bhappen|\bdepict|\b(?:picture|photo|image|clip|video|scene)s?\b"
    r"|\bwhat\b.*\b(?:see|seen|shows?|shown)\b"
    r"|描述|形容|说说|讲讲|讲一下|说一下|介绍|概括|什么样|样子|怎么样|画面|看到|看见|发生|内容|图里|图片|照片"
)
_SEVERAL = re.compile(r"(?i)\b(?:and|also|but|then|plus)\b|[,;，；、]|\?.*\?|？.*？|和|并|还有|以及|另外|但")
_FOR_THING = re.compile(
    r"(?i)^\W*(?:(?:so|and|ok|hey|hi|please|tell me)\b\W*)*(?:what(?!'?s? (?:about|if))|who(?:se)?|where|when|how)\b"
)
_SIDES = {
    ("left", "right"): (r"\bleft\b|左", r"\bright\b|右"),
    ("top", "bottom"): (r"\b(?:top|upper|above|higher)\b|上", r"\b(?:bottom|lower|below)\b|下"),
}
_RELATIVE = re.compile(
    r"(?i)\b(?:m[ae]n|wom[ae]n|guys?|girls?|boys?|lad(?:y|ies)|person|people|kids?|child(?:ren)?|ones?|those|any(?:one|body)"
    r"|some(?:one|body)|every(?:one|body)|players?|animals?)\s+who(?:se|['’]?s)?\b"
)
_DOING = re.compile(r"(?i)\b(?:doing|up to)\b|干嘛|干什么|干啥|做什么")


def asks_which(question: str) -> bool:
    """Whether a question asks which of things it is, so that neither yes nor no answers it.

    >>> asks_which("Which of them has more windows?"), asks_which("Are there more cats than dogs?")
    (True, False)
    """
    return _WHICH.search(question) is not None or _MORE_OR.search(question) is not None


def asks_to_choose(question: str) -> bool:
    """Whether a question offers a choice, "a bus or a train", so that a yes to one part is easily misread.

    >>> asks_to_choose("Is there a bus or just a train?"), asks_to_choose("Is there a bus, and a train?")
    (True, False)
    """
    return re.search(r"(?i)\bor\b|还是", question) is not None


def asks_who(question: str) -> bool:
    """Whether a question asks for a person, or for whose a thing is.

    >>> asks_who("Who is this?"), asks_who("Which breed has the man who waves?"), asks_who("Is this who I think?")
    (True, False, False)
    """
    bare = _RELATIVE.sub(" ", question)
    return re.search(r"(?i)\bwho(?:se|['’]?s)?\b|谁", bare) is not None and not asks_yes_or_no(question)


def asks_yes_or_no(question: str) -> bool:
    """Whether a question begins as one that is answered by yes or no.

    >>> asks_yes_or_no("Does it say which gate?"), asks_yes_or_no("Which gate does it say?")
    (True, False)
    """
    return (
        re.search(
            r"(?i)^\W*(?:(?:so|and|ok|hey|hi|please|tell me)\b\W*)*"
            r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b|[吗]\W*$|是否|是不是|有没有",
            question,
        )
        is not None
    )


def sides_offered(question: str) -> tuple[str, str] | None:
    """The two opposite sides that a question offers, for one of two things; None where it offers none.

    >>> sides_offered("Which is bigger, the upper or the lower one?"), sides_offered("Where is the upper one?")
    (('top', 'bottom'), None)
    """
    for sides, (one, other) in _SIDES.items():
        if re.search(rf"(?i)(?:{one})(?!.*(?:{one})).*(?:\bor\b|还是).*(?:{other})", question) or re.search(
            rf"(?i)(?:{other})(?!.*(?:{other})).*(?:\bor\b|还是).*(?:{one})", question
        ):
            return sides
    return None


def takes_for_granted(question: str, label: str) -> bool:
    """Whether a question speaks of a thing as one that is there: "the lamp", or, in Chinese, where of two it is.

    >>> takes_for_granted("Is the small lamp on the left?", "lamp"), takes_for_granted("Is there a lamp?", "lamp")
    (True, False)
    """
    known = r"\b(?:the|this|that|these|those|his|her|their|my|your|our|its) (?:[a-z]+ )?"
    if re.search(rf"(?i){known}{re.escape(label)}", question) is not None:
        return re.search(rf"(?i)\b(?:there|any|no)\b.*\b{re.escape(label)}", question) is None
    return re.search(rf"{re.escape(label)}.*还是", question) is not None


def asks_which_picture(question: str) -> bool:
    """Whether a question about several pictures asks which of them it is, rather than where in them.

    >>> asks_which_picture("Which one shows a dog?"), asks_which_picture("Where are the dogs?")
    (True, False)
    """
    return re.search(r"(?i)\bwhich\b|哪(?!里|儿|边)", question) is not None


def asks_for_description(question: str) -> bool:
    """Whether a list of what there is answers a question, rather than what somebody does, has or looks at.

    >>> asks_for_description("What can be seen in the photo?"), asks_for_description("What is the man here doing?")
    (True, False)
    """
    return _DESCRIBE.search(question) is not None and _DOING.search(question) is None


def asks_for_thing(question: str) -> bool:
    """Whether a question begins with what it asks for, so that neither yes nor no answers it.

    >>> asks_for_thing("What is next to the lamp?"), asks_for_thing("Is there a lamp, and where?")
    (True, False)
    """
    return _FOR_THING.match(question) is not None and re.search(r"[.!?:&]\s*\w", question) is None


def asks_where(question: str) -> bool:
    """Whether a question asks for a place, so that a place in the picture may answer it.

    >>> asks_where("Which side is the dog on?"), asks_where("On what does the dog sit?")
    (True, False)
    """
    return (
        re.search(
            r"(?i)\b(?:where|which|whereabouts|side|left|right|top|bottom|corner|position|place|spot|located?|find)\b"
            r"|哪|左|右|上|下|边|角|位置|地方|何处",
            question,
        )
        is not None
    )


def asks_for_digits(question: str) -> bool:
    """Whether a question asks for the number that a thing bears, so that words without a digit do not answer it.

    >>> asks_for_digits("What number is on the bus?"), asks_for_digits("What is on bus number 7?")
    (True, False)
    """
    return (
        re.search(
            r"(?i)\b(?:what|which)(?: \w+)? numbers?\b|\b(?:the|which|what)(?: \w+)? digits\b"
            r"|几号|多少号|什么号码|号码是",
            question,
        )
        is not None
    )


def asks_for_own_name(question: str) -> bool:
    """Whether a question asks what somebody calls their own, which no look at it tells.

    >>> asks_for_own_name("What's the name of her dog?"), asks_for_own_name("What's the name of this breed?")
    (True, False)
    """
    return (
        re.search(r"(?i)\bname of (?:her|his|their|my|your)\b|\b(?:her|his|their) \w+['’]s name\b", question)
        is not None
    )


def asks_for_print(question: str) -> bool:
    """Whether a question speaks of what is written or of a name, so that it may be answered by reading.

    >>> asks_for_print("Whose name is on the door?"), asks_for_print("Whose face is on the stamp?")
    (True, False)
    """
    return (
        re.search(
            r"(?i)\b(?:nam(?:e|es|ed)|call(?:s|ed)?|writ(?:es?|ten|ing)|wrote|print(?:s|ed)?|signed|signature|author|by|says?|read"
            r"|reads?|text|words?|caption|title|sign|label|from|sent|mention(?:s|ed)?)\b|名|写|叫|字|签|作者|标题",
            question,
        )
        is not None
    )


def asks_how_many(question: str) -> bool:
    """Whether a question asks for a number or an amount and for nothing that yes or no answers.

    >>> asks_how_many("How many cups?"), asks_how_many("一共多少钱？"), asks_how_many("Is it how many I need?")
    (True, True, False)
    """
    return re.search(r"(?i)\bhow (?:many|much)\b|多少", question) is not None and not asks_yes_or_no(question)


def asks_for_one(question: str) -> bool:
    """Whether a question asks for one date, time, price or the like, and not for all that there are.

    >>> asks_for_one("When does the bus leave?"), asks_for_one("What times are given?")
    (True, False)
    """
    return re.search(
        r"(?i)^\W*(?:(?:at|on|in) )?(?:when|what time|what hour|what date|what day|which)\b|几点|什么时候|哪", question
    ) is not None and (
        re.search(r"(?i)\b(?:times|dates|days|prices|numbers|all|every|each|list)\b|哪些|所有|全部", question) is None
    )


def asks_one_thing(question: str) -> bool:
    """Whether a question has one part, so that a part of its answer does not answer it.

    >>> asks_one_thing("Is the cup left or right of the can?"), asks_one_thing("Is there a cup, and where is the can?")
    (True, False)
    """
    return _SEVERAL.search(question) is None
