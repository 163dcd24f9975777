"""Runs a benchmark: every item is predicted, every prediction saved, and all are scored. Knows no benchmark itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from pydantic import Field

from visagent.evaluation.benchmark import Benchmark, Source
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.registry import make_predictor
from visagent.evidence.values import Frozen

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of predictions that were made, and the number of all."""


class Scores(Frozen):
    """What an evaluation found.

    Attributes:
        benchmark: Its name.
        predictor: What predicted.
        items: How many were asked.
        scores: Scores by metric.
        seconds: Wall-clock time of all predictions.
    """

    benchmark: str
    predictor: str
    items: int
    scores: dict[str, Estimate]
    seconds: float = Field(ge=0)


async def evaluate(
    benchmark: Benchmark,
    source: Source,
    *,
    predictor: str | None = None,
    limit: int | None = None,
    save: Path | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Predict, save every prediction, and score.

    Args:
        benchmark: The benchmark that has the items and the metrics.
        source: Where the items are.
        predictor: One of `predictor_names`; None for the benchmark's default.
        limit: The first so many items; None for all.
        save: A file that gets one JSON line a prediction, each written as soon as it is made.
        progress: Called after each prediction.

    Raises:
        InputError: the data cannot be used, the predictor is unknown, or there is nothing to score.
    """
    name = predictor or benchmark.predictors[0]
    items = benchmark.load(source.path)
    predict = make_predictor(benchmark, name, source, items)
    asked = items[:limit] if limit is not None else items
    predictions = []
    started = time.perf_counter()
    file = save.open("w", encoding="utf-8") if save is not None else None
    try:
        for number, item in enumerate(asked, start=1):
            began = time.perf_counter()
            prediction = await predict(item)
            predictions.append(prediction)
            if file is not None:
                seconds = round(time.perf_counter() - began, 4)
                line = {"id": item.id, "prediction": prediction.model_dump(mode="json"), "seconds": seconds}
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
            if progress is not None:
                progress(number, len(asked))
    finally:
        if file is not None:
            file.close()
    seconds = time.perf_counter() - started
    scores = benchmark.score(asked, predictions, source)
    return Scores(benchmark=benchmark.name, predictor=name, items=len(asked), scores=dict(scores), seconds=seconds)
