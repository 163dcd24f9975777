"""`visagent eval`: run a benchmark, show its scores, save every prediction."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from visagent.core.terminal import terminal
from visagent.evaluation.benchmark import Source
from visagent.evaluation.evaluate import Scores, evaluate
from visagent.evaluation.registry import find_benchmark


def run_benchmark(
    name: str,
    data: Path,
    *,
    predictor: str | None = None,
    train: Path | None = None,
    limit: int | None = None,
    save: Path | None = None,
    profile: str | None = None,
) -> Scores:
    """Run a benchmark and print its scores as a table.

    Args:
        name: Of the benchmark.
        data: Its file or folder.
        predictor: What predicts; None for the benchmark's first.
        train: What baselines learn from, where it is not beside the data.
        limit: The first so many items.
        save: A file for the predictions, one JSON line each.
        profile: Whose models answer.

    Raises:
        InputError: the benchmark, predictor or data cannot be used.
        ModelError: a model cannot be loaded.
    """
    benchmark = find_benchmark(name)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        scores = asyncio.run(
            evaluate(
                benchmark,
                Source(data, train, profile),
                predictor=predictor,
                limit=limit,
                save=save,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        )
    show(scores)
    return scores


def show(scores: Scores) -> None:
    """Print scores as a table: per cent, with 95 % intervals."""
    title = f"{scores.benchmark}, {scores.predictor}: {scores.items} items in {scores.seconds:.1f} s"
    table = Table("metric", "score", "95 % interval", "of", title=title)
    for metric, found in scores.scores.items():
        interval = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
        table.add_row(metric, f"{100 * found.value:.1f}", interval, str(found.count))
    terminal().print(table)
