"""What preferences and rewards give the planner: `python research/benchmarks/alignment.py sft|dpo|reward|grpo`.

Trains the packaged planner on 246 questions of a writer whom it has never seen, by one method, and says how many of 120
other questions of that writer it plans right before and after, with 95 % intervals. `sft` on the same questions is the
control. The reward model leaves the planner as it is, and chooses one of three plans that it samples. Configurations
stand in research/examples/alignment; a run that is interrupted goes on. The planner before training is the same for all
methods: whichever runs first plans the 120 questions with it, and the others take that figure. The preference pairs are
the same for `dpo` and `reward`, too.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from visagent_apps.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "research" / "examples" / "alignment"
METHODS = ("sft", "dpo", "reward", "grpo")
PAIRED = ("dpo", "reward")
"""Those that learn from the same preference pairs."""


def visagent(*arguments: str) -> None:
    """Run a command of visagent in this process."""
    sys.argv = ["visagent", *arguments]
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise


def what_is_planned(data: Path) -> dict[str, str]:
    """What the planner as it was depends on, and its plans: digests of its file and of the questions."""
    planner = ROOT / "visagent" / "models" / "adapters" / "planner-smollm2-135m.gguf"
    files = (planner, data / "train.jsonl", data / "test.jsonl")
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def run(method: str, runs: Path) -> None:
    """Train by one method, with the questions made, and what is known of the planner as it was taken from there.

    Args:
        method: One of `METHODS`.
        runs: Folder of data and runs.
    """
    data, folder, shared = runs / "data" / "alignment", runs / f"alignment-{method}", runs / "alignment-before.json"
    if not (data / "report.json").is_file():
        visagent("data", "build", str(EXAMPLES / "data.yaml"), "--out", str(data))
    report, plans, pairs = (folder / name for name in ("report.json", "test_before.json", "pairs.jsonl"))
    known = json.loads(shared.read_text("utf-8")) if shared.is_file() else {}
    if known.get("of") != what_is_planned(data):
        known = {"of": what_is_planned(data)}
    if "before" in known and not report.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps({"before": known["before"]}), "utf-8")
        plans.write_text(json.dumps(known["plans"]), "utf-8")
    if "pairs" in known and method in PAIRED and not pairs.is_file():
        pairs.write_text(known["pairs"], "utf-8")
    visagent("train", method, "--config", str(EXAMPLES / f"{method}.yaml"), "--folder", str(folder))
    known["before"] = json.loads(report.read_text("utf-8"))["before"]
    known["plans"] = json.loads(plans.read_text("utf-8"))
    if pairs.is_file():
        known["pairs"] = pairs.read_text("utf-8")
    shared.write_text(json.dumps(known, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in METHODS:
        raise SystemExit(f"Say which method: {', '.join(METHODS)}.")
    run(sys.argv[1], ROOT / "runs")
