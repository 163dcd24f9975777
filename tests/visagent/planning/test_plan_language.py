"""Plans as nested calls, and back to steps."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from visagent.core.errors import PlanError
from visagent.planning.plan_language import plan_grammar, plan_json, read_plan, write_plan
from visagent.tools.toolkit import Toolkit, ToolSpec
from visagent_training.plan_scores import media_named

Steps = list[dict[str, Any]]
PLANS: list[tuple[str, Steps]] = [
    (
        'count(left_of(detect("person"),detect("bus"))); read_text(detect("bus"))',
        [
            {"tool": "detect", "label": "person"},
            {"tool": "detect", "label": "bus"},
            {"tool": "left_of", "a": "$q1", "b": "$q2"},
            {"tool": "count", "items": "$q3"},
            {"tool": "read_text", "image": "$q2"},
        ],
    ),
    (
        'contains(read_text(image="image2"),"a; \\"b\\"")',
        [{"tool": "read_text", "image": "image2"}, {"tool": "contains", "text": "$q1", "query": 'a; "b"'}],
    ),
    (
        'all_true([exists(detect("cat")),negate(exists(detect("dog")))])',
        [
            {"tool": "detect", "label": "cat"},
            {"tool": "exists", "items": "$q1"},
            {"tool": "detect", "label": "dog"},
            {"tool": "exists", "items": "$q3"},
            {"tool": "negate", "value": "$q4"},
            {"tool": "all_true", "values": ["$q2", "$q5"]},
        ],
    ),
    (
        'pick(sort(filter_boxes(detect("car"),part="left"),"left_to_right"),-1)',
        [
            {"tool": "detect", "label": "car"},
            {"tool": "filter_boxes", "boxes": "$q1", "part": "left"},
            {"tool": "sort", "boxes": "$q2", "by": "left_to_right"},
            {"tool": "pick", "items": "$q3", "position": -1},
        ],
    ),
    ('caption(frame(2.5)); unanswerable("no_tool")', [
        {"tool": "frame", "seconds": 2.5},
        {"tool": "caption", "image": "$q1"},
        {"tool": "unanswerable", "reason": "no_tool"},
    ]),
]  # fmt: skip


@pytest.fixture(scope="module")
def specs() -> dict[str, ToolSpec]:
    return {name: tool.spec for name, tool in Toolkit.installed().items()}


@pytest.mark.parametrize(("text", "steps"), PLANS)
def test_nested_calls_are_read_as_steps(text: str, steps: Steps, specs: dict[str, ToolSpec]) -> None:
    assert read_plan(text, specs) == steps
    assert json.loads(plan_json(text, specs)) == {"steps": steps}


@pytest.mark.parametrize(("text", "steps"), PLANS)
def test_steps_are_written_as_nested_calls(text: str, steps: Steps, specs: dict[str, ToolSpec]) -> None:
    assert read_plan(write_plan(steps, specs), specs) == steps


@pytest.mark.parametrize(
    "text",
    ["", "no plan", "detect(", 'fly("dog")', 'count("a","b")', "1 + 1", "detect(__import__)", "count(x for x in y)"],
)
def test_what_is_no_plan_of_nested_calls_is_refused_and_left_as_it_is(text: str, specs: dict[str, ToolSpec]) -> None:
    with pytest.raises(PlanError):
        read_plan(text, specs)
    assert plan_json(text, specs) == text


def rules(grammar: str) -> dict[str, str]:
    return dict(line.split(" ::= ", 1) for line in grammar.splitlines())


def test_a_grammar_has_a_rule_for_every_name_it_uses(specs: dict[str, ToolSpec]) -> None:
    for media in ([], ["image1"], ["audio1"], ["video1"], ["image1", "image2", "audio1"]):
        found = rules(plan_grammar(specs, media_named(media), "How many dogs are there?"))
        for right in found.values():
            bare = re.sub(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|\{[^}]*\}', " ", right)
            assert set(re.findall(r"[a-z][a-z-]*", bare)) <= set(found)


def test_a_grammar_leaves_out_what_the_media_do_not_allow(specs: dict[str, ToolSpec]) -> None:
    heard = rules(plan_grammar(specs, media_named(["audio1"])))
    assert "transcribe-transcript" in heard
    # Without a picture a crop could only be cut from a crop, without end.
    assert "crop" not in heard and "detect-boxes" not in heard and "boxes" not in heard
    assert "no_image" in heard["unanswerable"] and "no_audio" not in heard["unanswerable"]
    # Saying that nothing can answer is a plan of its own.
    assert rules(plan_grammar(specs, {}))["root"].startswith("unanswerable | call")
    assert "unanswerable" not in rules(plan_grammar(specs, {}))["call"]
    seen = rules(plan_grammar(specs, media_named(["image1", "image2"])))
    assert "image2" in seen["detect-boxes"] and "transcribe-transcript" not in seen


def test_a_grammar_takes_texts_from_the_question_and_formulas_from_nowhere(specs: dict[str, ToolSpec]) -> None:
    found = rules(plan_grammar(specs, media_named(["image1"]), "Are there five traffic lights?"))
    assert '"\\"traffic light\\""' in found["text-literal"] and "dog" not in found["text-literal"]
    assert '"5"' in found["integer-literal"].split(" | ") and '"7"' not in found["integer-literal"].split(" | ")
    assert "expression-literal" in found["calculate-number"]


def test_numbers_in_chinese_and_ordinals_may_be_said(specs: dict[str, ToolSpec]) -> None:
    grammar = plan_grammar(specs, media_named(["image1"]), "有十二只猫，第五行呢？")
    numbers = rules(grammar)["number-literal"]
    assert '"12"' in numbers and '"5"' in numbers
    assert '"7"' in rules(plan_grammar(specs, media_named(["image1"]), "the seventh line"))["number-literal"]


def test_a_result_may_be_followed_by_what_cannot_be_answered(specs: dict[str, ToolSpec]) -> None:
    assert rules(plan_grammar(specs, media_named(["image1"]), "?"))["root"].endswith('("; " unanswerable)?')
