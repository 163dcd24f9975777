"""`-` among the media of a command line: what is piped in."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import BinaryIO

from visagent.core.errors import QuestionError

PIPED = "-"


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
