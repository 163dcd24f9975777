"""What a run of training may be told, by method. Knows no model and no library of training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from visagent_training.sft import SftConfig
from visagent_training.verify import Reward


class TrainConfig(SftConfig):
    """What all methods have in common; see `SftConfig` for the optimiser's part.

    Attributes:
        base: The base model: a name of the catalogue or a model source (GGUF files are de-quantised once), a folder of
            transformers, or a name on the hub.
        start_from: Adapter to continue from: a packaged one's name, a run's folder, or a PEFT folder.
        data: A folder of `visagent data build`.
        adapter: What the adapter will be called.
        trainer: `shared-prefix` computes a system prompt once for all questions about it, which is several times faster
            for text; `trl` takes every model, with pictures too; `auto` chooses.
        precision: `auto` for bfloat16 where the GPU or the CPU computes in it.
        quantisation: Quantisation of the base model while training (QLoRA); needs a GPU and bitsandbytes.
        pictures: Whether a vision-language model is shown the pictures of a row; the controller shows none.
        gradient_checkpointing: Whether to compute activations twice rather than keep them; for `trl`.
        device_rows: Rows on the device at once, for `trl`; a step still has `group_size`.
        eval_every: Steps between two looks at held-out plans; 0 for none.
        eval_rows: Validation questions that are planned each time.
        patience: Looks without improvement after which training stops.
        test_rows: Test questions that are planned before and after.
    """

    base: str = "smollm2-135m-instruct-q4_1"
    start_from: str | None = None
    data: Path
    adapter: str = Field(default="planner", pattern=r"^[\w.-]+$")
    trainer: Literal["auto", "shared-prefix", "trl"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    quantisation: Literal["none", "4bit", "8bit"] = "none"
    pictures: bool = False
    gradient_checkpointing: bool = False
    device_rows: int = Field(default=4, ge=1)
    eval_every: int = Field(default=0, ge=0)
    eval_rows: int = Field(default=24, ge=1)
    patience: int = Field(default=4, ge=1)
    test_rows: int = Field(default=100, ge=0)


class SamplingConfig(TrainConfig):
    """Of methods that learn from the planner's own plans.

    Attributes:
        prompts: Training questions that are sampled from, at most.
        samples: Plans for each.
        temperature: Temperature of sampling.
        tools: A person's own tools, for plans that are run; `package.module:name` or `file.py:name`.
        profile: The profile whose hidden tools are left out when plans are run.
        seconds: Seconds for running one plan.
    """

    prompts: int = Field(default=200, ge=1)
    samples: int = Field(default=4, ge=1)
    temperature: float = Field(default=0.8, gt=0)
    tools: tuple[str, ...] = ()
    profile: str = "embedded"
    seconds: float = Field(default=60.0, gt=0)


class RejectConfig(SamplingConfig):
    """Of rejection-sampling fine-tuning.

    Attributes:
        rounds: How often to sample and fine-tune; `steps` are those of one round.
    """

    rounds: int = Field(default=1, ge=1)


class DpoConfig(SamplingConfig):
    """Of preference tuning.

    Attributes:
        negatives: Hard negatives an example, at most.
        beta: How closely to stay with the planner as it was; larger is closer.
    """

    negatives: int = Field(default=2, ge=0)
    beta: float = Field(default=0.1, gt=0)


class RewardModelConfig(DpoConfig):
    """Of a reward model; `beta` is not used.

    Attributes:
        centring: Weight of keeping the mean of the rewards at zero (arXiv:2312.09244); 0 for none.
        choose_among: Plans that are sampled for each test question, of which the model chooses one.
    """

    centring: float = Field(default=0.01, ge=0)
    choose_among: int = Field(default=4, ge=2)


class GrpoConfig(SamplingConfig):
    """Of reinforcement; `group_size` questions a step, with `samples` plans each.

    Attributes:
        beta: Weight of the distance from the planner as it was; 0 for none.
        reward: What a plan is worth.
        most_tokens: Most tokens of a plan.
        reward_model: Folder of a run of `visagent train reward`, whose opinion is added to the verifiable reward; None
            for that alone.
        liked_weight: Weight of that opinion, which is between 0 and 1.
    """

    samples: int = Field(default=4, ge=2)
    temperature: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.0, ge=0)
    reward: Reward = Reward()
    most_tokens: int = Field(default=96, ge=8)
    reward_model: str | None = None
    liked_weight: float = Field(default=0.5, gt=0)
