"""How a question is put: its options, and the checks that come before anything runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, get_args

from pydantic import JsonValue

from visagent.core.config import Budget, Mode, Profile
from visagent.core.errors import ConfigError, QuestionError, RunNotFound, did_you_mean
from visagent.core.files import is_file
from visagent.core.json_text import is_text
from visagent.core.text import HAN, as_it_reads
from visagent.planning.plan import Outline

if TYPE_CHECKING:
    from visagent.models.protocol import MLLM
    from visagent.tools.toolkit import Tool

WORD_LIMIT = 20_000
"""Letters of a word where llama.cpp reads it in this process: it splits one of 60,000 letters in a minute."""
QUESTION_FIRST = 'The question comes first, then the media: agent.ask("What is this?", "photo.jpg").'
_RUN = re.compile(r"\w+|[^\w\s]+|\s+")
_HAN = re.compile(f"[{HAN}]")
_JOINED_BY = re.compile(r"(?i)^(?:and|then|so)\b[ ,]*|^(?:那么?|还有|并且)[，,]?")


class AskOptions(TypedDict, total=False):
    """How a question may be asked; each is optional.

    Attributes:
        mode: `auto` (the default): a model that sees looks first, and what one look is bad at is checked by tools;
            without such a model the same as `tree`. `tree`: planned whole, independent sub-questions at once; `chain`:
            one after another, each planned from what the ones before it found, where the controller can; `infill`: see
            `outline`; `direct`: the model's bare answer, neither planned nor checked.
        language: Language of the answer, `en` or `zh`; None for the question's.
        budget: Limits of this run; None for the profile's.
        follows: Id of the run that this question follows up ("and what color is it?"): its media come first, so none
            need be given, and what it found out is not asked again.
        outline: Outline for mode `infill`: steps that are given, in order, such as `{"tool": "detect", "label":
            "bus"}`, with None for each gap that the controller fills in.
        regions: Rectangles that the question may name, such as `{"r1": (10, 20, 200, 120)}`, or `image2#r1` and
            `video1#r1` where there are several pictures or clips: left, top, right, bottom in pixels of the upright
            original. What a tool is to look at, where none is named, is then the region.
        form: Form of `Answer.result`: "number", "yes/no", "list", the options of a choice, or an object's JSON schema.
    """

    mode: Mode
    language: str | None
    budget: Budget | None
    follows: str | None
    outline: Outline
    regions: Mapping[str, Sequence[float]]
    form: str | Sequence[str] | Mapping[str, Any] | None


def check_question(question: str, longest: int | None = None) -> str:
    """The question as it reads: without the space around it, and without what nobody sees in it.

    Args:
        question: Question as the person put it.
        longest: Characters that it may have; None for as many as the model's context holds.

    Raises:
        QuestionError: it is empty or too long.
    """
    if not isinstance(question, str):
        raise QuestionError(f"The question is of type {type(question).__name__}, not text.", QUESTION_FIRST)
    if not is_text(question):
        raise QuestionError("The question holds half of a character (a lone surrogate).", "Write it as UTF-8 text.")
    question = as_it_reads(question).strip()
    if not question:
        raise QuestionError("The question is empty.", "Ask something about the media.")
    if longest is not None and len(question) > longest:
        raise QuestionError(
            f"The question has {len(question):,} characters, and {longest:,} are allowed.",
            "Ask a shorter question; pass a long text as a picture or a PDF.",
        )
    return question


def check_words(question: str, profile: Profile) -> None:
    """Check that a model in this process can split a question into tokens in a reasonable time.

    Raises:
        QuestionError: llama.cpp is to read a word that is longer than any real one.
    """
    if len(question) <= WORD_LIMIT or all(model.backend != "llamacpp" for model in profile.models.values()):
        return
    if (letters := max(len(run[0]) for run in _RUN.finditer(question))) > WORD_LIMIT:
        raise QuestionError(
            f"The question has {letters:,} characters without a space or a mark between them, and {WORD_LIMIT:,} are "
            "allowed.",
            "Write it in words; pass what is no text as a file.",
        )


def check_order(question: str, media: Sequence[object]) -> None:
    """Check that a question and its media were not swapped: `ask("red.png", "What color is it?")`.

    Raises:
        QuestionError: the question names a file, and what should be one does not.
    """
    names_file = "." in question and is_file(Path(question))
    if names_file and not any(isinstance(medium, str) and is_file(Path(medium)) for medium in media):
        raise QuestionError(f"{question[:200]!r} is a file, where the question belongs.", QUESTION_FIRST)


def check_options(options: Collection[str]) -> None:
    """Check that there are such options.

    Raises:
        ConfigError: there is one that nobody knows.
    """
    known = list(AskOptions.__annotations__)
    for name in options:
        if name not in known:
            raise ConfigError(f"A question has no option {name!r}.", did_you_mean(name, known))


def check_budget(budget: object) -> None:
    """Check that a budget is one.

    Raises:
        ConfigError: it is something else, such as a number of seconds.
    """
    if budget is None or isinstance(budget, Budget):
        return
    way_out = "Write budget=Budget(seconds=60), with from visagent import Budget."
    raise ConfigError(f"The budget is of type {type(budget).__name__}.", way_out)


def run_id_of(run: object) -> str:
    """The id of a run, where a person gave one.

    Raises:
        RunNotFound: it is something else, such as an answer.
    """
    if isinstance(run, str):
        return run
    raise RunNotFound(f"A run's id is a text, and not of type {type(run).__name__}.", "Give the id: answer.run_id.")


def check_mode(mode: str) -> None:
    """Check that there is such a mode.

    Raises:
        ConfigError: there is none.
    """
    if mode not in (modes := get_args(Mode)):
        raise ConfigError(f"There is no mode {mode!r}.", did_you_mean(mode, modes))


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
    if not isinstance(outline, Sequence) or not all(step is None or isinstance(step, Mapping) for step in outline):
        raise QuestionError("The outline is no list of steps.", way_out)
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


def asked_with(before: str, question: str, *, anew: bool) -> str:
    """What a controller reads of a follow-up; empty for the question itself.

    Args:
        before: The question that it follows up, with those before; empty where there is none.
        question: Question as the person put it.
        anew: Whether it is about new media alone: then it is joined only where it does not stand alone.
    """
    return "" if not before or (anew and stands_alone(question)) else follow_up(before, question)


def stands_alone(question: str) -> bool:
    """Whether a question says itself what is asked: "and this one?" does not.

    >>> stands_alone("What does the receipt say?"), stands_alone("And in this picture?"), stands_alone("这张呢？")
    (True, False, False)
    """
    bare = question.strip()
    if _JOINED_BY.match(bare) or re.match(r"(?i)(?:what|how) about\b", bare) or re.search(r"呢[？?]?$", bare):
        return False
    return len(re.findall(r"\w+", _HAN.sub(" x ", bare))) > 3


def playable_modes(model: MLLM | None) -> tuple[Mode, ...]:
    """The modes in which questions can be asked without an outline.

    Args:
        model: What looks and listens; None where the profile has nobody who does: `auto` is the same as `tree` then.
    """
    return ("auto", "tree", "chain", "direct") if model and model.capabilities.media else ("tree", "chain")


def resolved_mode(mode: Mode, model: MLLM | None, tools: Iterable[Tool], kinds: Collection[str]) -> Mode:
    """What `auto` means: looking first where a model sees, planning first where none does.

    A run in which a tool may change something, or reaches another machine, is planned first as well: once a model has
    read what stands in a picture, such tools are out of its reach.

    Args:
        mode: Mode as asked for.
        model: What looks and listens; None where the profile has nobody who does.
        tools: The agent's.
        kinds: Kinds of the media that were given.

    Raises:
        ConfigError: mode `direct` has no model that sees.
        QuestionError: mode `direct` was given nothing that its model can be shown.
    """
    seen = set() if model is None else model.capabilities.media & set(kinds)
    if mode == "direct" and (model is None or not model.capabilities.media):
        raise ConfigError(
            "Mode direct needs a model that sees, and this profile has none.", "Use mode auto, or another profile."
        )
    if mode == "direct" and not seen:
        raise QuestionError(
            f"Mode direct shows the media to {model.name if model else 'a model'}, which takes none of these.",
            "Use mode auto.",
        )
    if mode != "auto":
        return mode
    reaching = any(tool.spec.remote or not tool.spec.read_only for tool in tools)
    return "auto" if seen and not reaching else "tree"
