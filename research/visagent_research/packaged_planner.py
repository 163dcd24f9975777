"""Trains, exports and measures the embedded planner: `python -m visagent_research.packaged_planner --help`.

Synthetic questions and plans (`synthetic`), LoRA on a small language model (`sft`), a GGUF adapter (`export`), and its
score on questions whose words and things training never saw (`visagent.evaluation.plans`), under the plan's JSON schema
in llama.cpp, as at run time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from visagent.core.settings import load_profile
from visagent.evaluation.plans import Complete, PlanExample, PlanReport, evaluate_planner
from visagent.planning.controller import planning_messages
from visagent.planning.plan_language import write_plan
from visagent.tools.toolkit import Tool, Toolkit, ToolSpec
from visagent_training.expressions import Specs
from visagent_training.invented import invented_tools
from visagent_training.invented_questions import invented_example
from visagent_training.lexicon import Split, intents
from visagent_training.sft import SftConfig, SharedPrefix, load_model, tokenize_turns, train
from visagent_training.synthetic import examples, groups
from visagent_training.writer import Example

MAX_TOKENS = 400
"""Longer replies are cut: the longest gold plan has fewer tokens."""


class PlannerConfig(BaseModel):
    """What the command does.

    Attributes:
        base: The base model: a name of `visagent.models.catalogue`, or a source as `ModelSource.parse` takes it.
        adapter: Name of the adapter's file.
        stages: Training runs, each continuing from the one before.
        held_out: Questions of the held-out set.
        unseen_tools: Questions of the set on tools never seen in training.
        untuned: Of each set, so many are asked of the untuned model as well: it is shown all tools and writes JSON,
            which takes it ten times as long.
        test_seed: Seed of both sets.
        notes: What the card says besides about how the adapter was made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    base: str = "smollm2-135m-instruct-q4_1"
    adapter: str = "planner-smollm2-135m"
    stages: list[SftConfig] = Field(min_length=1)
    held_out: int = Field(default=200, ge=1)
    unseen_tools: int = Field(default=90, ge=1)
    untuned: int = Field(default=30, ge=1)
    test_seed: int = 7
    notes: str = ""


def training_batches(specs: Specs, tokenizer: Any, config: SftConfig) -> Iterator[Sequence[SharedPrefix]]:
    """Groups of training questions as token ids, one a step, without end, the same for the same seed."""
    for group in groups(specs, "train", config.seed, config.group_size):
        turns = []
        system = ""
        for example in group.examples:
            tools = [*specs.values(), *group.tools]
            messages = planning_messages(tools, example.media, example.question, known=specs)
            system = messages[0]["content"]
            turns.append((messages[1]["content"], write_plan(example.steps, {spec.name: spec for spec in tools})))
        yield [tokenize_turns(tokenizer, system, turns)]


def held_out_set(specs: Specs, split: Split, seed: int, count: int) -> list[PlanExample]:
    """Different questions over the installed tools, in a split's wordings and nouns."""
    found: dict[str, PlanExample] = {}
    for example in examples(specs, split, seed):
        found.setdefault(example.question.lower(), _row(example))
        if len(found) == count:
            break
    return list(found.values())


def unseen_tool_set(specs: Specs, split: Split, seed: int, count: int, shown: int = 3) -> list[PlanExample]:
    """Different questions that need an invented tool of a split; `shown` of them are installed at a time."""
    rng = Random(f"unseen-{seed}")
    tools = list(invented_tools(split))
    rng.shuffle(tools)
    known: dict[str, ToolSpec] = {**specs, **{tool.spec.name: tool.spec for tool in tools}}
    sets = [tools[start : start + shown] for start in range(0, len(tools), shown)]
    found: dict[str, PlanExample] = {}
    for number in range(len(sets)):
        for attempt in range(100):
            if len(found) >= count * (number + 1) // len(sets):
                break
            tool = sets[number][attempt % len(sets[number])]
            example = invented_example(known, split, rng, tool)
            row = _row(example).model_copy(update={"tools": [tool.spec for tool in sets[number]]})
            found.setdefault(example.question.lower(), row)
    return list(found.values())


def _row(example: Example) -> PlanExample:
    return PlanExample(question=example.question, media=list(example.media), steps=example.steps, intent=example.intent)


def write_examples(rows: Sequence[PlanExample], file: Path) -> None:
    """Write examples as JSON lines."""
    text = "\n".join(row.model_dump_json(exclude_defaults=True) for row in rows)
    file.write_text(f"{text}\n", encoding="utf-8")


def read_examples(file: Path) -> list[PlanExample]:
    """Examples from JSON lines."""
    return [PlanExample.model_validate_json(line) for line in file.read_text("utf-8").splitlines() if line]


def llama_cpp(base: Path, adapter: Path | None = None, threads: int | None = None) -> Complete:
    """A planner in llama.cpp, at temperature 0.

    Args:
        base: The base model, a GGUF file.
        adapter: A LoRA adapter for it, a GGUF file; None for the model as it comes.
        threads: CPU threads; None for one a core.
    """
    from visagent.models.llamacpp import LlamaCpp
    from visagent.models.protocol import Message

    model = LlamaCpp(base, adapter=adapter, threads=threads)

    def complete(messages: Sequence[Mapping[str, str]], schema: dict[str, Any]) -> str:
        chat = [Message(role=message["role"], content=message["content"]) for message in messages]  # type: ignore[arg-type]
        return asyncio.run(model.chat(chat, schema=schema, max_tokens=MAX_TOKENS)).text

    return complete


