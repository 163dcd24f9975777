"""Tools by what they are for: a third party's tool is asked as the packaged one would be."""

from __future__ import annotations

import numpy as np
import pytest

from visagent import Agent, Boxes, Crop, Text, tool
from visagent.core.errors import PlanError, ToolDefinitionError
from visagent.evidence.values import Box
from visagent.testing import ScriptedModel
from visagent.tools.services import SERVICES, serving, step_for
from visagent.tools.toolkit import Toolkit

ASKED: list[str] = []


@tool(serves="find", cache=False)
def spot(scene: Crop, what: str, limit: int = 3) -> Boxes:
    """Find things with a detector of one's own."""
    ASKED.append(what)
    return Boxes(media=scene.media, boxes=(Box(xyxy=(1, 1, 9, 9), label=what, confidence=0.9),))


def test_the_installed_tools_serve_each_purpose() -> None:
    tools = Toolkit.installed()
    found = {service: getattr(serving(tools, service), "name", None) for service in SERVICES}
    assert found == {
        "find": "detect",
        "read": "read_text",
        "describe": "caption",
        "tell_colors": "dominant_colors",
        "hear": "transcribe",
    }
    assert step_for(tools, "find", "image1", "dog") == {"tool": "detect", "image": "image1", "label": "dog"}
    assert step_for(tools, "hear", "audio1") == {"tool": "transcribe", "audio": "audio1"}


def test_a_tool_of_ones_own_goes_before_the_packaged_one_and_checks_texts(tmp_path: object) -> None:
    tools = Toolkit.installed()
    tools.add(spot)
    assert step_for(tools, "find", "image1", "zebu") == {"tool": "spot", "scene": "image1", "what": "zebu"}
    agent = Agent("embedded", tools=[spot], home=str(tmp_path), models={"controller": ScriptedModel([])})
    ASKED.clear()
    checked = agent.verify("There is one dog. There are three dogs.", np.zeros((32, 32, 3), np.uint8))
    assert ASKED == ["dog"], "both sentences rest on one call"
    assert [claim.verdict for claim in checked.claims] == ["supported", "contradicted"]


def test_where_no_tool_serves_a_purpose_the_remedy_says_how_one_would() -> None:
    with pytest.raises(PlanError, match=r"no tool that finds things of a kind.*@tool\(serves=.find.\)"):
        step_for({}, "find", "image1", "dog")


def test_a_tool_that_takes_or_gives_something_else_than_its_purpose_is_refused() -> None:
    with pytest.raises(ToolDefinitionError, match=r'blind serves "find".*takes an image and a str and gives boxes'):

        @tool(serves="find")
        def blind(image: Crop) -> Boxes:
            """Find everything."""
            return Boxes(media=image.media, boxes=())

    with pytest.raises(ToolDefinitionError, match=r'mute serves "hear".*takes audio alone and gives transcript'):

        @tool(serves="hear")
        def mute(image: Crop) -> Text:
            """Hear a picture."""
            return Text(text="")

    with pytest.raises(ToolDefinitionError, match="what else it takes has defaults"):

        @tool(serves="find")
        def wants_more(image: Crop, label: str, least: float) -> Boxes:
            """Find things that are sure enough."""
            return Boxes(media=image.media, boxes=())


def test_a_changed_copy_of_a_spec_has_a_fingerprint_of_its_own() -> None:
    before = spot.spec.fingerprint
    assert spot.spec.model_copy(update={"limits": "none"}).fingerprint != before == spot.spec.model_copy().fingerprint
