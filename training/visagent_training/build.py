"""From a YAML mix of sources to a folder of examples in splits: what `visagent data` does.

The folder holds `train.jsonl`, `validation.jsonl`, `test.jsonl` and `report.json`: counts by source and split, what was
refused and why, which training rows were left out because a held-out question is nearly the same, and a digest of each
file. The same configuration and data give the same bytes, on every machine.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visagent.core.errors import ConfigError, InputError
from visagent.tools.toolkit import Toolkit
from visagent_training.data_source import Drawing, Refused, Source
from visagent_training.examples import (
    SPLITS,
    BadRow,
    Split,
    TrainingExample,
    leaks,
    normalised,
    scan_examples,
    without_doubles,
    write_examples,
)


class Mix(BaseModel):
    """What `visagent data build` reads.

    Attributes:
        profile: The profile whose hidden tools are left out.
        tools: A person's own tools, `package.module:name` or `file.py:name`.
        knows: The packaged adapter that training starts from: the tools that it has memorised are not shown, and plans
            are written as nested calls. None for a planner that is shown all tools and writes JSON.
        sources: Sources in order; the first of two equal examples is kept.
        validation: The part of the questions that is held out for choosing.
        test: The part that is held out for measuring.
        seed: Decides everything that is drawn.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    profile: str = "embedded"
    tools: tuple[str, ...] = ()
    knows: str | None = "planner-smollm2-135m"
    sources: tuple[Source, ...] = Field(min_length=1)
    validation: Annotated[float, Field(ge=0, lt=0.5)] = 0.1
    test: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    seed: int = 1


def read_mix(file: Path) -> Mix:
    """A mix from its YAML file; paths in it are relative to the file's folder.

    Raises:
        ConfigError: the file is missing, not YAML, or a value is unusable; names the key.
    """
    mix: Mix = read_config(file, Mix)
    return mix


def read_config(file: Path, model: type[Any]) -> Any:
    """A YAML file as a model of pydantic.

    Raises:
        ConfigError: the file is missing, not YAML, or a value is unusable; names the key.
    """
    try:
        return model.model_validate(yaml.safe_load(file.read_text("utf-8")))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {file}.", "See docs/training.md for an example.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file.name} is not YAML: {error}.", "See docs/training.md for an example.") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(
            f"{file.name}: {where}: {first['msg'].removeprefix('Value error, ')}.",
            "See docs/training.md for what it may say.",
        ) from None


class SourceReport(BaseModel):
    """What one source gave.

    Attributes:
        kind: Kind of the source.
        examples: How many are in the splits.
        refused: How many gave none, by reason.
        lines: The first refused items, with their places and reasons.
    """

    kind: str
    examples: dict[Split, int]
    refused: dict[str, int]
    lines: list[str]


class Report(BaseModel):
    """What `build` did.

    Attributes:
        sources: Sources in the mix's order.
        doubles: Examples left out because an equal one was there.
        near_held_out: Training rows left out because a held-out question is nearly the same.
        digests: SHA-256 of each file.
        mix: What it was built from.
    """

    sources: list[SourceReport]
    doubles: int
    near_held_out: int
    digests: dict[str, str]
    mix: Mix


LISTED = 50
"""Refused items that a report names one by one."""


