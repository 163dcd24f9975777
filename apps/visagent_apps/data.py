"""`visagent data`: training examples from runs, questions, tools and the data of others; looked at and checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visagent_apps.common import import_path
from visagent_apps.terminal import say

if TYPE_CHECKING:
    from visagent.tools.toolkit import Toolkit

app = typer.Typer(help="Training examples: build them from a mix of sources, show them, check them.")


@app.command()
def build(
    config: Annotated[Path, typer.Argument(help="A YAML mix of sources; see docs/training.md.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the splits; by default one named like the mix.")] = None,
) -> None:
    """Draw, de-duplicate and split examples; says what was refused, with line and reason."""
    from rich.table import Table

    from visagent.core.terminal import terminal
    from visagent_training.build import build as build_examples
    from visagent_training.build import read_mix
    from visagent_training.examples import SPLITS

    mix = read_mix(config)
    tools, own = toolkit_of(mix.profile, mix.tools, config.parent)
    folder = out or config.with_suffix("")
    console = terminal()
    with console.status("") as status:
        report = build_examples(
            mix, tools, own, folder, config.parent, on_source=lambda kind: status.update(f"drawing {kind}")
        )
    table = Table("source", *SPLITS, "refused", title=str(folder))
    for source in report.sources:
        counts = (str(source.examples[split]) for split in SPLITS)
        table.add_row(source.kind, *counts, str(sum(source.refused.values())))
    console.print(table)
    console.print(
        f"{report.doubles} doubles left out, {report.near_held_out} training rows left out because a held-out question "
        "is nearly the same.",
        highlight=False,
    )
    for source in report.sources:
        for line in source.lines:
            say(f"refused: {line}", fg="yellow", err=True)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="A folder of examples, or one file.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    limit: Annotated[int, typer.Option(min=1, help="The first so many.")] = 10,
    source: Annotated[str | None, typer.Option(help="Of this source alone.")] = None,
    prompt: Annotated[bool, typer.Option("--prompt", help="Print whole prompts.")] = False,
) -> None:
    """Show examples as a person reads them: question and plan, or the whole prompt."""
    from itertools import islice

    from visagent_training.examples import read_examples

    file = folder if folder.is_file() else folder / f"{split}.jsonl"
    rows = (row for row in read_examples(file) if source is None or row.source == source)
    for row in islice(rows, min(limit, sys.maxsize)):
        say(f"{row.id}  ({', '.join(row.media) or 'no media'}, weight {row.weight:g})", dim=True)
        for turn in row.messages if prompt else ():
            say(f"[{turn.role}]\n{turn.content}")
        say(row.question)
        say(f"  {row.target}", fg="cyan")


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="A folder of examples, or one file.")]) -> None:
    """Check every row and that no held-out question can be memorised; exits with 2 where something is wrong."""
    from visagent_training.build import check as check_examples

    counts, findings = check_examples(folder)
    for file, count in counts.items():
        say(f"{file}: {count} sound examples")
    for found in findings:
        where = f"{found.file}, line {found.line}" if found.line is not None else found.file
        say(f"{where}: {found.reason}", fg="red", err=True)
    if findings:
        raise SystemExit(2)
    say("Nothing is wrong, and no question of a split gives away one of another.")


def toolkit_of(profile: str, paths: tuple[str, ...], base: Path) -> tuple[Toolkit, list[str]]:
    """The installed tools without those that a profile hides, then a person's own, whose names come second.

    Args:
        profile: A profile's name or file.
        paths: `package.module:name`, or `file.py:name` relative to the base.
        base: Folder of the file that names them.
    """
    from visagent.core.settings import load_profile
    from visagent.tools.toolkit import Toolkit

    installed = Toolkit.installed().without(load_profile(profile).unplanned_tools)
    tools = Toolkit(installed.values())
    for path in paths:
        local = str(base / path) if path.partition(":")[0].endswith(".py") else path
        tools.add(import_path(local))
    return tools, [name for name in tools if name not in installed]
