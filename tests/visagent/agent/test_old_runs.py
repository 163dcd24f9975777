"""What another version of visagent kept: it is read where it can be, said in one line where not, and never lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from visagent.agent.agent import Agent
from visagent.agent.edits import Remove
from visagent.core.errors import ConfigError, RunNotFound
from visagent.testing import ScriptedModel, slow_tools

OLD_HOME = Path(__file__).parents[2] / "data" / "home_before_the_packages"
FINISHED, WAITING = "20261126-150644-959980-bfe54cc2", "20261126-150651-622980-e41f82c8"


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """An agent in a home that version 0.1.0 left behind, with one finished run and one that waits."""
    shutil.copytree(OLD_HOME, tmp_path / "home")
    tools, models = slow_tools(tmp_path / "log", {}), {"controller": ScriptedModel([{"tool": "look", "name": "b"}])}
    return Agent("embedded", tools=tools, only=["look", "join"], models=models, home=tmp_path / "home")


def test_a_finished_run_is_read_listed_and_followed_up(agent: Agent) -> None:
    assert agent.resume(FINISHED).evidence["q1"].value.text == "a"
    assert [record.id for record in agent.runs.list()] == [WAITING, FINISHED]
    assert agent.ask("And now?", follows=FINISHED).parent == FINISHED


def test_an_unfinished_run_is_refused_in_one_line_and_stays(agent: Agent) -> None:
    before = {file: file.read_bytes() for file in (agent.home / "runs" / WAITING).iterdir()}
    for go_on in (lambda: agent.resume(WAITING, approve=True), lambda: agent.edit(WAITING, [Remove(id="q1")])):
        with pytest.raises(RunNotFound, match=r"another version of visagent.*Ask its question again") as caught:
            go_on()
        assert "\n" not in str(caught.value)
    assert {file: file.read_bytes() for file in (agent.home / "runs" / WAITING).iterdir()} == before


def test_a_run_whose_backend_is_gone_can_be_read_and_not_gone_on_with(agent: Agent) -> None:
    for run_id in (FINISHED, WAITING):
        file = agent.home / "runs" / run_id / "run.json"
        record = json.loads(file.read_text())
        record["profile"]["models"]["planner"] = {"backend": "gone", "power": 3}
        file.write_text(json.dumps(record | {"checkpoint_format": 2}))
    assert agent.resume(FINISHED).evidence["q1"].value.text == "a"
    kept = agent.runs.load(WAITING).model_dump(mode="json")["profile"]["models"]["planner"]
    assert kept == {"backend": "gone", "power": 3}
    with pytest.raises(ConfigError, match="There is no backend 'gone'"):
        agent.resume(WAITING, approve=True)
