"""The packaged planner's own training: `python -m visagent_research.packaged_planner --help`.

Each stage draws questions of the grammar, and of files of questions as people type them, and fine-tunes on them as
`visagent train sft` does, from the stage before it on; the last adapter is exported as `visagent train export` does. It
is measured on questions whose words, things and tools training never saw, in llama.cpp under the grammar of each
question, as at run time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.table import Table

from visagent.core.errors import InputError
from visagent.core.settings import load_profile
from visagent.core.text import detect_language
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.models.protocol import MLLM, Message
from visagent.tools.toolkit import Toolkit, ToolSpec
from visagent_training.build import read_config
from visagent_training.configs import TrainConfig
from visagent_training.deploy_adapter import deliver
from visagent_training.examples import TrainingExample, plan_example, without_doubles, write_examples
from visagent_training.expressions import Specs
from visagent_training.invented import invented_tools
from visagent_training.invented_questions import invented_example
from visagent_training.lexicon import Split
from visagent_training.methods import run_method
from visagent_training.plan_scores import Comparison
from visagent_training.sft import SftConfig
from visagent_training.sources import question_examples, synthetic_examples
from visagent_training.synthetic import examples
from visagent_training.verify import compare
from visagent_training.writer import Example

MAX_TOKENS = 400
"""Tokens of a reply at most: the longest gold plan has fewer."""

app = typer.Typer(help="Train the packaged planner anew, or measure it.")


class Stage(SftConfig):
    """One training run.

    Attributes:
        typed: Part of its questions that come from files of questions as people type them, from 0 to 1; the others are
            the grammar's.
    """

    typed: float = Field(default=0.0, ge=0, le=1)


class PlannerConfig(BaseModel):
    """How the planner is made and measured.

    Attributes:
        base: The base model: a name of `visagent.models.catalogue`, or a source as `ModelSource.parse` takes it.
        start_from: Adapter that the first stage continues from: a packaged one's name, a run's folder or a PEFT folder;
            None to begin with a fresh one.
        adapter: Name of the adapter's file.
        stages: Training runs, each continuing from the one before.
        held_out: Questions of the held-out set.
        unseen_tools: Questions of the set on tools never seen in training.
        untuned: Questions of each set that the untuned model is asked as well: it is shown all tools and writes JSON,
            which takes it ten times as long.
        test_seed: Seed of both sets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    base: str = "smollm2-135m-instruct-q4_1"
    start_from: str | None = None
    adapter: str = "planner-smollm2-135m"
    stages: list[Stage] = Field(min_length=1)
    held_out: int = Field(default=200, ge=1)
    unseen_tools: int = Field(default=90, ge=1)
    untuned: int = Field(default=30, ge=1)
    test_seed: int = 7


def typed_questions(files: Sequence[Path], specs: Specs) -> list[TrainingExample]:
    """The questions of files as people type them, with plans; see training/questions.

    Raises:
        InputError: a file is missing, or a line cannot be learned from; names the file and the line.
    """
    found = []
    for file in files:
        for drawn in question_examples(file, specs, known=tuple(specs)):
            if not isinstance(drawn, TrainingExample):
                raise InputError(
                    f"{drawn.where}: {drawn.reason}.", "Mend it; scripts/check_plans.py lists all such lines."
                )
            found.append(drawn.model_copy(update={"id": f"{file.stem}/{drawn.id}"}))
    return found


def draw_stage(stage: Stage, typed: Sequence[TrainingExample], specs: Specs) -> list[TrainingExample]:
    """The different questions of a stage; typed ones beyond those that there are come again in a later epoch.

    Raises:
        InputError: the stage asks for typed questions, and there are none.
    """
    count = stage.steps * stage.group_size
    wanted = round(count * stage.typed)
    if wanted and not typed:
        raise InputError("A stage learns from typed questions, and no file of them was given.", "Give --typed FILE.")
    drawn = Random(f"typed-{stage.seed}").sample(typed, min(wanted, len(typed)))
    made = synthetic_examples(
        specs, "train", stage.seed, round(len(drawn) * (1 / stage.typed - 1)) if wanted else count, known=tuple(specs)
    )
    return list(without_doubles([*drawn, *made]))


