"""The packaged planner, run as the embedded profile runs it."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from visagent.core.settings import load_profile
from visagent.models.loading import adapter_file, adapter_names
from visagent.planning.controller import Controller, known_tools
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Toolkit, ToolSpec
from visagent_research.packaged_planner import (
    PlannerConfig,
    Stage,
    ask,
    held_out_set,
    rates,
    read_planner_config,
    train_stages,
    unaided,
    unseen_tool_set,
)
from visagent_training.examples import TrainingExample
from visagent_training.plan_scores import compare_plans, media_named
from visagent_training.sources import question_examples
from visagent_training.verify import compare

pytestmark = pytest.mark.slow

NAME = "planner-smollm2-135m"
DATA = Path(__file__).parents[2] / "tests" / "data"


@pytest.fixture(scope="module")
def specs() -> dict[str, ToolSpec]:
    return {name: tool.spec for name, tool in Toolkit.installed().items()}


def rows_of(file: str, specs: dict[str, ToolSpec]) -> list[TrainingExample]:
    drawn = list(question_examples(DATA / file, specs, known=tuple(specs)))
    rows = [row for row in drawn if isinstance(row, TrainingExample)]
    assert len(rows) == len(drawn)
    return rows


def test_the_held_out_sets_are_sound_and_share_nothing_with_each_other(specs: dict[str, ToolSpec]) -> None:
    rows, unseen = rows_of("planner_test.jsonl", specs), rows_of("planner_unseen_tools.jsonl", specs)
    assert len({row.question for row in rows}) == 200 and len(unseen) == 90
    assert not {row.question for row in rows} & {row.question for row in unseen}
    for row in [*rows, *unseen]:
        assert compare(row.target, row).same
        assert compare(unaided(row).target, unaided(row)).same


def test_the_held_out_sets_have_as_many_different_questions_as_asked_for(specs: dict[str, ToolSpec]) -> None:
    rows = held_out_set(specs, "test", 7, 60)
    assert len({row.question for row in rows}) == 60
    unseen = unseen_tool_set(specs, "test", 7, 45)
    assert 40 <= len(unseen) <= 45
    for row in unseen:
        own = row.specs.keys() - specs.keys()
        assert len(own) == 3 and own & {str(step["tool"]) for step in row.steps or ()}


async def test_a_planner_is_asked_with_the_tools_that_it_has_not_memorised_in_its_prompt(
    specs: dict[str, ToolSpec],
) -> None:
    row = unseen_tool_set(specs, "test", 7, 1)[0]
    model = ScriptedModel(row.target, unaided(row).target)
    for asked, told in ((row, False), (unaided(row), True)):
        found = rates(await ask(model, [asked]), [asked], specs)
        assert found["same"].value == found["own_tools"].value == 1
        assert ("dominant_colors(" in model.conversations[-1][0].text) is told
    shown = [conversation[0].text for conversation in model.conversations]
    assert all(name in prompt for name in row.specs.keys() - specs.keys() for prompt in shown)


def test_the_packaged_configuration_can_be_read() -> None:
    assert len(read_planner_config(None).stages) == 10


def test_the_packaged_adapter_knows_installed_tools() -> None:
    known = known_tools(f"SmolLM2-135M-Instruct.Q4_1+{NAME}")
    assert {"detect", "count", "read_text"} <= known <= set(Toolkit.installed())
    assert known_tools("SmolLM2-135M-Instruct.Q4_1") == known_tools("scripted+unknown") == frozenset()


def test_packaged_adapters_are_few_and_small_and_each_has_a_card() -> None:
    adapters = [file for name in adapter_names() if (file := adapter_file(name)) is not None]
    assert [adapter.stem for adapter in adapters] == [NAME, "ultratool"]
    for adapter, most in zip(adapters, (6e6, 12e6), strict=True):
        assert adapter.stat().st_size < most
        assert adapter.with_suffix(".md").is_file() and adapter.with_suffix(".json").is_file()


def test_the_packaged_planner_plans_plain_questions() -> None:
    pytest.importorskip("xllamacpp")
    from visagent.models.catalogue import find_source
    from visagent.models.llamacpp import LlamaCpp

    base = find_source("smollm2-135m-instruct-q4_1").cached()
    if base is None:
        pytest.skip("the base model is not in the cache")
    adapter = Path(str(files("visagent.models") / "adapters" / f"{NAME}.gguf"))
    tools = Toolkit.installed().without(load_profile("embedded").unplanned_tools)
    controller = Controller(LlamaCpp(base, adapter=adapter), tools)
    dog = {"tool": "detect", "label": "dog"}
    plans = {
        "How many dogs are there?": [dog, {"tool": "count", "items": "$q1"}],
        "What color is the dog?": [dog, {"tool": "dominant_colors", "image": "$q1"}],
        "Where is the dog?": [dog, {"tool": "locate", "boxes": "$q1"}],
        "Describe the picture.": [{"tool": "caption"}],
        "What will the weather be tomorrow?": [{"tool": "unanswerable", "reason": "no_tool"}],
    }

    async def ask() -> list[bool]:
        right = []
        for question, steps in plans.items():
            reply = await controller.plan(question, media_named(["image1"]))
            found = compare_plans(reply.text, steps, tools, ["image1"])
            assert found.valid, reply.text
            right.append(found.equivalent)
        return right

    assert sum(asyncio.run(ask())) >= 4


def test_stages_go_on_from_each_other_and_end_in_an_adapter_that_lists_what_it_knows(
    specs: dict[str, ToolSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("peft")
    from tiny_planner import tiny_llama

    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    stage = {"steps": 1, "group_size": 2, "save_every": 1}
    config = PlannerConfig(
        base=str(tiny_llama(tmp_path / "tiny")), adapter="tiny", stages=[Stage(**stage), Stage(**stage, seed=2)]
    )
    adapter = train_stages(config, specs, tmp_path / "runs")
    assert adapter.is_file()
    assert set(json.loads(adapter.with_suffix(".json").read_text())["known_tools"]) == set(specs)
    second = yaml.safe_load((tmp_path / "runs" / "stage2" / "config.yaml").read_text())
    assert second["start_from"] == str(tmp_path / "runs" / "stage1")
    figures = (tmp_path / "runs" / "stage1" / "metrics.jsonl").read_text()
    train_stages(config, specs, tmp_path / "runs")
    assert (tmp_path / "runs" / "stage1" / "metrics.jsonl").read_text() == figures, "nothing is trained twice"
