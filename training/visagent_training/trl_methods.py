"""The methods that TRL trains: supervised (any base, with pictures), preferences, rewards. Knows no file format.

The prompt is always the one of the agent, rendered by the model's own chat template: tools stand in its system message,
so no collator can drop them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from visagent.core.install import requiring
from visagent_training.configs import DpoConfig, GrpoConfig, TrainConfig
from visagent_training.examples import TrainingExample
from visagent_training.run import RunFolder, Watch
from visagent_training.sft import add_row, keep_rows, save_adapter
from visagent_training.trainer import Trainer, epoch
from visagent_training.verify import Pair, Runner, judge

_FIGURES = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "norm",
    "rewards/margins": "margin",
    "rewards/accuracies": "preferred",
    "reward": "reward",
    "valid": "valid",
    "right": "right",
    "liked": "liked",
    "margin": "margin",
    "accuracy": "preferred",
}
"""What is kept of TRL's figures, and what it is called here."""


def supervise(
    trainer: Trainer, examples: Sequence[TrainingExample], folder: Path, watch: Watch, run: RunFolder
) -> None:
    """Supervised fine-tuning with `SFTTrainer`, the loss on the reply alone.

    Args:
        trainer: What is trained.
        examples: What is learned; with their pictures where the model is shown them.
        folder: Where checkpoints and figures go.
        watch: Follows it.
        run: The run.
    """
    rows = epoch(examples, Random(f"epoch-{run.config.seed}"))
    fit(supervisor(trainer, rows, folder), trainer.model, folder, watch, run)


def supervisor(trainer: Trainer, examples: Sequence[TrainingExample], folder: Path) -> Any:
    """The `SFTTrainer` over examples, the loss on the reply alone."""
    trl = trl_library()
    args = trl.SFTConfig(
        **arguments(trainer, trainer.config, folder), max_length=None, packing=False, completion_only_loss=True
    )
    return trl.SFTTrainer(
        model=trainer.model,
        args=args,
        train_dataset=supervised_rows(trainer, examples),
        processing_class=trainer.processor,
    )


def supervised_rows(trainer: Trainer, examples: Sequence[TrainingExample]) -> Any:
    """Examples as the data set that `SFTTrainer` takes: prompt and completion, pictures where the model sees."""
    return _rows(trainer, [(example, {"completion": [_reply(example.target)]}) for example in examples])


def _rows(trainer: Trainer, rows: Sequence[tuple[TrainingExample, dict[str, Any]]]) -> Any:
    """A data set of prompts with what belongs to each, and with pictures where the model is shown them."""
    import io

    import datasets

    if not trainer.shows_pictures:
        return datasets.Dataset.from_list([{"prompt": _prompt(example), **more} for example, more in rows])
    made = []
    for example, more in rows:
        images, prompt = [], []
        for turn in trainer.messages(example):
            parts: list[dict[str, str]] = []
            for part in (turn.content,) if isinstance(turn.content, str) else turn.content:
                if isinstance(part, str):
                    parts.append({"type": "text", "text": part})
                    continue
                png = io.BytesIO()
                part.image().save(png, "PNG")
                images.append({"bytes": png.getvalue(), "path": None})
                parts.append({"type": "image"})
            prompt.append({"role": turn.role, "content": parts})
        made.append({"prompt": prompt, **more, "images": images})
    return datasets.Dataset.from_list(made).cast_column("images", datasets.List(datasets.Image()))


def prefer(trainer: Trainer, pairs: Sequence[Pair], config: DpoConfig, watch: Watch, run: RunFolder) -> None:
    """Preference tuning with `DPOTrainer`; the reference is the adapter as it is now.

    Args:
        trainer: What is trained.
        pairs: Right and wrong replies.
        config: Config of the method.
        watch: Follows it.
        run: The run.
    """
    trl = trl_library()
    rows = [(pair.example, {"chosen": [_reply(pair.chosen)], "rejected": [_reply(pair.rejected)]}) for pair in pairs]
    Random(f"pairs-{config.seed}").shuffle(rows)
    args = trl.DPOConfig(**arguments(trainer, config, run.path), beta=config.beta, max_length=None)
    trl_trainer = trl.DPOTrainer(
        model=trainer.model,
        args=args,
        train_dataset=_rows(trainer, rows),
        processing_class=trainer.processor,
    )
    fit(trl_trainer, trainer.model, run.path, watch, run)


