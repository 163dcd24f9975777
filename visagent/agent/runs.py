"""Runs on disk: one folder a run, with its record and, until it is finished, its checkpoints."""

from __future__ import annotations

import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue, ValidationError

from visagent.agent.run_index import RunIndex, run_ids
from visagent.answering.forms import Form
from visagent.core.backends import STORED
from visagent.core.config import Mode, Profile
from visagent.core.errors import RunNotFound, StorageError
from visagent.core.files import write_whole
from visagent.core.validation import first_problem
from visagent.evidence.answer import Answer
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Frozen
from visagent.media.media import MediaInfo

CHECKPOINT_FORMAT = 2
"""Raised whenever a type that checkpoints hold changes its place or shape: older ones cannot be resumed."""

Status = Literal["running", "waiting", "finished", "failed"]
Rating = Literal["up", "down"]


class RunRecord(Frozen):
    """What is needed to list a run and to resume it.

    Attributes:
        id: Sortable by time.
        created: When it began, UTC.
        expires: When it may be deleted, UTC; None for never.
        question: Question as the person put it.
        media: Media by the names that plans use.
        mode: How to go about it.
        language: Language of the answer.
        parent: The run that this one follows up or revises; None for a first question.
        asked: What the controller reads: the question with those it follows up; empty for the question itself.
        outline: Steps that are given, with None for each gap (mode `infill`).
        form: Form of the answer, if a program wants one; see `visagent.answering.forms`.
        ask_back: Whether a person is there to be asked what is meant.
        tree: The tree to solve, of a run that revises another; None to plan one.
        rating: What a person thinks of the answer.
        added: Names of the media that a follow-up brought; empty where it brought none.
        skipped: Why files among several could not be used, one sentence each.
        profile: Profile as it was when the run began.
        own_tools: Where each tool comes from that no installed package offers; see `visagent.agent.own_tools`.
        checkpoint_format: Which types its checkpoints hold, until it is finished; 1 in old runs.
        status: `waiting` for a person's approval or reply; `running` may also mean that its process was killed.
        problem: Why it failed.
        answer: Once finished.
    """

    id: str
    created: AwareDatetime
    expires: AwareDatetime | None = None
    question: str
    media: dict[str, MediaInfo]
    mode: Mode = "tree"
    language: str = "en"
    parent: str | None = None
    asked: str = ""
    outline: list[dict[str, JsonValue] | None] = Field(default_factory=list)
    form: Form | None = None
    ask_back: bool = False
    tree: QuestionTree | None = None
    rating: Rating | None = None
    added: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    profile: Profile
    own_tools: dict[str, str] = Field(default_factory=dict)
    approval: bool = False
    checkpoint_format: int = 1
    status: Status = "running"
    problem: str = ""
    answer: Answer | None = None


def expiry(created: datetime, keep_hours: float | None) -> datetime | None:
    """When a run may be deleted that is kept for so many hours; None for never: of None, infinity, or ages."""
    try:
        return None if keep_hours is None else created + timedelta(hours=keep_hours)
    except OverflowError:
        return None


