"""What a cold process costs: `visagent ask` against the same question in a warm one, and a bare `import visagent`.

    python benchmarks/ask_cold.py [--runs N] [--json FILE]

Every row is the median of N runs of a whole process; memory is the largest resident set of one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

IMAGE = Path(__file__).parents[1] / "examples" / "coffee.png"
QUESTION = "Is there a cup on the table, and what color is the cup?"
WARM = f"""
import time
from visagent import Agent
agent = Agent("embedded", cache=False)
agent.ask({QUESTION!r}, {str(IMAGE)!r})
started = time.perf_counter()
answer = agent.ask({QUESTION!r}, {str(IMAGE)!r})
print(time.perf_counter() - started)
"""


def run(command: list[str]) -> tuple[float, float, str]:
    """Seconds, peak MiB and standard output of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed; run it by hand to see why")
    return time.perf_counter() - started, usage.ru_maxrss / 1024, output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    visagent = str(Path(sys.executable).with_name("visagent"))
    commands = {
        "import visagent": [sys.executable, "-c", "import visagent"],
        "visagent --help": [visagent, "--help"],
        "visagent ask, cold": [visagent, "ask", str(IMAGE), QUESTION, "--no-cache"],
        "ask again in one process": [sys.executable, "-c", WARM],
    }
    run(commands["visagent ask, cold"])  # weights and the prompt's cache are there from now on
    rows = {}
    for name, command in commands.items():
        runs = [run(command) for _ in range(arguments.runs)]
        seconds = [float(out) if name.startswith("ask again") else took for took, _, out in runs]
        rows[name] = {"seconds": statistics.median(seconds), "peak_mib": statistics.median(mib for _, mib, _ in runs)}
    cold = rows["visagent ask, cold"]["seconds"]
    print(f"{'':28}{'median s':>10}{'peak MiB':>10}{'of cold ask':>13}")
    for name, row in rows.items():
        print(f"{name:28}{row['seconds']:10.2f}{row['peak_mib']:10.0f}{row['seconds'] / cold:12.0%}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
