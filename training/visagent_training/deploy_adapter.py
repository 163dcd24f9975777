"""From a run's adapter to what an agent runs: an adapter for llama.cpp, or one model with the adapter added in.

Both are checked on the run's own held-out questions: the runtime that will be used has to plan, greedily and under the
same grammar, what the trained model plans.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from visagent.core.errors import InputError, ModelError, SourceError
from visagent.models.protocol import MLLM, Message
from visagent_training.examples import TrainingExample, read_split

if TYPE_CHECKING:
    from visagent_training.trainer import Trainer

SAME = 0.9
"""Least share of equal plans. A quantised base rounds differently in both runtimes, so that near ties may fall."""


@dataclass(frozen=True)
class Delivered:
    """What was written, in words, and whether both runtimes plan the same."""

    files: tuple[Path, ...]
    lines: tuple[str, ...]
    same: bool


def deliver(
    run: Path,
    out: Path,
    *,
    merged: bool = False,
    base_gguf: Path | None = None,
    install: bool = False,
    checks: int = 20,
) -> Delivered:
    """Export a run's adapter, and check it.

    Args:
        run: The run's folder.
        out: Where the files go.
        merged: Whether to add the adapter into the base model instead of writing an adapter for llama.cpp.
        base_gguf: The base model for llama.cpp, where the run's base is not a GGUF file itself.
        install: Whether to keep the adapter in visagent's home, so that profiles can name it.
        checks: Held-out questions that both runtimes plan.

    Raises:
        InputError: the folder holds no finished run.
        ModelError: a model cannot be loaded, or the adapter is of a kind that llama.cpp cannot take.
    """
    from visagent_training.configs import TrainConfig
    from visagent_training.methods import CONFIGS, load_adapter
    from visagent_training.trainer import Trainer

    settings_file = run / "config.yaml"
    if not settings_file.is_file() or not (run / "adapter").is_dir():
        raise InputError(f"{run} holds no adapter.", "Train one: visagent train sft --config FILE.")
    settings = yaml.safe_load(settings_file.read_text("utf-8"))
    config: TrainConfig = CONFIGS[settings.pop("method")].model_validate(settings)
    trainer = Trainer(config)
    load_adapter(trainer, run / "adapter")
    rows = [*read_split(config.data, "test"), *read_split(config.data, "validation")]
    held_out = rows[:checks]
    wanted = trainer.plans(held_out) if held_out else []
    out.mkdir(parents=True, exist_ok=True)
    if merged:
        return _merged(trainer, out / config.adapter, held_out, wanted)
    # Whatever is asked here: an adapter without the list of what it knows would be shown another prompt than it learnt.
    known = sorted({tool for example in [*rows, *read_split(config.data, "train")] for tool in example.known})
    return _adapter(trainer, run, out, base_gguf, install, known, held_out, wanted)


def _merged(trainer: Trainer, folder: Path, asked: Sequence[TrainingExample], wanted: Sequence[str]) -> Delivered:
    from visagent.models.configs import TransformersModel
    from visagent.models.hf.model import TransformersMLLM
    from visagent_training.gguf import merge

    merge(trainer.model, trainer.processor, folder)
    model = TransformersMLLM(TransformersModel(backend="transformers", model=str(folder), dtype="float32"))
    line, same = _compare("transformers with the merged model", model, asked, wanted)
    return Delivered((folder,), (f"Merged model: {folder}", line), same)


def _adapter(
    trainer: Trainer,
    run: Path,
    out: Path,
    base_gguf: Path | None,
    install: bool,
    known: Sequence[str],
    asked: Sequence[TrainingExample],
    wanted: Sequence[str],
) -> Delivered:
    from visagent.core.config_files import home
    from visagent.models.llamacpp import LlamaCpp
    from visagent_training.gguf import adapter_to_gguf

    name = trainer.config.adapter
    try:
        file = adapter_to_gguf(run / "adapter", Path(trainer.base), out / f"{name}.gguf")
    except ValueError as error:
        raise ModelError(f"llama.cpp cannot take this adapter: {error}.", "Export it with --merged.") from error
    files = [file]
    if known:
        # What `visagent.planning.controller.known_tools` reads.
        files.append(file.with_suffix(".json"))
        files[-1].write_text(json.dumps({"known_tools": list(known)}, indent=1) + "\n", "utf-8")
    lines = [f"Adapter: {file} ({file.stat().st_size / 1e6:.1f} MB)"]
    same = True
    if (gguf := base_gguf or _gguf_of(trainer.config.base)) is not None:
        line, same = _compare(f"llama.cpp with {gguf.name}", LlamaCpp(gguf, adapter=file), asked, wanted)
        lines.append(line)
    else:
        lines.append("Not checked in llama.cpp: the base model is no GGUF file; give one with --gguf.")
    if install and same:
        folder = home() / "adapters"
        folder.mkdir(parents=True, exist_ok=True)
        for item in files:
            shutil.copy2(item, folder / item.name)
        lines.append(f"Installed: a llamacpp model of a profile or of visagent.toml may say adapter: {name}")
    return Delivered(tuple(files), tuple(lines), same)


def _gguf_of(base: str) -> Path | None:
    """The GGUF file that a base model is, if it is one."""
    from visagent.models.catalogue import find_source

    try:
        file = find_source(base).resolve()
    except SourceError:
        return None
    return file if file.suffix == ".gguf" else None


def _compare(runtime: str, model: MLLM, asked: Sequence[TrainingExample], wanted: Sequence[str]) -> tuple[str, bool]:
    """Ask another runtime the same questions."""

    async def replies() -> list[str]:
        found = []
        for example in asked:
            turns = [Message(turn.role, turn.content) for turn in example.messages]
            budget = 288 if example.known else 768
            found.append((await model.chat(turns, schema=example.constraint, max_tokens=budget)).text)
        return found

    if not asked:
        return f"Not checked in {runtime}: no held-out question was asked.", True
    found = asyncio.run(replies())
    model.close()
    equal = sum(" ".join(one.split()) == " ".join(other.split()) for one, other in zip(found, wanted, strict=True))
    return f"{equal} of {len(asked)} plans are the same in {runtime}.", equal >= SAME * len(asked)
