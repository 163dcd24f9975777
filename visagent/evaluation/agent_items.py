"""Questions of a benchmark that are put to a whole agent, and what came of each. Knows no benchmark and no file format.

An item says what is asked, about which media, and what is right; an attempt is one line of an evaluation's record. What
cannot be asked (no picture, an id twice, a label outside the choices) is left out and said, and the rest is scored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue

from visagent.answering.forms import yes_or_no
from visagent.answering.sentences import CITATION
from visagent.core.encoding import decode_base64
from visagent.core.errors import InputError
from visagent.core.files import is_file
from visagent.evidence.answer import Answer, Usage
from visagent.evidence.values import Frozen

YES_NO = "yes/no"
_LETTER = r"[A-Z]"
_FRAME = (
    rf"(?:the\s+)?(?:(?:correct|right|best)\s+)?(?:answer|option|choice)\s*(?:is|:)?\s*(?:option\s+)?\(?({_LETTER})\b"
)


class Embedded(Frozen):
    """A picture in base64 inside a file of items, read when it is asked about.

    Attributes:
        file: Where it stands.
        start: First byte.
        size: Bytes.
    """

    file: Path
    start: int = Field(ge=0)
    size: int = Field(ge=1)

    def read(self) -> bytes:
        """The picture's own bytes.

        Raises:
            MediaError: it is no base64.
        """
        with self.file.open("rb") as file:
            file.seek(self.start)
            text = file.read(self.size)
        return decode_base64(text.decode("ascii", "replace"), f"the picture at byte {self.start} of {self.file.name}")


class AgentItem(Frozen):
    """A question of a benchmark.

    Attributes:
        id: Unique among the items.
        question: Question as the agent is asked, without the options.
        media: What it is about, in order.
        gold: Right answers, any of which will do: letters where there are options, `yes` or `no` for `form` yes/no.
        options: Texts by letter, for a choice.
        form: `yes/no` for questions that are answered so; empty for all others.
        category: Part of the benchmark that it belongs to; empty where there is none.
        group: Items that belong together (rotations of one question, pictures of one sentence) and are resampled
            together; empty for an item by itself.
        facts: What else the benchmark's scores need.
        unscored: Why it cannot be scored, so that it is left out; empty where it can.
    """

    id: str = Field(min_length=1)
    question: str
    media: tuple[Path | Embedded, ...]
    gold: tuple[str, ...] = ()
    options: dict[str, str] = Field(default_factory=dict)
    form: Literal["", "yes/no"] = ""
    category: str = ""
    group: str = ""
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    unscored: str = ""

    @property
    def prompt(self) -> str:
        """What the agent is asked: the question, and the options a line each."""
        if not self.options:
            return self.question
        lines = [f"{letter}. {text}" for letter, text in self.options.items()]
        return "\n".join([self.question, *lines, "Answer with the letter of the right option."])

    @property
    def answer_form(self) -> str | list[str] | None:
        """The form that the agent's `result` is asked in; None for free text."""
        if self.form:
            return self.form
        texts = list(dict.fromkeys(self.options.values()))
        return texts if len(texts) > 1 else None


class Attempt(Frozen):
    """One item asked once: a line of an evaluation's record.

    Attributes:
        variant: How it was asked: `agent` for the run that is measured, `direct`, `tree`, or `without TOOL`.
        id: Id of the item.
        question: See `AgentItem.prompt`.
        gold: See `AgentItem`.
        category: See `AgentItem`.
        group: See `AgentItem`; the item's id where it has none.
        media: Names of what was asked about.
        reply: What was understood of the answer: a letter, `yes` or `no`, or its text without citations.
        text: The answer as given.
        score: Between 0 and 1, as the benchmark grades it.
        error: Why there is no answer; empty where there is one.
        calls: How often each tool was called.
        tool_seconds: Spent in each tool.
        usage: What the run cost.
        answer: The whole answer, with its tree and evidence; None after an error.
    """

    variant: str
    id: str
    question: str
    gold: tuple[str, ...]
    category: str = ""
    group: str
    media: tuple[str, ...] = ()
    reply: str = ""
    text: str = ""
    score: float = Field(default=0.0, ge=0, le=1)
    error: str = ""
    calls: dict[str, int] = Field(default_factory=dict)
    tool_seconds: dict[str, float] = Field(default_factory=dict)
    usage: Usage = Usage()
    answer: dict[str, Any] | None = None


class LeftOut(Frozen):
    """An item that was not asked, with the reason in one line."""

    id: str
    reason: str


