"""Supervised fine-tuning of a planner: LoRA on completions, with the prefix that questions share computed once.

A group of questions shares one system prompt (the tool list), which is several times longer than a question with its
plan. So the prefix runs through the model once, with gradients, and its keys and values serve all of the group's turns.
The turns are packed into rows; a mask lets each attend to the prefix and to itself alone, and its positions go on from
the prefix's end. Loss and gradients are those of separate sequences. LoRA: Hu et al. 2021, arXiv:2106.09685; the
prefix's reuse is that of Hydragen, Juravsky et al. 2024, arXiv:2402.05099, in training.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch

IGNORED = -100


class SftConfig(BaseModel):
    """How a planner is trained.

    Attributes:
        steps: Optimiser steps; one group of questions each.
        group_size: Questions that share a tool list.
        learning_rate: Learning rate at its peak; a cosine from there to a tenth.
        warmup_steps: Warmup steps of linear warm-up.
        rank: Rank of the LoRA factors; an adapter of a smaller rank to start from is widened.
        alpha: LoRA's scale times the rank.
        max_grad_norm: Gradients are clipped to this norm.
        weight_decay: Weight decay of AdamW.
        seed: Seed of data and initial weights.
        save_every: Steps between checkpoints.
        row_tokens: Tokens in a packed row, at least; a longer turn makes its row longer.
        threads: CPU threads; None for torch's own choice.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    steps: int = Field(default=400, ge=1)
    group_size: int = Field(default=24, ge=1)
    learning_rate: float = Field(default=4e-4, gt=0)
    warmup_steps: int = Field(default=10, ge=0)
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    max_grad_norm: float = 1.0
    weight_decay: float = 0.0
    seed: int = 1
    save_every: int = Field(default=20, ge=1)
    row_tokens: int = Field(default=384, ge=16)
    threads: int | None = None


@dataclass(frozen=True)
class Turn:
    """Token ids of one user turn (with the opening of the assistant's) and of the reply (with its end)."""

    prompt: list[int]
    completion: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class SharedPrefix:
    """Token ids of a system prompt, and the turns that follow it, each on its own."""

    prefix: list[int]
    turns: list[Turn]


def tokenize_turns(tokenizer: Any, system: str, turns: Iterable[tuple[str, str]]) -> SharedPrefix:
    """A system message and (user message, reply) pairs as token ids, by the model's own chat template.

    Raises:
        ValueError: the template does not put the system message first, unchanged.
    """

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False).input_ids)

    message = {"role": "system", "content": system}
    opening = tokenizer.apply_chat_template([message], tokenize=False)
    made = []
    for user, reply in turns:
        messages = [message, {"role": "user", "content": user}]
        asked = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        if not asked.startswith(opening):
            raise ValueError("this chat template does not begin with the system message")
        made.append(Turn(ids(asked[len(opening) :]), [*ids(reply), tokenizer.eos_token_id]))
    return SharedPrefix(ids(opening), made)


