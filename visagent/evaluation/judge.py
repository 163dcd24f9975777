"""A model that judges answers by a rubric, and how far to trust it: against itself, people, position and length.

A rubric is a YAML file (those of `visagent_prompts/rubrics` by name). What is judged is shown as JSON, as data: an
answer that speaks to its judge is quoted, not obeyed. A reply that does not follow the rubric leaves it unjudged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from visagent.core.errors import InputError, ReplyMismatch, VisagentError, did_you_mean
from visagent.core.files import is_file
from visagent.core.json_text import read_json
from visagent.core.validation import first_problem
from visagent.evaluation.benchmark import model_of_profile
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evaluation.hallucination import Caption
from visagent.evaluation.open_answers import OpenAnswer, loaded_or_reason
from visagent.evidence.record import Frozen
from visagent.media.media import Media
from visagent.models.protocol import MLLM, Message, Part
from visagent.planning.prompts import environment

AGAIN_TEMPERATURE = 0.7
"""Temperature of the second judgement, which would otherwise repeat the first one word for word."""
WHOLE = "whole"
"""Name of the score of answers that have the highest level of every criterion."""
Better = Literal["first", "second", "tie"]
LoadMedia = Callable[[OpenAnswer], "list[Media] | str"]
"""The media of an answer, or why they cannot be had."""
_Done = TypeVar("_Done")


class Criterion(Frozen):
    """One thing that is judged.

    Attributes:
        name: Name in scores and files.
        asks: The question that the level answers.
        levels: What each level means, from the worst.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    asks: str = Field(min_length=1)
    levels: dict[int, str] = Field(min_length=2)


class Rubric(Frozen):
    """What is judged, and how.

    Attributes:
        instructions: Who judges what.
        criteria: What is judged.
        shows: What is shown beside question and answer, where it is known: media, right answers, the plan.
        whole: Whether there is a score for having the highest level of every criterion.
    """

    instructions: str = Field(min_length=1)
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    shows: tuple[Literal["media", "gold", "plan"], ...] = ("media", "gold")
    whole: bool = False

    def share(self, name: str, level: int) -> float:
        """A level as a part of the way from the lowest to the highest."""
        levels = sorted(next(one for one in self.criteria if one.name == name).levels)
        return (level - levels[0]) / (levels[-1] - levels[0])

    def misfit(self, scores: Any) -> str:
        """Why these are not one level of each criterion; empty where they are."""
        if not isinstance(scores, dict):
            return "it gives no scores"
        for one in self.criteria:
            level = scores.get(one.name)
            if type(level) is not int or level not in one.levels:
                known = ", ".join(map(str, one.levels))
                return f"{one.name} is {str(level)[:40]!r}, and not one of {known}"
        extra = scores.keys() - {one.name for one in self.criteria}
        return f"{min(extra)[:40]!r} is no criterion" if extra else ""


class Judgement(Frozen):
    """What a judge said of one answer.

    Attributes:
        id: Id of the question.
        scores: The level of each criterion.
        again: The same, asked a second time; empty where it was not asked, or did not follow the rubric then.
        reason: The judge's own, in its words.
        unjudged: Why there are no scores; empty where there are.
    """

    id: str
    scores: dict[str, int] = Field(default_factory=dict)
    again: dict[str, int] = Field(default_factory=dict)
    reason: str = ""
    unjudged: str = ""


class PairJudgement(Frozen):
    """What a judge said of two answers to one question, shown in both orders.

    Attributes:
        id: Id of the question.
        forward: Verdict with the first answer shown first: which *answer* is better.
        backward: Verdict with the second answer shown first: which *answer* is better.
        reason: The judge's own, of the first time.
        unjudged: Why there is no verdict; empty where there is one.
    """

    id: str
    forward: Better = "tie"
    backward: Better = "tie"
    reason: str = ""
    unjudged: str = ""

    @property
    def winner(self) -> Better:
        """What both orders agree on; otherwise neither is better."""
        return self.forward if self.forward == self.backward else "tie"


