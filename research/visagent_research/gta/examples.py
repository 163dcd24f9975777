"""GTA's gold chains as a source of training examples: `kind: gta` of a mix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from visagent.evaluation.benchmark import data_file, read_lines
from visagent.tools.toolkit import MediaKind, Parameter, ToolSpec
from visagent_research.gta.items import GtaItem, GtaTool, load_gta_tools
from visagent_research.gta.planner import gta_messages, gta_schema, gta_target
from visagent_research.gta.states import LikelySteps, plausible
from visagent_training.data_source import Drawing, Drawn, ExampleSource
from visagent_training.examples import TrainingExample, TurnRecord

_GTA_LITERALS: dict[str, dict[str, JsonValue]] = {
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "text": {"type": "string"},
}
_GTA_IMAGE: tuple[MediaKind, ...] = ("image",)


class Gta(ExampleSource):
    """GTA's gold chains, step by step, the tool list beside them."""

    kind: Literal["gta"]
    path: Path

    def draw(self, drawing: Drawing) -> Iterator[Drawn]:
        """See `ExampleSource.draw`."""
        file = data_file(drawing.path(self.path))
        return gta_examples(read_lines(file, GtaItem), load_gta_tools(file))


def gta_spec(tool: GtaTool) -> ToolSpec:
    """A tool of GTA as one that a plan could be checked against."""
    parameters = tuple(
        Parameter(
            name=given.name,
            required=not given.optional,
            media=_GTA_IMAGE if given.type == "image" else (),
            literal=_GTA_LITERALS.get(given.type, _GTA_LITERALS["text"]) if given.type != "image" else None,
        )
        for given in tool.inputs
    )
    return ToolSpec(name=tool.name, purpose=tool.description, parameters=parameters, result=("text",))


def gta_examples(
    items: Sequence[GtaItem], tools: Sequence[GtaTool], known: Sequence[GtaItem] | None = None
) -> Iterator[TrainingExample]:
    """One example a gold step: the question, the steps before it and the likely ones in the prompt, all tools offered.

    Args:
        items: The requests.
        tools: All tools.
        known: Other requests that say which steps are likely, and hold the reply to them; None for these ones, each
            without itself, which hold it to nothing, since the gold step may be an unlikely one.
    """
    habits = LikelySteps(items if known is None else known)
    for item in items:
        for place, step in enumerate(item.gold):
            likely = habits.likely(item, place)
            turns = gta_messages(tools, item, place, likely)
            yield TrainingExample(
                id=f"gta/{item.id}/{place}",
                source="gta",
                question=item.question,
                messages=tuple(TurnRecord.model_validate(turn) for turn in turns),
                tools=tuple(gta_spec(tool) for tool in tools),
                schema=gta_schema(tools, item.files, () if known is None else plausible(likely)),
                target=gta_target(step),
            )
