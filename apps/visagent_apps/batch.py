"""`visagent batch`: answer a file of questions, with a progress bar, and say what became of them."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from visagent.agent.batch import Engine, Report, answer_here, run_batch
from visagent.core.terminal import terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from visagent.agent.agent import Agent

BAD_LINES_SHOWN = 20


def batch(
    source: Path,
    target: Path,
    make_agent: Callable[[], Agent],
    *,
    engine: Literal["local", "ray"] = "local",
    workers: int = 4,
    actors: int = 2,
    retry_errors: bool = False,
) -> NoReturn:
    """Answer a file of questions, and exit: with 0 if every question was asked, else with 1, and 2 for bad lines.

    Args:
        source: Questions.
        target: Answers.
        make_agent: Makes who is asked; each Ray actor makes its own.
        engine: `local`: in this process; `ray`: on the Ray cluster, or a Ray of this machine where there is none.
        workers: Questions at once, with Ray of each actor.
        actors: Ray actors.
        retry_errors: Whether to ask again where the row is an error.

    Raises:
        InputError: a file cannot be used.
        ModelError: a model cannot be loaded.
    """
    console = terminal(stderr=True)
    # Made here for Ray too: a profile or tool that cannot be used is one error, and not one of each actor.
    agent = make_agent()
    answer: Engine = partial(answer_here, agent, workers=workers)
    if engine == "ray":
        from visagent.integrations.ray import answer_with_ray

        answer = partial(answer_with_ray, make_agent, actors=actors, workers=workers)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left:"), TimeRemainingColumn(elapsed_when_finished=False),
    )  # fmt: skip
    # Questions take seconds: the time left is estimated from the last ten minutes.
    bar = Progress(
        *columns, console=console, transient=True, speed_estimate_period=600, disable=not console.is_terminal
    )
    task = bar.add_task(source.name, total=None)

    def progress(done: int, total: int) -> None:
        if bar.tasks[0].total is None:
            # Rows that were there before say nothing about the speed.
            bar.reset(task, total=total, completed=done)
        else:
            bar.update(task, completed=done)

    try:
        with bar:
            report = asyncio.run(run_batch(source, target, answer, retry_errors=retry_errors, progress=progress))
    except KeyboardInterrupt:
        console.print(f"Stopped. The same line goes on where this one stopped: {target} is kept.")
        raise SystemExit(130) from None
    show(report, source, target, console)
    raise SystemExit(2 if report.bad_lines else 1 if report.failed else 0)


def show(report: Report, source: Path, target: Path, console: Console) -> None:
    """Print what became of a batch."""
    for bad in islice(report.bad_lines, BAD_LINES_SHOWN):
        console.print(f"{source.name}, line {bad.number}: {bad.reason}", style="red")
    if (more := len(report.bad_lines) - BAD_LINES_SHOWN) > 0:
        console.print(f"and {more:,} more lines that cannot be read", style="red")
    parts = [
        f"{report.answered:,} answered",
        f"{report.unanswered:,} without an answer",
        f"{report.failed:,} failed",
    ]
    if report.before:
        parts.append(f"{report.before:,} were there already")
    console.print(f"{target}: {', '.join(parts)}.", soft_wrap=True)
    if report.failed:
        console.print("Why is in the rows' error; --retry-errors asks those again.")
