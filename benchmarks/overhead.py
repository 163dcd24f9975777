"""The framework's own time: runs whose model and tools cost nothing, so that what is measured is everything else.

    python benchmarks/overhead.py [--peers PYTHON] [--steps N] [--repeat N] [--json FILE]

- a run of one step, with and without demonstrations shown; the first one in a process, and warm
- each further step of a chain, durable as always
- characters of all prompts of a question of 20 steps
- an unbalanced tree of 20 sub-questions that sleep: wall time against the critical path
- 10 times as many questions in a batch: time and memory against those of one tenth
- a home folder of 10,000 runs: listing, searching, resuming

Seconds are the least of all repetitions, since other programs only ever add to them; CPU seconds stand beside them.
`--peers` names a Python in whose environment LangGraph (with its SQLite saver) and smolagents are installed: the same
steps, chosen by a scripted model of theirs, in the same minute.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from visagent import Agent
from visagent.core.config import Profile
from visagent.core.settings import load_profile
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import tool

PEERS = Path(__file__).parent / "overhead_peers.py"
CHAINS = ((7, 300), (5, 200), (4, 150), (2, 750), (1, 2000), (1, 100))
"""Of the unbalanced tree: steps one after another, and the milliseconds of each."""

SLEPT: list[tuple[int, float]] = []
"""What steps of the tree took: which chain they are of, and seconds."""


@tool(cache=False)
def begin(image: Crop, name: str) -> str:
    """Give a name."""
    return name


@tool(cache=False)
def go_on(text: str) -> str:
    """Give the text itself."""
    return text


@tool(cache=False)
def wait(image: Crop, milliseconds: int) -> str:
    """Take some time."""
    return slept(milliseconds)


@tool(cache=False)
def wait_after(text: str, milliseconds: int) -> str:
    """Take some time after something else."""
    return slept(milliseconds)


def slept(milliseconds: int) -> str:
    # A busy machine wakes late: what counts is how long the tools took, not how long they were meant to.
    started = time.perf_counter()
    time.sleep(milliseconds / 1000)
    SLEPT.append((milliseconds, time.perf_counter() - started))
    return str(milliseconds)


def chain(steps: int) -> list[dict[str, Any]]:
    """A plan in which each step needs the one before it."""
    return [{"tool": "begin", "name": "a"}, *({"tool": "go_on", "text": f"$q{step}"} for step in range(1, steps))]


def unbalanced_tree() -> list[dict[str, Any]]:
    """A plan of 20 sub-questions in chains of unlike lengths and times."""
    plan: list[dict[str, Any]] = []
    for length, each in CHAINS:
        plan.append({"tool": "wait", "milliseconds": each})
        for _ in range(1, length):
            plan.append({"tool": "wait_after", "text": f"$q{len(plan)}", "milliseconds": each})
    return plan


class Bench:
    """Agents with scripted planners over one picture.

    Args:
        repeat: Times that each run is measured.
    """

    def __init__(self, repeat: int) -> None:
        self._repeat = repeat
        self._picture = Media.load(np.zeros((32, 32, 3), np.uint8))

    def agent(self, plan: list[dict[str, Any]], demonstrations: int = 0) -> tuple[Agent, ScriptedModel]:
        model = ScriptedModel(plan)
        profile = _roomy(load_profile("embedded"), demonstrations)
        home = Path(tempfile.mkdtemp(prefix="visagent-overhead-"))
        return Agent(profile, tools=[begin, go_on, wait, wait_after], models={"controller": model}, home=home), model

    def ask(self, agent: Agent) -> None:
        answer = agent.ask("What is there?", self._picture)
        assert answer.status == "answered", answer.reason

    def warm(self, agent: Agent) -> dict[str, float]:
        """The least wall-clock and CPU seconds of a run after the first."""
        self.ask(agent)
        return least(lambda: self.ask(agent), self._repeat)

    def ask_many(self, agent: Agent, questions: int) -> None:
        found = agent.batch([("What is there?", [self._picture])] * questions, concurrency=4)
        assert all(not isinstance(one, Exception) for one in found)


def least(work: Callable[[], object], repeat: int) -> dict[str, float]:
    walls, cpus = [], []
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"seconds": min(walls), "cpu_seconds": min(cpus)}


def _roomy(profile: Profile, demonstrations: int) -> Profile:
    budget = profile.budget.model_copy(update={"steps": 64, "depth": 64, "tool_calls": 100})
    shown = profile.demonstrations.model_copy(update={"k": demonstrations})
    return profile.model_copy(update={"budget": budget, "demonstrations": shown})


def resident_mib() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def steps(bench: Bench, count: int) -> dict[str, Any]:
    plain, _ = bench.agent(chain(1))
    started = time.perf_counter()
    bench.ask(plain)
    first = time.perf_counter() - started
    one = bench.warm(plain)
    shown, _ = bench.agent(chain(1), demonstrations=4)
    long, _ = bench.agent(chain(1 + count))
    many = bench.warm(long)
    return {
        "first run": {"seconds": first},
        "warm run": one,
        "warm run, 4 demonstrations": bench.warm(shown),
        "further step": {key: (many[key] - one[key]) / count for key in one},
    }


def prompt_characters(bench: Bench) -> int:
    agent, model = bench.agent(chain(20))
    bench.ask(agent)
    return sum(len(message.text) for messages in model.conversations for message in messages)


def tree(bench: Bench) -> dict[str, float]:
    plan = unbalanced_tree()
    agent, _ = bench.agent(plan)
    bench.ask(agent)
    best: dict[str, float] = {}
    for _ in range(5):
        SLEPT.clear()
        wall = least(lambda: bench.ask(agent), 1)["seconds"]
        critical = max(sum(took for each, took in SLEPT if each == chain) for _, chain in CHAINS)
        if not best or wall / critical < best["ratio"]:
            best = {"ratio": wall / critical, "critical_path_seconds": critical, "seconds": wall}
    return {"sub_questions": len(plan), **best}


def batch(bench: Bench, questions: int) -> dict[str, float]:
    agent, _ = bench.agent(chain(2))
    bench.ask_many(agent, questions)
    before = resident_mib()
    # As long together as the large one, before and after it: the mean of both halves meets the same disturbances.
    early = [least(lambda: bench.ask_many(agent, questions), 1)["seconds"] for _ in range(5)]
    middle = resident_mib()
    many = least(lambda: bench.ask_many(agent, 10 * questions), 1)["seconds"]
    after = resident_mib()
    late = [least(lambda: bench.ask_many(agent, questions), 1)["seconds"] for _ in range(5)]
    few = sum(early + late) / 10
    return {
        "questions": questions,
        "seconds": few,
        "seconds_of_ten_times": many,
        "ratio": many / few,
        "growth_mib": middle - before,
        "growth_mib_of_ten_times": after - middle,
    }


def many_runs(bench: Bench, runs: int) -> dict[str, float]:
    """What a home folder of so many runs costs: the newest 50, those that a word stands in, and one to go on with."""
    agent, _ = bench.agent(chain(1))
    bench.ask(agent)
    (record,) = agent.runs.list()
    source = agent.home / "runs" / record.id
    for number in range(runs):
        # All the same minute, and before it.
        copied = f"{record.id[:-8]}{number:08x}"
        shutil.copytree(source, agent.home / "runs" / copied)
        file = agent.home / "runs" / copied / "run.json"
        file.write_text(file.read_text().replace(record.id, copied))
    return {"runs": runs, **listing(agent, record.id)}


def listing(agent: Agent, run_id: str) -> dict[str, float]:
    from itertools import islice

    return {
        "newest_50_seconds": least(lambda: list(islice(agent.runs.list(), 50)), 3)["seconds"],
        "search_seconds": least(lambda: list(agent.runs.search("nothing like it")), 2)["seconds"],
        "resume_seconds": least(lambda: agent.resume(run_id), 3)["seconds"],
    }


def peers(python: str, count: int, repeat: int) -> dict[str, Any]:
    command = [python, str(PEERS), str(count), str(repeat)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", metavar="PYTHON", help="of an environment with langgraph and smolagents")
    parser.add_argument("--steps", type=int, default=20, help="further steps of a chain")
    parser.add_argument("--repeat", type=int, default=15, help="runs of which the fastest counts")
    parser.add_argument("--questions", type=int, default=20, help="of the smaller batch")
    parser.add_argument("--runs", type=int, default=10_000, help="in the home folder")
    parser.add_argument("--json", type=Path, help="where the numbers are saved")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    bench = Bench(options.repeat)
    results: dict[str, Any] = steps(bench, options.steps)
    results["prompt characters of 20 steps"] = prompt_characters(bench)
    if options.peers:
        results["peers"] = peers(options.peers, options.steps, options.repeat)
    results["unbalanced tree"] = tree(bench)
    results["batch"] = batch(bench, options.questions)
    results["home folder"] = many_runs(bench, options.runs)
    for name, value in results.items():
        print(f"{name:32} {_shown(value)}")
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=1), "utf-8")


def _shown(value: Any) -> str:
    if not isinstance(value, dict):
        return f"{value:,}"
    return ", ".join(
        f"{key} ({_shown(item)})"
        if isinstance(item, dict)
        else f"{item * 1000:.2f} ms {key.replace('seconds', '').strip('_ ')}".strip()
        if "seconds" in key
        else f"{key} {item:,.3g}"
        for key, item in value.items()
    )


if __name__ == "__main__":
    main()
