"""Demonstrations: solved questions that a controller is shown, and the folders they are kept in. Knows no model.

A folder of demonstrations holds one YAML file or more for each language, and the media they name::

    en/first_party.yaml     {version: 1, demonstrations: [{id, media, question, plan, evidence, answer}, ...]}
    zh/first_party.yaml
    media/cat.jpg

The packaged set is data of `visagent_prompts`; a person's own set lies under `demonstrations` in visagent's home.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, JsonValue, StringConstraints, ValidationError, model_validator

from visagent.core.errors import InputError
from visagent.core.files import write_whole
from visagent.core.validation import first_problem
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Failure, Frozen, Value
from visagent.media.media import Media, MediaInfo
from visagent.planning.plan import UNANSWERABLE, Plan, compile_plan
from visagent.planning.steps import plan_steps, step_ids
from visagent.tools.toolkit import Tool

if TYPE_CHECKING:
    from visagent.agent.runs import RunRecord

VERSION: Literal[1] = 1
"""Version of the files' form; a reader refuses any other."""

Origin = Literal["packaged", "person", "run"]
"""Who vouches for a demonstration: this project, a person who added it, or nobody but the verifier."""

# Names of files come from YAML that a person was given: they must not lead out of the folder.
MediaName = Annotated[str, StringConstraints(pattern=r"^(image|audio|video)[1-9][0-9]*$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[\w-]+(\.[\w-]+)*$")]


class Demonstration(Frozen):
    """A solved question: what a model is to learn from by looking at it.

    Attributes:
        id: Unique in its folder and language.
        language: Language of the question and the answer.
        origin: Who vouches for it.
        media: Files by the names that the plan uses, such as `image1`.
        question: Question as a person put it.
        plan: The steps, as in `visagent.planning.plan.Plan`.
        evidence: What each step found, by its id (`q1` for the first step). Its media are called by their names here.
        answer: Answer in words, citing the evidence.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,80}$")]
    language: Literal["en", "zh"]
    origin: Origin
    media: dict[MediaName, FileName] = Field(min_length=1)
    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    plan: tuple[dict[str, JsonValue], ...] = Field(min_length=1)
    evidence: dict[str, Value] = Field(default_factory=dict)
    answer: str = ""

    @property
    def tools(self) -> frozenset[str]:
        """Names of the tools that the plan calls."""
        return frozenset(str(step["tool"]) for step in self.plan) - {UNANSWERABLE}

    @cached_property
    def media_infos(self) -> dict[str, MediaInfo]:
        """Stand-ins for the media: what a plan's checker needs to know of them."""
        return {
            name: MediaInfo.model_validate(
                {"hash": "0" * 64, "kind": (kind := name.rstrip("0123456789")), "name": file[-80:]}
                | {"has_audio": kind != "image"}
            )
            for name, file in self.media.items()
        }

    @model_validator(mode="after")
    def _steps_name_tools(self) -> Self:
        if not all(isinstance(step.get("tool"), str) for step in self.plan):
            raise ValueError("each step of a plan names its tool")
        return self

    def compile(self, tools: Mapping[str, Tool], media: Mapping[str, MediaInfo] | None = None) -> QuestionTree:
        """The plan as a checked tree.

        Args:
            tools: What it may call.
            media: What it is to be about; None for the demonstration's own.

        Raises:
            PlanError: it does not fit the tools or the media.
        """
        infos = self.media_infos if media is None else media
        return compile_plan(self.question, Plan(steps=list(self.plan)), tools, infos, lambda call, _: str(call))

    def check(self, tools: Mapping[str, Tool], media: Mapping[str, MediaInfo] | None = None) -> None:
        """Make sure that question, plan, evidence and answer belong together: what misleads is worse than nothing.

        Args:
            tools: What the plan may call.
            media: What it is to be about; None for the demonstration's own.

        Raises:
            PlanError: the plan does not fit the tools.
            InputError: evidence is missing, of another type than its tool's, or a failure; or the answer is missing.
        """
        tree = self.compile(tools, media)
        for node in tree.nodes:
            value, spec = self.evidence.get(node.id), tools[node.solver.tool].spec
            if value is None or isinstance(value, Failure) or value.type not in spec.result:
                found = "nothing" if value is None else f"a {value.type}"
                raise InputError(
                    f"Demonstration {self.id}: {node.id} ({spec.name}) found {found}, not {'|'.join(spec.result)}.",
                    "Give each step the evidence that its tool found.",
                )
        if not self.answer.strip():
            raise InputError(f"Demonstration {self.id} has no answer.", "Say what the evidence says, citing it.")


