"""Every method, run to its end on a real Llama of two layers: what it does to plans, and that a kill costs nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("trl")

from tiny_planner import KNOWN, as_gguf, examples, tiny_llama, write_data  # noqa: E402

from visagent.core.errors import ConfigError, InputError  # noqa: E402
from visagent_training.configs import DpoConfig, GrpoConfig, RejectConfig, TrainConfig  # noqa: E402
from visagent_training.deploy_adapter import deliver  # noqa: E402
from visagent_training.examples import write_examples  # noqa: E402
from visagent_training.methods import (  # noqa: E402
    Method,
    load_adapter,
    run_method,
)
from visagent_training.run import RunFolder, accuracy  # noqa: E402
from visagent_training.sft import read_rows  # noqa: E402
from visagent_training.trainer import Trainer  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("base") / "tiny-llama", spread=0.2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def settings(base: Path, data: Path, **more: Any) -> dict[str, Any]:
    usual = {"steps": 40, "group_size": 12, "learning_rate": 1e-2, "warmup_steps": 4, "save_every": 10, "threads": 1}
    return {"base": str(base), "data": data, "rank": 16, "alpha": 32, **usual} | more


@pytest.fixture(scope="module")
def tuned(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = TrainConfig(**settings(base, data, eval_every=20, eval_rows=4))
    return run_method("sft", config, tmp_path_factory.mktemp("tuned"))


@pytest.fixture(scope="module")
def half(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A planner that is right now and then: what the methods that learn from their own plans start from."""
    config = TrainConfig(**settings(base, data, steps=12, test_rows=0))
    return run_method("sft", config, tmp_path_factory.mktemp("half"))


def losses(run: RunFolder, key: str = "loss") -> list[float]:
    return [row[key] for row in run.rows() if key in row]


def train_accuracy(run: RunFolder, base: Path, data: Path) -> tuple[float, float]:
    """Of the base model's plans and of the trained one's, on the questions it was trained on."""
    trainer = Trainer(TrainConfig(**settings(base, data)))
    before = accuracy(trainer, examples("train"))
    load_adapter(trainer, run.adapter)
    return before, accuracy(trainer, examples("train"))


def test_supervised_fine_tuning_learns_its_questions_and_leaves_a_whole_folder(
    tuned: RunFolder, base: Path, data: Path
) -> None:
    found = losses(tuned)
    assert len(found) == 40 and found[-1] < found[0] / 5
    before, after = train_accuracy(tuned, base, data)
    assert before < 0.3 and after >= before + 0.4
    names = {file.name for file in tuned.path.iterdir()}
    assert names >= {
        "config.yaml", "data.json", "environment.json", "metrics.jsonl", "curves.png", "adapter", "card.md",
        "report.json", "test_before.json", "test_plans.jsonl",
    }  # fmt: skip
    assert yaml.safe_load((tuned.path / "config.yaml").read_text())["seed"] == 1
    assert set(tuned.read("data.json")) == {"train.jsonl", "validation.jsonl", "test.jsonl"}
    assert {"torch", "trl", "peft", "python"} <= set(tuned.read("environment.json")["versions"])
    assert (tuned.path / "curves.png").read_bytes().startswith(b"\x89PNG")
    report = tuned.read("report.json")
    assert report["before"]["right plan"]["count"] == 4 == report["after"]["valid"]["count"]
    plans = [json.loads(line) for line in (tuned.path / "test_plans.jsonl").read_text().splitlines()]
    assert [plan["before"] for plan in plans] == tuned.read("test_before.json")
    difference = report["after"]["right plan"]["value"] - report["before"]["right plan"]["value"]
    assert report["gain"]["value"] == pytest.approx(difference) and report["gain"]["count"] == 4
    card = (tuned.path / "card.md").read_text()
    assert "Right plans, gain: " in card
    assert "| right plan |" in card and "visagent train sft" in card and "learning_rate: 0.01" in card
    assert [row["step"] for row in tuned.rows() if "accuracy" in row] == [20, 40]


def test_a_finished_run_is_not_trained_again_and_another_configuration_is_refused(
    tuned: RunFolder, base: Path, data: Path, tmp_path: Path
) -> None:
    config = TrainConfig(**settings(base, data, eval_every=20, eval_rows=4))
    rows = tuned.rows()
    assert run_method("sft", config, tuned.path).rows() == rows
    RunFolder(tuned.path, "sft", config.model_copy(update={"threads": 2}))
    with pytest.raises(ConfigError, match="another learning_rate"):
        RunFolder(tuned.path, "sft", config.model_copy(update={"learning_rate": 1.0}))
    other = write_data(tmp_path / "data")
    (tmp_path / "run").mkdir()
    RunFolder(tmp_path / "run", "sft", config.model_copy(update={"data": other}))
    (other / "train.jsonl").write_text((other / "train.jsonl").read_text() + "\n")
    with pytest.raises(InputError, match="has changed since the run"):
        RunFolder(tmp_path / "run", "sft", config.model_copy(update={"data": other}))