@dataclass(frozen=True)
class Packed:
    """Turns packed into rows.

    Attributes:
        ids: Token ids, of shape (rows, tokens), padded with 0.
        positions: Position ids, of the same shape.
        mask: What may be attended to, added to the scores: (rows, 1, tokens, prefix + tokens).
        labels: The next token where it belongs to a reply, otherwise `IGNORED`.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> Packed:
        """The same on a device."""
        return Packed(*(value.to(device) for value in (self.ids, self.positions, self.mask, self.labels)))


def _in_type_of(mask: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    import torch

    return mask.clamp(min=torch.finfo(keys.dtype).min).to(keys.dtype)


def pack(turns: Sequence[Turn], prefix: int, row_tokens: int) -> Packed:
    """Pack turns into rows, longest first, each into the first row with room (first-fit decreasing).

    Args:
        turns: What to pack.
        prefix: Tokens of the prefix that they share.
        row_tokens: Tokens in a row, at least as many as the longest turn.
    """
    import torch

    capacity = max(row_tokens, max(len(turn) for turn in turns))
    rows: list[list[Turn]] = []
    for turn in sorted(turns, key=len, reverse=True):
        row = next((row for row in rows if sum(map(len, row)) + len(turn) <= capacity), None)
        if row is None:
            rows.append([turn])
        else:
            row.append(turn)
    width = max(sum(map(len, row)) for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    positions = torch.full((len(rows), width), prefix, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORED, dtype=torch.long)
    allowed = torch.zeros((len(rows), 1, width, prefix + width), dtype=torch.bool)
    allowed[..., :prefix] = True
    for number, row in enumerate(rows):
        start = 0
        for turn in row:
            end = start + len(turn)
            tokens = torch.tensor([*turn.prompt, *turn.completion])
            ids[number, start:end] = tokens
            positions[number, start:end] = torch.arange(prefix, prefix + len(turn))
            reply = start + len(turn.prompt)
            labels[number, reply - 1 : end - 1] = tokens[len(turn.prompt) :]
            triangle = torch.ones((len(turn), len(turn)), dtype=torch.bool).tril()
            allowed[number, 0, start:end, prefix + start : prefix + end] = triangle
            start = end
    mask = torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)
    return Packed(ids, positions, mask, labels)


def shared_prefix_loss(model: Any, batch: SharedPrefix, row_tokens: int = 384) -> torch.Tensor:
    """Mean cross-entropy of the replies' tokens, with gradients through the prefix.

    Args:
        model: A transformers causal language model, with or without adapters inside its layers.
        batch: The prefix and its turns.
        row_tokens: See `pack`.
    """
    import torch
    from transformers import DynamicCache

    from visagent.models.hf.caches import cache_argument

    packed = pack(batch.turns, len(batch.prefix), row_tokens).to(model.device)
    rows = packed.ids.shape[0]
    prefix = torch.tensor([batch.prefix], device=model.device)
    argument = cache_argument(model.model)
    once = getattr(model.model(input_ids=prefix, use_cache=True), argument)
    cache: Any = DynamicCache()
    for index, layer in enumerate(once.layers):
        cache.update(layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1), index)
    hidden = model.model(
        input_ids=packed.ids,
        position_ids=packed.positions,
        # Keys of the same type as what is added to their products: bfloat16 under autocast.
        attention_mask=_in_type_of(packed.mask, cache.layers[0].keys),
        use_cache=True,
        **{argument: cache},
    ).last_hidden_state
    # The output layer is a fifth of a small model's work: only where there is something to predict.
    asked = packed.labels != IGNORED
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[asked]), packed.labels[asked])


def add_lora(model: Any, config: SftConfig, start_from: Path | None = None) -> Any:
    """The model with LoRA on all linear layers: fresh, or as saved in a folder; one of a smaller rank is widened."""
    from peft import LoraConfig, PeftModel, get_peft_model

    if start_from is not None:
        saved: Any = LoraConfig.from_pretrained(str(start_from))
        if saved.r >= config.rank:
            return PeftModel.from_pretrained(model, start_from, is_trainable=True)
        return _widened(model, config.rank, saved, start_from)
    return get_peft_model(
        model,
        LoraConfig(
            r=config.rank, lora_alpha=config.alpha, target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM"
        ),
    )


def _widened(model: Any, rank: int, saved: Any, folder: Path) -> Any:
    """The model with a saved adapter in factors of a higher rank, which compute the same.

    Rows of A beyond the saved ones are drawn as for a fresh adapter, and the columns of B that read them are zero.
    """
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

    wide = get_peft_model(
        model,
        LoraConfig(
            r=rank,
            # LoRA's scale is alpha by rank.
            lora_alpha=saved.lora_alpha * rank // saved.r,
            target_modules=sorted(saved.target_modules),
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
        ),
    )
    fresh = get_peft_model_state_dict(wide)
    for name, narrow in load_peft_weights(str(folder), device="cpu").items():
        rows, columns = narrow.shape
        with torch.no_grad():
            fresh[name][:rows, :columns] = narrow
    set_peft_model_state_dict(wide, fresh)
    return wide


def learning_rate(step: int, config: SftConfig) -> float:
    """The learning rate of a step, counted from 0: linear warm-up, then a cosine down to a tenth of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * (0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2)


OnStep = Callable[[dict[str, float]], bool]
"""Called with the figures of each step; ends the training by returning true."""


def print_step(row: dict[str, float]) -> bool:
    """Print a step's figures; never ends the training."""
    step, steps, left = int(row["step"]), int(row["steps"]), row["seconds_left"] / 60
    print(f"step {step}/{steps}  loss {row['loss']:.4f}  {left:.1f} min left", flush=True)
    return False


def load_model(base: Path, config: SftConfig, start_from: Path | None = None) -> Any:
    """The base model with the adapter that is trained, in float32.

    Args:
        base: Its transformers folder.
        config: Rank, seed and threads.
        start_from: A PEFT folder to continue from, instead of fresh weights.
    """
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return add_lora(plain, config, start_from)