def from_run(record: RunRecord, origin: Origin) -> Demonstration:
    """The demonstration that a finished run is; its files are content hashes.

    Raises:
        InputError: the run has no answer or no plan, or its question cannot be understood by itself.
    """
    answer = record.answer
    if answer is None or record.mode not in ("tree", "chain", "infill"):
        raise InputError(f"Run {record.id} has no plan and answer to learn from.", "Add a run that was planned.")
    if record.asked:
        raise InputError(
            f"Run {record.id} follows up another one: its question says too little by itself.",
            "Ask the whole question, and add that run.",
        )
    if not answer.tree.nodes and answer.tree.unanswerable is None:
        raise InputError(f"Run {record.id} found no plan.", "Add a run that was planned.")
    numbers, names = (
        step_ids(answer.tree),
        {info.hash: name for name, info in answer.media.items() if info.region is None},
    )
    evidence = {
        numbers[id_]: _renamed_media(found.value, names) for id_, found in answer.evidence.items() if id_ in numbers
    }
    return Demonstration(
        id=f"run-{record.id}",
        language="zh" if record.language == "zh" else "en",
        origin=origin,
        media={name: info.hash for name, info in answer.media.items()},
        question=answer.question,
        plan=tuple(plan_steps(answer.tree)),
        evidence=evidence,
        answer=_renumbered(answer.text, numbers),
    )


def worth_keeping(record: RunRecord) -> bool:
    """Whether a run may become a demonstration by itself: rated up, or answered with every claim supported."""
    if record.rating is not None or record.answer is None:
        return record.rating == "up" and record.answer is not None
    claims = record.answer.claims
    return record.answer.status == "answered" and bool(claims) and all(one.verdict == "supported" for one in claims)


def _renamed_media(value: Value, names: Mapping[str, str]) -> Value:
    digest = getattr(value, "media", None)
    return value.model_copy(update={"media": names[digest]}) if digest is not None and digest in names else value


def _renumbered(text: str, numbers: Mapping[str, str]) -> str:
    """An answer with its citations, such as [q3, q4], pointing at steps."""
    return re.sub(r"\bq[0-9]+\b", lambda match: numbers.get(match[0], match[0]), text)


