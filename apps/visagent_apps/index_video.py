"""`visagent index`: get ready for questions about videos and recordings, before anybody asks them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visagent.core.errors import MediaError
from visagent_apps.common import ProfileOption
from visagent_apps.terminal import say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def index(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Videos and recordings.")],
    profile: ProfileOption = None,
) -> None:
    """Look at, read and listen to clips once, so that questions about them need not; goes on where it was stopped."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from visagent.core.config_files import home
    from visagent.core.settings import Settings, load_profile
    from visagent.core.terminal import terminal
    from visagent.media.media import Media
    from visagent_tools.engines.video_indexing import indexed

    settings = Settings()
    options = load_profile(profile or settings.profile, settings).tools.get("when", {})
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    for file in files:
        clip = Media.load(file)
        if clip.kind == "image":
            raise MediaError(f"{clip.name}: this is a picture, and has no time.", "Name a video or a recording.")
        with Progress(*columns, console=terminal(stderr=True), transient=True) as bar:
            task = bar.add_task(clip.name, total=1.0)
            found = indexed(clip, options, home(), progress=partial(_advance, bar, task))
        counts = f"{len(found.frames)} frames that differ, {len(found.shots)} shots, {len(found.words)} words"
        problems = [problem for problem in (found.problem, found.deaf) if problem]
        say(". ".join([f"{clip.name}: {counts}", *problems]).rstrip(".") + ".")


def _advance(bar: Progress, task: TaskID, done: float) -> None:
    bar.update(task, completed=done)