def card(config: PlannerConfig, reports: Mapping[str, PlanReport], losses: Sequence[float]) -> str:
    """The model card: what the adapter is, how it was made, and how well it does.

    Args:
        config: What it was trained with.
        reports: By the name of the set and the model, such as "held-out, tuned".
        losses: Of the last training steps.
    """
    names = {
        "equivalent": "right plan", "same": "same plan", "valid": "valid", "tool_f1": "tool F1",
        "right_tools": "right tools", "own_tools": "right new tool",
    }  # fmt: skip
    rows = ["| set | questions | " + " | ".join(names.values()) + " | s a plan |", "|---" * 9 + "|"]
    for name, report in reports.items():
        given = {measure: str(report.rates[measure]) for measure in names}  # type: ignore[index]
        if not name.startswith("unseen"):
            given["own_tools"] = ""
        rates = " | ".join(given.values())
        rows.append(f"| {name} | {report.questions} | {rates} | {report.seconds:.2f} |")
    stages = "\n".join(f"- {stage.model_dump_json()}" for stage in config.stages)
    loss = f"{sum(losses[-10:]) / len(losses[-10:]):.3f}" if losses else "not recorded"
    template = (files("visagent_research") / "card.md").read_text("utf-8")
    return template.format(
        adapter=config.adapter,
        base=config.base,
        rows="\n".join(rows),
        stages=stages,
        loss=loss,
        intents=len(intents()),
        notes=config.notes,
        machine=f"{platform.system()} {platform.machine()}",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Data, training, export, evaluation, card; each stage that was finished before is not repeated."""
    parser = argparse.ArgumentParser(prog="python -m visagent_research.packaged_planner", description=main.__doc__)
    parser.add_argument("--config", type=Path, help="YAML; the packaged planner's own by default")
    parser.add_argument("--folder", type=Path, required=True, help="where checkpoints, adapter and reports go")
    parser.add_argument("--tools", nargs="*", default=[], help="import paths of tools; the installed ones by default")
    parser.add_argument("--start-from", type=Path, help="a PEFT folder to continue from")
    parser.add_argument("--only", choices=["train", "export", "evaluate"], help="one part alone")
    options = parser.parse_args(arguments)
    packaged = files("visagent_research") / "packaged_planner.yaml"
    text = options.config.read_text("utf-8") if options.config else packaged.read_text("utf-8")
    config = PlannerConfig.model_validate(yaml.safe_load(text))
    toolkit = (
        Toolkit(options.tools) if options.tools else Toolkit.installed().without(load_profile("embedded").hidden_tools)
    )
    run(config, toolkit, options.folder, start_from=options.start_from, only=options.only)


def run(
    config: PlannerConfig,
    toolkit: Mapping[str, Tool],
    folder: Path,
    *,
    start_from: Path | None = None,
    only: str | None = None,
) -> None:
    """What the command does.

    Args:
        config: How.
        toolkit: The installed tools.
        folder: Where everything goes; finished stages in it are not repeated.
        start_from: A PEFT folder that the first stage continues from.
        only: "train", "export" or "evaluate" alone.
    """
    from visagent.models.catalogue import find_source

    specs = {name: tool.spec for name, tool in toolkit.items()}
    gguf = find_source(config.base).resolve()
    adapter = folder / f"{config.adapter}.gguf"
    folder.mkdir(parents=True, exist_ok=True)
    stages = [folder / f"stage{number}" for number in range(1, len(config.stages) + 1)]
    if only in (None, "train", "export"):
        from visagent_training.gguf import adapter_to_gguf, base_from_gguf

        base = base_from_gguf(gguf, folder / "base")
        if only != "export":
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(base)
            for stage, settings in zip(stages, config.stages, strict=True):
                batches = training_batches(specs, tokenizer, settings)
                train(load_model(base, settings, start_from), batches, settings, stage)
                start_from = stage / "adapter"
        adapter_to_gguf(stages[-1] / "adapter", base, adapter)
        # What `visagent.planning.controller.known_tools` reads.
        adapter.with_suffix(".json").write_text(json.dumps({"known_tools": list(specs)}, indent=1) + "\n", "utf-8")
    if only in (None, "evaluate"):
        sets = {
            "held-out": held_out_set(specs, "test", config.test_seed, config.held_out),
            "unseen tools": unseen_tool_set(specs, "test", config.test_seed, config.unseen_tools),
        }
        reports = {}
        for name, rows in sets.items():
            write_examples(rows, folder / f"{name.replace(' ', '_')}.jsonl")
            for label, planner, known, count in (
                ("tuned", llama_cpp(gguf, adapter), tuple(specs), len(rows)),
                ("untuned", llama_cpp(gguf), (), config.untuned),
            ):
                report = evaluate_planner(rows[:count], toolkit, planner, known=known)
                reports[f"{name}, {label}"] = report
                print(name, label, {key: str(rate) for key, rate in report.rates.items()}, f"{report.seconds:.2f} s")
                (folder / f"{name}-{label}.json".replace(" ", "_")).write_text(report.model_dump_json(), "utf-8")
        metrics = [line for stage in stages if (file := stage / "metrics.jsonl").exists() for line in file.open()]
        losses = [float(json.loads(line)["loss"]) for line in metrics]
        (folder / f"{config.adapter}.md").write_text(card(config, reports, losses), encoding="utf-8")


if __name__ == "__main__":
    main()
