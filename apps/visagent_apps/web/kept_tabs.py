"""What browser tabs hold, on disk, so that a conversation outlives the app. Knows no component.

A visitor's tabs are in their own folder. Of answers the ids of their runs are kept: a run that was deleted is gone here
as well.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from visagent.agent.runs import RunStore
from visagent.core.errors import RunNotFound
from visagent.core.files import private_folder, write_whole
from visagent.evidence.answer import Answer
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Frozen
from visagent.media.media import MediaInfo
from visagent_apps.web.tab_state import Phase, TabState

MOST_TABS = 16
"""Tabs of one browser whose conversations are kept, at most."""


class _Kept(Frozen):
    media: dict[str, MediaInfo]
    phase: Phase
    question: str
    begun: datetime | None
    run_id: str | None
    plan: QuestionTree | None
    note: str
    answer: str | None
    earlier: tuple[str, ...]
    regions: tuple[MediaInfo, ...] = ()


class KeptTabs:
    """The tabs of one visitor.

    Args:
        folder: The visitor's own; made when the first tab is kept.
        runs: Where their answers are.
    """

    def __init__(self, folder: Path, runs: RunStore) -> None:
        self._folder, self._runs = folder, runs

    def write(self, key: str, tab: TabState) -> None:
        """Keep a tab, and forget those that were kept longest ago."""
        kept = _Kept(
            media=tab.media,
            phase=tab.phase,
            question=tab.question,
            begun=tab.begun,
            run_id=tab.run_id,
            plan=tab.plan,
            note=tab.note,
            answer=tab.answer and tab.answer.run_id,
            earlier=tuple(answer.run_id for answer in tab.earlier),
            regions=tuple(tab.regions),
        )
        # A full disk does not end the conversation that is going on.
        with suppress(OSError):
            private_folder(self._folder)
            write_whole(self._file(key), kept.model_dump_json())
            newest = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in newest[MOST_TABS:]:
                file.unlink(missing_ok=True)

    def read(self, key: str) -> TabState | None:
        """A tab as it was kept, with the answers that are still there; None where there is none that can be read."""
        try:
            kept = _Kept.model_validate_json(self._file(key).read_bytes())
        except (OSError, ValidationError):
            return None
        answers = [answer for run_id in kept.earlier if (answer := self._answer(run_id)) is not None]
        tab = TabState(
            media=dict(kept.media),
            regions=list(kept.regions),
            phase=kept.phase,
            answer=self._answer(kept.answer),
            earlier=answers,
            question=kept.question,
            begun=kept.begun,
            run_id=kept.run_id,
            plan=kept.plan,
            note=kept.note,
        )
        if tab.phase == "answered" and tab.answer is None:
            tab.settle()
        return tab

    def _answer(self, run_id: str | None) -> Answer | None:
        if run_id is None:
            return None
        try:
            return self._runs.load(run_id).answer
        except RunNotFound:
            return None

    def _file(self, key: str) -> Path:
        # The key comes from a browser: it must not lead out of the folder.
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
