"""Media of a command line: `-` is what is piped in, and pictures over the limit may be read scaled down."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, BinaryIO

import typer

from visagent.core.errors import QuestionError

PIPED = "-"
ShrinkOption = Annotated[
    bool,
    typer.Option("--shrink", help="Read pictures of more than 64 megapixels scaled down, instead of refusing them."),
]


def open_media(names: Sequence[str]) -> list[str | BinaryIO]:
    """Files as they are named, with standard input for `-`.

    Raises:
        QuestionError: `-` stands there twice, or nothing is piped in.
    """
    if names.count(PIPED) > 1:
        raise QuestionError("- stands for standard input, which can be read once.", "Name the other files.")
    if PIPED in names and sys.stdin.isatty():
        raise QuestionError(
            "- stands for standard input, and nothing is piped into it.",
            'For example: visagent ask - "What is it?" < photo.jpg',
        )
    return [sys.stdin.buffer if name == PIPED else name for name in names]
