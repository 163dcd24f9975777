"""Which of many pictures or pages a question is about: those that it names, or else all of them. Knows no model.

A small planner picks one or two names out of a list, and the others are dropped in silence. So a question that names no
picture is planned about all of them together, and one that does ("the table on page 7") about these alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from visagent.core.words import ORDINALS, han_numbers
from visagent.media.media import MediaInfo
from visagent.media.regions import SEPARATOR
from visagent.planning.plan import Plan
from visagent.tools.toolkit import Tool

TOGETHER_FROM = 3
"""Pictures from which on they are meant together where none is named; of two, a question often compares them."""
MOST_PAGES = 8
"""Pages of a document of which a table is looked for, those first whose words fit the question best."""
SHOWN = 4
"""Names that a planner is shown of pictures that are meant together."""
_HAN = "零一二三四五六七八九十"
_PICTURE = "picture|image|photo|photograph|pic|screenshot|scan"
_NUMBERS = r"(?P<numbers>\d{1,4}(?:\s*(?:,|-|–|to|through|and|&|or)\s*\d{1,4})*)"
_NAMED = re.compile(rf"(?i)\b(?:(?P<page>pages?|p\.)|(?:{_PICTURE})s?|no\.|#)\s*{_NUMBERS}\b")
_WORDED = re.compile(
    rf"(?i)\b(?P<ordinal>{'|'.join(ORDINALS)}|last|final|\d{{1,3}}(?:st|nd|rd|th))\s+"
    rf"(?:(?P<page>page)|{_PICTURE})\b"
)
_WORDED_AGAIN = re.compile(rf"(?i)\bthe\s+(?P<ordinal>{'|'.join(ORDINALS)}|last)(?:\s+one)?(?=\s*(?:[?.,;!]|$))")
"""What goes on after "the first picture": "… than in the second?"."""
_HAN_NAMED = re.compile(
    rf"第\s*(?P<number>\d{{1,4}}|[{_HAN}]{{1,3}})\s*(?:(?P<page>页)|[张幅]|个?图)|(?P<last>最后一(?:(?P<page2>页)|[张幅]))"
)
_ON_PAGE = re.compile(r"(?i)\s+(?:on|in|of|from)\s+(?:page\s+\d{1,4}|the\s+\w+\s+page)\b")
_THE_PAGE = re.compile(
    rf"(?i)\b(?:page\s+\d{{1,4}}|the\s+(?:{'|'.join(ORDINALS)}|last|final|\d{{1,3}}(?:st|nd|rd|th))\s+page)\b"
)
_HAN_PAGE = re.compile(rf"第\s*(?:\d{{1,4}}|[{_HAN}]{{1,3}})\s*页|最后一页")
_WHICH_PAGES = re.compile(r"(?i)\b(which|what)\s+pages?\b(?=\s+(?:mention|say|contain|name|talk|ha)\w*)")
_OTHERS = re.compile(r"(?i)\b(?:others?|rest|remaining|any other|besides|except)\b|其他|其它|其余|别的")

_COMPARES = re.compile(
    r"(?i)\b(?:both|same|compare[ds]?|different|difference|than|earlier|previous|before|former|first|either|each|all"
    r"|also|too|them|these|those|together|total)\b|一样|相同|比|两|都|之前|上一|总共|一共"
)


class Scope(NamedTuple):
    """What a question is planned about.

    Attributes:
        media: What the plan may use, by name; what it leaves out stands for all of its pictures.
        shown: What a planner is told of.
        together: Whether no picture is named one by one where several can be taken.
    """

    media: dict[str, MediaInfo]
    shown: dict[str, MediaInfo]
    together: bool = False


def scope_of(question: str, media: Mapping[str, MediaInfo], added: Collection[str] = (), asked: str = "") -> Scope:
    """The media that a question is about.

    Args:
        question: Question as the person put it.
        media: All media of the run, by name.
        added: Names of those that a follow-up brought: it means these, unless it compares them with the others.
        asked: The question with those that it follows up.
    """
    if any(SEPARATOR in name for name in media):
        # A person points at regions: what they mean is known better than by counting.
        return Scope(dict(media), dict(media))
    if added and not singled_out(question, media) and not compares(question):
        return scope_of(question, {name: info for name, info in media.items() if name in added})
    pictures = [name for name, info in media.items() if info.kind == "image"]
    if len(pictures) < 2:
        return Scope(dict(media), dict(media))
    if named := singled_out(question, media) or singled_out(asked, media):
        kept = {name: info for name, info in media.items() if info.kind != "image" or name in named}
        return Scope(kept, kept)
    if len(pictures) < TOGETHER_FROM:
        return Scope(dict(media), dict(media))
    shown = {name: info for name, info in media.items() if info.kind != "image" or name in pictures[:SHOWN]}
    return Scope(dict(media), shown, together=True)


def in_plain_words(question: str, about: Scope) -> str:
    """The question as a planner reads it: without the pages that were chosen already, and with lines for pages.

    Which pages mention something follows from the lines that mention it, and a page that was named is the only medium.

    >>> in_plain_words("Sum the third column of the table on page 7.", Scope({}, {}))
    'Sum the third column of the table.'
    >>> in_plain_words("Which pages mention Ghent?", Scope({}, {}))
    'Which lines mention Ghent?'
    >>> page = MediaInfo(hash="0" * 64, kind="image", name="a.pdf", page=3)
    >>> in_plain_words("What does page 3 say?", Scope({"image3": page}, {}))
    'What does the page say?'

    Args:
        question: Question as the person put it.
        about: What it is about.
    """
    pages = [info.page for info in about.media.values() if info.kind == "image"]
    if len(pages) > 1 and not about.together:
        return question
    if len(pages) == 1 and pages[0] is None:
        return question
    plain = _WHICH_PAGES.sub(r"\1 lines", _ON_PAGE.sub("", question))
    if len(pages) == 1:
        # A small planner takes the number for that of a line, or of a part of the page.
        plain = _HAN_PAGE.sub("这一页", _THE_PAGE.sub("the page", plain))
    return plain


def compares(question: str) -> bool:
    """Whether a follow-up that brings a picture is about those before as well."""
    return _COMPARES.search(question) is not None


def singled_out(question: str, media: Mapping[str, MediaInfo]) -> tuple[str, ...]:
    """Names of the pictures that a question names, in the order given; none where it means all of them.

    They are named by their page ("page 7", "the last page", 第三页), by their place among the pictures ("picture 2"),
    by the name that plans use ("image2") or by their file's name.

    >>> page = lambda number: MediaInfo(hash=f"{number:064}", kind="image", name="a.pdf", page=number)
    >>> singled_out("Sum the third column on page 2", {f"image{n}": page(n) for n in (1, 2, 3)})
    ('image2',)

    Args:
        question: Question as the person put it.
        media: Media by name.
    """
    pictures = {name: info for name, info in media.items() if info.kind == "image"}
    if _OTHERS.search(question):
        return ()
    named: set[str] = set()
    for found in _NAMED.finditer(question):
        for number in _listed(found["numbers"]):
            named |= _at(number, found["page"] is not None, pictures)
    worded = list(_WORDED.finditer(question))
    for found in [*worded, *(_WORDED_AGAIN.finditer(question) if worded else ())]:
        ordinal = found["ordinal"].lower()
        last = ordinal in ("last", "final")
        number = -1 if last else ORDINALS.index(ordinal) + 1 if ordinal in ORDINALS else int(ordinal[:-2])
        counted = found if found.re is _WORDED else worded[0]
        named |= _at(number, counted["page"] is not None, pictures)
    for found in _HAN_NAMED.finditer(question):
        written = found["number"]
        number = -1 if found["last"] else int(written if written.isdigit() else han_numbers(written)[0])
        named |= _at(number, found["page"] is not None or found["page2"] is not None, pictures)
    folded = question.casefold()
    named |= {name for name in pictures if re.search(rf"\b{name}\b", folded)}
    if len(files := {info.name.casefold() for info in pictures.values()}) > 1:
        said = {file for file in files if len(file) >= 5 and file in folded}
        named |= {name for name, info in pictures.items() if info.name.casefold() in said}
    return tuple(name for name in pictures if name in named) if len(named) < len(pictures) else ()


def chosen_from(tools: Mapping[str, Tool]) -> list[str]:
    """Names of the tools that take the first of many pages that shows what they look for: a table."""
    return [
        name
        for name, tool in tools.items()
        if "table" in tool.spec.result and any(parameter.several for parameter in tool.spec.parameters)
    ]


def on_pages(plan: Plan, tools: Mapping[str, Tool], pages: Sequence[str]) -> Plan:
    """The plan in which such tools look at the pages that the question's words stand on, where it names none.

    Args:
        plan: What the controller replied.
        tools: What it may call.
        pages: Names of pages, best first; none to leave the plan as it is.
    """
    if not pages:
        return plan
    names, steps = chosen_from(tools), []
    for step in plan.steps:
        if step.get("tool") in names:
            several = next(one.name for one in tools[str(step["tool"])].spec.parameters if one.several)
            step = {**step, several: list(pages) if len(pages) > 1 else pages[0]} if several not in step else step
        steps.append(step)
    return plan.model_copy(update={"steps": steps})


def _listed(numbers: str) -> list[int]:
    """`3, 5 to 7` as 3, 5, 6 and 7."""
    parts = re.findall(r"\d+|-|–|to|through", numbers)
    found: list[int] = []
    for place, part in enumerate(parts):
        if part.isdigit():
            from_ = found[-1] + 1 if place and not parts[place - 1].isdigit() and found else int(part)
            found += range(min(from_, int(part)), int(part) + 1)
    return found


def _at(number: int, page: bool, pictures: Mapping[str, MediaInfo]) -> set[str]:
    """The pictures at a place, counted from 1, or the last one; of several documents, the page of each."""
    if page:
        last: dict[str | None, int] = {}
        for info in pictures.values():
            last[info.document] = max(last.get(info.document, 0), info.page or 0)
        return {
            name
            for name, info in pictures.items()
            if info.page is not None and info.page == (last[info.document] if number < 0 else number)
        }
    names = list(pictures)
    return {names[number - 1 if number > 0 else -1]} if 0 < number <= len(names) or number < 0 else set()
