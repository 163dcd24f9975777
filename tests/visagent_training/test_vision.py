"""Training vision-language models: what they are shown, and that each method runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

import numpy as np  # noqa: E402
from models.tiny import qwen3_vl  # noqa: E402
from tiny_planner import examples, write_data  # noqa: E402

from visagent.media.media import Media  # noqa: E402
from visagent.media.store import MediaStore  # noqa: E402
from visagent_training.configs import DpoConfig, GrpoConfig, TrainConfig  # noqa: E402
from visagent_training.examples import TrainingExample, TurnRecord  # noqa: E402
from visagent_training.methods import run_method  # noqa: E402
from visagent_training.trainer import Trainer  # noqa: E402
from visagent_training.trl_methods import supervisor  # noqa: E402
from visagent_training.verified_sentences import FREE_TEXT  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return qwen3_vl(tmp_path_factory.mktemp("base") / "tiny-qwen3-vl")


@pytest.fixture(scope="module")
def picture(home: Path) -> str:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    media = Media.load(pixels)
    MediaStore(home / "media").put(media)
    return media.hash


@pytest.fixture(scope="module")
def data(picture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), media=picture, known=())


def settings(base: Path, data: Path, **more: Any) -> dict[str, Any]:
    usual = {"steps": 3, "group_size": 4, "device_rows": 4, "learning_rate": 1e-2, "warmup_steps": 0, "test_rows": 0}
    return {"base": str(base), "data": data, "rank": 8, "alpha": 16, "threads": 1, **usual} | more


def test_a_vision_row_keeps_its_tools_and_its_picture_and_only_the_reply_is_learned(
    base: Path, data: Path, picture: str, tmp_path: Path
) -> None:
    trainer = Trainer(TrainConfig(**settings(base, data, pictures=True)))
    assert trainer.vision and not trainer.shares_prefixes
    rows = examples("train", known=(), media=picture)[:2]
    trl_trainer = supervisor(trainer, rows, tmp_path)
    batch = trl_trainer.data_collator([trl_trainer.train_dataset[place] for place in range(2)])
    for row, ids, labels in zip(rows, batch["input_ids"], batch["labels"], strict=True):
        prompt = trainer.tokenizer.decode(ids)
        for spec in row.tools:
            assert spec.signature() in prompt
        assert row.question in prompt and "<|image_pad|>" in prompt
        learned = trainer.tokenizer.decode(labels[labels != -100])
        assert learned.replace("<|im_end|>", "").strip() == row.target
        assert "<|im_end|>" in learned
    assert batch["pixel_values"].shape[0] > 0
    # The prompt is, token for token, what the model reads when it is asked.
    asked = trainer.prompt_tokens(rows[0])
    assert batch["input_ids"][0][batch["attention_mask"][0] == 1].tolist()[: len(asked)] == asked


def test_a_model_that_plans_from_words_alone_is_not_shown_the_picture(base: Path, data: Path, picture: str) -> None:
    trainer = Trainer(TrainConfig(**settings(base, data)))
    (row,) = examples("train", known=(), media=picture)[:1]
    assert "<|image_pad|>" not in trainer.tokenizer.decode(trainer.prompt_tokens(row))


def test_pictures_stand_where_a_conversation_names_them(base: Path, data: Path, picture: str, tmp_path: Path) -> None:
    trainer = Trainer(TrainConfig(**settings(base, data, pictures=True)))
    turns = [("user", "<image1>First?"), ("assistant", "Yes."), ("user", "Second <image2>?")]
    row = TrainingExample(
        id="1",
        source="mimic-it",
        question="Second?",
        messages=tuple(TurnRecord(role=role, content=content) for role, content in turns),
        media={"image1": picture, "image2": picture},
        schema=FREE_TEXT,
        target="No.",
        rejected=("Yes.",),
    )
    prompt = trainer.tokenizer.decode(trainer.prompt_tokens(row))
    assert prompt.index("<|image_pad|>") < prompt.index("First?") < prompt.index("Yes.") < prompt.index("Second")
    assert prompt.rindex("<|image_pad|>") > prompt.index("Second") and "<image2>" not in prompt
    trl_trainer = supervisor(trainer, [row], tmp_path)
    batch = trl_trainer.data_collator([trl_trainer.train_dataset[0]])
    asked = trainer.prompt_tokens(row)
    assert batch["input_ids"][0].tolist()[: len(asked)] == asked
    assert batch["image_grid_thw"].shape[0] == 2


def test_a_vision_language_model_is_fine_tuned_on_rows_with_pictures(base: Path, data: Path, tmp_path: Path) -> None:
    run = run_method("sft", TrainConfig(**settings(base, data, pictures=True, steps=6)), tmp_path / "run")
    losses = [row["loss"] for row in run.rows()]
    assert len(losses) == 6 and losses[-1] < losses[0]
    assert (run.adapter / "adapter_model.safetensors").is_file()


def test_preferences_and_rewards_train_a_vision_language_model_too(base: Path, data: Path, tmp_path: Path) -> None:
    preferred = run_method("dpo", DpoConfig(**settings(base, data, samples=1, prompts=4, steps=2)), tmp_path / "dpo")
    assert [row["step"] for row in preferred.rows()] == [1, 2] and "margin" in preferred.rows()[0]
    config = GrpoConfig(**settings(base, data, prompts=4, steps=2, group_size=1), samples=2, most_tokens=120)
    rewarded = run_method("grpo", config, tmp_path / "grpo")
    assert [row["step"] for row in rewarded.rows()] == [1, 2] and "reward" in rewarded.rows()[0]
