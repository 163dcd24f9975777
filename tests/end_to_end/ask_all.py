"""Ask every question of `questions.yaml` through the real embedded models and say which answers are right.

python tests/end_to_end/ask_all.py [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from visagent import Agent
from visagent.core.errors import InputError
from visagent.evaluation.questions import load_medium, load_questions

FOLDER = Path(__file__).parent
SAMPLES = FOLDER.parent / "data" / "samples"


def ask_all(file: Path = FOLDER / "questions.yaml") -> list[dict[str, Any]]:
    """One row a question: id, right, plan, answer, seconds.

    A question whose photo comes with a package that is not installed is left out, with a line that says so.
    """
    agent = Agent("embedded", cache=False)
    rows = []
    for item in load_questions(file):
        try:
            media = [load_medium(source, FOLDER, {"sample": SAMPLES}) for source in item.media]
        except InputError as error:
            print(f"skipped  {item.id}: {error}")
            continue
        started = time.perf_counter()
        answer = agent.ask(item.question, *media)
        rows.append(
            {
                "id": item.id,
                "right": item.expect.holds(answer),
                "question": item.question,
                "plan": [str(node.solver) for node in answer.tree.nodes],
                "answer": answer.text,
                "seconds": round(time.perf_counter() - started, 2),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = ask_all()
    for row in rows:
        print(f"{'right' if row['right'] else 'WRONG'}  {row['id']}: {row['question']}")
        print(f"       {'; '.join(row['plan']) or 'no plan'}\n       {row['answer']}  ({row['seconds']} s)")
    print(f"{sum(row['right'] for row in rows)} of {len(rows)} right")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
