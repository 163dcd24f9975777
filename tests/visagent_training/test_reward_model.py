"""A reward model on a Llama of two layers: it learns an order, chooses among plans, and takes part in GRPO's reward."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("trl")

from tiny_planner import examples, tiny_llama, write_data  # noqa: E402

from visagent.core.errors import ConfigError  # noqa: E402
from visagent_training import methods  # noqa: E402
from visagent_training.configs import GrpoConfig, RewardModelConfig, TrainConfig  # noqa: E402
from visagent_training.methods import run_method  # noqa: E402
from visagent_training.reward_model import RewardModel, best_of  # noqa: E402
from visagent_training.run import RunFolder  # noqa: E402
from visagent_training.trainer import Trainer  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    base = tiny_llama(tmp_path_factory.mktemp("base") / "tiny-llama", spread=0.2)
    data = write_data(tmp_path_factory.mktemp("data"))
    usual = {"group_size": 8, "learning_rate": 1e-2, "warmup_steps": 2, "threads": 1, "rank": 16, "alpha": 32}
    return {"base": str(base), "data": data} | usual


@pytest.fixture(scope="module")
def half(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A planner that is right now and then."""
    config = TrainConfig(**settings | {"steps": 12, "group_size": 12, "test_rows": 0})
    return run_method("sft", config, tmp_path_factory.mktemp("half"))


@pytest.fixture(scope="module")
def trained(settings: dict[str, Any], half: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    more = {"start_from": str(half.path), "steps": 20, "learning_rate": 3e-3, "samples": 3}
    return run_method("reward", RewardModelConfig(**settings | more), tmp_path_factory.mktemp("reward"))


def rows(run: RunFolder, key: str) -> list[float]:
    return [row[key] for row in run.rows() if key in row]


def test_a_reward_model_learns_which_plan_is_right_and_reports_what_choosing_gives(
    trained: RunFolder, settings: dict[str, Any], half: RunFolder
) -> None:
    losses, preferred = rows(trained, "loss"), rows(trained, "preferred")
    assert losses[-1] < losses[0] and sum(preferred[-4:]) / 4 > 0.85
    report = trained.read("report.json")
    assert set(report["best of n"]) >= {"first", "chosen", "most_common", "any_right"}
    assert report["after"]["right plan"]["value"] == report["best of n"]["chosen"]["value"]
    assert report["best of n"]["chosen"]["value"] <= report["best of n"]["any_right"]["value"]
    kept = [json.loads(line) for line in (trained.path / "test_samples.jsonl").read_text().splitlines()]
    assert len(kept) == report["best of n"]["first"]["count"] and {len(plans) for plans in kept} == {4}
    # Read from its folder, it puts the pairs that it was trained on in the same order.
    config = RewardModelConfig(**settings | {"start_from": str(half.path)})
    trainer = Trainer(config)
    model = RewardModel(config, trainer, trained.adapter)
    by_id = {one.id: one for one in examples("train")}
    pairs = [json.loads(line) for line in (trained.path / "pairs.jsonl").read_text().splitlines()]
    found = best_of(model, [(by_id[pair["id"]], [pair["rejected"], pair["chosen"]]) for pair in pairs])
    assert found.chosen.value > 0.85 and found.first.value == 0 and found.any_right.value == 1
    assert found.preferred is not None and found.preferred.value == found.chosen.value
    assert found.gain.value == found.chosen.value and found.gain.worse == 0


def test_plans_that_were_sampled_before_a_kill_are_not_sampled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def plans(rows: list[Any], *, temperature: float) -> list[str]:
        asked.extend(row.id for row in rows)
        return [f"{row.id} {place}" for place, row in enumerate(rows)]

    monkeypatch.setattr(methods, "CHUNK", 2)
    job: Any = SimpleNamespace(trainer=SimpleNamespace(plans=plans), show=SimpleNamespace(say=lambda text: None))
    config: Any = SimpleNamespace(samples=2, temperature=0.8, seed=0)
    pool, kept = examples("train")[:5], tmp_path / "kept.jsonl"
    whole = methods.sample_plans(job, pool, config, "all", kept)
    kept.write_text("".join(line + "\n" for line in kept.read_text().splitlines()[:4]))
    asked.clear()
    assert methods.sample_plans(job, pool, config, "all", kept) == whole
    assert asked == [pool[4].id] * 2


def test_scores_do_not_depend_on_what_is_scored_beside(
    trained: RunFolder, settings: dict[str, Any], half: RunFolder
) -> None:
    config = RewardModelConfig(**settings | {"start_from": str(half.path)})
    trainer = Trainer(config)
    model = RewardModel(config, trainer, trained.adapter)
    short, long = examples("train")[:2]
    asked = [(short, short.target), (long, long.target * 3)]
    assert model.scores(asked) == pytest.approx([model.scores([one])[0] for one in asked], abs=1e-4)
    assert model.scores([asked[0]]) != model.scores([asked[1]])


def test_reinforcement_takes_its_opinion_beside_the_verifiable_reward(
    trained: RunFolder, settings: dict[str, Any], half: RunFolder, tmp_path: Path
) -> None:
    more = {"start_from": str(half.path), "steps": 1, "group_size": 2, "prompts": 2, "test_rows": 0, "samples": 4}
    plain = run_method("grpo", GrpoConfig(**settings | more), tmp_path / "plain")
    config = GrpoConfig(**settings | more, reward_model=str(trained.path), liked_weight=0.5)
    run = run_method("grpo", config, tmp_path / "run")
    assert not rows(plain, "liked")
    first, liked, alone = rows(run, "reward")[0], rows(run, "liked")[0], rows(plain, "reward")[0]
    assert 0 < liked < 1 and first == pytest.approx(alone + 0.5 * liked, abs=1e-3)
    with pytest.raises(ConfigError, match="no reward model"):
        run_method("grpo", config.model_copy(update={"reward_model": str(half.path)}), tmp_path / "wrong")
