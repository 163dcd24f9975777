"""A reward model: which of two plans for a question is the better one, learned from preference pairs.

A base with one output in place of its words (TRL's `RewardTrainer`; Ouyang et al. 2022, arXiv:2203.02155), begun from
the planner's own adapter. It orders sampled plans (best of n, Stiennon et al. 2020, arXiv:2009.01325) and can be a part
of GRPO's reward. Unlike the verifiable reward it needs no gold plan, and unlike it it can be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from visagent.core.errors import ConfigError
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evaluation.paired import Difference
from visagent_training.configs import RewardModelConfig, TrainConfig
from visagent_training.examples import TrainingExample
from visagent_training.run import RunFolder, Watch, gain
from visagent_training.trainer import Trainer, adapter_folder, base_folder
from visagent_training.verify import Pair, Runner, judge

SCORED_AT_ONCE = 16
"""Replies in a batch while they are scored."""


class RewardModel:
    """Scores replies; higher is better, and only differences between replies to one prompt mean anything.

    Args:
        config: Config of the run, for base, rank and where to start from.
        adapter: What was trained; None to begin from `config.start_from`, with a fresh output.
        trainer: The trainer whose prompts and tokens it reads.

    Raises:
        ConfigError: the adapter is no reward model's, or it would have to look at pictures.
    """

    def __init__(self, config: TrainConfig, trainer: Trainer, adapter: Path | None = None) -> None:
        import torch
        from peft import LoraConfig, PeftModel, get_peft_model, load_peft_weights, set_peft_model_state_dict
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging as untyped_logging

        self._trainer = trainer
        torch.manual_seed(config.seed)
        logging: Any = untyped_logging
        before = logging.get_verbosity()
        # That the output for words is unused and the new one is fresh is what is meant here.
        logging.set_verbosity_error()
        try:
            plain: Any = AutoModelForSequenceClassification.from_pretrained(
                base_folder(config.base), num_labels=1, dtype=torch.float32
            )
        finally:
            logging.set_verbosity(before)
        plain.config.pad_token_id = trainer.tokenizer.pad_token_id
        # A fresh output at the scale of one: what it says first should not drown what is learned.
        torch.nn.init.normal_(plain.score.weight, std=1 / (plain.config.hidden_size + 1))
        device, fresh = trainer.model.device, plain.score.weight.detach().clone()
        if adapter is not None:
            if LoraConfig.from_pretrained(str(adapter)).task_type != "SEQ_CLS":
                raise ConfigError(f"{adapter} is no reward model.", "Train one: visagent train reward.")
            self.model: Any = PeftModel.from_pretrained(plain, str(adapter)).to(device)
            return
        start_from = adapter_folder(config.start_from, trainer.base) if config.start_from else None
        saved: Any = LoraConfig.from_pretrained(str(start_from)) if start_from else None
        self.model = get_peft_model(
            plain,
            LoraConfig(
                r=saved.r if saved else config.rank,
                lora_alpha=saved.lora_alpha if saved else config.alpha,
                target_modules=sorted(saved.target_modules) if saved else "all-linear",
                modules_to_save=["score"],
                task_type="SEQ_CLS",
            ),
        ).to(device)
        if start_from:
            weights = load_peft_weights(str(start_from), device=str(device))
            weights["base_model.model.score.weight"] = fresh
            set_peft_model_state_dict(self.model, weights)

    def tokens(self, example: TrainingExample, reply: str) -> list[int]:
        """What is read: the planner's own prompt, the reply, and the token that ends it."""
        said = self._trainer.tokenizer.encode(reply, add_special_tokens=False)
        return [*self._trainer.prompt_tokens(example), *said, self._trainer.end_token]

    def scores(self, asked: Sequence[tuple[TrainingExample, str]]) -> list[float]:
        """How good each reply is."""
        import torch

        found: list[float] = []
        training = self.model.training
        self.model.eval()
        pad = self._trainer.tokenizer.pad_token_id
        for start in range(0, len(asked), SCORED_AT_ONCE):
            rows = [torch.tensor(self.tokens(*one)) for one in asked[start : start + SCORED_AT_ONCE]]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad)
            mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
            with torch.inference_mode():
                output = self.model(
                    input_ids=ids.to(self.model.device), attention_mask=mask.to(self.model.device), use_cache=False
                )
            found += output.logits[:, 0].float().tolist()
        self.model.train(training)
        return found


