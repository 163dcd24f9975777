"""Processes that carry runs on, with a scripted planner and tools that write down each call; test_kill kills them.

Usage: kill_process.py, then on standard input one line of JSON for each process: home, log, delays, what ("ask", or the
id of a run). It is forked from this one, which has imported everything, so that many can be killed in little time. On
standard output stand its process id and, once it has ended, how.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from visagent.agent.agent import Agent
from visagent.core.config import Budget, Demonstrations
from visagent.core.errors import ConfigError
from visagent.core.settings import load_profile
from visagent.evidence.values import Crop
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import Tool, tool

PLAN = [
    {"tool": "look", "name": "a"},
    {"tool": "look", "name": "b"},
    {"tool": "look", "name": "c"},
    {"tool": "send", "to": "$q2"},
    {"tool": "join", "a": "$q1", "b": "$q3"},
    {"tool": "send", "to": "$q5"},
    {"tool": "join", "a": "$q4", "b": "$q6"},
]
"""Three siblings, two calls with effects, and two that wait for what others found."""
FOUND = {"q1": "a", "q2": "b", "q3": "c", "q4": "sent b", "q5": "a+c", "q6": "sent a+c", "q7": "sent b+sent a+c"}
"""What each sub-question finds; its call is written down under the same words."""
EFFECTS = ("q4", "q6")
NEEDS_APPROVAL = 3
"""How a process ends whose run waits for a person."""


def written_tools(log: Path, delays: Mapping[str, float]) -> list[Tool]:
    """Tools that write down when a call begins and ends, and take so many seconds by what they are called with."""

    def note(what: str, name: str) -> None:
        # One write that appends is whole or not there, whenever the process is killed.
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, f"{time.monotonic():.4f}\t{what}\t{name}\n".encode())
        os.close(handle)

    def call(what: str, name: str) -> str:
        note(what, name)
        time.sleep(delays.get(name, 0.0))
        note("ended", name)
        return name

    @tool(cache=False)
    def look(image: Crop, name: str) -> str:
        """Look for a name."""
        return call("begun", name)

    @tool(cache=False)
    def join(a: str, b: str) -> str:
        """Join two texts."""
        return call("begun", f"{a}+{b}")

    @tool(read_only=False)
    def send(to: str) -> str:
        """Send a letter."""
        return call("effect", f"sent {to}")

    return [look, join, send]


def carry_on(home: str, log: str, delays: Mapping[str, float], what: str) -> int:
    """Ask, or go on with a run; how the process is to end."""
    tools: list[Any] = list(written_tools(Path(log), delays))
    # Choosing demonstrations would take longer than everything else together, and the script needs none.
    profile = load_profile("embedded").model_copy(update={"demonstrations": Demonstrations(k=0)})
    model = ScriptedModel(PLAN)
    agent = Agent(profile, tools=tools, only=["look", "join", "send"], models={"controller": model}, home=home)
    try:
        if what == "ask":
            agent.ask("What?", Image.new("RGB", (8, 8), "white"), mode="tree", budget=Budget(seconds=60))
        else:
            agent.resume(what, approve=True)
    except ConfigError:
        return NEEDS_APPROVAL
    return 0


def main() -> None:
    # A whole run here imports what runs import late, once for all that are forked.
    with tempfile.TemporaryDirectory() as folder:
        home, log = f"{folder}/home", f"{folder}/log"
        carry_on(home, log, {}, "ask")
        (run,) = Path(home, "runs").iterdir()
        carry_on(home, log, {}, run.name)
    print("ready", flush=True)
    for line in sys.stdin:
        # Flushed before the fork: what waits in a buffer would be written twice.
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                code = carry_on(**json.loads(line))
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