def usable(items: Sequence[AgentItem]) -> tuple[list[AgentItem], list[LeftOut]]:
    """The items that can be asked and scored, and the others with what is wrong with each."""
    kept: dict[str, AgentItem] = {}
    left_out = []
    for item in items:
        if reason := _problem(item, kept):
            left_out.append(LeftOut(id=item.id, reason=reason))
        else:
            kept[item.id] = item
    return list(kept.values()), left_out


def _problem(item: AgentItem, kept: Mapping[str, AgentItem]) -> str:
    if item.unscored:
        return item.unscored
    if item.id in kept:
        return "the id stands twice; the first one is asked"
    if not item.media:
        return "it names no picture, video or sound"
    for medium in item.media:
        if isinstance(medium, Path) and not is_file(medium):
            return f"there is no file {medium}"
    known = set(item.options) or ({"yes", "no"} if item.form else set())
    if known and (wrong := [label for label in item.gold if label not in known]):
        return f"the label {wrong[0]!r} is none of {', '.join(sorted(known))}"
    return ""


def reply_of(item: AgentItem, answer: Answer) -> str:
    """What was understood of an answer, in the item's terms; empty where nothing was.

    The form that evidence fills goes before the words: see `visagent.answering.forms`.
    """
    if answer.status == "unanswered" and not item.options and not item.form:
        return ""
    text = CITATION.sub("", answer.text).strip()
    if item.form:
        said = answer.result if isinstance(answer.result, bool) else yes_or_no(text)
        return "" if said is None else "yes" if said else "no"
    if item.options:
        by_text = {option: letter for letter, option in reversed(item.options.items())}
        by_evidence = by_text.get(answer.result) if isinstance(answer.result, str) else None
        return by_evidence or chosen(text, item.options)
    return text


def chosen(text: str, options: Mapping[str, str]) -> str:
    """The letter of the option that a reply names; empty where it names none, or more than one.

    >>> options = {"A": "a red cup", "B": "cup", "C": "a dog"}
    >>> [chosen(text, options) for text in ("B", "(C) a dog.", "The answer is A.", "a red cup", "A dog or a cup")]
    ['B', 'C', 'A', 'A', '']
    """
    text = text.strip()
    if found := re.fullmatch(rf"\(?({_LETTER})\)?[.:,)]?(?:\s.*)?", text[:1].upper() + text[1:], re.DOTALL):
        rest = text[found.end(1) :].strip(" .:,)")
        letter = found[1]
        # "A dog" begins with an article, "A. dog" and "A" with a letter.
        if letter in options and (
            not rest or not re.match(r"\s", text[found.end(1) :]) or _same(rest, options[letter])
        ):
            return letter
    if found := re.search(r"\(([A-Z])\)", text):
        return found[1] if found[1] in options else ""
    if (found := re.search(_FRAME, text, re.IGNORECASE)) and found[1] in options:
        return found[1]
    said = _plain(text)
    named = [letter for letter, option in options.items() if _plain(option) and f" {_plain(option)} " in f" {said} "]
    # What stands inside a longer option that is named as well is not named itself.
    longest = [one for one in named if not any(one != two and _inside(options[one], options[two]) for two in named)]
    return longest[0] if len(longest) == 1 else ""


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _inside(one: str, other: str) -> bool:
    return one != other and f" {_plain(one)} " in f" {_plain(other)} "


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w.%$-]*[\w%]", text.casefold()))


def as_attempt(item: AgentItem, variant: str, answer: Answer | str) -> Attempt:
    """What came of an item, not yet graded.

    Args:
        item: What was asked.
        variant: How.
        answer: The answer, or why there is none.
    """
    asked: dict[str, Any] = {
        "variant": variant,
        "id": item.id,
        "question": item.prompt,
        "gold": item.gold,
        "category": item.category,
        "group": item.group or item.id,
        "media": tuple(str(one) if isinstance(one, Path) else one.file.name for one in item.media),
    }
    if isinstance(answer, str):
        return Attempt(**asked, error=answer)
    calls: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for node in answer.tree.nodes:
        tool, found = node.solver.tool, answer.evidence.get(node.id)
        calls[tool] = calls.get(tool, 0) + 1
        seconds[tool] = seconds.get(tool, 0.0) + (found.seconds if found else 0.0)
    return Attempt(
        **asked,
        reply=reply_of(item, answer),
        text=answer.text,
        calls=calls,
        tool_seconds=seconds,
        usage=answer.usage,
        answer=answer.model_dump(mode="json"),
    )


def require_items(items: Sequence[AgentItem], left_out: Sequence[LeftOut]) -> None:
    """Check that there is something to ask.

    Raises:
        InputError: no item can be asked; gives the first reason.
    """
    if not items:
        why = f" The first one, {left_out[0].id}: {left_out[0].reason}." if left_out else ""
        raise InputError(f"None of the {len(left_out)} items can be asked.{why}", "Check what --data names.")