def rubric_names() -> list[str]:
    """Names of the packaged rubrics."""
    folder = files("visagent_prompts") / "rubrics"
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml"))


def read_rubric(name: str) -> Rubric:
    """A packaged rubric by its name, or one of a YAML file.

    Raises:
        InputError: there is none, or it is not of this form; names the field.
    """
    import yaml

    known = rubric_names()
    file = Path(name)
    if name in known:
        text = (files("visagent_prompts") / "rubrics" / f"{name}.yaml").read_text("utf-8")
    elif not is_file(file):
        raise InputError(f"There is no rubric {name!r}.", f"{did_you_mean(name, known)} Or give a YAML file.")
    else:
        text = file.read_text("utf-8", "replace")
    try:
        return Rubric.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise InputError(
            f"The rubric {name}: {first_problem(error)}.", "See docs/evaluation.md for the form."
        ) from error
    except yaml.YAMLError as error:
        raise InputError(
            f"The rubric {name} is no YAML: {' '.join(str(error).split())}.", "Correct the file."
        ) from error


def judge_of(profile_name: str | None) -> MLLM:
    """The model of a profile that judges: its verifier, or else its observer or controller.

    Args:
        profile_name: A built-in profile's name or a YAML file; None for the machine's setting.

    Raises:
        ConfigError: the profile is unknown, or rules play all of these.
        ModelError: the model's weights cannot be fetched.
    """
    return model_of_profile(profile_name, ("verifier", "observer", "controller"), "judge")


async def judge_answer(
    model: MLLM, rubric: Rubric, answer: OpenAnswer, media: Sequence[Media], again: bool
) -> Judgement:
    """One answer, judged once or twice.

    Args:
        model: The judge; media that it cannot be shown are left out.
        rubric: The rubric to judge by.
        answer: What is judged.
        media: What the answer is about.
        again: Whether to ask a second time, to see how far the judge agrees with itself.
    """
    properties = {one.name: {"type": "integer", "enum": list(one.levels)} for one in rubric.criteria}
    scores = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    shown = _shown(rubric, answer) | {"answer": answer.answer}

    async def asked(temperature: float) -> tuple[dict[str, int], str]:
        reply = await _reply(model, rubric, shown, media, "scores", scores, temperature)
        if problem := rubric.misfit(reply["scores"]):
            raise ReplyMismatch(f"The judge does not follow the rubric: {problem}.", "Take a stronger judge.")
        return reply["scores"], reply["reason"]

    try:
        found, reason = await asked(0.0)
    except VisagentError as error:
        return Judgement(id=answer.id, unjudged=error.fact)
    second: dict[str, int] = {}
    if again:
        try:
            second, _ = await asked(AGAIN_TEMPERATURE)
        except VisagentError:
            second = {}
    return Judgement(id=answer.id, scores=found, again=second, reason=reason)


async def judge_captions(
    captions: Sequence[Caption], folder: Path, model: MLLM, *, unjudged: Callable[[str, str], None] = lambda *_: None
) -> dict[str, Estimate]:
    """The share of captions in which a judge finds nothing made up (after HaELM, arXiv 2308.15126).

    Args:
        captions: What is judged; a judge that sees is shown the picture, and any judge is given what is there, where
            that is known.
        folder: Folder of their file.
        model: The judge.
        unjudged: Called with the caption and the reason where there is no verdict.
    """
    rubric = read_rubric("hallucination")
    verdicts = []
    for one in captions:
        shown = model.capabilities.media and one.image
        answer = OpenAnswer(
            id=one.name,
            question="Describe the picture.",
            answer=one.caption,
            gold=(f"What is there: {', '.join(one.objects)}.",) if one.objects else (),
            media=(one.image,) if shown else (),
        )
        media = loaded_or_reason(answer, folder)
        found = (
            Judgement(id=one.name, unjudged=media)
            if isinstance(media, str)
            else await judge_answer(model, rubric, answer, media, again=False)
        )
        if found.unjudged:
            unjudged(one.name, found.unjudged)
        else:
            verdicts.append(float(found.scores["faithful"]))
    return {"faithful by the judge": mean(verdicts)} if verdicts else {}


