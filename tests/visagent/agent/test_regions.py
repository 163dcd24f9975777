"""Questions about regions that a person points at: what tools get, what is cited, and what a later run knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.core.errors import MediaError
from visagent.evidence.values import Box, Boxes, Crop
from visagent.media.media import Media
from visagent.media.regions import MediaRegion
from visagent.reporting.provenance import grounds
from visagent.reporting.report import html_report
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import tool

PICTURE = Image.effect_noise((200, 100), 60).convert("RGB")
R1 = (40.0, 20.0, 120.0, 80.0)
STEPS = [{"tool": "find_corner"}]


@tool
def find_corner(image: Crop) -> Boxes:
    """Find the top left corner of a picture."""
    shown = image.image()
    found = image.to_original((0, 0, shown.width / 4, shown.height / 4))
    return Boxes(media=image.media, boxes=(Box(xyxy=found, label="corner"),))


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    models: Any = {"controller": ScriptedModel(STEPS)}
    return Agent("embedded", tools=[find_corner], only=["find_corner"], models=models, home=tmp_path)


def test_what_is_found_in_a_region_is_cited_in_pixels_of_the_original(agent: Agent) -> None:
    answer = agent.ask("Where is the corner of r1?", PICTURE, regions={"r1": R1})
    (box,) = answer.evidence["q1"].value.boxes  # type: ignore[union-attr]
    assert box.xyxy == (40, 20, 60, 35)
    assert answer.evidence["q1"].arguments == {"image": "image1#r1"}
    (place,) = grounds("q1", answer.tree, answer.evidence, answer.media)
    assert (place.media, place.xyxy) == ("image1", (40, 20, 60, 35))
    assert answer.annotate().size == (200, 100)
    page = html_report(answer)
    assert page.count('<svg class="va-marks"') == 1 and ">r1<" in page.replace(" r1", "r1")


def test_the_same_question_about_another_region_is_not_answered_from_the_first_ones_evidence(agent: Agent) -> None:
    first = agent.ask("Where is the corner of r1?", PICTURE, regions={"r1": R1})
    second = agent.ask("Where is the corner of r1?", PICTURE, regions={"r1": (100, 20, 180, 80)})
    assert first.evidence["q1"].value != second.evidence["q1"].value


def test_a_region_may_be_given_as_a_medium_and_a_follow_up_still_knows_it(agent: Agent) -> None:
    region = MediaRegion(Media.load(PICTURE), "sign", R1)
    answer = agent.ask("Where is the corner of sign?", region)
    assert list(answer.media) == ["image1", "image1#sign"]
    again = agent.ask("And where is it?", follows=answer.run_id)
    assert list(again.media) == ["image1", "image1#sign"] and again.media["image1#sign"].region == R1


def test_a_region_outside_the_picture_is_refused_before_anything_runs(agent: Agent) -> None:
    with pytest.raises(MediaError, match="does not lie in the picture, which is 200 x 100 pixels"):
        agent.ask("What does r1 say?", PICTURE, regions={"r1": (150, 20, 250, 80)})
    assert list(agent.runs.list()) == []
