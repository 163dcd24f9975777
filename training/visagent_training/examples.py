"""What a planner learns from: one form of example, its file, its splits, and what makes it unusable. Knows no model.

A file of examples has one JSON object a line:

============ ==========================================================================================================
`id`         unique; names the source and the item in it
`source`     where it comes from, for example `traces`, `questions`, `synthetic`
`question`   what is asked; decides the split, so that a question never stands on both sides of one
`messages`   the prompt, as chat templates take it; byte for byte what the planner is shown at run time
`tools`      what the plan may call, in the order shown: `ToolSpec`s
`known`      names of tools that are not in the prompt, because the planner has memorised them
`media`      what the question is about: content hashes by name (`image1`); null where there is only a name
`steps`      the target tree as a plan's steps (`visagent.planning.plan`); null where the reply is no plan
`schema`     JSON schema of a reply that is no plan
`target`     the right reply, as text
`rejected`   replies that are known to be wrong, for methods that learn from preferences
`answer`     what running the right plan gives, where that is known: a number, a truth value or a text
`split`      `train`, `validation` or `test`
`weight`     how often it is seen in an epoch
============ ==========================================================================================================

The bytes of media are never inside. Traces need no conversion by hand: `visagent_training.sources` puts the prompt of a
run back together, and everything else stands in its `Answer`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, JsonValue, ValidationError

from visagent.core.errors import InputError, PlanError
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Frozen
from visagent.planning.controller import planning_messages
from visagent.planning.plan import Plan, compile_plan, parse_plan
from visagent.planning.plan_language import plan_grammar, read_plan, write_plan
from visagent.planning.plan_schema import plan_schema
from visagent.tools.toolkit import Tool, ToolSpec, as_tool
from visagent_training.expressions import compact
from visagent_training.plan_scores import media_named

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

NEAR = 0.7
"""Questions are nearly the same if they share this part of their runs of three words (Jaccard index)."""


class TurnRecord(Frozen):
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class TrainingExample(Frozen):
    """A prompt with its right reply; see this module's table."""

    id: str
    source: str
    question: str
    messages: tuple[TurnRecord, ...]
    tools: tuple[ToolSpec, ...] = ()
    known: tuple[str, ...] = ()
    media: dict[str, str | None] = Field(default_factory=dict)
    steps: tuple[dict[str, JsonValue], ...] | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    target: str
    rejected: tuple[str, ...] = ()
    answer: JsonValue = None
    split: Split = "train"
    weight: Annotated[float, Field(gt=0, le=100)] = 1.0

    @property
    def digest(self) -> str:
        """Of the prompt and the reply: equal examples have the same, whatever their id, source, split and weight."""
        content = [*((turn.role, turn.content) for turn in self.messages), self.target, sorted(self.media.items())]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()

    @property
    def specs(self) -> dict[str, ToolSpec]:
        """The tools by name."""
        return {spec.name: spec for spec in self.tools}

    @property
    def toolkit(self) -> dict[str, Tool]:
        """The tools as ones that plans can be checked against; they cannot run."""
        return {spec.name: as_tool(spec) for spec in self.tools}

    @property
    def constraint(self) -> dict[str, Any]:
        """What a reply is held to: a JSON schema, or a grammar (`{"gbnf": ...}`) where the reply is nested calls."""
        if self.schema_ is not None:
            return self.schema_
        media = media_named(list(self.media))
        if self.known:
            return {"gbnf": plan_grammar(self.specs, media, self.question)}
        return plan_schema(self.toolkit, media)

    def say(self, steps: Sequence[Mapping[str, JsonValue]]) -> str:
        """Steps as this example's planner writes them: nested calls where it has memorised tools, else JSON."""
        return write_plan(steps, self.specs) if self.known else compact(steps)

    def read(self, reply: str) -> list[dict[str, JsonValue]]:
        """The steps that a reply says.

        Raises:
            PlanError: it says none.
        """
        return read_plan(reply, self.specs) if self.known else parse_plan(reply).steps

    def tree(self, steps: Sequence[Mapping[str, JsonValue]]) -> QuestionTree:
        """Steps as a checked tree.

        Raises:
            PlanError: they are no valid plan over the example's tools and media.
        """
        plan = Plan(steps=[dict(step) for step in steps])
        return compile_plan(self.question, plan, self.toolkit, media_named(list(self.media)), lambda call, _: str(call))

    def problem(self) -> str | None:
        """Why nothing should be learned from it; None where it is sound."""
        if not self.question.strip():
            return "the question is empty"
        if not self.messages or self.messages[-1].role != "user":
            return "the prompt does not end with a message of the user"
        if not self.target.strip():
            return "the target is empty"
        if wrong := next((name for name in self.media if not re.fullmatch(r"(image|audio|video)[1-9]\d*", name)), None):
            return f"{wrong!r} is no name of a medium, such as image1"
        if self.steps is None:
            return None if self.schema_ is not None else "it has neither steps nor the schema of a reply"
        try:
            self.tree(self.steps)
            said = self.read(self.target)
        except PlanError as error:
            return error.fact.rstrip(".")
        if self.say(said) != self.say(self.steps):
            return "the target does not say the steps"
        return None


