"""A run whose process is killed at any moment is finished by the next one: nothing swapped, no effect twice."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from kill_process import EFFECTS, FOUND, NEEDS_APPROVAL
from sizes import sized

from visagent.agent.checkpoints import checkpointer
from visagent.agent.runs import RunRecord, RunStore
from visagent.evidence.values import Evidence, Failure, Text

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="its processes are forked from one that has imported all"),
]

PROCESS = Path(__file__).with_name("kill_process.py")
RUNS = sized(6, 150)
LINES = 14
"""That the tools of one undisturbed run write."""
GRACE = 1.0
"""Seconds after which the result of a call has been written down, however busy the machine is."""


class Call(NamedTuple):
    seconds: float
    what: str
    name: str


class Processes:
    """Starts processes that carry runs on, one after the other, and kills them."""

    def __init__(self) -> None:
        command = [sys.executable, str(PROCESS)]
        parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert parent.stdin is not None and parent.stdout is not None
        self._parent, self._into, self._out = parent, parent.stdin, parent.stdout
        assert self._out.readline() == b"ready\n"

    def carry_on(self, asked: Mapping[str, object], wanted: Callable[[], bool] | None, later: float = 0.0) -> int:
        """How a process ended.

        Args:
            asked: What it does.
            wanted: Whether it is time to kill it; None to let it be.
            later: Seconds that it lives on after that.
        """
        self._into.write(json.dumps(asked).encode() + b"\n")
        child = int(self._out.readline())
        if wanted is not None:
            while not wanted() and not self._has_ended(0.001):
                pass
            if not self._has_ended(later):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        return int(self._out.readline())

    def _has_ended(self, seconds: float) -> bool:
        return bool(select.select([self._out], [], [], seconds)[0])

    def end(self) -> None:
        self._into.close()
        self._parent.wait(30)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    started = Processes()
    yield started
    started.end()


class Trial:
    """One run, with the calls of its tools as they wrote them down.

    Args:
        folder: For its home and what its tools write.
        processes: Carry it on.
        rng: Says how long each call takes, and when its processes are killed.
    """

    def __init__(self, folder: Path, processes: Processes, rng: random.Random) -> None:
        self._home, self._log, self._processes, self._rng = folder / "home", folder / "log", processes, rng
        folder.mkdir()
        self._runs = RunStore(self._home / "runs")
        # From a thousandth of a second to an eighth: siblings end in every order, and some at once.
        self._delays = {name: 0.001 * 2 ** rng.uniform(0, 7) for name in FOUND.values()}
        self._settled: set[str] = set()
        self.kills = 0
        self.asked_again = 0
        """Calls that had ended and were made again, because their process was killed before that was written down."""

    def kill_once(self, usual: float) -> None:
        """Carry it on until some moment: so many lines of its tools and a little more, or just a time; or to its end.

        Args:
            usual: Seconds that a process takes for it.
        """
        before = self.kills
        while self.kills == before and not self._is_finished:
            written = len(self.calls())
            if self.run_id is None or self._rng.random() < 0.2:
                self._carry_on(0, self._rng.uniform(0, usual))
            else:
                lines = written + self._rng.randint(0, max(LINES - written, 1))
                self._carry_on(lines, self._rng.uniform(0, 0.03))

    def finish(self) -> RunRecord:
        """Its record, after processes that nobody kills; the first one may wait for approval."""
        while (code := self._carry_on(None)) == NEEDS_APPROVAL:
            pass
        assert code == 0 and self.run_id is not None
        record = self._runs.load(self.run_id)
        assert record.status == "finished" and not self._runs.checkpoints(record.id).exists()
        return record

    @property
    def run_id(self) -> str | None:
        """Its id, once its record is there."""
        return next((record.id for record in self._runs.list()), None)

    @property
    def _is_finished(self) -> bool:
        return self.run_id is not None and self._runs.load(self.run_id).answer is not None

    def calls(self) -> list[Call]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [Call(float(seconds), what, name) for seconds, what, name in (line.split("\t") for line in lines)]

    def _carry_on(self, lines: int | None, later: float = 0.0) -> int:
        """How one more process ended, killed when its tools had written so many lines; None to let it be."""
        before, kept = self.calls(), self._kept()
        asked = {"home": str(self._home), "log": str(self._log), "delays": self._delays, "what": self.run_id or "ask"}
        wanted = None if lines is None else lambda: len(self.calls()) >= lines
        code = self._processes.carry_on(asked, wanted, later)
        ended = time.monotonic()
        self.kills += code == -signal.SIGKILL
        new = self.calls()[len(before) :]
        begun = {call.name for call in new if call.what != "ended"}
        assert not begun & (kept | self._settled), f"asked again: {begun & kept} was written down, of {self._settled}"
        self.asked_again += len({call.name for call in before if call.what == "ended"} & begun)
        self._settled |= {call.name for call in new if call.what == "ended" and call.seconds < ended - GRACE}
        return code

    def _kept(self) -> set[str]:
        """What the calls found whose results its checkpoints hold."""
        if self.run_id is None or not (file := self._runs.checkpoints(self.run_id)).exists():
            return set()
        with checkpointer(file) as saver:
            rows = saver.conn.execute("SELECT type, value FROM writes WHERE channel = '__return__'").fetchall()
            found = [saver.serde.loads_typed(row) for row in rows]
        return {one.value.text for one in found if isinstance(one, Evidence) and isinstance(one.value, Text)}


def test_a_run_that_is_killed_at_any_moment_is_finished(processes: Processes, tmp_path: Path) -> None:
    began = time.monotonic()
    undisturbed = Trial(tmp_path / "undisturbed", processes, random.Random(0))
    assert judged(undisturbed.finish(), undisturbed.calls()) == 0 and len(undisturbed.calls()) == LINES
    usual = (time.monotonic() - began) / 2
    counts: Counter[str] = Counter()
    for seed in range(RUNS):
        rng = random.Random(seed)
        trial = Trial(tmp_path / str(seed), processes, rng)
        # Some are killed twice more while they are being resumed.
        for _ in range(rng.choice([1, 3])):
            trial.kill_once(usual)
        told = judged(trial.finish(), trial.calls())
        counts.update(killed=trial.kills, told=told, asked_again=trial.asked_again)
    print(f"{RUNS} runs: {dict(counts)}")
    assert counts["killed"] >= RUNS


def judged(record: RunRecord, calls: list[Call]) -> int:
    """How many effects a finished run says that it cannot vouch for; all else has to be as if nobody had killed it."""
    answer = record.answer
    assert answer is not None
    effects = Counter(call.name for call in calls if call.what == "effect")
    assert all(number == 1 for number in effects.values()), f"an effect more than once: {effects}"
    ended = {call.name for call in calls if call.what == "ended"}
    values = {id_: found.value for id_, found in answer.evidence.items()}
    assert values.keys() == FOUND.keys()
    unsure = {id_ for id_ in EFFECTS if isinstance(values[id_], Failure)}
    for id_, value in values.items():
        if id_ in unsure:
            assert isinstance(value, Failure) and "may have taken effect" in value.message
        elif isinstance(value, Failure):
            assert id_ == "q7" and unsure, f"{id_} failed: {value.message}"
        else:
            assert isinstance(value, Text) and value.text == FOUND[id_], f"{id_} was given what another found"
            assert value.text in ended
    assert not unsure or "may have taken effect" in f"{answer.text} {answer.reason}"
    return len(unsure)
