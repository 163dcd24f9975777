"""How a question is put: its options, and the checks that come before anything runs. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from pydantic import JsonValue

from visagent.core.config import Budget, Mode
from visagent.core.errors import ConfigError, QuestionError, did_you_mean
from visagent.core.text import HAN
from visagent.planning.plan import Outline

if TYPE_CHECKING:
    from visagent.agent.runs import RunRecord

QUESTION_LIMIT = 2000
"""Characters of a question; a longer one is a document, not a question."""
_HAN = re.compile(f"[{HAN}]")
_JOINED_BY = re.compile(r"(?i)^(?:and|then|so)\b[ ,]*|^(?:那么?|还有|并且)[，,]?")


class AskOptions(TypedDict, total=False):
    """How a question may be asked; each is optional.

    Attributes:
        mode: `tree`: independent sub-questions run at once (the default); `chain`: one after another, each planned from
            what the ones before it found, where the controller can; `infill`: see `outline`; `direct`: the model looks
            itself, without a plan; `auto`: direct, and planned if that is not sure.
        language: Of the answer, `en` or `zh`; None for the question's.
        budget: Limits of this run; None for the profile's.
        follows: Id of the run that this question follows up ("and what color is it?"): its media come first, so none
            need be given, and what it found out is not asked again.
        outline: For mode `infill`: steps that are given, in order, such as `{"tool": "detect", "label": "bus"}`, with
            None for each gap that the controller fills in.
        form: Of `Answer.result`: "number", "yes/no", "list", the options of a choice, or an object's JSON schema.
    """

    mode: Mode
    language: str | None
    budget: Budget | None
    follows: str | None
    outline: Outline
    form: str | Sequence[str] | Mapping[str, Any] | None


def check_question(question: str) -> str:
    """The question without the space around it.

    Raises:
        QuestionError: it is empty or too long.
    """
    question = question.strip()
    if not question:
        raise QuestionError("The question is empty.", "Ask something about the media.")
    if len(question) > QUESTION_LIMIT:
        raise QuestionError(
            f"The question has {len(question):,} characters, and {QUESTION_LIMIT:,} are allowed.",
            "Ask a shorter question; pass a long text as a picture or a PDF.",
        )
    return question


def check_language(language: str) -> None:
    """Check that answers can be given in a language.

    Raises:
        ConfigError: there is no prompt and no phrase in it.
    """
    from visagent.planning.prompts import LANGUAGES

    if language not in LANGUAGES:
        raise ConfigError(f"There is no language {language!r}.", did_you_mean(language, LANGUAGES))


def check_outline_given(mode: Mode, outline: Outline) -> list[dict[str, JsonValue] | None]:
    """The outline of a run whose mode wants one; empty for other modes.

    Raises:
        QuestionError: mode `infill` has nothing to fill in, or another mode has an outline.
    """
    way_out = 'Give mode="infill" and outline=[{"tool": ...}, None, {"tool": ...}].'
    if (mode == "infill") != bool(outline):
        raise QuestionError("An outline and mode infill go together.", way_out)
    if outline and None not in outline:
        raise QuestionError("The outline has no gap.", "Put None where steps are missing.")
    return [None if step is None else dict(step) for step in outline]


def follow_up(before: str, question: str) -> str:
    """A question together with the one that it follows up, as one sentence, so that "it" has something to stand for.

    >>> follow_up("Is there a cup on the table?", "And what color is it?")
    'Is there a cup on the table, and what color is it?'
    """
    question = question.strip()
    bare = _JOINED_BY.sub("", question) or question
    if _HAN.search(question):
        return f"{before.rstrip(' ?？.。!！')}，{bare}"
    return f"{before.rstrip(' ?？.。!！')}, and {bare[:1].lower()}{bare[1:]}"


def direct_plan(record: RunRecord) -> str:
    """The plan of mode `direct`: the model looks at, or listens to, everything itself.

    Raises:
        QuestionError: there is nothing that it could look at or listen to.
    """
    question = record.asked or record.question
    pictures: list[JsonValue] = [name for name, info in record.media.items() if info.kind == "image"]
    sounds = [name for name, info in record.media.items() if info.kind == "audio"]
    if pictures:
        return json.dumps({"steps": [{"tool": "look", "image": pictures, "question": question}]})
    if sounds:
        return json.dumps({"steps": [{"tool": "listen", "audio": sounds[0], "question": question}]})
    raise QuestionError("Mode direct takes pictures and sound, and none was given.", "Use mode tree.")
