"""Examples of checks: each compiles with the tools that a seeing profile has, and the most alike are shown."""

import json
from typing import Any

import pytest

from visagent.answering.look import observers
from visagent.core.config import Demonstrations
from visagent.evidence.values import Crop, Look
from visagent.media.media import MediaInfo
from visagent.models.grounding import Convention
from visagent.models.protocol import Capabilities
from visagent.planning.check_examples import CheckExample, check_examples, most_similar
from visagent.planning.controller import Controller, read_only_tools
from visagent.planning.plan import Plan, compile_plan
from visagent.planning.retrieval import open_retriever
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Toolkit, tool


def recorder() -> ScriptedModel:
    model = ScriptedModel([])
    model.capabilities = Capabilities(media=frozenset({"image", "audio", "video"}), grounding=Convention.RELATIVE_1000)
    return model


TOOLS = Toolkit(
    [*Toolkit.installed().without(["locate", "caption"]).values(), *observers(recorder(), "en", lambda reply: None)]
)
MEDIA = {
    name: MediaInfo.model_validate(
        {"hash": "0" * 64, "kind": name[:-1], "name": name, "has_audio": name[:-1] != "image"}
    )
    for name in ("image1", "image2", "image3", "audio1", "video1")
}


@pytest.mark.parametrize("one", [*check_examples("en"), *check_examples("zh")], ids=lambda one: one.question)
def test_a_packaged_example_compiles_with_harmless_tools(one: CheckExample) -> None:
    media = {name: MEDIA[name] for name in one.media}
    tree = compile_plan(
        one.question, Plan(steps=list(one.plan)), read_only_tools(TOOLS), media, lambda call, _: str(call)
    )
    assert len(tree) == len(one.plan)
    assert not any(TOOLS[name].spec.by_sight for name in one.tools), "such a tool is offered to no check"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_there_are_thirty_and_more_in_each_language(language: str) -> None:
    questions = {one.question for one in check_examples(language)}
    assert len(questions) == len(check_examples(language)) >= 30


def test_the_most_alike_is_shown_last_and_an_unlike_question_is_shown_none() -> None:
    found = most_similar("How many goats are in the field?", MEDIA, TOOLS, "en")
    assert found[-1].question == "How many sheep are in the field?"
    assert most_similar("Xzqv?", MEDIA, TOOLS, "en") == []
    assert all(
        "audio1" not in one.media
        for one in most_similar("What does the speaker say?", {"image1": MEDIA["image1"]}, TOOLS, "en")
    )


async def test_examples_stand_between_the_tools_and_the_question_without_pictures(tmp_path: Any) -> None:
    model = recorder()
    look = Look(text="About 9.", sure=0.3, checks=("count them",))
    for k, messages in ((None, 4), (0, 2)):
        own = open_retriever(tmp_path, Demonstrations(k=k))
        await Controller(model, TOOLS, demonstrations=own).plan_checks("How many sheep do you see?", look, MEDIA)
        assert len(model.conversations[-1]) >= messages if k is None else len(model.conversations[-1]) == messages
    assert all(isinstance(message.content, str) for message in model.conversations[0])
    assert json.loads(model.conversations[0][-2].text)["steps"][0]["tool"] == "locate"


async def test_a_tool_that_says_what_a_look_says_as_well_is_no_check() -> None:
    @tool(by_sight=True)
    def mood(image: Crop) -> str:
        """Tell the mood of a picture."""
        return "calm"

    @tool
    def sharpness(image: Crop) -> float:
        """Measure the sharpness of a picture."""
        return 1.0

    model = recorder()
    await Controller(model, Toolkit([mood, sharpness])).plan_checks("Is it sharp?", Look(text="Yes.", sure=0.3), MEDIA)
    shown = model.conversations[0][0].text
    assert "sharpness(" in shown and "mood(" not in shown
