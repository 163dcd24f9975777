"""How GTA's next steps are predicted: by a planner, by linear models of words and calls, or by the most similar state.

Without a file to learn from, the other folds are known, five by request, so that no request helps itself. `linear` and
`demonstrations` are registered in the entry-point group `visagent.predictors`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue

from visagent.evaluation.benchmark import Predictor, Source, data_file, read_lines
from visagent.evidence.values import Frozen
from visagent_research.gta.items import ANSWER, GtaItem, load_gta_tools
from visagent_research.gta.planner import GtaPlanner
from visagent_research.gta.states import GtaMemory, LikelySteps, gta_splits
from visagent_research.metrics import GtaStep

T = TypeVar("T")

SHOWN = 3
"""States of other requests that are shown as demonstrations, each with the step that followed."""


class GtaPrediction(Frozen):
    """One predicted step for each gold step, in order."""

    steps: tuple[GtaStep, ...]


def load_items(path: Path) -> list[GtaItem]:
    """The requests of a file, or of `dev.jsonl` in a folder.

    Raises:
        InputError: the file is missing, or a line of it is not in the format; names the line.
    """
    return read_lines(data_file(path), GtaItem)


def planned(source: Source, items: Sequence[GtaItem]) -> Predictor:
    """Asks the profile's controller model, held to what is likely to follow by `source.train` if that is given."""
    known = _known(source)
    return _asked(source, LikelySteps(known) if known else None, {})


def demonstrations(source: Source, items: Sequence[GtaItem]) -> Predictor:
    """Asks the model as it comes, after the most similar states of other requests with the steps that followed."""
    return _asked(source, None, _for_each(_known(source), items, GtaMemory))


def linear(source: Source, items: Sequence[GtaItem]) -> Predictor:
    """Takes the likeliest step by a linear classifier of words and calls so far, without arguments."""
    return likeliest_step(_for_each(_known(source), items, LikelySteps))


def nearest(source: Source, items: Sequence[GtaItem]) -> Predictor:
    """Takes the step that followed in the most similar state, without arguments."""
    return nearest_step(_for_each(_known(source), items, GtaMemory))


def _known(source: Source) -> list[GtaItem] | None:
    return load_items(source.train) if source.train is not None else None


def _asked(source: Source, habits: LikelySteps | None, memories: Mapping[str, GtaMemory]) -> Predictor:
    planner = GtaPlanner(source.planner(), load_gta_tools(source.path))

    async def predict(item: GtaItem) -> GtaPrediction:
        steps = []
        for place in range(len(item.gold)):
            shown = memories[item.id].nearest(item, place)[:SHOWN] if memories else []
            steps.append(await planner.step(item, place, habits, shown))
        return GtaPrediction(steps=tuple(steps))

    return predict


def _for_each(
    known: Sequence[GtaItem] | None, items: Sequence[GtaItem], learn: Callable[[Sequence[GtaItem]], T]
) -> dict[str, T]:
    """For each request what is learned from the known requests, or from other folds where none are given."""
    if known is not None:
        return dict.fromkeys((item.id for item in items), learn(known))
    found: dict[str, T] = {}
    for others, fold in gta_splits(items):
        found |= dict.fromkeys((item.id for item in fold), learn(others))
    return found


def nearest_step(memories: Mapping[str, GtaMemory]) -> Predictor:
    """Predicts the step that followed in the most similar state.

    Args:
        memories: What is known when a request is judged, by its id.
    """

    async def predict(item: GtaItem) -> GtaPrediction:
        found = [memories[item.id].nearest(item, place)[:1] for place in range(len(item.gold))]
        return GtaPrediction(
            steps=tuple(_bare(near[0].step, item) if near else GtaStep(kind="error") for near in found)
        )

    return predict


def likeliest_step(habits: Mapping[str, LikelySteps]) -> Predictor:
    """Predicts the step that is likeliest to follow.

    Args:
        habits: What was learned when a request is judged, by its id.
    """

    async def predict(item: GtaItem) -> GtaPrediction:
        names = [next(iter(habits[item.id].likely(item, place))) for place in range(len(item.gold))]
        steps = (GtaStep(kind="answer") if name == ANSWER else GtaStep(kind="tool", tool=name) for name in names)
        return GtaPrediction(steps=tuple(steps))

    return predict


def _bare(step: GtaStep, item: GtaItem) -> GtaStep:
    """The same kind of step for another request: arguments and answers do not carry over, its image does."""
    arguments: dict[str, JsonValue] = {}
    if "image" in step.arguments and item.files:
        arguments["image"] = item.files[0]
    return GtaStep(kind=step.kind, tool=step.tool, arguments=arguments)
