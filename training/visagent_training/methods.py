"""How a planner learns: from right plans, from its own that verify, from preferences, from rewards.

- `sft`: supervised fine-tuning on the targets (LoRA: Hu et al. 2021, arXiv:2106.09685; QLoRA: arXiv:2305.14314).
- `reject`: samples plans, keeps those that verify, and fine-tunes on them (Yuan et al. 2023, arXiv:2308.01825).
- `dpo`: prefers right plans to sampled ones that fail and to hard negatives (Rafailov et al. 2023, arXiv:2305.18290).
- `reward`: a model that prefers right plans, which chooses among sampled ones (`visagent_training.reward_model`).
- `grpo`: samples groups of plans and reinforces those that are worth more than their group (arXiv:2402.03300).

All sampling is held to the grammar of each example. A method called again on its folder goes on where it was cut off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal

from visagent.core.errors import ConfigError, InputError
from visagent.core.files import write_whole
from visagent.evaluation.bootstrap import Estimate
from visagent_training.configs import (
    DpoConfig,
    GrpoConfig,
    RejectConfig,
    RewardModelConfig,
    SamplingConfig,
    TrainConfig,
)
from visagent_training.examples import TrainingExample, check_apart, read_split
from visagent_training.run import Clock, Progress, RunFolder, Watch, dump, gain, measure
from visagent_training.sft import save_adapter, train
from visagent_training.trainer import Trainer, adapter_folder, batches
from visagent_training.verify import Pair, Runner, judge, pairs_of

if TYPE_CHECKING:
    from visagent_training.reward_model import BestOfN

Method = Literal["sft", "reject", "dpo", "reward", "grpo"]
CHUNK = 16
"""Examples that are sampled at a time."""


CONFIGS: dict[Method, type[TrainConfig]] = {
    "sft": TrainConfig,
    "reject": RejectConfig,
    "dpo": DpoConfig,
    "reward": RewardModelConfig,
    "grpo": GrpoConfig,
}


@dataclass
class Job:
    """What a method works with."""

    run: RunFolder
    trainer: Trainer
    train: list[TrainingExample]
    validation: list[TrainingExample]
    runner: Runner | None
    show: Progress

    def watch(self, metrics: Path | None = None) -> Watch:
        """What follows the run."""
        return Watch(self.run, self.trainer, self.validation, metrics=metrics, show=self.show)


def run_method(method: Method, config: TrainConfig, folder: Path, runner: Runner | None = None) -> RunFolder:
    """Train, measure before and after on the test split, draw the curves, write the card.

    Args:
        method: Which.
        config: Config of the method's class in `CONFIGS`.
        folder: The run's; a run that was cut off goes on.
        runner: Runs plans, for tasks whose answer is known; None to judge plans by the gold ones alone.

    Raises:
        InputError: the data cannot be learned from.
        ConfigError: the folder holds another run.
        ModelError: the model cannot be loaded or run.
    """
    splits = {split: read_split(config.data, split) for split in ("train", "validation", "test")}
    if not splits["train"]:
        raise InputError(f"{config.data} has no training examples.", "Make them: visagent data build CONFIG.")
    check_apart(splits["train"], [*splits["validation"], *splits["test"]])
    run = RunFolder(folder, method, config)
    clock = Clock(run)
    with Progress(f"{method} {config.adapter}") as show:
        trainer = Trainer(config)
        job = Job(run, trainer, splits["train"], splits["validation"], runner, show)
        test = splits["test"][: config.test_rows]
        report = run.read("report.json") or {}
        if test and "before" not in report:
            show.say(f"Planning {len(test)} test questions before training")
            planned = trainer.plans(test)
            run.write("test_before.json", planned)
            report |= {"before": dump(measure(planned, test)), "seconds": clock.seconds()}
            run.write("report.json", report)
        _METHODS[method](job)
        if not run.adapter.is_dir() and method != "reward":
            save_adapter(trainer.model, run.adapter)
        if test:
            show.say(f"Planning {len(test)} test questions after training")
            if isinstance(config, RewardModelConfig):
                found = _chosen(job, config, test)
                replies = found.replies
                report["best of n"] = dump(
                    {name: each for name, each in found._asdict().items() if isinstance(each, Estimate)}
                )
                report["gain of choosing"] = found.gain.model_dump()
            else:
                load_adapter(trainer, run.adapter)
                replies = trainer.plans(test)
            report["after"] = dump(measure(replies, test))
            planned = run.read("test_before.json")
            if planned:
                report["gain"] = gain(planned, replies, test).model_dump()
            lines = [
                json.dumps(
                    {"id": one.id, "question": one.question, "gold": one.target, "before": before, "reply": reply}
                )
                for one, before, reply in zip(test, planned or [None] * len(test), replies, strict=True)
            ]
            (run.path / "test_plans.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        run.write("report.json", {**report, "seconds": clock.seconds()})
        run.draw()
        run.write_card()
    return run


def load_adapter(trainer: Trainer, folder: Path) -> None:
    """Put an adapter's weights into the model that is trained."""
    from peft import load_peft_weights, set_peft_model_state_dict

    set_peft_model_state_dict(trainer.model, load_peft_weights(str(folder), device=str(trainer.model.device)))


