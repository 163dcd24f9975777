"""Answers that a judge or a person is to rate, from any source. Knows no judge and no agent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import AliasChoices, Field

from visagent.core.errors import InputError, VisagentError
from visagent.evaluation.agent_benchmark import AGENT
from visagent.evaluation.agent_items import Attempt
from visagent.evaluation.benchmark import read_lines
from visagent.evaluation.questions import load_medium
from visagent.evaluation.run_folder import INFO, read_run
from visagent.evidence.answer import Answer
from visagent.evidence.record import Frozen
from visagent.media.media import Media


class OpenAnswer(Frozen, extra="ignore"):
    """An answer to a question.

    Attributes:
        id: Id of the question.
        question: Question as it was asked.
        answer: Answer in words; `text` in a file is the same.
        gold: Right answers, where they are known.
        media: What it is about: paths, or as `visagent.evaluation.questions` names them.
        category: Part of the set that it belongs to: an ability, for example.
        plan: The steps that led to it with what they found, where that is known.
        right: How right another scorer found it, from 0 to 1; None where none did.
    """

    id: str = Field(min_length=1)
    question: str
    answer: str = Field(validation_alias=AliasChoices("answer", "text"))
    gold: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    category: str = ""
    plan: str = ""
    right: float | None = Field(default=None, ge=0, le=1)

    def load(self, folder: Path, roots: Mapping[str, Path] | None = None) -> list[Media]:
        """Its media.

        Raises:
            VisagentError: one of them cannot be used.
        """
        return [load_medium(source, folder, roots) for source in self.media]


def read_open_answers(source: Path, variant: str = AGENT) -> tuple[list[OpenAnswer], dict[str, str]]:
    """The answers of a file or an evaluation, and by id what cannot be rated, with the reason.

    Args:
        source: JSON lines with `id`, `question` and `answer`, or the folder of an evaluation.
        variant: Variant of an evaluation: `agent`, `direct`, `tree`, or `without TOOL`.

    Raises:
        InputError: it cannot be read, names the line; or there is nothing to rate.
    """
    if (source / INFO).is_file():
        rows = [_of_attempt(one) for one in read_run(source).of(variant).values()]
    else:
        rows = read_lines(source, OpenAnswer)
    found: dict[str, OpenAnswer] = {}
    left_out: dict[str, str] = {}
    for row in rows:
        if row.id in found:
            left_out[row.id] = "the id stands twice; the first one is rated"
        elif not row.answer.strip():
            left_out[row.id] = "it has no answer"
        else:
            found[row.id] = row
    if not found:
        raise InputError(f"{source} holds no answer to rate.", "Give answers as JSON lines, or an evaluation's folder.")
    return list(found.values()), left_out


def _of_attempt(attempt: Attempt) -> OpenAnswer:
    plan = ""
    if attempt.answer is not None:
        answer = Answer.model_validate(attempt.answer)
        plan = answer.tree.to_text(answer.evidence) if answer.tree.nodes else ""
    return OpenAnswer(
        id=attempt.id,
        question=attempt.question,
        answer=attempt.text or attempt.error,
        gold=attempt.gold,
        media=attempt.media,
        category=attempt.category,
        plan=plan,
        right=attempt.score,
    )


def loaded_or_reason(answer: OpenAnswer, folder: Path, roots: Mapping[str, Path] | None = None) -> list[Media] | str:
    """An answer's media, or why they cannot be had."""
    try:
        return answer.load(folder, roots)
    except VisagentError as error:
        return str(error)