def reinforce(
    trainer: Trainer,
    examples: Sequence[TrainingExample],
    config: GrpoConfig,
    watch: Watch,
    run: RunFolder,
    runner: Runner | None,
    liked: Callable[[Sequence[tuple[TrainingExample, str]]], Sequence[float]] | None = None,
) -> None:
    """Reinforcement with `GRPOTrainer`: plans are sampled under the grammar, and their worth is verified.

    Args:
        trainer: What is trained.
        examples: Questions.
        config: Config of the method.
        watch: Follows it.
        run: The run.
        runner: Runs plans whose answer is known.
        liked: A reward model's scores of plans, which are added to the verifiable reward; None for that alone.
    """
    # The way to generate with one's own constraints is called experimental; its release is pinned by a test.
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    trl = trl_library()
    import datasets

    by_prompt = {_key(_prompt(example)): example for example in examples}

    def rollout(prompts: list[Any], _: Any) -> dict[str, Any]:
        asked = [by_prompt[_key(prompt)] for prompt in prompts]
        replies = trainer.replies(asked, temperature=config.temperature, most_tokens=config.most_tokens)
        return {
            "prompt_ids": [trainer.prompt_tokens(example) for example in asked],
            "completion_ids": [[*reply, trainer.end_token] for reply in replies],
            "logprobs": None,
        }

    def worth(prompts: list[Any], completions: list[Any], log_metric: Any, **_: Any) -> list[float]:
        rewards, verdicts = [], []
        for prompt, completion in zip(prompts, completions, strict=True):
            example = by_prompt[_key(prompt)]
            verdicts.append(judge(completion[0]["content"], example, runner))
            rewards.append(config.reward.of(verdicts[-1], example))
        if liked is not None:
            asked = [by_prompt[_key(prompt)] for prompt in prompts]
            scores = liked(list(zip(asked, (one[0]["content"] for one in completions), strict=True)))
            # Between 0 and 1, as the verifiable reward is.
            worths = [1 / (1 + math.exp(-score)) for score in scores]
            rewards = [one + config.liked_weight * more for one, more in zip(rewards, worths, strict=True)]
            log_metric("liked", sum(worths) / len(worths))
        for figure in ("valid", "right"):
            log_metric(figure, sum(getattr(verdict, figure) for verdict in verdicts) / len(verdicts))
        return rewards

    args = trl.GRPOConfig(
        **arguments(trainer, config, run.path)
        | {"per_device_train_batch_size": config.samples, "gradient_accumulation_steps": config.group_size},
        num_generations=config.samples,
        max_completion_length=config.most_tokens + 1,
        temperature=config.temperature,
        beta=config.beta,
    )
    trl_trainer = trl.GRPOTrainer(
        model=trainer.model,
        reward_funcs=worth,
        args=args,
        train_dataset=datasets.Dataset.from_list([{"prompt": _prompt(example)} for example in examples]),
        processing_class=trainer.processor,
        rollout_func=rollout,
    )
    fit(trl_trainer, trainer.model, run.path, watch, run)


def trl_library() -> Any:
    """TRL, which is imported when a method wants it.

    Raises:
        MissingDependency: it is not installed.
    """
    # Nobody's runs are reported anywhere.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    with requiring("This method needs TRL", "train"):
        import datasets
        import trl
    # The run has a progress bar of its own.
    datasets.disable_progress_bars()
    return trl


def _prompt(example: TrainingExample) -> list[dict[str, str]]:
    return [{"role": turn.role, "content": turn.content} for turn in example.messages]


def _reply(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _key(prompt: Any) -> str:
    return json.dumps([[turn["role"], turn["content"]] for turn in prompt])


def arguments(trainer: Trainer, config: TrainConfig, folder: Path) -> dict[str, Any]:
    """What all trainers of TRL are given."""
    import torch

    cuda = torch.cuda.is_available()
    on_device = min(config.device_rows, config.group_size)
    return {
        "output_dir": str(folder / "checkpoints"),
        "max_steps": config.steps,
        "per_device_train_batch_size": on_device,
        "gradient_accumulation_steps": max(1, config.group_size // on_device),
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": 0.1},
        "warmup_steps": config.warmup_steps,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "seed": config.seed,
        "logging_steps": 1,
        "save_steps": config.save_every,
        "save_total_limit": 2,
        "report_to": [],
        "bf16": trainer.bfloat16,
        "gradient_checkpointing": config.gradient_checkpointing,
        "use_cpu": not cuda,
        "dataloader_pin_memory": cuda,
        "disable_tqdm": True,
    }


def fit(trl_trainer: Any, model: Any, folder: Path, watch: Watch, run: RunFolder) -> None:
    """Run one of TRL's trainers over a PEFT model, from its last whole checkpoint if there is one."""
    import time

    from transformers import PrinterCallback, TrainerCallback

    metrics = folder / "metrics.jsonl"
    last = _last_checkpoint(folder / "checkpoints")
    first = int(last.name.rpartition("-")[2]) if last is not None else 0
    keep_rows(metrics, first)
    finished = folder / "checkpoints" / "finished"
    started = time.monotonic()

    class Bridge(TrainerCallback):
        """Passes figures on, and ends the training when the run's watch says so."""

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            row: dict[str, float] = {"step": state.global_step}
            row |= {name: round(float(logs[key]), 8) for key, name in _FIGURES.items() if key in logs}
            add_row(metrics, row)
            done = state.global_step - first
            left = (time.monotonic() - started) / max(1, done) * (state.max_steps - state.global_step)
            if watch.step({**row, "steps": state.max_steps, "seconds_left": left}):
                control.should_training_stop = control.should_save = True

    trl_trainer.remove_callback(PrinterCallback)
    trl_trainer.add_callback(Bridge())
    if last is not None and finished.is_file():
        # Stopped early or done: only the weights are wanted.
        from peft import load_peft_weights, set_peft_model_state_dict

        set_peft_model_state_dict(model, load_peft_weights(str(last), device=str(model.device)))
    else:
        trl_trainer.train(resume_from_checkpoint=str(last) if last is not None else None)
        finished.write_text(f"{trl_trainer.state.global_step}\n", "utf-8")
    if not watch.looks:
        save_adapter(model, run.adapter)


def _last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written whole; its state is what transformers writes last."""
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
