"""A journal of calls that change something outside, so that a run which was killed never repeats one. Knows no tool.

What is promised: a tool that only reads is asked at least once, and may be asked again when a run is resumed; a tool
with effects is called exactly once where its result was written down, and at most once where the process ended in
between. Then nobody can know whether it took effect, and the run says so instead of calling again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from visagent.core.files import private_folder
from visagent.evidence.tree import SubQuestion
from visagent.evidence.values import Evidence, Failure

_log = logging.getLogger(__name__)


class EffectsJournal:
    """The calls of one run that change something.

    Args:
        folder: Where to keep the journal; made with the first such call.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def once(self, node: SubQuestion, call: Callable[[], Awaitable[Evidence]]) -> Evidence:
        """The evidence of a call that is made now, or was made before.

        Args:
            node: What is asked; the same call for the same sub-question is the same effect.
            call: Makes it.
        """
        said = json.dumps([node.id, node.solver.model_dump(mode="json")], sort_keys=True)
        begun = self._folder / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.json"
        if begun.exists():
            try:
                return Evidence.model_validate_json(begun.read_bytes())
            except ValueError:
                why = f"{node.solver.tool} was begun before this run was interrupted, and may have taken effect."
                value = Failure(error="Interrupted", message=why, remedy="Check whether it did; if not, ask again.")
                return node.evidence(value)
        try:
            private_folder(self._folder)
            _write(begun, b"")
        except OSError as error:
            # Not called, and so not begun: what was made of the file must not say otherwise.
            with suppress(OSError):
                begun.unlink(missing_ok=True)
            why = f"{node.solver.tool} is not called: that it was could not be written down ({error.strerror})."
            remedy = "Free space, or name another folder: export VISAGENT_HOME=..."
            return node.evidence(Failure(error="StorageError", message=why, remedy=remedy))
        found = await call()
        try:
            _write(begun, found.model_dump_json().encode())
        except OSError as error:
            # It is called no second time: the file is there, and says that it was begun.
            _log.warning("what %s gave could not be written down (%s)", node.solver.tool, error)
        return found


def _write(path: Path, content: bytes) -> None:
    """Put content into a file, on the disk when this returns: a power cut must not lead to a second call."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
