"""Comparing plans: what is the same, what comes to the same, and how sure a rate is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from visagent.tools.toolkit import Tool, Toolkit, as_tool
from visagent_training.invented import parse_signature
from visagent_training.plan_scores import compare_plans, media_named

Steps = list[dict[str, Any]]


@pytest.fixture(scope="module")
def tools() -> Toolkit:
    return Toolkit.installed()


def detect(*labels: str) -> Steps:
    return [{"tool": "detect", "label": label} for label in labels]


def counts(*labels: str) -> Steps:
    """Steps 1 and 2 count the first label, 3 and 4 the second."""
    steps: Steps = []
    for label in labels:
        steps += [{"tool": "detect", "label": label}, {"tool": "count", "items": f"$q{len(steps) + 1}"}]
    return steps


def red(items: str) -> dict[str, Any]:
    return {"tool": "filter_color", "boxes": items, "color": "red"}


def all_true(*values: str) -> dict[str, Any]:
    return {"tool": "all_true", "values": list(values)}


def heard_and_seen() -> Steps:
    """Whether there is speech (step 2), and whether there is a dog (step 4)."""
    heard: Steps = [{"tool": "transcribe", "audio": "audio1"}, {"tool": "exists", "items": "$q1"}]
    return [*heard, *detect("dog"), {"tool": "exists", "items": "$q3"}]


SAME: list[tuple[Steps, Steps]] = [
    (detect("dog"), detect("Dogs")),
    (detect("dog"), [{"tool": "detect", "image": "image1", "label": "dog"}]),
    # Independent steps in another order, numbered otherwise.
    (
        [*detect("dog", "cat"), {"tool": "left_of", "a": "$q1", "b": "$q2"}],
        [*detect("cat", "dog"), {"tool": "left_of", "a": "$q2", "b": "$q1"}],
    ),
    # A step said twice.
    (
        [*detect("dog"), {"tool": "count", "items": "$q1"}, {"tool": "locate", "boxes": "$q1"}],
        [*detect("dog", "dog"), {"tool": "count", "items": "$q1"}, {"tool": "locate", "boxes": "$q2"}],
    ),
    ([{"tool": "unanswerable", "reason": "no_tool"}], [{"tool": "unanswerable", "reason": "no_tool"}]),
]
EQUIVALENT: list[tuple[Steps, Steps]] = [
    (
        [*counts("dog", "cat"), {"tool": "compare", "a": "$q2", "op": ">", "b": "$q4"}],
        [*counts("dog", "cat"), {"tool": "compare", "a": "$q4", "op": "<", "b": "$q2"}],
    ),
    (
        [*counts("dog"), {"tool": "compare", "a": "$q2", "op": ">=", "b": 3}],
        [*counts("dog"), {"tool": "compare", "a": "$q2", "op": ">", "b": 2}],
    ),
    (
        [*detect("dog"), {"tool": "exists", "items": "$q1"}],
        [*counts("dog"), {"tool": "compare", "a": "$q2", "op": ">", "b": 0}],
    ),
    (
        [*detect("dog", "cat"), {"tool": "merge", "a": "$q1", "b": "$q2"}],
        [*detect("dog", "cat"), {"tool": "merge", "a": "$q2", "b": "$q1"}],
    ),
    (
        [*counts("dog", "cat"), {"tool": "calculate", "expression": "a + b", "a": "$q2", "b": "$q4"}],
        [*counts("dog", "cat"), {"tool": "calculate", "expression": "b+a", "a": "$q2", "b": "$q4"}],
    ),
    (
        [*counts("dog", "cat"), {"tool": "calculate", "expression": "a - b", "a": "$q2", "b": "$q4"}],
        [*counts("dog", "cat"), {"tool": "calculate", "expression": "b - a", "a": "$q4", "b": "$q2"}],
    ),
    # Filters of the same objects, in another order.
    (
        [*detect("dog", "cat"), red("$q1"), {"tool": "left_of", "a": "$q3", "b": "$q2"}],
        [*detect("dog", "cat"), {"tool": "left_of", "a": "$q1", "b": "$q2"}, red("$q3")],
    ),
    (
        [*detect("dog"), {"tool": "largest", "boxes": "$q1"}],
        [
            *detect("dog"),
            {"tool": "sort", "boxes": "$q1", "by": "largest_first"},
            {"tool": "pick", "items": "$q2", "position": 1},
        ],
    ),
    ([*heard_and_seen(), all_true("$q2", "$q4")], [*heard_and_seen(), all_true("$q4", "$q2")]),
]
DIFFERENT: list[tuple[Steps, Steps]] = [
    (detect("dog"), detect("cat")),
    (
        [*detect("dog", "cat"), {"tool": "left_of", "a": "$q1", "b": "$q2"}],
        [*detect("dog", "cat"), {"tool": "left_of", "a": "$q2", "b": "$q1"}],
    ),
    (counts("dog"), counts("dog", "cat")),
    (
        [*counts("dog", "cat"), {"tool": "calculate", "expression": "a - b", "a": "$q2", "b": "$q4"}],
        [*counts("dog", "cat"), {"tool": "calculate", "expression": "b - a", "a": "$q2", "b": "$q4"}],
    ),
    # The largest of the red ones is not the largest one if that is red.
    (
        [*detect("dog"), red("$q1"), {"tool": "largest", "boxes": "$q2"}],
        [*detect("dog"), {"tool": "largest", "boxes": "$q1"}, red("$q2")],
    ),
    (
        [*counts("dog"), {"tool": "compare", "a": "$q2", "op": ">=", "b": 3}],
        [*counts("dog"), {"tool": "compare", "a": "$q2", "op": ">", "b": 3}],
    ),
    ([{"tool": "unanswerable", "reason": "no_tool"}], [{"tool": "unanswerable", "reason": "no_audio"}]),
]


def measured(gold: Steps, reply: Steps, tools: Mapping[str, Tool], own: Sequence[str] = ()) -> Any:
    return compare_plans(json.dumps({"steps": reply}), gold, tools, ["image1", "audio1"], own=own)


@pytest.mark.parametrize(("gold", "reply"), SAME)
def test_plans_that_are_the_same(gold: Steps, reply: Steps, tools: Toolkit) -> None:
    found = measured(gold, reply, tools)
    assert found.valid and found.same and found.equivalent


@pytest.mark.parametrize(("gold", "reply"), EQUIVALENT)
def test_plans_that_come_to_the_same(gold: Steps, reply: Steps, tools: Toolkit) -> None:
    for left, right in ((gold, reply), (reply, gold)):
        found = measured(left, right, tools)
        assert found.valid and not found.same and found.equivalent


@pytest.mark.parametrize(("gold", "reply"), DIFFERENT)
def test_plans_that_differ(gold: Steps, reply: Steps, tools: Toolkit) -> None:
    found = measured(gold, reply, tools)
    assert found.valid and not found.same and not found.equivalent


def test_tools_count_even_where_the_plan_is_wrong(tools: Toolkit) -> None:
    gold = [*detect("dog", "cat"), {"tool": "left_of", "a": "$q1", "b": "$q2"}, {"tool": "count", "items": "$q3"}]
    found = measured(gold, [*detect("dog"), {"tool": "count", "items": "$q1"}], tools)
    # Shared: one detect and count; 2 * 2 / (2 + 4).
    assert found.tool_f1 == pytest.approx(2 / 3)
    assert not found.right_tools and not found.same


@pytest.mark.parametrize("reply", ["no plan", '{"steps":[]}', '{"steps":[{"tool":"fly"}]}'])
def test_what_does_not_compile_is_not_valid(reply: str, tools: Toolkit) -> None:
    found = compare_plans(reply, detect("dog"), tools, ["image1"])
    assert not found.valid and not found.same and not found.equivalent


def test_media_are_what_their_names_say(tools: Toolkit) -> None:
    media = media_named(["image1", "video1", "audio1"])
    assert [info.kind for info in media.values()] == ["image", "video", "audio"]
    assert [info.has_audio for info in media.values()] == [False, True, True]
    assert as_tool(tools["detect"].spec).spec == tools["detect"].spec


def test_which_of_the_questions_own_tools_is_called_counts_apart(tools: Toolkit) -> None:
    fly, swim = (parse_signature(f"{name}(image) -> text: Say how to {name}.") for name in ("fly", "swim"))
    gold: Steps = [{"tool": "fly"}]
    installed = {**tools, **{spec.name: as_tool(spec) for spec in (fly, swim)}}
    for called, right in ((["fly"], True), (["fly", "count"], True), (["swim"], False), (["fly", "swim"], False)):
        found = measured(gold, [{"tool": name} for name in called], installed, own=("fly", "swim"))
        assert found.own_tools is right, called