def test_bad_data_is_refused_before_anything_is_loaded(base: Path, tmp_path: Path) -> None:
    bad = write_data(tmp_path / "data")
    lines = (bad / "train.jsonl").read_text().splitlines()
    lines[2] = lines[2].replace('"tool":"detect"', '"tool":"fly"')
    (bad / "train.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"train.jsonl, line 3: .*'fly'"):
        run_method("sft", TrainConfig(**settings(base, bad)), tmp_path / "run")
    leaking = write_data(tmp_path / "leaking")
    (leaking / "test.jsonl").write_text((leaking / "train.jsonl").read_text())
    with pytest.raises(InputError, match="is held out, and"):
        run_method("sft", TrainConfig(**settings(base, leaking)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("trainer", ["shared-prefix", "trl"])
def test_a_run_that_is_killed_goes_on_at_the_same_step_with_the_same_loss(
    base: Path, data: Path, tmp_path: Path, trainer: str
) -> None:
    config = TrainConfig(**settings(base, data, steps=9, save_every=3, test_rows=0, trainer=trainer, group_size=4))
    whole = run_method("sft", config, tmp_path / "whole")
    file = tmp_path / "train.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    command = [sys.executable, "-c", "from visagent_apps.cli import main; main()"]
    command += ["train", "sft", "--config", str(file), "--folder", str(tmp_path / "killed")]
    metrics = tmp_path / "killed" / "metrics.jsonl"
    state = tmp_path / "killed" / ("optimizer.pt" if trainer == "shared-prefix" else "checkpoints/checkpoint-3")
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ | {"HF_HUB_OFFLINE": "1"}) as process:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and process.poll() is None:
            if len(read_rows(metrics)) >= 4 and state.exists():
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, process.stderr.read() if process.stderr else ""
    done = len(read_rows(metrics))
    assert 4 <= done < 9
    resumed = run_method("sft", config, tmp_path / "killed")
    assert [row["step"] for row in resumed.rows()] == list(range(1, 10))
    assert losses(resumed) == pytest.approx(losses(whole), abs=2e-3)


def test_rejection_sampling_learns_from_its_own_plans_that_verify(
    half: RunFolder, base: Path, data: Path, tmp_path: Path
) -> None:
    more = {"start_from": str(half.path), "steps": 15, "samples": 6, "rounds": 2, "test_rows": 0}
    config = RejectConfig(**settings(base, data, **more))
    run = run_method("reject", config, tmp_path / "run")
    golds = {one.id: one for one in examples("train")}
    for number in (1, 2):
        rows = [json.loads(line) for line in (run.path / f"round{number}" / "samples.jsonl").read_text().splitlines()]
        assert {row["valid"] for row in rows} == {True}
        assert any(row["right"] for row in rows) and not all(row["right"] for row in rows)
        for row in rows:
            if row["right"] and row["steps"] == 2:
                # A planner may say which picture, even where there is only one.
                assert row["reply"].replace(',image="image1"', "") == golds[row["id"]].target
    assert [row["step"] for row in run.rows()] == list(range(1, 31))
    assert losses(run)[-1] < losses(run)[0]
    _, started = train_accuracy(half, base, data)
    _, ended = train_accuracy(run, base, data)
    assert ended > started


def test_nothing_is_learned_from_plans_of_which_none_is_right(base: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_data(data)
    (row,) = (data / "train.jsonl").read_text().splitlines()[:1]
    (data / "train.jsonl").write_text(
        row.replace('"dog"', '"dogs are there"').replace('\\"dog\\"', '\\"dogs are there\\"')
    )
    config = RejectConfig(**settings(base, data, steps=1, samples=1, test_rows=0, seed=3))
    with pytest.raises(InputError, match="None of 1 different plans"):
        run_method("reject", config, tmp_path / "run")


def test_preferences_widen_the_margin_between_right_and_wrong(
    half: RunFolder, base: Path, data: Path, tmp_path: Path
) -> None:
    more = {"start_from": str(half.path), "steps": 12, "learning_rate": 2e-3, "group_size": 6, "test_rows": 0}
    run = run_method("dpo", DpoConfig(**settings(base, data, **more)), tmp_path / "run")
    pairs = [json.loads(line) for line in (run.path / "pairs.jsonl").read_text().splitlines()]
    mistakes = {pair["mistake"] for pair in pairs}
    assert "sampled" in mistakes and mistakes & {"wrong label", "dropped step", "redundant call", "wrong reference"}
    assert all(pair["chosen"] != pair["rejected"] for pair in pairs)
    margins = losses(run, "margin")
    assert abs(margins[0]) < 1e-3 < 0.05 < sum(margins[-3:]) / 3
    assert losses(run)[-1] < losses(run)[0]


def test_reinforcement_raises_the_reward_and_touches_the_adapter_alone(
    half: RunFolder, base: Path, data: Path, tmp_path: Path
) -> None:
    more = {"start_from": str(half.path), "steps": 16, "learning_rate": 3e-3, "group_size": 3, "test_rows": 0}
    config = GrpoConfig(**settings(base, data, **more | {"warmup_steps": 1, "prompts": 3}), samples=8, most_tokens=40)
    from safetensors.torch import load_file

    frozen = load_file(base / "model.safetensors")
    run = run_method("grpo", config, tmp_path / "run")
    rewards = losses(run, "reward")
    assert len(rewards) == 16 and sum(rewards[-4:]) > sum(rewards[:4]) + 0.4
    assert set(losses(run, "valid")) == {1.0}
    trainer = Trainer(config)
    start = {name: value.clone() for name, value in trainer.model.named_parameters()}
    load_adapter(trainer, run.adapter)
    changed = {name for name, value in trainer.model.named_parameters() if not torch.equal(value, start[name])}
    assert changed and all("lora_" in name for name in changed)
    for name, value in trainer.model.get_base_model().named_parameters():
        if "lora_" not in name:
            assert torch.equal(value, frozen[name.replace(".base_layer", "")])


def test_an_adapter_plans_the_same_in_llama_cpp_and_merged(
    tuned: RunFolder, base: Path, home: Path, tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp")
    gguf = as_gguf(base, tmp_path / "tiny.gguf")
    # Where so small a model is unsure, it spells words letter by letter, each runtime in its own way: ask what it
    # knows.
    run = tmp_path / "run"
    shutil.copytree(tuned.path, run)
    kept = yaml.safe_load((run / "config.yaml").read_text())
    (tmp_path / "known").mkdir()
    write_examples(examples("train"), tmp_path / "known" / "test.jsonl")
    (run / "config.yaml").write_text(yaml.safe_dump(kept | {"data": str(tmp_path / "known")}))
    done = deliver(run, tmp_path / "out", base_gguf=gguf, install=True)
    # Half precision may tip one plan that the tiny model is unsure of.
    assert re.match(r"1[12] of 12 plans are the same in llama\.cpp", done.lines[1]) and done.same
    assert json.loads((tmp_path / "out" / "planner.json").read_text()) == {"known_tools": sorted(KNOWN)}
    merged = deliver(run, tmp_path / "out", merged=True)
    assert (
        merged.same and "12 of 12" in merged.lines[1] and (tmp_path / "out" / "planner" / "model.safetensors").is_file()
    )

    from visagent.models.loading import adapter_file
    from visagent.planning.controller import known_tools

    assert adapter_file("planner") == home / "adapters" / "planner.gguf"
    assert known_tools("tiny+planner") == frozenset(KNOWN)
    assert adapter_file("../planner") is None


def test_a_llama_cpp_adapter_becomes_the_peft_adapter_that_it_was(tuned: RunFolder, base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from visagent_training.gguf import adapter_from_gguf, adapter_to_gguf

    file = adapter_to_gguf(tuned.adapter, base, tmp_path / "adapter.gguf")
    back = adapter_from_gguf(file, base, tmp_path / "back")
    was, found = (load_file(folder / "adapter_model.safetensors") for folder in (tuned.adapter, back))
    assert was.keys() == found.keys()
    assert all(torch.allclose(was[name], found[name], atol=2e-3) for name in was)
    trainer = Trainer(TrainConfig(**settings(base, Path("unused"), start_from=str(back))))
    before = trainer.plans(examples("train"))
    load_adapter(trainer, tuned.adapter)
    assert trainer.plans(examples("train")) == before


def test_sampled_nested_calls_always_compile_whatever_the_model(base: Path, data: Path) -> None:
    trainer = Trainer(TrainConfig(**settings(base, data)))
    rng = Random(0)
    asked = examples("train")
    rng.shuffle(asked)
    for example, reply in zip(asked, trainer.plans(asked[:10], temperature=1.5), strict=False):
        steps = example.read(reply)
        if len(steps) <= 12:
            example.tree(steps)


def test_methods_have_their_own_settings() -> None:
    from visagent_training.methods import CONFIGS

    names: tuple[Method, ...] = ("sft", "reject", "dpo", "reward", "grpo")
    assert tuple(CONFIGS) == names
    with pytest.raises(ValueError, match="beta"):
        TrainConfig(data=Path("x"), beta=1)  # type: ignore[call-arg]