def build(
    mix: Mix,
    tools: Toolkit,
    own: Iterable[str],
    folder: Path,
    base: Path,
    on_source: Callable[[str], None] | None = None,
) -> Report:
    """Draw, de-duplicate, split, keep apart and write.

    Args:
        mix: What to draw from.
        tools: All tools that plans may call, in the order shown.
        own: Names of those that a person added.
        folder: Where the files go; those of an earlier build are replaced.
        base: What relative paths of the mix are relative to.
        on_source: Called with each source's kind before it is drawn from.

    Raises:
        InputError: a file of a source is missing or not in its format, or nothing is left to learn from.
    """
    specs = {name: tool.spec for name, tool in tools.items()}
    added = tuple(name for name in own if name in specs)
    drawing = Drawing(specs, added, known_of(mix.knows), mix.seed, mix.validation, mix.test, base)
    drawn: list[TrainingExample] = []
    reports: list[tuple[str, list[Refused], set[str]]] = []
    for source in mix.sources:
        if on_source is not None:
            on_source(source.kind)
        refused: list[Refused] = []
        ids: set[str] = set()
        drawing = replace(drawing, before=tuple(drawn))
        for item in source.draw(drawing):
            if isinstance(item, Refused):
                refused.append(item)
                continue
            example = item.model_copy(update={"weight": source.weight, "split": source.split(item, drawing)})
            drawn.append(example)
            ids.add(example.id)
        reports.append((source.kind, refused, ids))
    kept = list(without_doubles(drawn))
    held_out = [example for example in kept if example.split != "train"]
    train = [example for example in kept if example.split == "train"]
    near = {leak.trained for leak in leaks(train, held_out)}
    # All rows of such a question go, not only the one that the leak names.
    questions = {normalised(example.question) for example in train if example.id in near}
    apart = [example for example in train if normalised(example.question) not in questions]
    if not apart:
        reasons = "; ".join(f"{item.where}: {item.reason}" for _, refused, _ in reports for item in refused[:3])
        raise InputError(f"Nothing is left to learn from. {reasons}".strip(), "Give more sources, or mend these.")
    folder.mkdir(parents=True, exist_ok=True)
    by_split: dict[Split, list[TrainingExample]] = {split: [] for split in SPLITS}
    for example in [*apart, *held_out]:
        by_split[example.split].append(example)
    digests = {}
    for split, examples in by_split.items():
        file = folder / f"{split}.jsonl"
        write_examples(examples, file)
        digests[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    report = Report(
        sources=[
            SourceReport(
                kind=kind,
                examples={split: sum(example.id in ids for example in by_split[split]) for split in SPLITS},
                refused=dict(Counter(item.reason for item in refused).most_common()),
                lines=[f"{item.where}: {item.reason}" for item in refused[:LISTED]],
            )
            for kind, refused, ids in reports
        ],
        doubles=len(drawn) - len(kept),
        near_held_out=len(train) - len(apart),
        digests=digests,
        mix=mix,
    )
    (folder / "report.json").write_text(report.model_dump_json(indent=1) + "\n", "utf-8")
    return report


def known_of(adapter: str | None) -> tuple[str, ...]:
    """The tools that an adapter has memorised.

    Raises:
        ConfigError: there is no such adapter, or it knows none.
    """
    from visagent.planning.controller import known_tools

    if adapter is None:
        return ()
    known = known_tools(f"base+{adapter}")
    if not known:
        from visagent.models.loading import adapter_names

        raise ConfigError(
            f"There is no adapter {adapter!r} that has memorised tools.", f"Use one of: {', '.join(adapter_names())}."
        )
    return tuple(sorted(known))


class Finding(BaseModel):
    """Something wrong with a folder of examples: in which file, where, and what."""

    file: str
    line: int | None
    reason: str


def check(folder: Path) -> tuple[dict[str, int], list[Finding]]:
    """Look through a folder of examples, or one file: unusable rows, equal rows, questions that leak between splits.

    Returns:
        How many sound examples each file has, and what is wrong.

    Raises:
        InputError: there is no such folder, or it has no examples.
    """
    files = (
        [folder] if folder.is_file() else [file for split in SPLITS if (file := folder / f"{split}.jsonl").is_file()]
    )
    if not files:
        raise InputError(f"{folder} holds no examples.", "Make them: visagent data build CONFIG.")
    counts: dict[str, int] = {}
    findings: list[Finding] = []
    by_file: dict[str, list[TrainingExample]] = {}
    seen: dict[str, str] = {}
    for file in files:
        sound = by_file[file.name] = []
        for line, row in scan_examples(file):
            if isinstance(row, BadRow):
                findings.append(Finding(file=file.name, line=line, reason=row.reason))
                continue
            if (same := seen.get(row.digest)) is not None:
                findings.append(Finding(file=file.name, line=line, reason=f"it says the same as {same}"))
            seen.setdefault(row.digest, f"{row.id} ({file.name})")
            sound.append(row)
        counts[file.name] = len(sound)
    train = by_file.get("train.jsonl", [])
    for name, rows in by_file.items():
        if name == "train.jsonl":
            continue
        for leak in leaks(train, rows):
            alike = "the same" if leak.likeness == 1 else f"nearly the same ({leak.likeness:.0%} alike)"
            findings.append(Finding(file=name, line=None, reason=f"{leak.held_out} asks {alike} as {leak.trained}"))
    return counts, findings


def data_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each split's file, for the record of a run."""
    files = (folder / f"{split}.jsonl" for split in SPLITS)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}