def train(
    model: Any,
    batches: Iterator[Sequence[SharedPrefix]],
    config: SftConfig,
    folder: Path,
    *,
    on_step: OnStep = print_step,
    keep_last: bool = True,
    bfloat16: bool = False,
) -> list[float]:
    """Train an adapter; a run that was cut off, even killed while it was writing, goes on from its last checkpoint.

    Writes `adapter/` (PEFT), `optimizer.pt` (all that resuming needs) and `metrics.jsonl` into the folder.

    Args:
        model: Model with the adapter inside; as `load_model` gives it.
        batches: The groups of each step, the same ones in every call: those of the steps already done are skipped.
        config: How to train.
        folder: Where the run is kept.
        on_step: Called with each step's figures.
        keep_last: Whether `adapter/` is written at each checkpoint; else that is the caller's choice.
        bfloat16: Whether to compute in bfloat16, with weights in the type that they have.

    Returns:
        The loss of each step of this call.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    state, metrics = folder / "optimizer.pt", folder / "metrics.jsonl"
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=config.learning_rate, weight_decay=config.weight_decay)
    first = _resume(model, trained, optimizer, folder)
    # Of the steps that are done again, the figures are written again.
    keep_rows(metrics, first)
    if first >= config.steps:
        return []
    model.train()
    losses: list[float] = []
    started = time.monotonic()
    for step, groups in enumerate(islice(batches, first, config.steps), start=first):
        rate = learning_rate(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        replies = [sum(len(turn.completion) for turn in batch.turns) for batch in groups]
        loss = 0.0
        for batch, tokens in zip(groups, replies, strict=True):
            with torch.autocast(model.device.type, torch.bfloat16, enabled=bfloat16):
                # The LoRA layers sit inside the base model, whose parts (body, output layer) are called one by one.
                part = shared_prefix_loss(model.get_base_model(), batch, config.row_tokens) * (tokens / sum(replies))
            part.backward()  # type: ignore[no-untyped-call]
            loss += float(part.detach())
        norm = float(torch.nn.utils.clip_grad_norm_(trained.values(), config.max_grad_norm))
        optimizer.step()
        losses.append(loss)
        left = (time.monotonic() - started) / len(losses) * (config.steps - step - 1)
        row = {"step": step + 1, "loss": round(loss, 4), "norm": round(norm, 3), "learning_rate": rate}
        add_row(metrics, row)
        stop = on_step({**row, "steps": config.steps, "seconds_left": left})
        if stop or (step + 1) % config.save_every == 0 or step + 1 == config.steps:
            weights = {name: parameter.detach().cpu() for name, parameter in trained.items()}
            done = config.steps if stop else step + 1
            _save_state({"step": done, "weights": weights, "optimizer": optimizer.state_dict()}, state)
            if keep_last:
                save_adapter(model, folder / "adapter")
        if stop:
            break
    return losses


def _resume(model: Any, trained: dict[str, Any], optimizer: Any, folder: Path) -> int:
    """Put a checkpoint's weights and the optimiser's state back; returns how many steps it had done."""
    import torch

    state = folder / "optimizer.pt"
    if not state.exists():
        return 0
    resumed = torch.load(state, weights_only=True, map_location="cpu")
    weights = resumed.get("weights")
    with torch.no_grad():
        if weights is None:
            # Runs of earlier releases kept their weights in the adapter's folder alone.
            from peft import load_peft_weights, set_peft_model_state_dict

            set_peft_model_state_dict(model, load_peft_weights(str(folder / "adapter"), device="cpu"))
        else:
            for name, parameter in trained.items():
                parameter.copy_(weights[name])
    optimizer.load_state_dict(resumed["optimizer"])
    return int(resumed["step"])


def _save_state(content: dict[str, Any], file: Path) -> None:
    """Whole or not at all: a process that is killed half-way leaves the old one."""
    import torch

    partial = file.with_name(f"{file.name}.{os.getpid()}")
    torch.save(content, partial)
    partial.replace(file)


def save_adapter(model: Any, folder: Path) -> None:
    """Save the adapter in place of the one that is there; a kill in between leaves one of them or none, never half."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    # Of a trainer that keeps a copy of the first adapter as its reference, only the trained one.
    model.save_pretrained(partial, selected_adapters=["default"])
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def add_row(file: Path, row: dict[str, Any]) -> None:
    """Append figures to `metrics.jsonl`."""
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")


def read_rows(file: Path) -> list[dict[str, Any]]:
    """All figures of a run; a last line that a kill cut off is left out."""
    rows = []
    for line in file.read_text("utf-8").splitlines() if file.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def keep_rows(file: Path, steps: int) -> None:
    """Drop the figures of later steps than these, which are done again, and a last line that a kill cut off."""
    kept = "".join(json.dumps(row) + "\n" for row in read_rows(file) if row["step"] <= steps)
    if file.is_file() and file.read_text("utf-8") != kept:
        partial = file.with_name(f"{file.name}.{os.getpid()}")
        partial.write_text(kept, "utf-8")
        partial.replace(file)
