"""A model that the program hands in: which roles it plays, what it must have, and how such a run goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.events import ApprovalNeeded
from visagent.core.config import Profile
from visagent.core.errors import ConfigError
from visagent.models.protocol import Capabilities, Reply
from visagent.testing import ScriptedModel, slow_tools

PICTURE = Image.new("RGB", (8, 8), "white")
LOOK = [{"tool": "look", "name": "a"}]
Make = Callable[..., Agent]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(models: Any, profile: str | Profile = "embedded") -> Agent:
        tools = slow_tools(tmp_path / "log", {})
        return Agent(profile, tools=tools, only=["look", "join"], models=models, home=str(tmp_path / "home"))

    return make


def test_an_object_under_a_role_plays_that_role_and_rules_keep_the_others(make: Make) -> None:
    model = ScriptedModel(LOOK)
    agent = make({"controller": model})
    answer = agent.ask("What?", PICTURE)
    assert answer.status == "answered" and len(model.prompts) == 1
    assert agent.profile.roles["refiner"] == "rules"


def test_an_object_under_the_name_of_a_profiles_model_takes_its_place(make: Make) -> None:
    model = ScriptedModel(LOOK)
    assert make({"planner": model}).ask("What?", PICTURE).status == "answered" and model.prompts


def test_a_lone_object_plays_every_role_and_looks_itself_if_it_can(make: Make) -> None:
    blind = make({"main": ScriptedModel(LOOK)}).profile.roles
    assert blind == dict.fromkeys(["controller", "decider", "refiner", "verifier"], "main")
    sees = make({"main": ScriptedModel(LOOK, media=["image"])}).profile.roles
    assert sees == {**blind, "observer": "main"}


def test_a_lone_object_that_sees_answers_directly(tmp_path: Path) -> None:
    agent = Agent("embedded", models={"main": ScriptedModel("A white square.", media=["image"])}, home=tmp_path)
    answer = agent.ask("What is it?", PICTURE, mode="direct")
    assert answer.status == "answered" and "white square" in answer.text


def test_another_object_keeps_its_role_beside_the_main_one(make: Make) -> None:
    words = json.dumps({"sentences": [{"text": "It is an a", "cites": ["q1"]}]})
    planner, writer = ScriptedModel(LOOK), ScriptedModel(words)
    agent = make({"main": planner, "refiner": writer, "decider": ScriptedModel('{"action": "enough", "reason": "r"}')})
    assert agent.profile.roles["refiner"] == "refiner" and agent.profile.roles["verifier"] == "main"
    agent.ask("What?", PICTURE)
    assert writer.prompts and planner.prompts


def test_a_profile_with_a_model_called_main_keeps_its_roles(make: Make) -> None:
    values = {"name": "mine", "models": {"main": {"backend": "object"}}, "roles": {"controller": "main"}}
    assert make({"main": ScriptedModel(LOOK)}, Profile.model_validate(values)).profile.roles == {"controller": "main"}


class Whole:
    name = "whole"
    capabilities = Capabilities()

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def chat(self, messages: Any, **options: Any) -> Reply:
        return Reply(text="")


class Blocking(Whole):
    def chat(self, messages: Any, **options: Any) -> Reply:  # type: ignore[override]
        return Reply(text="")


class Narrow(Whole):
    async def chat(self, messages: Any) -> Reply:  # type: ignore[override]
        return Reply(text="")


@pytest.mark.parametrize("missing", ["load", "close", "chat", "name", "capabilities"])
def test_an_object_that_lacks_something_is_refused_by_its_name(make: Make, missing: str) -> None:
    lacking = type("Lacking", (Whole,), {missing: None})()
    with pytest.raises(ConfigError, match=rf"models\['main'\], a Lacking, (lacks|has no).*`{missing}`"):
        make({"main": lacking})


@pytest.mark.parametrize(("model", "says"), [(Blocking(), "not `async def`"), (Narrow(), "'schema'")])
def test_a_chat_that_cannot_be_called_as_models_are_is_refused(make: Make, model: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make({"main": model})


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ({"controler": Whole()}, "Did you mean 'controller'?"),
        ({"observer": Whole()}, "can be shown neither pictures nor sound"),
        (Whole(), 'Write models={"main": model}'),
    ],
)
def test_what_fits_no_role_is_refused_with_what_would(make: Make, models: Any, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(models)
    assert says in str(caught.value)


async def _last(events: Any) -> Any:
    return [event async for event in events][-1]


def test_a_run_with_an_own_model_goes_on_in_an_agent_that_is_given_it(make: Make) -> None:
    waiting = asyncio.run(_last(make({"main": ScriptedModel(LOOK)}).stream("What?", PICTURE, approval=True)))
    assert isinstance(waiting, ApprovalNeeded)
    with pytest.raises(ConfigError, match=r"the model object 'main' \(scripted\), which this agent was not given"):
        make(None).resume(waiting.run_id, approve=True)
    record = make(None).runs.load(waiting.run_id)
    assert record.status == "waiting"
    again = ScriptedModel('{"action": "enough", "reason": "r"}', "{}")
    assert make({"main": again}).resume(waiting.run_id, approve=True).evidence["q1"].value.text == "a"


def test_a_finished_run_with_an_own_model_is_reread_without_it(make: Make) -> None:
    answer = make({"controller": ScriptedModel(LOOK)}).ask("What?", PICTURE)
    assert make(None).resume(answer.run_id).text == answer.text


def test_many_questions_are_answered_by_an_own_model(make: Make) -> None:
    answers = make({"controller": ScriptedModel(LOOK)}).batch([("What?", [PICTURE]), ("", [PICTURE])])
    assert [type(answer).__name__ for answer in answers] == ["Answer", "QuestionError"]


def test_a_home_may_be_text_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    agent = Agent("embedded", home="~/mine", models={"controller": ScriptedModel(LOOK)})
    assert agent.home == tmp_path / "mine"
    assert agent.at("~/hers").home == tmp_path / "hers"