class DemonstrationStore:
    """Folders of demonstrations, read when first asked for, and again when a file of theirs has changed.

    Args:
        own: The person's folder, made when the first demonstration is added.
        packaged: Whether the packaged set is part of it.
    """

    def __init__(self, own: Path, *, packaged: bool = True) -> None:
        self.own = own
        self._folders = [*([_packaged()] if packaged else []), own]
        # By language: what the files looked like when they were read, and what they held.
        self._read: dict[str, tuple[tuple[_FileState, ...], list[Demonstration]]] = {}
        self._media: dict[str, Media] = {}

    def all(self, language: str | None = None) -> list[Demonstration]:
        """The demonstrations in a language, the packaged ones first; None for every language.

        Raises:
            InputError: a file is not of this form; names the file and the field.
        """
        if language is None:
            return [*self.all("en"), *self.all("zh")]
        files = [(folder, file) for folder in self._folders for file in sorted((folder / language).glob("*.yaml"))]
        states = tuple(_state(file) for _, file in files)
        known = self._read.get(language)
        if known is None or known[0] != states:
            found = [
                demonstration
                for folder, file in files
                for demonstration in read_demonstrations(file, language, "person" if folder == self.own else "packaged")
            ]
            self._read[language] = known = states, found
        return known[1]

    def medium(self, demonstration: Demonstration, name: str) -> Media | None:
        """A medium of a demonstration, loaded once; None where its file is not there.

        Raises:
            MediaError: the file cannot be used.
        """
        file = demonstration.media[name]
        if file not in self._media:
            folder = _packaged() if demonstration.origin == "packaged" else self.own
            if not (folder / "media" / file).is_file():
                return None
            self._media[file] = Media.load(folder / "media" / file)
        return self._media[file]

    def add(self, demonstration: Demonstration, media: Iterable[Media] = ()) -> Path:
        """Keep a demonstration with its media, in a file of its own; one of the same id is replaced.

        Args:
            demonstration: Demonstration with content hashes as the names of its files.
            media: The media of these hashes.

        Returns:
            The file.

        Raises:
            InputError: the id is that of a packaged demonstration, or the folder cannot be written.
        """
        taken = [item for item in self.all(demonstration.language) if item.id == demonstration.id]
        if any(item.origin == "packaged" for item in taken):
            raise InputError(f"The id {demonstration.id} is taken by a packaged demonstration.", "Give another id.")
        file = self.own / demonstration.language / f"{demonstration.id}.yaml"
        try:
            for medium in media:
                kept = self.own / "media" / medium.hash
                if not kept.exists():
                    write_whole(kept, medium.encoded())
            write_whole(file, write_demonstrations([demonstration]))
        except OSError as error:
            raise InputError(
                f"{self.own} cannot be written: {error}.", "Free some space, or set VISAGENT_HOME."
            ) from error
        return file


def read_demonstrations(file: Path, language: str | None = None, origin: Origin = "person") -> list[Demonstration]:
    """The demonstrations in a YAML file.

    Args:
        file: What to read.
        language: Language of demonstrations that name none; None to demand one.
        origin: Origin of demonstrations that name none.

    Raises:
        InputError: there is no such file, or it is not of this form; names the demonstration and the field.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(file.read_text("utf-8"), loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{file} cannot be read: {error}.", "Give a YAML file of demonstrations.") from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION or not isinstance(data.get("demonstrations"), list):
        raise InputError(
            f"{file} is no file of demonstrations of version {VERSION}.",
            "Write version: 1 and a list called demonstrations.",
        )
    default = {"origin": origin} | ({"language": language} if language else {})
    found = []
    for number, item in enumerate(data["demonstrations"], start=1):
        try:
            found.append(Demonstration.model_validate({**default, **item}))
        except (ValidationError, TypeError) as error:
            reason = first_problem(error) if isinstance(error, ValidationError) else str(error)
            raise InputError(f"{file.name}, demonstration {number}: {reason}.", "See docs/reasoning.md.") from error
    return found


def write_demonstrations(demonstrations: Sequence[Demonstration]) -> str:
    """Demonstrations as the text of a YAML file."""
    import yaml

    rows = []
    for item in demonstrations:
        row = item.model_dump(mode="json", exclude={"evidence", "answer"})
        # `type` is a default, and what tells evidence values apart.
        row["evidence"] = {
            id_: value.model_dump(mode="json", exclude_none=True) for id_, value in item.evidence.items()
        }
        rows.append(row | {"answer": item.answer})
    return str(
        yaml.dump(
            {"version": VERSION, "demonstrations": rows},
            sort_keys=False,
            allow_unicode=True,
            width=118,
            default_flow_style=None,
        )
    )


class _FileState(NamedTuple):
    """What tells that a file is still the one that was read."""

    file: Path
    changed: int
    size: int


def _state(file: Path) -> _FileState:
    try:
        found = file.stat()
    except OSError:
        # Removed a moment ago, or not to be read: reading it says so.
        return _FileState(file, 0, 0)
    return _FileState(file, found.st_mtime_ns, found.st_size)


def _packaged() -> Path:
    return Path(str(files("visagent_prompts") / "demonstrations"))