async def judge_pair(
    model: MLLM, rubric: Rubric, one: OpenAnswer, other: OpenAnswer, media: Sequence[Media]
) -> PairJudgement:
    """Two answers to one question, judged in both orders.

    Args:
        model: See `judge_answer`.
        rubric: The rubric to judge by.
        one: The first answer.
        other: The second one.
        media: What they are about.
    """
    schema = {"type": "string", "enum": ["first", "second", "tie"]}

    async def asked(first: OpenAnswer, second: OpenAnswer) -> tuple[Better, str]:
        shown = _shown(rubric, one) | {"first answer": first.answer, "second answer": second.answer}
        reply = await _reply(model, rubric, shown, media, "better", schema, 0.0)
        if reply["better"] not in ("first", "second", "tie"):
            raise ReplyMismatch("The judge does not say which is better.", "Take a stronger judge.")
        return reply["better"], reply["reason"]

    swapped: dict[Better, Better] = {"first": "second", "second": "first", "tie": "tie"}
    try:
        forward, reason = await asked(one, other)
        backward, _ = await asked(other, one)
    except VisagentError as error:
        return PairJudgement(id=one.id, unjudged=error.fact)
    return PairJudgement(id=one.id, forward=forward, backward=swapped[backward], reason=reason)


def _shown(rubric: Rubric, answer: OpenAnswer) -> dict[str, Any]:
    known = {"gold": ("right answers", list(answer.gold)), "plan": ("plan", answer.plan)}
    return {"question": answer.question} | {
        title: value for key, (title, value) in known.items() if key in rubric.shows and value
    }


async def _reply(
    model: MLLM,
    rubric: Rubric,
    shown: Mapping[str, Any],
    media: Sequence[Media],
    field: str,
    schema: dict[str, Any],
    temperature: float,
) -> dict[str, Any]:
    """What the judge replies: `reason` and the field.

    Raises:
        ModelError: the model failed, or its reply is no such object.
    """
    system = (
        environment("visagent_prompts", "rubrics")
        .get_template("judge.j2")
        .render(instructions=rubric.instructions.strip(), criteria=rubric.criteria, pair=field == "better")
    )
    parts: list[Part] = [m for m in media if "media" in rubric.shows and m.kind in model.capabilities.media]
    parts.append(json.dumps(shown, ensure_ascii=False, indent=1))
    whole = {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 500}, field: schema},
        "required": ["reason", field],
    }
    messages = [Message("system", system.strip()), Message("user", tuple(parts))]
    reply = await model.chat(messages, schema=whole, max_tokens=400, temperature=temperature)
    try:
        found = read_json(reply.text)
    except ValueError as error:
        why = "its reply was cut short" if reply.truncated else f"its reply is no JSON: {error}"
        raise ReplyMismatch(
            f"The judge does not follow the rubric: {why}.", "Take a stronger judge.", reply.text
        ) from error
    if not isinstance(found, dict) or field not in found:
        raise ReplyMismatch(
            f"The judge does not follow the rubric: no {field!r}.", "Take a stronger judge.", reply.text
        )
    return {"reason": str(found.get("reason", ""))[:500], field: found[field]}


async def in_turn(work: Sequence[Callable[[], Awaitable[_Done]]], workers: int, done: Callable[[_Done], None]) -> None:
    """Do pieces of work, so many at once, and report each as it is done.

    Args:
        work: What to do.
        workers: Number of calls at once.
        done: Called with each outcome.
    """
    waiting = iter(work)

    async def go_on() -> None:
        for one in waiting:
            done(await one())

    await asyncio.gather(*(go_on() for _ in range(workers)))
