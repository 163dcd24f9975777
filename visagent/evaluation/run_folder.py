"""The record of an evaluation: a folder with what was asked and one JSON line an attempt. Knows no benchmark.

`run.json` says what was asked of whom, `attempts.jsonl` holds the attempts as they were made, `scores.json` and
`report.html` are made from them at the end. An interrupted evaluation goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from visagent.core.config import Mode, Profile
from visagent.core.errors import InputError
from visagent.core.files import write_whole
from visagent.core.validation import first_problem
from visagent.evaluation.agent_items import AgentItem, Attempt, LeftOut
from visagent.evidence.values import Frozen

INFO, ATTEMPTS, SCORES, REPORT = "run.json", "attempts.jsonl", "scores.json", "report.html"
Line = TypeVar("Line", bound=BaseModel)


class RunInfo(Frozen):
    """What was asked of whom.

    Attributes:
        version: Version of the stored form.
        benchmark: Its name.
        data: The file or folder of the items, as given.
        profile: Name of the agent's profile.
        profile_digest: Digest of all the profile's settings.
        mode: Mode of the run that is measured.
        items: How many are asked.
        items_digest: Digest of the items, with their questions and gold answers.
        left_out: Items that are not asked.
        created: When the evaluation began, in UTC.
        release: Release of visagent.
    """

    version: Literal[1] = 1
    benchmark: str
    data: str
    profile: str
    profile_digest: str
    mode: Mode
    items: int = Field(ge=1)
    items_digest: str
    left_out: tuple[LeftOut, ...] = ()
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    release: str


class RunFolder:
    """An evaluation's folder.

    Args:
        path: The folder; it is made with the first line.

    Attributes:
        info: What was asked of whom.
        attempts: Attempts by variant and item, in the order in which they were made.
    """

    def __init__(self, path: Path, info: RunInfo, attempts: Iterable[Attempt] = ()) -> None:
        self.path, self.info = path, info
        self.attempts = {(one.variant, one.id): one for one in attempts}

    def begin(self) -> None:
        """Write what is asked of whom.

        Raises:
            OSError: the folder cannot be made or written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / INFO, self.info.model_dump_json(indent=1) + "\n")

    def add(self, attempt: Attempt) -> None:
        """Keep an attempt, as a line that is on disk when this returns."""
        self.attempts[attempt.variant, attempt.id] = attempt
        with (self.path / ATTEMPTS).open("a", encoding="utf-8") as file:
            file.write(attempt.model_dump_json() + "\n")

    def of(self, variant: str) -> dict[str, Attempt]:
        """The attempts of a variant by item."""
        return {id_: attempt for (name, id_), attempt in self.attempts.items() if name == variant}

    @property
    def variants(self) -> list[str]:
        """Names of the variants, in the order in which they were first asked."""
        return list(dict.fromkeys(variant for variant, _ in self.attempts))


def run_info(
    benchmark: str, data: Path, profile: Profile, mode: Mode, items: Sequence[AgentItem], left_out: Sequence[LeftOut]
) -> RunInfo:
    """What is going to be asked of whom."""
    from visagent import __version__

    return RunInfo(
        benchmark=benchmark,
        data=str(data),
        profile=profile.name,
        profile_digest=profile_digest(profile),
        mode=mode,
        items=len(items),
        items_digest=_digest(items),
        left_out=tuple(left_out),
        release=__version__,
    )


def profile_digest(profile: Profile) -> str:
    """Digest of all settings of a profile."""
    return hashlib.sha256(profile.model_dump_json().encode()).hexdigest()


def _digest(items: Iterable[AgentItem]) -> str:
    asked = hashlib.sha256()
    for item in items:
        asked.update(item.model_dump_json(exclude={"media"}).encode())
    return asked.hexdigest()


def open_run(path: Path, info: RunInfo, items: Sequence[AgentItem]) -> RunFolder:
    """An evaluation's folder to begin or to continue, also with more items after those of an earlier limit.

    Args:
        path: The folder.
        info: What is going to be asked of whom.
        items: What is going to be asked.

    Raises:
        InputError: the folder holds the evaluation of something else, or a line of it cannot be read.
    """
    if not (path / INFO).is_file():
        if (path / ATTEMPTS).exists():
            raise InputError(f"{path} has {ATTEMPTS} and no {INFO}.", "Give another folder with --out.")
        made = RunFolder(path, info)
        made.begin()
        return made
    found = read_run(path)
    earlier = found.info.items
    more = earlier < info.items and found.info.items_digest == _digest(items[:earlier])
    for field in ("benchmark", "profile", "profile_digest", "mode", "items_digest"):
        if getattr(found.info, field) != getattr(info, field) and not (more and field == "items_digest"):
            what = field.removesuffix("_digest").replace("_", " ")
            raise InputError(
                f"{path} holds an evaluation with other {what}{'s' if what in ('profile', 'mode') else ''}.",
                "Give another folder with --out, or the options of that evaluation to continue it.",
            )
    if more:
        found.info = info.model_copy(update={"created": found.info.created})
        found.begin()
    return found


def read_run(path: Path) -> RunFolder:
    """An evaluation as it was left; a last line that was cut short by an interruption is dropped.

    Raises:
        InputError: there is none, or a line of it cannot be read; names the line.
    """
    if not (path / INFO).is_file():
        raise InputError(f"{path} holds no evaluation.", "Give a folder that visagent eval --out wrote.")
    try:
        info = RunInfo.model_validate_json((path / INFO).read_bytes())
    except ValidationError as error:
        raise InputError(f"{path / INFO}: {first_problem(error)}.", "It may be damaged; evaluate again.") from error
    return RunFolder(path, info, lines_so_far(path / ATTEMPTS, Attempt, "Delete that line: it is asked again."))


def lines_so_far(file: Path, kind: type[Line], remedy: str) -> list[Line]:
    """The JSON lines of a file that is written line by line; a last one that was cut short is dropped, there as well.

    Args:
        file: It need not be there yet.
        kind: What a line is.
        remedy: What to do about a line that cannot be read.

    Raises:
        InputError: a line cannot be read; names it.
    """
    *whole, rest = file.read_bytes().split(b"\n") if file.is_file() else [b""]
    found = []
    for number, line in enumerate(whole, start=1):
        try:
            found.append(kind.model_validate_json(line))
        except ValidationError as error:
            raise InputError(f"{file}, line {number}: {first_problem(error, 'the line')}.", remedy) from error
    if rest:
        write_whole(file, b"".join(line + b"\n" for line in whole))
    return found