def _sft(job: Job) -> None:
    _fit(job, job.train, job.run.path, job.watch())


def _fit(job: Job, rows: Sequence[TrainingExample], folder: Path, watch: Watch) -> None:
    """Fine-tune on the targets of examples."""
    trainer, config = job.trainer, job.run.config
    if trainer.shares_prefixes and all(len(row.messages) == 2 and row.messages[0].role == "system" for row in rows):
        train(
            trainer.model,
            batches(rows, trainer.tokenizer, config),
            config,
            folder,
            on_step=watch.step,
            keep_last=False,
            bfloat16=trainer.bfloat16,
        )
        if not watch.looks:
            save_adapter(trainer.model, job.run.adapter)
        return
    from visagent_training.trl_methods import supervise

    supervise(trainer, rows, folder, watch, job.run)


def _reject(job: Job) -> None:
    config = job.run.config
    assert isinstance(config, RejectConfig)
    for number in range(1, config.rounds + 1):
        folder = job.run.path / f"round{number}"
        folder.mkdir(exist_ok=True)
        kept = _kept(job, config, folder / "samples.jsonl", number)
        _fit(job, kept, folder, job.watch(folder / "metrics.jsonl"))


def _kept(job: Job, config: RejectConfig, file: Path, number: int) -> list[TrainingExample]:
    """The examples with their targets replaced by the shortest sampled plans that verify."""
    pool = _prompts(job.train, config)
    if not file.is_file():
        lines = []
        for example, replies in sample_plans(job, pool, config, f"round {number}"):
            verdicts = [judge(reply, example, job.runner) for reply in replies]
            for reply, verdict in dict(zip(replies, verdicts, strict=True)).items():
                row = {"id": example.id, "reply": reply, "valid": verdict.valid, "right": verdict.right}
                lines.append(json.dumps({**row, "steps": verdict.steps}, ensure_ascii=False))
        partial = file.with_suffix(".partial")
        partial.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        partial.replace(file)
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    right: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        if row["right"]:
            right.setdefault(row["id"], []).append(row)
    kept = []
    for example in pool:
        if found := right.get(example.id):
            reply = str(min(found, key=lambda row: (row["steps"], len(str(row["reply"]))))["reply"])
            steps = tuple(example.read(reply)) if example.steps is not None else None
            kept.append(example.model_copy(update={"target": reply, "steps": steps}))
    if not kept:
        raise InputError(
            f"None of {len(rows)} different plans that were sampled is right.",
            "Fine-tune with visagent train sft first, or sample more of them.",
        )
    job.show.say(f"Round {number}: {len(kept)} of {len(pool)} questions have a plan that verifies")
    return kept


def _prompts(examples: Sequence[TrainingExample], config: SamplingConfig) -> list[TrainingExample]:
    """Different questions to sample plans for, the same for the same seed."""
    pool = list(examples)
    Random(f"prompts-{config.seed}").shuffle(pool)
    return pool[: config.prompts]


