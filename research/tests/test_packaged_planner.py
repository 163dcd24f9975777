"""The packaged planner, run as the embedded profile runs it."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from pathlib import Path

import pytest

from visagent.core.settings import load_profile
from visagent.evaluation.plans import PlanExample, compare_plans, media_named
from visagent.models.loading import adapter_file, adapter_names
from visagent.planning.controller import Controller, known_tools
from visagent.tools.toolkit import Toolkit
from visagent_research.packaged_planner import read_examples

NAME = "planner-smollm2-135m"
DATA = Path(__file__).parents[2] / "tests" / "data"


def test_the_held_out_sets_are_sound_and_share_nothing_with_each_other() -> None:
    rows = read_examples(DATA / "planner_test.jsonl")
    unseen = read_examples(DATA / "planner_unseen_tools.jsonl")
    tools = Toolkit.installed()
    assert len({row.question for row in rows}) == 200
    assert not {row.question for row in rows} & {row.question for row in unseen}
    for row in rows:
        assert compare_plans(json.dumps({"steps": row.steps}), row, tools).same


def test_the_packaged_adapter_knows_installed_tools() -> None:
    known = known_tools(f"SmolLM2-135M-Instruct.Q4_1+{NAME}")
    assert {"detect", "count", "read_text"} <= known <= set(Toolkit.installed())
    assert known_tools("SmolLM2-135M-Instruct.Q4_1") == known_tools("scripted+unknown") == frozenset()


def test_packaged_adapters_are_few_and_small_and_each_has_a_card() -> None:
    adapters = [file for name in adapter_names() if (file := adapter_file(name)) is not None]
    assert [adapter.stem for adapter in adapters] == [NAME, "ultratool"]
    for adapter in adapters:
        assert adapter.stat().st_size < 12e6
        assert adapter.with_suffix(".md").is_file() and adapter.with_suffix(".json").is_file()


def test_the_packaged_planner_plans_plain_questions() -> None:
    pytest.importorskip("xllamacpp")
    from visagent.models.catalogue import find_source
    from visagent.models.llamacpp import LlamaCpp

    base = find_source("smollm2-135m-instruct-q4_1").cached()
    if base is None:
        pytest.skip("the base model is not in the cache")
    adapter = Path(str(files("visagent.models") / "adapters" / f"{NAME}.gguf"))
    tools = Toolkit.installed().without(load_profile("embedded").hidden_tools)
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
            found = compare_plans(reply.text, PlanExample(question=question, media=["image1"], steps=steps), tools)
            assert found.valid, reply.text
            right.append(found.equivalent)
        return right

    assert sum(asyncio.run(ask())) >= 4
