"""What a run leaves is its owner's alone, and goes with it unless another run needs it."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image
from scripted_command import write_profile
from typer.testing import CliRunner

from visagent.agent.agent import Agent
from visagent.agent.ownership import owning
from visagent.agent.retention import forget_expired, forget_runs, forget_unused_media, prune
from visagent.core.errors import ConfigError, MediaError, RunNotFound
from visagent.core.settings import Settings
from visagent.evidence.answer import Answer
from visagent.media.media import Media
from visagent.media.store import MediaStore
from visagent.testing import ScriptedModel
from visagent_apps import cli

PLAN = [{"tool": "dominant_colors"}]
RED, BLUE = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (9, 9), "blue")


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent("embedded", home=tmp_path / "home", models={"controller": ScriptedModel(PLAN)})


def ask(agent: Agent, picture: Image.Image) -> Answer:
    return agent.ask("Which color?", picture, mode="tree")


def media(agent: Agent) -> list[Path]:
    return [path for path in (agent.home / "media").rglob("*") if path.is_file()]


def test_folders_and_files_are_their_owners_alone(agent: Agent) -> None:
    ask(agent, RED)
    for path in (agent.home / "runs").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or not path.is_dir()
    for folder in ("runs", "media", "evidence"):
        assert (agent.home / folder).stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in media(agent))


def test_a_run_goes_with_its_media_and_evidence(agent: Agent) -> None:
    answer = ask(agent, RED)
    assert ask(agent, RED).usage.cached_calls == 1
    gone = forget_runs(agent.home, [record.id for record in agent.runs.list()])
    assert len(gone) == 2 and not media(agent)
    assert ask(agent, RED).usage.cached_calls == 0
    with pytest.raises(RunNotFound):
        agent.runs.load(answer.run_id)


def test_what_another_run_needs_stays(agent: Agent) -> None:
    first, second = ask(agent, RED), ask(agent, RED)
    forget_runs(agent.home, [first.run_id])
    assert len(media(agent)) == 1 and agent.resume(second.run_id) == second
    assert ask(agent, RED).usage.cached_calls == 1


def test_a_run_that_is_being_answered_stays(agent: Agent) -> None:
    run_id = ask(agent, RED).run_id
    with owning(agent.runs.folder(run_id)):
        assert forget_runs(agent.home, [run_id]) == []
    assert agent.runs.load(run_id).answer is not None


def test_old_runs_and_then_the_oldest_are_pruned(agent: Agent) -> None:
    old = ask(agent, RED).run_id
    record = agent.runs.load(old)
    agent.runs.save(record.model_copy(update={"created": datetime.now(UTC) - timedelta(days=8)}))
    time.sleep(0.01)
    new = ask(agent, BLUE).run_id
    assert prune(agent.home, keep_days=7) == [old]
    assert prune(agent.home, max_bytes=10**9) == []
    assert prune(agent.home, max_bytes=0) == [new] and not media(agent)


def test_the_oldest_go_until_the_rest_takes_no_more_than_it_may(agent: Agent) -> None:
    # The first two share their picture, which stays for as long as one of them needs it.
    runs = [ask(agent, picture).run_id for picture in (RED, RED, BLUE, Image.new("RGB", (7, 7), "green"))]

    def size(*folders: Path) -> int:
        return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())

    whole = size(agent.home / "runs", agent.home / "media")
    first = size(agent.runs.folder(runs[0]))
    assert prune(agent.home, max_bytes=whole) == []
    assert prune(agent.home, max_bytes=whole - first) == [runs[0]]
    assert len(media(agent)) == 3
    left = size(agent.home / "runs", agent.home / "media")
    assert prune(agent.home, max_bytes=left - size(agent.runs.folder(runs[1])) - 1) == [runs[1]]
    assert len(media(agent)) == 2, "the picture of the second one was needed to get there"


def test_limits_in_the_settings_delete_old_runs_by_themselves_once_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISAGENT_KEEP_DAYS", "7")
    agent = Agent("embedded", home=tmp_path / "home", models={"controller": ScriptedModel(PLAN)})

    def pruned() -> None:
        for thread in threading.enumerate():
            if thread.name == "visagent-prune":
                thread.join()

    def aged(picture: Image.Image) -> str:
        record = agent.runs.load(ask(agent, picture).run_id)
        # Else the thread that its answer started could find it old already.
        pruned()
        agent.runs.save(record.model_copy(update={"created": datetime.now(UTC) - timedelta(days=8)}))
        return record.id

    old = aged(RED)
    new = ask(agent, BLUE).run_id
    pruned()
    assert set(agent.runs.ids()) == {old, new}, "it was done within the last hour"
    stamp = agent.home / "runs" / ".pruned"
    os.utime(stamp, (0, 0))
    newest = ask(agent, BLUE).run_id
    pruned()
    assert set(agent.runs.ids()) == {new, newest}
    monkeypatch.setenv("VISAGENT_MAX_GB", "1e-9")
    os.utime(stamp, (0, 0))
    small = Agent("embedded", home=agent.home, models={"controller": ScriptedModel(PLAN)})
    last = ask(small, RED).run_id
    pruned()
    # What is being answered stays.
    assert set(agent.runs.ids()) <= {last}


@pytest.mark.parametrize(("name", "value"), [("KEEP_DAYS", "-1"), ("MAX_GB", "0"), ("MAX_GB", "much")])
def test_a_limit_that_is_none_is_said_with_its_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"VISAGENT_{name}", value)
    with pytest.raises(ConfigError, match=f"VISAGENT_{name}: {name.lower()} is unusable"):
        Settings()


@pytest.mark.parametrize(("hours", "goes"), [(0.0, True), (1.0, False), (math.inf, False), (None, False)])
def test_a_run_goes_when_its_time_is_over(tmp_path: Path, hours: float | None, goes: bool) -> None:
    model = ScriptedModel(PLAN)
    agent = Agent("embedded", home=tmp_path / "home", models={"controller": model}, keep_hours=hours)
    run_id = ask(agent, RED).run_id
    assert forget_expired(agent.home) == [run_id] * goes
    assert bool(media(agent)) is not goes


def test_media_that_no_run_needs_go_unless_somebody_holds_them(agent: Agent) -> None:
    store = MediaStore(agent.home / "media")
    held, forgotten = Media.load(Image.new("RGB", (7, 7), "green")), Media.load(Image.new("RGB", (6, 6), "green"))
    for one in (held, forgotten):
        store.put(one)
    asked = ask(agent, RED).media["image1"].hash
    forget_unused_media(agent.home, but=[held.hash])
    assert len(media(agent)) == 3, "they have only just come"
    forget_unused_media(agent.home, but=[held.hash], older_than=-1)
    assert {path.stem for path in media(agent)} == {held.hash, asked}


async def test_a_server_deletes_what_was_asked_of_it_in_time(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason='the server needs an extra: pip install "visagent[serve]"')
    from visagent_apps.guard import Keys
    from visagent_apps.server import build_app

    model = ScriptedModel(PLAN)
    own = Agent("embedded", home=tmp_path / "home", models={"controller": model})
    served = Agent("embedded", home=tmp_path / "home", models={"controller": model}, keep_hours=0)
    kept = (await own.aask("Which color?", RED, mode="tree")).run_id
    await served.aask("Which color?", BLUE, mode="tree")
    app = build_app(served, keys=Keys([]))
    async with app.router.lifespan_context(app):
        for _ in range(200):
            # Its media go after the run.
            if len(served.runs.ids()) == 1 and len(media(own)) == 1:
                break
            await asyncio.sleep(0.05)
    # What the machine's owner asked is not the server's to delete.
    assert served.runs.ids() == [kept] and len(media(own)) == 1


def test_the_server_keeps_for_a_day_what_nobody_says_to_keep_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi", reason='the server needs an extra: pip install "visagent[serve]"')
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path / "home"))
    agents: list[Agent] = []
    monkeypatch.setattr("visagent_apps.server.serve", lambda agent, **_: agents.append(agent))
    profile = write_profile(tmp_path)
    for options in ([], ["--keep-hours", "2"], ["--keep-hours", "inf"]):
        assert CliRunner().invoke(cli.app, ["serve", "--profile", str(profile), *options]).exit_code == 0
    kept = [agent.runs.load(ask(agent, RED).run_id) for agent in agents]
    hours = [record.expires and (record.expires - record.created).total_seconds() / 3600 for record in kept]
    assert hours == [24, 2, None]


def test_the_command_says_how_many_went(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISAGENT_HOME", str(agent.home))
    ask(agent, RED)
    shown = CliRunner().invoke(cli.app, ["runs", "prune", "--keep-days", "0"])
    assert shown.output == "1 run removed.\n"
    assert "No runs yet" in CliRunner().invoke(cli.app, ["runs"]).output


@pytest.mark.parametrize("picture", [RED, b"\x89PNG no picture"])
def test_a_stored_medium_that_was_damaged_is_set_aside_and_stored_again(agent: Agent, picture: object) -> None:
    answer = ask(agent, RED)
    (stored,) = media(agent)
    stored.write_bytes(stored.read_bytes()[:40] if picture is RED else b"\x89PNG no picture")
    with pytest.raises(MediaError, match="set aside"):
        agent.ask("Which color?", follows=answer.run_id, mode="tree")
    assert [path.suffix for path in media(agent)] == [".damaged"]
    assert ask(agent, RED).status == "answered" and len(media(agent)) == 2


async def test_an_mcp_server_deletes_the_runs_whose_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mcp = pytest.importorskip("mcp", reason='MCP needs the extra: pip install "visagent[mcp]"')
    from visagent_apps import mcp_server

    started: list[Agent] = []
    monkeypatch.setenv("VISAGENT_HOME", str(tmp_path))
    monkeypatch.setattr(mcp_server, "serve", lambda agent, **_: started.append(agent))
    assert CliRunner().invoke(cli.app, ["mcp", "--profile", str(write_profile(tmp_path))]).exit_code == 0
    (agent,) = started
    run_id = (await agent.aask("Which color?", RED, mode="tree")).run_id
    record = agent.runs.load(run_id)
    assert record.expires is not None and record.expires - record.created == timedelta(hours=24)
    agent.runs.save(record.model_copy(update={"expires": datetime.now(UTC)}))
    async with mcp.Client(mcp_server.ExpertServer(agent).mcp()):
        for _ in range(100):
            # Its media go after the run.
            if not list(agent.runs.list()) and not media(agent):
                break
            await asyncio.sleep(0.1)
    assert not list(agent.runs.list()) and not media(agent)
