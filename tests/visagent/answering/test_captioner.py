"""The profile's own model as captioner: how long, and of what above all."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.answering.look import observers
from visagent.evidence.values import Crop, Text
from visagent.media.media import Media
from visagent.testing import ScriptedModel


async def describe(model: ScriptedModel, language: str = "en", **given: str) -> Text:
    media = Media.load(Image.new("RGB", (40, 30)))
    tool = next(one for one in observers(model, language, lambda reply: None) if one.spec.name == "caption")
    said = await tool.function(image=[Crop.whole(media)], **given)
    assert isinstance(said, Text) and said.media == media.hash
    return said


async def test_a_model_that_sees_describes_in_its_own_words_without_its_thoughts() -> None:
    model = ScriptedModel("<think>Dark.</think>A black rectangle [q1].", media=["image"])
    assert (await describe(model)).text == "A black rectangle."
    assert "in one or two sentences" in model.prompts[0] and "above all" not in model.prompts[0]


@pytest.mark.parametrize(("language", "words"), [("en", ["in detail", "“the sign”"]), ("zh", ["详细", "“the sign”"])])
async def test_length_and_focus_reach_the_model(language: str, words: list[str]) -> None:
    model = ScriptedModel("A sign.", media=["image"])
    await describe(model, language, length="long", focus="the sign")
    assert all(word in model.prompts[0] for word in words)


def test_in_a_profile_that_sees_its_model_takes_the_place_of_the_composed_description(tmp_path: Path) -> None:
    plan = [{"tool": "caption", "focus": "the frame"}]
    looks = ScriptedModel("A white frame.", media=["image"])
    models = {"controller": ScriptedModel(plan), "observer": looks, "refiner": ScriptedModel("{}")}
    agent = Agent("endpoint", models=models, home=tmp_path)
    answer = agent.ask("Describe the frame.", Image.new("RGB", (40, 30), "white"), mode="tree")
    assert answer.evidence["q1"].tool == "caption" and answer.evidence["q1"].value.text == "A white frame."  # type: ignore[union-attr]
    assert "the frame" in looks.prompts[0]
