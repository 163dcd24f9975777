"""A run that is stopped, by its program or by a person, ends at once, says how to go on, and loses nothing."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import aclosing, closing, suppress
from pathlib import Path

import pytest
from PIL import Image

from visagent.agent.agent import Agent
from visagent.agent.interruption import notes_of
from visagent.evidence.values import Crop
from visagent.testing import ScriptedModel, slow_tools
from visagent.tools.toolkit import tool

PICTURE = Image.new("RGB", (8, 8), "white")
PLAN = [{"tool": "look", "name": "fast"}, {"tool": "look", "name": "slow"}, {"tool": "doze"}]
NAPS: list[float] = []
LONG = 40.0
"""Seconds of the slow tools, where a run is stopped."""
AT_ONCE = 15.0
"""Seconds within which it has ended without waiting for them, however busy the machine is: else it takes 0.1."""


@tool(cache=False, timeout=100)
async def doze(image: Crop) -> str:
    """Doze, and never mind who wants what."""
    try:
        await asyncio.sleep(NAPS[0])
    finally:
        await asyncio.sleep(0)
    return "rested"


def agent(folder: Path, seconds: float) -> Agent:
    """An agent whose plan asks a quick tool and two that take so many seconds."""
    NAPS[:] = [seconds]
    tools = slow_tools(folder / "log", {"slow": seconds})
    models = {"controller": ScriptedModel(PLAN)}
    return Agent("embedded", tools=[*tools, doze], models=models, home=folder / "home")


def calls(folder: Path) -> list[str]:
    return (folder / "log").read_text().split() if (folder / "log").exists() else []


def is_kept(folder: Path) -> bool:
    """Whether the quick tool's result is in the run's checkpoints; the slow ones are running by then."""
    for file in folder.glob("home/runs/*/checkpoints.sqlite"):
        with (
            closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection,
            suppress(sqlite3.OperationalError),
        ):
            if connection.execute("SELECT count(*) FROM writes WHERE channel = '__return__'").fetchone()[0]:
                return calls(folder) == ["fast"]
    return False


async def until_asked(folder: Path) -> None:
    while not is_kept(folder):  # noqa: ASYNC110 - another thread writes it
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True, scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Everything imported before the clock is looked at."""
    folder = tmp_path_factory.mktemp("warm")
    agent(folder, 0).ask("What?", PICTURE)


def check_resumed(folder: Path, notes: list[str]) -> None:
    """What was stopped is still there, was told how to go on, and is finished without asking again."""
    going_on = agent(folder, 0)
    (record,) = going_on.runs.list()
    assert record.answer is None
    assert notes == [f'Run {record.id} is kept as far as it came. Go on: agent.resume("{record.id}").']
    answer = going_on.resume(record.id)
    assert {"fast", "slow", "rested"} <= set(answer.text.replace('"', " ").split())
    assert calls(folder).count("fast") == 1


async def test_a_cancelled_task_ends_at_once_while_a_long_tool_runs(tmp_path: Path) -> None:
    asking = asyncio.create_task(agent(tmp_path, LONG).aask("What?", PICTURE))
    await until_asked(tmp_path)
    started = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError) as stopped:
        await asking
    assert time.monotonic() - started < AT_ONCE
    await asyncio.to_thread(check_resumed, tmp_path, notes_of(stopped.value))


async def test_a_time_out_around_a_question_ends_it_and_says_how_to_go_on(tmp_path: Path) -> None:
    over: list[float] = []

    async def end(limit: asyncio.Timeout) -> None:
        await until_asked(tmp_path)
        over.append(asyncio.get_running_loop().time())
        limit.reschedule(over[0])

    with pytest.raises(TimeoutError) as stopped:
        async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as beside:
            beside.create_task(end(limit))
            await agent(tmp_path, LONG).aask("What?", PICTURE)
    assert asyncio.get_running_loop().time() - over[0] < AT_ONCE
    await asyncio.to_thread(check_resumed, tmp_path, notes_of(stopped.value))


@pytest.mark.parametrize("closes", [True, False])
async def test_a_stream_that_is_left_early_is_clean(
    tmp_path: Path, closes: bool, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    stream = agent(tmp_path, LONG).stream("What?", PICTURE)
    if closes:
        async with aclosing(stream) as events:
            async for event in events:
                if event.type == "found":
                    break
    else:
        async for event in stream:
            if event.type == "found":
                break
        del stream
        await asyncio.sleep(0.5)
    mine = {asyncio.current_task()}
    started = time.monotonic()
    while asyncio.all_tasks() - mine and time.monotonic() - started < AT_ONCE:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert not asyncio.all_tasks() - mine
    (record,) = agent(tmp_path, 0).runs.list()
    answer = await asyncio.to_thread(agent(tmp_path, 0).resume, record.id)
    assert answer.status == "answered" and calls(tmp_path).count("fast") == 1
    assert not caplog.records and not [warning for warning in recwarn if "visagent" in str(warning.filename)]


@pytest.mark.slow
async def test_a_run_that_is_cancelled_at_any_step_goes_on_to_its_answer(tmp_path: Path) -> None:
    @tool(cache=False)
    def quick(image: Crop) -> str:
        """Be quick."""
        return "quick"

    def asker(folder: Path) -> Agent:
        models = {"controller": ScriptedModel([{"tool": "quick"}])}
        return Agent("embedded", tools=[quick], models=models, home=folder)

    for turns in (1, 3, 5, 26, 28, 30, 45, 70):
        folder = tmp_path / str(turns)
        asking = asyncio.create_task(asker(folder).aask("What?", PICTURE))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        for record in asker(folder).runs.list():
            answer = await asyncio.to_thread(asker(folder).resume, record.id)
            assert answer.status == "answered" and "quick" in answer.text, turns


PROGRAM = """
import json, sys, time
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[2])
import test_stopping
folder = Path(sys.argv[1])
asker = test_stopping.agent(folder, test_stopping.LONG)
def ask():
    try:
        asker.ask("What?", test_stopping.PICTURE)
    except KeyboardInterrupt as stopped:
        print(json.dumps([time.monotonic(), stopped.__notes__]), flush=True)
"""
IN_A_LOOP = "import asyncio\nasync def cell(): ask()\nasyncio.new_event_loop().run_until_complete(cell())"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ask()", IN_A_LOOP], ids=["in a program", "in a notebook's cell"])
def test_ctrl_c_ends_a_question_at_once_and_says_how_to_go_on(tmp_path: Path, way: str) -> None:
    command = [sys.executable, "-c", PROGRAM + way, str(tmp_path), json.dumps([str(Path(__file__).parent), *sys.path])]
    asking = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 200
        while not is_kept(tmp_path):
            assert asking.poll() is None and time.monotonic() < deadline, asking.stderr and asking.stderr.read()
            time.sleep(0.05)
        sent = time.monotonic()  # which all processes of a machine share
        os.kill(asking.pid, signal.SIGINT)
        out, err = asking.communicate(timeout=120)
    finally:
        asking.kill()
    assert out, err
    at, notes = json.loads(out)
    assert at - sent < AT_ONCE
    check_resumed(tmp_path, notes)
