"""GTA's requests and tools as its files have them. Knows no model."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import shorten
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from visagent.core.errors import InputError
from visagent.evaluation.benchmark import beside
from visagent_research.metrics import GtaStep

ANSWER = "answer"
"""Stands for the final answer among the names of tools."""
DESCRIPTION_LIMIT = 160
"""Characters of a tool's description."""


class _Step(BaseModel):
    action: str
    args: dict[str, JsonValue] = {}
    response: str | None = ""
    args_status: Literal["ok", "salvaged"] = "ok"


class GtaItem(BaseModel):
    """A request with its gold chain, as a line of the file has it; other fields are ignored."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)
    id: str
    question: str
    files: tuple[str, ...] = ()
    multi_image: bool = False
    steps: tuple[_Step, ...]
    answer: str | None = None

    @property
    def gold(self) -> list[GtaStep]:
        """The gold calls, then the answer where it is a text."""
        skip = ("image",) if self.multi_image else ()
        calls = [
            GtaStep(kind="tool", tool=step.action, arguments=step.args, loose=step.args_status == "salvaged", skip=skip)
            for step in self.steps
        ]
        return calls if self.answer is None else [*calls, GtaStep(kind="answer", answer=self.answer)]


class GtaTool(BaseModel):
    """One tool of `tools.json`; other fields are ignored."""

    class Input(BaseModel):
        """One argument."""

        name: str
        type: str
        optional: bool = False

    name: str
    description: str
    inputs: tuple[Input, ...]

    def signature(self) -> str:
        """As a planner is shown it: one line, without the example code that some descriptions end with."""
        shown = ", ".join(f"{given.name}{'?' if given.optional else ''}: {given.type}" for given in self.inputs)
        about = shorten(self.description.partition("\n")[0], DESCRIPTION_LIMIT, placeholder=" ...")
        return f"{self.name}({shown}): {about}"


def load_gta_tools(path: Path) -> list[GtaTool]:
    """The tools of `tools.json` beside the items, in its order.

    Raises:
        InputError: it is missing or not in the format.
    """
    file = beside(path, "tools.json")
    try:
        return [GtaTool.model_validate(entry) for entry in json.loads(file.read_text("utf-8")).values()]
    except (json.JSONDecodeError, AttributeError, ValidationError) as error:
        raise InputError(f"{file.name} holds no tools: {error}.", "See docs/evaluation.md for the format.") from error
