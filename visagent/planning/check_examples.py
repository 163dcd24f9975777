"""How first looks are checked, by example: what a planner of checks is shown, the most alike to its question.

They carry no pictures: what matters is which step follows from which wish, and pictures of other questions mislead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import Field, JsonValue

from visagent.evidence.values import Frozen
from visagent.media.media import MediaInfo
from visagent.planning.embedding import Matrix, NgramEmbedder
from visagent.tools.toolkit import Tool

SHOWN = 2
"""Examples that a prompt holds at most."""
FLOOR = 0.15
"""Likeness of the questions below which an example is left out: it would show an unlike case."""


class CheckExample(Frozen):
    """A first look, and the steps that check it.

    Attributes:
        question: Question as a person put it.
        media: Names of its media, such as `image1`.
        answer: The first answer.
        checks: What the look wanted checked.
        regions: Name of the picture, box in pixels, and label of each region that it named.
        plan: The steps.
    """

    question: str
    media: tuple[str, ...]
    answer: str
    checks: tuple[str, ...]
    regions: tuple[tuple[str, Annotated[tuple[int, ...], Field(min_length=4, max_length=4)], str], ...] = ()
    plan: tuple[dict[str, JsonValue], ...]

    @property
    def tools(self) -> set[str]:
        """Names of the tools that its plan calls."""
        return {str(step["tool"]) for step in self.plan}


def check_examples(language: str) -> Sequence[CheckExample]:
    """All packaged examples of a language, `en` or `zh`."""
    return _read(language)[0]


def most_similar(
    question: str, media: Mapping[str, MediaInfo], tools: Mapping[str, Tool], language: str
) -> list[CheckExample]:
    """The examples most like a question, the most alike last; those whose tools or media are missing are left out.

    Args:
        question: Question as the person put it.
        media: Media by the names that plans use.
        tools: What a plan may call.
        language: Language of the examples, `en` or `zh`.
    """
    examples, embed, known = _read(language)
    likeness = known @ embed([question])[0]
    fitting = [
        place
        for place, one in enumerate(examples)
        if likeness[place] >= FLOOR and one.tools <= tools.keys() and set(one.media) <= media.keys()
    ]
    best = sorted(fitting, key=lambda place: float(likeness[place]))[-SHOWN:]
    return [examples[place] for place in best]


@cache
def _read(language: str) -> tuple[Sequence[CheckExample], NgramEmbedder, Matrix]:
    """A language's examples, read and embedded once in a process."""
    text = (files("visagent_prompts") / "checks" / f"{language}.yaml").read_text("utf-8")
    examples = [CheckExample.model_validate(row) for row in yaml.safe_load(text)]
    questions = [one.question for one in examples]
    embed = NgramEmbedder(questions)
    return examples, embed, embed(questions)