def new_run_id() -> str:
    """An id that sorts by time, to the microsecond, and cannot be guessed."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{secrets.token_hex(4)}"


class RunStore:
    """The folder of all runs.

    Args:
        root: Made when the first run is saved.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def save(self, record: RunRecord) -> None:
        """Write a record, whole or not at all; a finished run's checkpoints are dropped once its answer reads back."""
        folder = self._folder(record.id)
        try:
            write_whole(folder / "run.json", record.model_dump_json(indent=1))
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be written ({error.strerror}).",
                "Free space, or name another folder: export VISAGENT_HOME=...",
            ) from error
        try:
            self.drop_checkpoints(record)
        except RunNotFound:
            # Somebody may delete the run in this moment, file by file: then its checkpoints go as well.
            if (folder / "run.json").exists():
                raise

    def drop_checkpoints(self, record: RunRecord) -> None:
        """Remove a run's checkpoints, if it is finished and its answer reads back.

        The process that finished it may have been killed before that; checkpoints that cannot be removed do no harm.

        Raises:
            RunNotFound: there is no such run.
        """
        if record.status == "finished" and self.load(record.id).answer == record.answer:
            for file in self._folder(record.id).glob("checkpoints.sqlite*"):
                with suppress(OSError):
                    file.unlink()

    def load(self, run_id: str) -> RunRecord:
        """The record of a run.

        Raises:
            RunNotFound: there is none with this id, or it cannot be read.
        """
        file = self._folder(run_id) / "run.json"
        try:
            if not stat.S_ISREG(file.stat().st_mode):  # a pipe would be waited for
                raise RunNotFound(f"The record of run {run_id} cannot be read: it is no file.", f"Look at {file}.")
            record = RunRecord.model_validate_json(file.read_bytes(), context=STORED)
        except FileNotFoundError as error:
            raise RunNotFound(f"There is no run {run_id!r}.", "List them: visagent runs.") from error
        except OSError as error:
            raise RunNotFound(
                f"The record of run {run_id} cannot be read: {error.strerror}.", f"Look at {file}."
            ) from error
        except ValidationError as error:
            raise RunNotFound(
                f"The record of run {run_id} cannot be read: {first_problem(error)}.",
                "Another version of visagent wrote it; read it with that one.",
            ) from error
        if record.id != run_id:
            # A folder that was copied or renamed: what is done to the one run must not happen to the other.
            raise RunNotFound(
                f"The record in the folder {run_id} is that of another run.",
                f"Rename the folder, or remove it: {file.parent}",
            )
        return record

    def ids(self) -> Sequence[str]:
        """The ids of all runs, newest first, whether they can be read or not."""
        return run_ids(self._root)

    def list(self, on_unreadable: Callable[[RunNotFound], None] = lambda problem: None) -> Iterator[RunRecord]:
        """All runs that can be read, newest first.

        Args:
            on_unreadable: Called with the reason why a run is left out, whose record another version wrote or somebody
                changed.
        """
        for run_id in run_ids(self._root):
            try:
                yield self.load(run_id)
            except RunNotFound as problem:
                on_unreadable(problem)

    def search(self, words: str) -> Iterator[RunRecord]:
        """The runs with each of some words in their question, answer, file names or id, newest first."""
        if not words.strip():
            yield from self.list()
            return
        for run_id in RunIndex(self._root, self._words).find(words.split()):
            try:
                yield self.load(run_id)
            except RunNotFound:
                continue

    def _words(self, run_id: str) -> str | None:
        try:
            record = self.load(run_id)
        except RunNotFound:
            return None
        names = " ".join(info.name for info in record.media.values())
        return f"{record.question}\n{record.answer.text if record.answer else ''}\n{names}\n{record.id}"

    def rate(self, run_id: str, rating: Rating | None) -> RunRecord:
        """Keep what a person thinks of a run's answer; good ones become training examples.

        Raises:
            RunNotFound: there is none with this id.
        """
        record = self.load(run_id).model_copy(update={"rating": rating})
        self.save(record)
        return record

    def delete(self, run_id: str) -> None:
        """Remove a run.

        Raises:
            RunNotFound: there is none with this id.
            StorageError: its folder cannot be deleted.
        """
        self.load(run_id)
        try:
            shutil.rmtree(self._folder(run_id))
        except OSError as error:
            why = error.strerror or error
            raise StorageError(f"Run {run_id} cannot be deleted ({why}).", f"Delete {self._folder(run_id)}.") from error

    def folder(self, run_id: str) -> Path:
        """The folder of a run.

        Raises:
            RunNotFound: this is no run's id.
        """
        return self._folder(run_id)

    def checkpoints(self, run_id: str) -> Path:
        """The SQLite file of a run's checkpoints."""
        return self._folder(run_id) / "checkpoints.sqlite"

    def _folder(self, run_id: str) -> Path:
        # An id comes from a person or a program: it must not lead out of the folder.
        if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", run_id):
            raise RunNotFound(f"{run_id!r} is no run's id.", "List them: visagent runs.")
        return self._root / run_id