def train_stages(config: PlannerConfig, specs: Specs, folder: Path, typed: Sequence[TrainingExample] = ()) -> Path:
    """Train every stage and export the last one; stages that were finished before are not repeated.

    Args:
        config: How.
        specs: The tools that the planner memorises, by name.
        folder: Where data and runs go.
        typed: Questions as people type them, for the stages that learn from such.

    Returns:
        The adapter for llama.cpp, with the list of the tools that it has memorised beside it.
    """
    run: Path | None = None
    for number, stage in enumerate(config.stages, start=1):
        data = folder / f"stage{number}-data"
        if not (data / "train.jsonl").is_file():
            data.mkdir(parents=True, exist_ok=True)
            write_examples(draw_stage(stage, typed, specs), data / "train.jsonl")
        settings = TrainConfig(
            **stage.model_dump(exclude={"typed"}),
            base=config.base,
            start_from=config.start_from if run is None else str(run),
            data=data,
            adapter=config.adapter,
            test_rows=0,
        )
        run = folder / f"stage{number}"
        run_method("sft", settings, run)
    assert run is not None
    deliver(run, folder, checks=0)
    return folder / f"{config.adapter}.gguf"


def held_out_set(specs: Specs, split: Split, seed: int, count: int) -> list[TrainingExample]:
    """Different questions over the installed tools, in a split's wordings and nouns."""
    found: dict[str, TrainingExample] = {}
    for example in examples(specs, split, seed):
        found.setdefault(example.question.lower(), _row(example, list(specs.values()), specs, split))
        if len(found) == count:
            break
    return list(found.values())


def unseen_tool_set(specs: Specs, split: Split, seed: int, count: int, shown: int = 3) -> list[TrainingExample]:
    """Different questions that need an invented tool of a split; `shown` of them are installed at a time."""
    rng = Random(f"unseen-{seed}")
    tools = list(invented_tools(split))
    rng.shuffle(tools)
    known: dict[str, ToolSpec] = {**specs, **{tool.spec.name: tool.spec for tool in tools}}
    sets = [tools[start : start + shown] for start in range(0, len(tools), shown)]
    found: dict[str, TrainingExample] = {}
    for number in range(len(sets)):
        offered = [*specs.values(), *(tool.spec for tool in sets[number])]
        for attempt in range(100):
            if len(found) >= count * (number + 1) // len(sets):
                break
            example = invented_example(known, split, rng, sets[number][attempt % len(sets[number])])
            found.setdefault(example.question.lower(), _row(example, offered, specs, split))
    return list(found.values())


def _row(example: Example, tools: Sequence[ToolSpec], specs: Specs, split: Split) -> TrainingExample:
    media = dict.fromkeys(example.media)
    id_ = f"{example.intent}/{example.question}"
    return plan_example(
        id_, "synthetic", example.question, example.steps, tools, media, known=tuple(specs), split=split
    )


def unaided(example: TrainingExample) -> TrainingExample:
    """The same question for a planner that has memorised no tool: all are in its prompt, and it writes JSON."""
    assert example.steps is not None
    return plan_example(
        example.id, example.source, example.question, example.steps, example.tools, example.media, split=example.split
    )


async def ask(model: MLLM, rows: Sequence[TrainingExample]) -> list[str]:
    """A planner's reply to each question at temperature 0, held to what the question admits.

    Args:
        model: What plans.
        rows: Questions with gold plans; those with the same tools should stand together, so that a model can keep its
            cache of the system prompt.
    """
    replies = []
    for row in rows:
        turns = [Message(turn.role, turn.content) for turn in row.messages]
        reply = await model.chat(turns, schema=row.constraint, max_tokens=MAX_TOKENS)
        replies.append(reply.text)
    return replies