def plan_example(
    id_: str,
    source: str,
    question: str,
    steps: Sequence[Mapping[str, JsonValue]],
    tools: Sequence[ToolSpec],
    media: Mapping[str, str | None],
    *,
    known: Sequence[str] = (),
    **more: Any,
) -> TrainingExample:
    """A question with its plan, in the prompt and the words of the planner that will be trained on it.

    Args:
        id_: Unique.
        source: Where it comes from.
        question: Question as a person put it.
        steps: The right plan's steps.
        tools: What a plan may call, in the order shown.
        media: Content hashes by name.
        known: Names of tools that the planner has memorised.
        **more: Further fields.

    Raises:
        PlanError: the steps are no valid plan over these tools and media.
    """
    by_name = {spec.name: spec for spec in tools}
    checked = Plan(steps=[dict(step) for step in steps])
    offered = {name: as_tool(spec) for name, spec in by_name.items()}
    compile_plan(question, checked, offered, media_named(list(media)), lambda call, _: str(call))
    memorised = tuple(spec.name for spec in tools if spec.name in set(known))
    turns = planning_messages(tools, media, question, known=memorised)
    plain = [dict(step) for step in steps]
    return TrainingExample(
        id=id_,
        source=source,
        question=question,
        messages=tuple(TurnRecord(role=turn["role"], content=turn["content"]) for turn in turns),
        tools=tuple(tools),
        known=memorised,
        media=dict(media),
        steps=tuple(plain),
        target=write_plan(plain, by_name) if memorised else compact(plain),
        **more,
    )


# Files.


class BadRow(NamedTuple):
    """A line that nothing should be learned from: its number from 1, and why."""

    line: int
    reason: str


