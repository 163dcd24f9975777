"""`visagent runs`: what is kept, listed or removed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from visagent.core.errors import ConfigError, VisagentError
from visagent_apps.common import JsonOption
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from visagent.agent.runs import RunRecord

app = typer.Typer(help="The runs that are kept.")

TABLE_WIDTH = 80
"""Columns of a terminal from which on questions and answers stand side by side."""
ANSWER_SHOWN = 120
"""Characters of an answer that the list of runs shows."""


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Runs to list.")] = 20,
    delete: Annotated[
        str | None, typer.Option(help="Remove this run, and the media and evidence that no other run needs.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List runs, newest first. Their short ids, and `last`, are understood wherever a run is named."""
    if context.invoked_subcommand is not None:
        return
    from itertools import islice

    from visagent.agent.retention import forget_runs
    from visagent.agent.runs import RunStore
    from visagent.core.config_files import home
    from visagent.core.terminal import terminal
    from visagent_apps.run_names import find_run

    store = RunStore(home() / "runs")
    if delete is not None:
        forget_runs(home(), [find_run(store, delete)])
        return
    problems: list[VisagentError] = []
    records = list(islice(store.list(problems.append), min(limit, sys.maxsize)))
    for problem in problems:
        typer.secho(f"Left out: {problem}", fg="yellow", err=True)
    if json:
        for record in records:
            say_json(record.model_dump_json())
        return
    if not records:
        say('No runs yet. Try: visagent ask photo.jpg "What is in the picture?"')
        return
    console = terminal()
    console.print(_table(records) if console.width >= TABLE_WIDTH else _lines(records))


@app.command("prune")
def prune_runs(
    keep_days: Annotated[float | None, typer.Option(min=0, help="Runs older than so many days go.")] = None,
    max_gb: Annotated[float | None, typer.Option(min=0, help="The oldest go until the rest takes so much.")] = None,
) -> None:
    """Remove old runs, with the media and evidence that no other run needs."""
    from visagent.agent.retention import prune
    from visagent.core.config_files import home

    if keep_days is None and max_gb is None:
        raise ConfigError("Nothing says which runs go.", "Give --keep-days, --max-gb, or both.")
    limit = None if max_gb is None else max_gb * 1e9
    gone = prune(home(), keep_days=keep_days, max_bytes=limit)
    say(f"{len(gone)} {'run' if len(gone) == 1 else 'runs'} removed.")


def _table(records: list[RunRecord]) -> RenderableType:
    from rich.table import Table

    table = Table("run", "status", "media", "question", "answer")
    # An id that is cut off cannot be passed to `visagent resume`.
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        # Chinese has no spaces to break a line at, and would be cut off.
        column.overflow = "fold"
    for record in records:
        table.add_row(*_cells(record))
    return table


def _lines(records: list[RunRecord]) -> RenderableType:
    """Runs below each other, for a terminal in which columns would leave no question whole."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    shown: list[RenderableType] = []
    for record in records:
        run, status, media, question, answer = _cells(record)
        shown.append(Text("  ").join([Text(run.plain, style="bold"), status, media]))
        shown += [Padding(text, (0, 0, 0, 2)) for text in (question, answer) if text.plain]
    return Group(*shown)


def _cells(record: RunRecord) -> list[Text]:
    from rich.text import Text

    from visagent_apps.run_names import short_id

    names = ", ".join(info.name for info in record.media.values())
    # A list is to find a run again by: the whole answer stands in the run.
    answer = record.answer.text if record.answer else ""
    answer = answer if len(answer) <= ANSWER_SHOWN else f"{answer[: ANSWER_SHOWN - 1].rstrip()}…"
    # As text: a citation such as [q1] is no markup, and neither is what a person wrote.
    return [Text(one) for one in (short_id(record.id), record.status, names, record.question, answer)]
