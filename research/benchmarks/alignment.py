"""What preferences and rewards give the planner: `python research/benchmarks/alignment.py sft|dpo|reward|grpo`.

Trains the packaged planner on 246 questions of a writer whom it has never seen, by one method, and says how many of 120
other questions of that writer it plans right before and after, with 95 % intervals. `sft` on the same questions is the
control. The reward model leaves the planner as it is, and chooses one of four plans that it samples. The configurations
stand in research/examples/alignment; a run that is interrupted goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from visagent_apps.cli import main

EXAMPLES = Path(__file__).parents[1] / "examples" / "alignment"
METHODS = ("sft", "dpo", "reward", "grpo")


def visagent(*arguments: str) -> None:
    """Run a command of visagent in this process."""
    sys.argv = ["visagent", *arguments]
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in METHODS:
        raise SystemExit(f"Say which method: {', '.join(METHODS)}.")
    method = sys.argv[1]
    data = EXAMPLES.parents[2] / "runs" / "data" / "alignment"
    if not (data / "report.json").is_file():
        visagent("data", "build", str(EXAMPLES / "data.yaml"), "--out", str(data))
    folder = EXAMPLES.parents[2] / "runs" / f"alignment-{method}"
    visagent("train", method, "--config", str(EXAMPLES / f"{method}.yaml"), "--folder", str(folder))