def scan_examples(file: Path) -> Iterator[tuple[int, TrainingExample | BadRow]]:
    """Each line of a file with its number, as an example or as what is wrong with it.

    Raises:
        InputError: there is no such file, or it is no text.
    """
    try:
        lines = file.read_text("utf-8").split("\n")
    except FileNotFoundError as error:
        raise InputError(f"There is no file {file}.", "Make it: visagent data build CONFIG.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file.name} is not UTF-8 text: {error}.", "Give a file of JSON lines.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            example = TrainingExample.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            yield number, BadRow(number, f"{where}: {first['msg']}")
            continue
        reason = example.problem()
        yield number, example if reason is None else BadRow(number, reason)


def read_examples(file: Path) -> list[TrainingExample]:
    """The examples of a file.

    Raises:
        InputError: there is no such file, or a line of it is unusable; names the line and the reason.
    """
    found = []
    for _, row in scan_examples(file):
        if isinstance(row, BadRow):
            raise InputError(
                f"{file.name}, line {row.line}: {row.reason}.",
                "Mend or delete the line; visagent data check lists all.",
            )
        found.append(row)
    return found


def write_examples(examples: Iterable[TrainingExample], file: Path) -> None:
    """Write examples as JSON lines."""
    with file.open("w", encoding="utf-8") as out:
        for example in examples:
            out.write(example.model_dump_json(by_alias=True, exclude_defaults=True) + "\n")


def read_split(folder: Path, split: Split) -> list[TrainingExample]:
    """One split of a folder that `visagent data build` wrote; empty where it has none.

    Raises:
        InputError: a line is unusable.
    """
    file = folder / f"{split}.jsonl"
    return read_examples(file) if file.is_file() else []


# What keeps splits honest.


def normalised(question: str) -> str:
    """A question without case, punctuation and spacing, its numbers all alike.

    >>> normalised("How many  dogs? Show 3.")
    'how many dogs show 0'
    """
    return re.sub(r"\d+", "0", " ".join(re.findall(r"\w+", question.lower())))


def split_of(question: str, validation: float = 0.1, test: float = 0.1) -> Split:
    """The split of a question, by a hash of its words: the same in every build, on every machine.

    Args:
        question: Questions that differ in case, punctuation or numbers alone share a split.
        validation: The part that is held out for choosing.
        test: The part that is held out for measuring.
    """
    place = int(hashlib.sha256(normalised(question).encode()).hexdigest()[:12], 16) / 16**12
    return "test" if place < test else "validation" if place < test + validation else "train"


def without_doubles(examples: Iterable[TrainingExample]) -> Iterator[TrainingExample]:
    """The examples with equal ones left out after the first."""
    seen: set[str] = set()
    for example in examples:
        if example.digest not in seen:
            seen.add(example.digest)
            yield example


class Leak(NamedTuple):
    """A held-out example, one that is trained on, and how alike their questions are, 1 for the same words."""

    held_out: str
    trained: str
    likeness: float


def leaks(train: Iterable[TrainingExample], held_out: Iterable[TrainingExample], near: float = NEAR) -> list[Leak]:
    """Held-out questions that training would give away: the same words, or nearly.

    Args:
        train: What is learned from.
        held_out: What is measured on.
        near: Least Jaccard index of runs of three words that counts.

    Returns:
        For each such pair of questions one leak.
    """
    ids: dict[str, str] = {}
    for example in train:
        ids.setdefault(normalised(example.question), example.id)
    grams = {question: _grams(question) for question in ids}
    index: dict[str, list[str]] = {}
    for question, found in grams.items():
        for gram in found:
            index.setdefault(gram, []).append(question)
    result = []
    asked: dict[str, str] = {}
    for example in held_out:
        asked.setdefault(normalised(example.question), example.id)
    for question, id_ in asked.items():
        own = _grams(question)
        shared = Counter(other for gram in own for other in index.get(gram, ()))
        for other, count in shared.items():
            likeness = count / (len(own) + len(grams[other]) - count)
            if likeness >= near:
                result.append(Leak(id_, ids[other], likeness))
    return result


def _grams(question: str) -> set[str]:
    words = ["^", "^", *question.split(), "$", "$"]
    return {" ".join(words[place : place + 3]) for place in range(len(words) - 2)}


def check_apart(train: Iterable[TrainingExample], held_out: Iterable[TrainingExample]) -> None:
    """Make sure that nothing held out can be memorised.

    Raises:
        InputError: two questions on either side are the same or nearly; names both.
    """
    found = leaks(train, held_out)
    if found:
        alike = "the same" if found[0].likeness == 1 else f"nearly the same ({found[0].likeness:.0%} alike)"
        more = f", and {len(found) - 1} more pairs are so" if len(found) > 1 else ""
        raise InputError(
            f"{found[0].held_out} is held out, and {found[0].trained} asks {alike}{more}.",
            "Leave out one of each pair; visagent data build does.",
        )
