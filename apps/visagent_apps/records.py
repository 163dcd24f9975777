"""Folders in which a command keeps what it found, a JSON line each, so that it goes on where it was interrupted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visagent.core.errors import InputError
from visagent.core.files import write_whole
from visagent.evaluation.run_folder import Line, lines_so_far

SETTINGS = "settings.json"
"""What was asked of whom."""


def open_record(out: Path, name: str, settings: Mapping[str, Any], line: type[Line]) -> list[Line]:
    """The lines that a folder holds already; a last one that was cut short is dropped.

    Args:
        out: The folder; it is made where it is not there.
        name: Name of the file of lines.
        settings: What is asked of whom: all of it is the same for every line.
        line: What a line is.

    Raises:
        InputError: the folder holds lines made with other settings, or one that cannot be read; names it.
    """
    wanted = json.loads(json.dumps(settings))
    if not (out / SETTINGS).is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / SETTINGS, json.dumps(wanted, ensure_ascii=False, indent=1) + "\n")
    else:
        known = json.loads((out / SETTINGS).read_text("utf-8"))
        if other := sorted(key for key in {*known, *wanted} if known.get(key) != wanted.get(key)):
            raise InputError(
                f"{out} holds a record with other {', '.join(other)}.",
                "Give another folder with --out, or the options of that record to continue it.",
            )
    return lines_so_far(out / name, line, "Delete that line: it is made again.")
