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
from visagent_apps.run_names import find_run

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


def test_a_record_that_cannot_be_read_is_told_of_and_stays(agent: Agent) -> None:
    file = agent.home / "runs" / FINISHED / "run.json"
    file.write_text('{"id": 3}')
    told: list[RunNotFound] = []
    assert [record.id for record in agent.runs.list(told.append)] == [WAITING]
    assert FINISHED in str(told[0]) and file.read_text() == '{"id": 3}'


def test_on_the_command_line_an_unknown_id_is_answered_with_the_nearest_one(agent: Agent) -> None:
    with pytest.raises(RunNotFound, match=rf"Did you mean {FINISHED}\?"):
        find_run(agent.runs, f"{FINISHED}0")
    # Through the library, as servers use it, nobody learns an id.
    for part in (FINISHED[:-1] + "x", FINISHED[:-1], FINISHED[-8:], "last"):
        with pytest.raises(RunNotFound) as caught:
            agent.resume(part)
        assert FINISHED not in str(caught.value)
