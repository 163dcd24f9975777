"""Whether training all parameters of the packaged planner's base gives more than its LoRA adapter.

    python research/benchmarks/all_parameters.py train FOLDER [--start FOLDER] [--steps 400] [--learning-rate 1e-4]
    python research/benchmarks/all_parameters.py evaluate FOLDER --typed training/questions/validation/w4.jsonl
        [--average 0.5] [--kind Q8_0]

`train` begins with the base into which the packaged adapter is merged, or with what an earlier call has left, learns
from training/questions and the grammar as `visagent_research.packaged_planner` does, and keeps a transformers folder.
`evaluate` writes it as a GGUF file of its own, asks llama.cpp for the plans of the questions, and prints how many are
right; with `--average` of the weights between the beginning (0) and the trained ones (1). About 10 s a step on two CPU
cores and 7 GB of memory.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from visagent.core.text import detect_language
from visagent.models.catalogue import find_source
from visagent.models.llamacpp import LlamaCpp
from visagent_research.packaged_planner import (
    Stage,
    ask,
    draw_stage,
    held_out_set,
    offered,
    rates,
    read_planner_config,
    typed_questions,
)
from visagent_training.examples import TrainingExample
from visagent_training.gguf import MODULES, rotary_order
from visagent_training.sft import shared_prefix_loss, tokenize_turns
from visagent_training.trainer import adapter_folder, base_folder

GROUP, ROW_TOKENS, TYPED = 32, 256, 0.88
"""Questions of a step, tokens of a packed row, and the part of the questions that people typed."""
NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
WHOLE = {
    "token_embd": "model.embed_tokens.weight",
    "output_norm": "model.norm.weight",
    "output": "lm_head.weight",
}
"""Names of tensors in llama.cpp and in transformers."""


def beginning() -> Any:
    """The base model with the packaged adapter merged into its weights, in float32."""
    settings = read_planner_config(None)
    base = base_folder(settings.base)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return PeftModel.from_pretrained(plain, adapter_folder(settings.adapter, base)).merge_and_unload()


def groups(rows: Sequence[TrainingExample], epoch: int) -> Iterator[list[TrainingExample]]:
    """Questions that share a system prompt, at most `GROUP` at a time, in another order each epoch."""
    shuffled = random.Random(epoch)
    by_prompt: dict[str, list[TrainingExample]] = {}
    for row in rows:
        by_prompt.setdefault(str(row.messages[0].content), []).append(row)
    found = []
    for sharing in by_prompt.values():
        shuffled.shuffle(sharing)
        found += [sharing[start : start + GROUP] for start in range(0, len(sharing), GROUP)]
    shuffled.shuffle(found)
    yield from found


def steps_of(rows: Sequence[TrainingExample]) -> Iterator[list[list[TrainingExample]]]:
    """The groups of each step, together at least `GROUP` questions, without end."""
    step: list[list[TrainingExample]] = []
    for epoch in range(1_000_000):
        for group in groups(rows, epoch):
            step.append(group)
            if sum(map(len, step)) >= GROUP:
                yield step
                step = []


def train(folder: Path, start: Path | None, steps: int, peak: float) -> None:
    """Train all parameters with AdamW, a cosine from the peak to a twentieth of it, in bfloat16 where possible."""
    torch.manual_seed(5)
    model = beginning() if start is None else AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    tokenizer: Any = AutoTokenizer.from_pretrained(base_folder(read_planner_config(None).base))
    specs = offered()
    typed = typed_questions(sorted(Path("training/questions").glob("w*.jsonl")), specs)
    rows = draw_stage(Stage(steps=400, group_size=GROUP, typed=TYPED, seed=301), typed, specs)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, weight_decay=0.01, betas=(0.9, 0.98))
    model.train()
    for step, batch in zip(range(steps), steps_of(rows), strict=False):
        rate = peak * min(1.0, (step + 1) / 10) * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        turns = [
            tokenize_turns(
                tokenizer,
                str(group[0].messages[0].content),
                [(str(row.messages[1].content), row.target) for row in group],
            )
            for group in batch
        ]
        tokens = [sum(len(turn.completion) for turn in prefix.turns) for prefix in turns]
        optimizer.zero_grad()
        loss = 0.0
        for prefix, count in zip(turns, tokens, strict=True):
            with torch.autocast("cpu", torch.bfloat16):
                part = shared_prefix_loss(model, prefix, ROW_TOKENS) * (count / sum(tokens))
            part.backward()
            loss += float(part.detach())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        print(f"step {step + 1}/{steps}  loss {loss:.4f}", flush=True)
        if (step + 1) % 50 == 0 or step + 1 == steps:
            model.save_pretrained(folder)


def to_gguf(weights: dict[str, torch.Tensor], base: Path, heads: dict[str, int], out: Path, kind: str) -> None:
    """Write a model's weights in place of those of the base's GGUF file, matrices in one type of numbers."""
    reader, writer = gguf.GGUFReader(base), gguf.GGUFWriter(out, "llama")
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    long = {short: name for name, short in MODULES.items()} | NORMS
    for tensor in reader.tensors:
        parts = tensor.name.split(".")
        own = f"model.layers.{parts[1]}.{long[parts[2]]}.weight" if parts[0] == "blk" else WHOLE[parts[0]]
        rows = weights[own].float().numpy()
        module = own.split(".")[-2]
        rows = rotary_order(rows, heads[module]) if module in heads else rows
        if rows.ndim == 1:
            writer.add_tensor(tensor.name, rows.astype(np.float32))
            continue
        stored = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(tensor.name, gguf.quantize(np.ascontiguousarray(rows), stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def evaluate(folder: Path, typed: Sequence[Path], average: float, kind: str) -> None:
    """Print how many plans of a trained model are right, in llama.cpp, by language and on the grammar's test split."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    weights = model.state_dict()
    if average < 1:
        first = beginning().state_dict()
        weights = {name: average * weights[name] + (1 - average) * first[name] for name in weights}
    settings, out = read_planner_config(None), folder / f"{kind}-{average:g}.gguf"
    heads = {"q_proj": model.config.num_attention_heads, "k_proj": model.config.num_key_value_heads}
    to_gguf(weights, find_source(settings.base).resolve(), heads, out, kind)
    specs = offered()
    sets = {"grammar": held_out_set(specs, "test", settings.test_seed, 100)}
    for row in typed_questions(typed, specs):
        sets.setdefault(f"typed {detect_language(row.question)}", []).append(row)
    planner = LlamaCpp(out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    for name, rows in sets.items():
        found = rates(asyncio.run(ask(planner, rows)), rows, specs)
        print(f"{name}: same {found['same']}, right tools {found['right_tools']}", flush=True)
    planner.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "evaluate"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--typed", type=Path, action="append", default=[])
    parser.add_argument("--average", type=float, default=1.0)
    parser.add_argument("--kind", default="Q8_0", choices=["Q8_0", "Q5_1", "Q4_1"])
    given = parser.parse_args()
    if given.what == "train":
        train(given.folder, given.start, given.steps, given.learning_rate)
    else:
        evaluate(given.folder, given.typed, given.average, given.kind)


if __name__ == "__main__":
    main()
