"""Questions that the packaged planner has not learnt are planned by rules, with tools that its prompt does not show."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from visagent import Agent, Answer
from visagent.agent.events import Planned
from visagent.core.settings import load_profile
from visagent.testing import ScriptedModel

PACKAGED = "SmolLM2-135M-Instruct.Q4_1+planner-smollm2-135m"
PHOTOS = Path(__file__).parents[2] / "data" / "samples" / "images"
PROFILE = load_profile("embedded")


def agent(home: Path) -> tuple[Agent, ScriptedModel]:
    """The embedded profile, with a model in the planner's place that finds no tool for anything."""
    planner = ScriptedModel('unanswerable("no_tool")', name=PACKAGED)
    return Agent("embedded", models={"controller": planner}, home=home), planner


async def plan_of(asked: Agent, question: str, *media: Path) -> list[str]:
    """The tools of the first plan; nothing of it is done."""
    events = asked.stream(question, *media, approval=True)
    plans = [event async for event in events if isinstance(event, Planned)]
    return [node.solver.tool for node in plans[0].tree.nodes]


def save(folder: Path, name: str, photo: str, text: str = "") -> Path:
    with Image.open(PHOTOS / photo) as opened:
        picture = opened.convert("RGB")
    if text:
        pen = ImageDraw.Draw(picture)
        pen.rectangle((5, 5, 260, 60), fill="white")
        pen.text((12, 8), text, fill="black", font=ImageFont.load_default(40))
    path = folder / name
    picture.save(path)
    return path


def test_the_tools_of_rules_are_not_in_the_planners_prompt(tmp_path: Path) -> None:
    asked, planner = agent(tmp_path)
    assert set(PROFILE.tools_of_rules) <= set(asked.tools) and not set(PROFILE.hidden_tools) & set(asked.tools)
    asked.ask("How fast is the cat?", PHOTOS / "chelsea.png")
    prompts = [message.text for turn in planner.conversations for message in turn]
    assert prompts and not any(
        name in text for text in prompts for name in ("in_same_picture", "moment_of", "how_often")
    )
    grammars = [str(schema) for schema in planner.schemas]
    assert not any("in_same_picture" in grammar or "moment_of" in grammar for grammar in grammars)


async def test_a_tool_that_was_taken_away_is_not_planned(tmp_path: Path) -> None:
    asked, planner = agent(tmp_path)
    question = "How much of the picture does the cat cover?"
    assert await plan_of(asked, question, PHOTOS / "chelsea.png") == ["segment", "measure"] and not planner.prompts
    asked.tools = asked.tools.without(["measure"])
    answer: Answer = await asked.aask(question, PHOTOS / "chelsea.png")
    assert planner.prompts and answer.status == "unanswered"


@pytest.mark.slow
def test_pictures_that_show_a_thing_and_text_are_named_and_no_others(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the packaged detector needs the extra embedded")
    asked, planner = agent(tmp_path / "home")
    pictures = [
        save(tmp_path, "a.png", "chelsea.png"),
        save(tmp_path, "b.png", "chelsea.png", "SALE 2031"),
        save(tmp_path, "c.png", "coffee.png", "SALE 2031"),
    ]
    answer = asked.ask("Which of these show a cat and text?", *pictures)
    assert "second picture" in answer.text and "first" not in answer.text and "third" not in answer.text
    assert not planner.prompts
