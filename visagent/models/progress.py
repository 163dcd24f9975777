"""How far a download is: a bar on a terminal, now and then a line elsewhere. Knows nothing of what is fetched."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_SECONDS = 5.0
"""Seconds between two lines about one download, where there is no terminal."""


@contextmanager
def progress_bar(show: bool) -> Iterator[Progress]:
    """A progress display on standard error: a bar that leaves nothing behind, or lines where that is no terminal.

    Args:
        show: Whether it is wanted at all.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    if show and not sys.stderr.isatty():
        with _lines() as progress:
            yield progress
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not show) as progress:
        yield progress


def _lines() -> Progress:
    from typing import Any

    from rich.progress import Progress, TaskID

    class Lines(Progress):
        """Prints a line when a task begins, and then every few seconds."""

        def __init__(self) -> None:
            super().__init__(disable=True)
            self._said = time.monotonic()

        def add_task(self, description: str, *arguments: Any, **options: Any) -> TaskID:
            task = super().add_task(description, *arguments, **options)
            self._say(f"{description} …")
            return task

        def update(self, task_id: TaskID, **options: Any) -> None:
            super().update(task_id, **options)
            if time.monotonic() - self._said >= LINE_SECONDS:
                task = self._tasks[task_id]
                of = "" if task.total is None else f" of {task.total / 1e6:.0f}"
                self._say(f"{task.description}: {task.completed / 1e6:.0f}{of} MB")

        def _say(self, line: str) -> None:
            self._said = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    return Lines()
