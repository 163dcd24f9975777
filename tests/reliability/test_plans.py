"""Whatever a controller replies is a tree or a `PlanError` it can mend: seeded mutations of real plans."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
import pytest
from PIL import Image
from sizes import sized

from visagent.agent.agent import Agent
from visagent.answering.phrasing import phrase
from visagent.core.errors import PlanError
from visagent.core.json_text import read_json
from visagent.evidence.tree import QuestionTree
from visagent.media.media import MediaInfo
from visagent.planning.plan import check_outline, check_tree, compile_plan, parse_plan
from visagent.planning.plan_language import plan_json, write_plan
from visagent.testing import ScriptedModel, slow_tools
from visagent.tools.toolkit import Tool, Toolkit

PLANS = sized(1_500, 10_000)
TOOLS: dict[str, Tool] = dict(Toolkit.installed())
SPECS = {name: tool.spec for name, tool in TOOLS.items()}
MEDIA = {
    "image1": MediaInfo(hash="1" * 64, kind="image", name="a.png", width=10, height=10),
    "image2": MediaInfo(hash="2" * 64, kind="image", name="b.png", width=10, height=10),
    "video1": MediaInfo(hash="3" * 64, kind="video", name="c.mp4", width=10, height=10, seconds=2.0, has_audio=True),
}
REAL: list[list[dict[str, Any]]] = [
    [{"tool": "detect", "image": "image1", "label": "dog"}, {"tool": "count", "items": "$q1"}],
    [{"tool": "zoom", "image": "image1", "factor": 2.0}, {"tool": "read_text", "image": "$q1"}],
    [
        {"tool": "detect", "image": "image1", "label": "dog"},
        {"tool": "detect", "image": "image2", "label": "cat"},
        {"tool": "left_of", "a": "$q1", "b": "$q2"},
        {"tool": "count", "items": "$q3"},
        {"tool": "calculate", "expression": "2 * a", "a": "$q4"},
    ],
    [{"tool": "frame", "video": "video1", "seconds": 1.0}, {"tool": "dominant_colors", "image": "$q1"}],
    [{"tool": "transcribe", "audio": "video1"}, {"tool": "contains", "text": "$q1", "query": "hello"}],
    [{"tool": "crop", "image": "image1", "part": "left"}, {"tool": "classify", "image": "$q1"}],
    [
        {"tool": "detect", "image": "image1", "label": "dog"},
        {"tool": "exists", "items": "$q1"},
        {"tool": "negate", "value": "$q2"},
        {"tool": "all_true", "values": ["$q2", "$q3", True]},
    ],
    [
        {"tool": "read_text", "image": ["image1", "image2"]},
        {"tool": "extract", "text": "$q1", "kind": "price"},
        {"tool": "pick", "items": "$q1", "position": 2},
    ],
    [{"tool": "unanswerable", "reason": "no_audio"}],
]


def mutated(rng: random.Random, steps: list[dict[str, Any]]) -> list[Any]:
    """Steps with one to three faults."""
    plan: list[Any] = copy.deepcopy(steps)
    for _ in range(rng.randrange(1, 4)):
        step = rng.choice(plan) if plan else None
        if not isinstance(step, dict):
            plan.append(hostile.value(rng))
            continue
        key = rng.choice(list(step)) if step else "tool"
        match rng.randrange(9):
            case 0:
                step[key] = hostile.value(rng)
            case 1:
                step[key] = [step.get(key)]
            case 2:
                step[key] = [[step.get(key)], {"a": step.get(key)}]
            case 3:
                step.pop(key, None)
            case 4:
                step[rng.choice([*hostile.TEXTS, "question", "label", "image"])] = hostile.value(rng)
            case 5:
                step["tool"] = rng.choice(list(TOOLS))
            case 6:
                step[key] = f"$q{rng.randrange(0, 9)}"
            case 7:
                plan.insert(rng.randrange(len(plan) + 1), copy.deepcopy(rng.choice(plan)))
            case _:
                plan.pop(rng.randrange(len(plan)))
    return plan


def reply(rng: random.Random) -> str:
    """What a controller might say: JSON or nested calls, right or wrong in the letter too."""
    steps = rng.choice(REAL)
    if rng.random() < 0.25:
        text = write_plan(steps, SPECS)
        return plan_json(hostile.spoiled_text(rng, text), SPECS)
    text = json.dumps({"steps": mutated(rng, steps)}, ensure_ascii=rng.random() < 0.5)
    return hostile.spoiled_text(rng, text) if rng.random() < 0.3 else text


def compiled(text: str) -> QuestionTree | None:
    """The tree of a reply, checked as a run would; None where it was refused."""

    def say(call: Any, earlier: Any) -> str:
        return phrase(call, earlier, "en", MEDIA)

    try:
        plan = parse_plan(text)
        tree = compile_plan("What?", plan, TOOLS, MEDIA, say)
        check_outline(plan, [plan.steps[0], None])
        tree = check_tree(tree, TOOLS, MEDIA, say)
    except PlanError as error:
        assert error.fact and error.remedy and len(str(error)) < 2_000
        str(error).encode()
        return None
    QuestionTree.model_validate_json(tree.model_dump_json())
    return tree


def test_every_reply_is_a_tree_or_a_plan_error() -> None:
    outcomes = {"tree": 0, "refused": 0}
    for seed in range(PLANS):
        text = reply(random.Random(seed))
        try:
            tree = compiled(text)
        except Exception as error:
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}\n{text[:500]!r}")
        outcomes["refused" if tree is None else "tree"] += 1
    # A suite in which nothing compiles, or nothing is refused, would test nothing.
    assert min(outcomes.values()) > PLANS // 20


@pytest.mark.parametrize(
    "steps",
    [
        [{"tool": "crop", "image": ["image1"], "part": "left"}],
        [{"tool": "crop", "image": [["image1"]], "part": "left"}],
        [{"tool": "detect", "image": "image1", "label": ["dog"]}],
        [{"tool": "frame", "video": ["video1"], "seconds": 1.0}],
        [{"tool": "count", "items": "$q1\n"}],
        [{"tool": "zoom", "image": "image1", "factor": 10**299}],
    ],
)
def test_a_list_or_a_number_out_of_place_is_refused_with_the_name_of_the_argument(steps: list[Any]) -> None:
    if "factor" in steps[0]:
        compiled(json.dumps({"steps": steps}))  # no traceback is all that is asked
        return
    with pytest.raises(PlanError) as refused:
        compile_plan("?", parse_plan(json.dumps({"steps": steps})), TOOLS, MEDIA, lambda call, _: str(call))
    assert any(f"{name}" in refused.value.fact for name in steps[0])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"steps": ' + "[" * 60 + "]" * 60 + "}", "nested too deeply"),
        ('{"steps": [{"tool": "zoom", "factor": ' + "9" * 5_000 + "}]}", "digits"),
        ('{"steps": [{"tool": "detect", "label": "\\ud800"}]}', "surrogate"),
        ('{"steps": [{"tool": "zoom", "factor": NaN}]}', "no JSON"),
        ('{"steps": [{"tool": "zoom", "factor": 1e999}]}', "too large"),
    ],
)
def test_text_that_no_tool_could_use_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(PlanError, match=why):
        parse_plan(text)


def test_json_within_bounds_is_read_as_ever() -> None:
    assert read_json('{"a": [1, 2.5, "é", null, true]}') == {"a": [1, 2.5, "é", None, True]}


@pytest.mark.parametrize("mode", ["tree", "chain"])
def test_a_run_whose_planner_raves_ends_with_an_answer(tmp_path: Path, mode: Any) -> None:
    tools = slow_tools(tmp_path / "log", {})
    real = [{"tool": "look", "image": "image1", "name": "a"}, {"tool": "join", "a": "$q1", "b": "b"}]
    make: Callable[[random.Random], str] = lambda rng: json.dumps({"steps": mutated(rng, real)})  # noqa: E731
    for seed in range(sized(6, 200)):
        rng = random.Random(seed)
        replies = [make(rng) for _ in range(3)]
        replies[1] = hostile.spoiled_text(rng, replies[1])
        model = ScriptedModel(*replies)
        agent = Agent(
            "embedded", tools=tools, only=["look", "join"], home=tmp_path / "home", models={"controller": model}
        )
        answer = agent.ask("What?", Image.new("RGB", (8, 8)), mode=mode)
        assert answer.text and (answer.status == "answered" or answer.reason)
