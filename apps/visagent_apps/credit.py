"""`visagent credit`: what each tool is worth on a set of questions. Shows; the library asks and judges."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visagent_apps.counterfactual import named_folder
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from visagent.evaluation.credit import CreditReport, Prediction


def credit(
    questions: Annotated[Path, typer.Argument(help="A YAML file of questions with checks of their answers.")],
    folder: Annotated[
        list[str] | None, typer.Option("--folder", help="NAME=PATH: where media called NAME:... lie; repeatable.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="A built-in profile's name, or a YAML file.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many questions.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Save every prediction here, one JSON line each.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Ask questions with each tool masked in turn, and say what each tool is worth."""
    import asyncio
    import tempfile

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from visagent.agent.agent import Agent
    from visagent.core.terminal import terminal
    from visagent.evaluation.credit import credit as ask_all
    from visagent.evaluation.questions import load_medium, load_questions

    roots = dict(named_folder(text) for text in folder or ())
    found = load_questions(questions)[:limit]
    items = [(one, [load_medium(source, questions.parent, roots) for source in one.media]) for one in found]
    with ExitStack() as stack:
        # Evidence of earlier runs would hide what tools cost, and hundreds of runs would bury the person's own.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="visagent-credit-")))
        file = stack.enter_context(predictions.open("w", encoding="utf-8")) if predictions else None
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = stack.enter_context(Progress(*columns, console=terminal(stderr=True), transient=True))
        task = bar.add_task("asking", total=len(items))

        def told(prediction: Prediction, made: int, total: int) -> None:
            bar.update(task, completed=made, total=total, description=prediction.masked or "all tools")
            if file is not None:
                file.write(prediction.model_dump_json() + "\n")
                file.flush()

        report = asyncio.run(ask_all(Agent(profile, home=home), items, told=told))
    if json:
        say_json(report.model_dump_json(indent=1))
    else:
        show(report)


def show(report: CreditReport) -> None:
    """Print a report as a Markdown table, shares in per cent with 95 % intervals."""
    say(f"{report.questions} questions; right with all tools: {report.right}.")
    alone = report.right_without_tools
    say(f"Right without tools: {alone}." if alone else f"Without tools: not available. {report.why_not}")
    say("\n| tool | questions | solved only with it | solved anyway | harmed by it | calls | seconds |")
    say("|---|---|---|---|---|---|---|")
    for one in report.tools:
        shares = (
            f"{100 * share.value:.0f} ({100 * share.low:.0f} to {100 * share.high:.0f})"
            for share in (one.only_with, one.anyway, one.harmed)
        )
        say(f"| `{one.tool}` | {one.questions} | {' | '.join(shares)} | {one.calls} | {one.seconds:.1f} |")