def sample_plans(
    job: Job, pool: Sequence[TrainingExample], config: SamplingConfig, label: str, kept: Path | None = None
) -> list[tuple[TrainingExample, list[str]]]:
    """Plans of the planner as it is now, under each example's grammar.

    Args:
        job: What samples.
        pool: Questions.
        config: How often and how freely.
        label: Words under which progress is shown.
        kept: A file where plans are kept as they are made, and from which an interrupted call goes on; None for none.
    """
    import torch

    lines = kept.read_text("utf-8").splitlines() if kept is not None and kept.is_file() else []
    made: list[list[str]] = [json.loads(line) for line in lines]
    for start in range(len(made), len(pool), CHUNK):
        chunk = pool[start : start + CHUNK]
        # Its own seed, so that what is sampled does not depend on what was drawn before.
        torch.manual_seed(config.seed * 100_003 + start)
        repeated = [example for example in chunk for _ in range(config.samples)]
        replies = job.trainer.plans(repeated, temperature=config.temperature)
        made += [replies[place : place + config.samples] for place in range(0, len(replies), config.samples)]
        if kept is not None:
            write_whole(kept, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made))
        job.show.say(f"{label}: sampled {min(start + CHUNK, len(pool))} of {len(pool)} questions")
    return list(zip(pool, made, strict=True))


def _dpo(job: Job) -> None:
    from visagent_training.trl_methods import prefer

    config = job.run.config
    assert isinstance(config, DpoConfig)
    prefer(job.trainer, _pairs(job, config), config, job.watch(), job.run)


def _pairs(job: Job, config: DpoConfig) -> list[Pair]:
    """The run's preference pairs: sampled once, then read from `pairs.jsonl`."""
    file = job.run.path / "pairs.jsonl"
    by_id = {example.id: example for example in job.train}
    if not file.is_file():
        rng = Random(f"pairs-{config.seed}")
        lines = []
        for example, replies in sample_plans(job, _prompts(job.train, config), config, "pairs"):
            for pair in pairs_of(example, replies, rng, negatives=config.negatives, runner=job.runner):
                row = {"id": example.id, "mistake": pair.mistake, "chosen": pair.chosen, "rejected": pair.rejected}
                lines.append(json.dumps(row, ensure_ascii=False))
        partial = file.with_suffix(".partial")
        partial.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        partial.replace(file)
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    if not rows:
        raise InputError("No plan fails and none can be spoiled: there is nothing to prefer.", "Use harder questions.")
    job.show.say(f"{len(rows)} preference pairs")
    return [Pair(by_id[row["id"]], row["chosen"], row["rejected"], row["mistake"]) for row in rows]


def _reward(job: Job) -> None:
    from visagent_training.reward_model import RewardModel, learn_preferences

    config = job.run.config
    assert isinstance(config, RewardModelConfig)
    if config.eval_every:
        raise ConfigError("A reward model makes no plans to look at while it is trained.", "Leave out eval_every.")
    pairs = _pairs(job, config)
    learn_preferences(RewardModel(config, job.trainer), job.trainer, pairs, config, job.watch(), job.run)


def _chosen(job: Job, config: RewardModelConfig, test: Sequence[TrainingExample]) -> BestOfN:
    """What the reward model chooses among plans of the planner that it was begun from."""
    from visagent_training.reward_model import RewardModel, best_of

    more = config.model_copy(update={"samples": config.choose_among})
    asked = sample_plans(job, test, more, "best of n", job.run.path / "test_samples.jsonl")
    return best_of(RewardModel(config, job.trainer, job.run.adapter), asked, job.runner)


def _grpo(job: Job) -> None:
    from visagent_training.trl_methods import reinforce

    config = job.run.config
    assert isinstance(config, GrpoConfig)
    liked = None
    if config.reward_model is not None:
        from visagent_training.reward_model import RewardModel

        liked = RewardModel(config, job.trainer, adapter_folder(str(config.reward_model), job.trainer.base)).scores
    reinforce(job.trainer, _prompts(job.train, config), config, job.watch(), job.run, job.runner, liked)


_METHODS: dict[Method, Callable[[Job], None]] = {
    "sft": _sft,
    "reject": _reject,
    "dpo": _dpo,
    "reward": _reward,
    "grpo": _grpo,
}
