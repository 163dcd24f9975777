"""A question that hangs on a word that the detector does not know is asked again without it."""

from __future__ import annotations

from typing import Any

import pytest

from visagent.agent.nodes.planning import planned_again
from visagent.agent.nodes.solving import asked_otherwise
from visagent.core.errors import PlanError
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall, build_tree
from visagent.evidence.values import Evidence, Failure
from visagent.media.media import MediaInfo
from visagent.tools.toolkit import Toolkit

TOOLS = Toolkit.installed()
MEDIA = {"image1": MediaInfo(hash="0" * 64, kind="image", name="a.jpg")}


def asked(*calls: tuple[str, dict[str, Any]]) -> QuestionTree:
    return build_tree(
        "What is written on the gondola, and is there a dog?",
        [
            SubQuestion(id=f"q{number}", question="", solver=ToolCall(tool=tool, arguments=arguments))
            for number, (tool, arguments) in enumerate(calls, start=1)
        ],
    )


TREE = asked(
    ("detect", {"image": "image1", "label": "gondola"}),
    ("read_text", {"image": "$q1"}),
    ("detect", {"image": "image1", "label": "dog"}),
    ("exists", {"items": "$q3"}),
)


def failing(*ids: str, error: str = "UnknownLabel") -> dict[str, Evidence]:
    return {
        id_: Evidence(id=id_, tool="t", value=Failure(error=error if id_ == ids[0] else "MissingInput", message="No."))
        for id_ in ids
    }


def test_the_text_on_a_thing_that_no_detector_knows_is_read_from_the_picture() -> None:
    evidence = failing("q1", "q2")
    decision = asked_otherwise(TREE, evidence)
    assert decision is not None and (decision.action, decision.nodes) == ("expand", ("q2",))
    state: Any = {"evidence": evidence, "media": MEDIA, "language": "en"}
    grown = planned_again(TREE.model_copy(update={"left_out": ("no_tool",)}), "q2", state, TOOLS)
    assert grown.formula("q2") == "read_text(image='image1')" and set(grown.sinks) == {"q2", "q4"}
    assert (grown.places, grown.left_out) == (("gondola",), ("no_tool",))
    assert "gondola" not in grown["q2"].question


def test_other_failures_stay_failures() -> None:
    evidence = failing("q1", "q2", error="ToolTimeout")
    assert asked_otherwise(TREE, evidence) is None
    state: Any = {"evidence": evidence, "media": MEDIA, "language": "en"}
    with pytest.raises(PlanError):
        planned_again(TREE, "q2", state, TOOLS)
