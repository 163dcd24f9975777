"""What the commands print: text by any author, without what would control a terminal."""

from __future__ import annotations

from typing import Any

import typer

from visagent.core.terminal import printable, printable_json


def say(text: object = "", *, err: bool = False, **style: Any) -> None:
    """Print a text.

    Args:
        text: What to print.
        err: Whether to the error stream.
        **style: Style as for `typer.secho`.
    """
    typer.secho(printable(str(text)), err=err, **style)


def say_json(text: str) -> None:
    """Print JSON; what would steer a terminal stands as an escape, so that a program reads the same."""
    typer.echo(printable_json(text))
