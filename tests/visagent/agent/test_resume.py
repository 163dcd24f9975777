import json
import subprocess
import sys
import time
from pathlib import Path

from visagent.agent.runs import RunStore

PROCESS = Path(__file__).with_name("resume_process.py")


def start(home: Path, log: Path, delays: dict[str, float], what: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROCESS), str(home), str(log), json.dumps(delays), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def calls(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def test_a_killed_run_resumes_without_asking_an_expert_twice(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    first = start(home, log, {"slow": 60.0}, "ask")
    deadline = time.monotonic() + 60
    while "fast+early" not in calls(log):
        assert first.poll() is None, first.stderr and first.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # The tool has returned; its result still has to reach the checkpoint.
    time.sleep(0.5)
    first.kill()
    first.wait()
    assert calls(log) == ["fast", "fast+early"]

    (record,) = RunStore(home / "runs").list()
    assert record.status == "running" and record.answer is None
    # This time the first sub-question answers at once: results must still reach the sub-question that they belong to.
    second = start(home, log, {"slow": 0.0}, record.id)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    answer = json.loads(out)
    assert calls(log) == ["fast", "fast+early", "slow", "slow+fast+early"]
    assert [answer["evidence"][f"q{k}"]["value"]["text"] for k in (1, 2, 3, 4)] == [
        "slow",
        "fast",
        "fast+early",
        "slow+fast+early",
    ]

    (record,) = RunStore(home / "runs").list()
    assert record.status == "finished"
    assert not list((home / "runs" / record.id).glob("checkpoints.sqlite*"))
    # As one leaves them that is killed after its answer was stored and before they were dropped.
    (home / "runs" / record.id / "checkpoints.sqlite").touch()
    third = start(home, log, {}, record.id)
    out, _ = third.communicate(timeout=60)
    assert json.loads(out) == answer and len(calls(log)) == 4
    assert not list((home / "runs" / record.id).glob("checkpoints.sqlite*"))