def rates(replies: Sequence[str], rows: Sequence[TrainingExample], installed: Specs) -> dict[str, Estimate]:
    """How good replies are: the mean of each figure of `Comparison`.

    Args:
        replies: One for each question.
        rows: The questions with gold plans.
        installed: The tools that training saw; `own_tools` is about all others.
    """
    found = [
        compare(reply, row, own=row.specs.keys() - installed.keys()) for reply, row in zip(replies, rows, strict=True)
    ]
    return {name: mean([float(getattr(one, name)) for one in found]) for name in Comparison._fields}


def read_planner_config(file: Path | None) -> PlannerConfig:
    """The configuration of a YAML file; None for the packaged planner's own.

    Raises:
        ConfigError: the file is missing, not YAML, or a value is unusable; names the key.
    """
    packaged = Path(str(files("visagent_research") / "packaged_planner.yaml"))
    config: PlannerConfig = read_config(file or packaged, PlannerConfig)
    return config


def offered() -> dict[str, ToolSpec]:
    """The tools that the embedded profile offers, by name."""
    tools = Toolkit.installed().without(load_profile("embedded").unplanned_tools)
    return {name: tool.spec for name, tool in tools.items()}


FolderOption = Annotated[Path, typer.Option(help="Where data, runs, the adapter and reports go.")]
ConfigOption = Annotated[Path | None, typer.Option(help="YAML; the packaged planner's own by default.")]


TypedOption = Annotated[
    list[Path] | None, typer.Option(help="A file of questions as people type them, with plans; may be repeated.")
]


@app.command()
def train(folder: FolderOption, config: ConfigOption = None, typed: TypedOption = None) -> None:
    """Train every stage, and export the last one; what was finished before is not repeated."""
    specs = offered()
    questions = typed_questions(typed or [], specs)
    typer.echo(f"Adapter: {train_stages(read_planner_config(config), specs, folder, questions)}")


@app.command()
def evaluate(
    folder: FolderOption,
    config: ConfigOption = None,
    typed: TypedOption = None,
    untuned: Annotated[bool, typer.Option(help="Ask the untuned base as well.")] = True,
) -> None:
    """Measure the adapter in the folder, and its untuned base, on words, things and tools that training never saw.

    Questions of files are measured by language. What was replied is kept in the folder.
    """
    from visagent.models.catalogue import find_source
    from visagent.models.llamacpp import LlamaCpp

    settings, specs = read_planner_config(config), offered()
    base = find_source(settings.base).resolve()
    sets = {
        "held-out": held_out_set(specs, "test", settings.test_seed, settings.held_out),
        "unseen tools": unseen_tool_set(specs, "test", settings.test_seed, settings.unseen_tools),
    }
    for row in typed_questions(typed or [], specs):
        sets.setdefault(f"typed {detect_language(row.question)}", []).append(row)
    table, report = Table("set", "planner", "questions", *Comparison._fields), dict[str, Any]()
    for name, rows in sets.items():
        asked: dict[str, tuple[Path | None, list[TrainingExample]]] = {
            "tuned": (folder / f"{settings.adapter}.gguf", rows)
        }
        if untuned:
            asked["untuned"] = (None, [unaided(row) for row in rows[: settings.untuned]])
        for label, (adapter, some) in asked.items():
            model = LlamaCpp(base, adapter=adapter)
            replies = asyncio.run(ask(model, some))
            model.close()
            found = rates(replies, some, specs)
            table.add_row(name, label, str(len(some)), *map(str, found.values()))
            report[f"{name}, {label}"] = {figure: rate.model_dump() for figure, rate in found.items()}
            lines = [
                {"question": row.question, "plan": row.target, "reply": reply}
                for row, reply in zip(some, replies, strict=True)
            ]
            (folder / f"{name}, {label}.jsonl").write_text(
                "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8"
            )
    Console().print(table)
    (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    app()
