"""What a question about time in a clip comes down to: events, and what is asked of them."""

from __future__ import annotations

import re
from typing import NamedTuple

from visagent.core.words import singular

_POLITE = re.compile(
    r"(?i)^\W*(?:(?:and|so|ok|okay|hi|hey|hello|please|well|then|now)\W+"
    r"|(?:can|could) you (?:please )?(?:tell me|say)\W+"
    r"|tell me\W+|do you know\W+|i(?:'d| would) like to know\W+|(?:请问|请|告诉我|我想知道)[，, ]*)*"
)
_OF_THE_CLIP = re.compile(
    r"(?i)^in (?:the|this) (?:video|clip|film|movie|recording|footage),? "
    r"|^在?(?:这个|这段)?(?:视频|录像|影片|短片)[里中]?的?[，,]?"
)


class Event(NamedTuple):
    """A thing that is seen, or words that are said or written.

    Attributes:
        words: The kind of thing, or the words.
        by: How it is noticed, as `when` takes it: any, seen, heard or written.
        gone: Whether its end is meant.
    """

    words: str
    by: str = "any"
    gone: bool = False


class Asked(NamedTuple):
    """What is asked of events.

    Attributes:
        what: when, edge, long, often, order, said, read, most, shots, scenes or cuts.
        events: One event, or two.
        nth: first or last, where one time is meant.
        op: The comparison, or the relation of what is said to the event.
    """

    what: str
    events: tuple[Event, ...]
    nth: str | None = None
    op: str = ""


def cleaned_up(question: str) -> str:
    """A question without greetings, the mention of the clip at its beginning, and the marks at its end.

    >>> cleaned_up("And please tell me: when is the cat visible ?"), cleaned_up("请问视频里有几个镜头？")
    ('when is the cat visible', '有几个镜头')
    """
    text = " ".join(question.split()).replace("’", "'")
    text = _OF_THE_CLIP.sub("", _POLITE.sub("", text))
    return text.rstrip(" ?.!？。！")


ARTICLE = re.compile(r"(?i)^(?:the|an?|any|some|this|that|these|those|his|her|its|their|my|our|your|each|every|all)\s+")
_NO_THING = re.compile(
    r"(?i)\b(?:to|from|of|before|after|until|till|while|during|pass|takes?|stands?|begin|end|start|stop|it|he|she|they|them|we|you|i|this|that|there|what|who|which|and|or|not|than|does|do|is|are|video|clip"
    r"|film|movie|recording|meeting|speech|talk|song|music|text|nothing|something|everything)\b|[,;:]"
)


def thing(name: str) -> str | None:
    """A kind of thing in the singular, without its article; None where the words name none.

    >>> thing("the lorries"), thing("somebody"), thing("it")
    ('lorry', 'person', None)
    """
    # "Until the first bird comes" is told by when birds do.
    plain = re.sub(r"^(?:first|last) (?=\S)", "", ARTICLE.sub("", name.strip().lower()))
    if plain in ("somebody", "someone", "anybody", "anyone", "people", "persons"):
        return "person"
    if not plain or len(plain.split()) > 4 or _NO_THING.search(plain):
        return None
    before, _, last = plain.rpartition(" ")
    return f"{before} {singular(last)}".strip()