def learn_preferences(
    model: RewardModel, trainer: Trainer, pairs: Sequence[Pair], config: RewardModelConfig, watch: Watch, run: RunFolder
) -> None:
    """Train the reward model on pairs with TRL's `RewardTrainer`.

    Args:
        model: What is trained.
        trainer: The trainer whose tokens it reads.
        pairs: Right and wrong replies.
        config: Config of the method.
        watch: Follows it.
        run: The run.
    """
    from visagent_training.trl_methods import arguments, fit, trl_library

    trl = trl_library()
    import datasets

    rows = [
        {
            "chosen_ids": model.tokens(pair.example, pair.chosen),
            "rejected_ids": model.tokens(pair.example, pair.rejected),
        }
        for pair in pairs
    ]
    Random(f"pairs-{config.seed}").shuffle(rows)
    trl_trainer = trl.RewardTrainer(
        model=model.model,
        args=trl.RewardConfig(
            **arguments(trainer, config, run.path), max_length=None, center_rewards_coefficient=config.centring
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=trainer.tokenizer,
    )
    fit(trl_trainer, model.model, run.path, watch, run)


class BestOfN(NamedTuple):
    """What choosing among sampled plans gives; each is a share of the questions.

    Attributes:
        first: The first sample is right: what sampling alone gives.
        chosen: The plan that the reward model likes best is right.
        most_common: The plan that was sampled most often is right (self-consistency, arXiv:2203.11171).
        any_right: One of them is right: the most that choosing can give.
        preferred: Pairs of a right and a wrong plan for one question: those that the model puts in this order.
        gain: Gain of the plan that is chosen over the first sample, question by question.
        replies: What was chosen.
    """

    first: Estimate
    chosen: Estimate
    most_common: Estimate
    any_right: Estimate
    preferred: Estimate | None
    gain: Difference
    replies: list[str]


def best_of(
    model: RewardModel,
    asked: Sequence[tuple[TrainingExample, Sequence[str]]],
    runner: Runner | None = None,
) -> BestOfN:
    """Choose among the plans that were sampled for each question.

    Args:
        model: Chooses.
        asked: Questions with the replies sampled for them.
        runner: See `judge`.
    """
    figures: dict[str, list[float]] = {"first": [], "chosen": [], "most_common": [], "any_right": []}
    ordered: list[float] = []
    chosen: list[str] = []
    for example, replies in asked:
        different = list(dict.fromkeys(replies))
        scores = dict(zip(different, model.scores([(example, reply) for reply in different]), strict=True))
        right = {reply: judge(reply, example, runner).right for reply in different}
        best = max(different, key=lambda reply: scores[reply])
        chosen.append(best)
        figures["first"].append(float(right[replies[0]]))
        figures["chosen"].append(float(right[best]))
        figures["most_common"].append(float(right[max(different, key=list(replies).count)]))
        figures["any_right"].append(float(any(right.values())))
        for good in (reply for reply in different if right[reply]):
            ordered += [float(scores[good] > scores[bad]) for bad in different if not right[bad]]
    estimates = {name: mean(values) for name, values in figures.items()}
    firsts = [replies[0] for _, replies in asked]
    return BestOfN(
        **estimates,
        preferred=mean(ordered) if ordered else None,
        gain=gain(firsts, chosen, [example for example, _ in asked]),
        replies=chosen,
    )
