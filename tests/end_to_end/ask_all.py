"""Ask every question of `questions.yaml` through the real embedded models and say which answers are right.

python tests/end_to_end/ask_all.py [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from visagent import Agent, Answer, Boolean, Labels, Media, Number
from visagent.media import load_media

FOLDER = Path(__file__).parent
SAMPLES = FOLDER.parents[1].parent / "shared" / "data" / "samples"
RECEIPT = """CORNER CAFE
12 Mill Lane
Tel 555-0142
Date 14/03/2026
Coffee 3.40
Sandwich 6.50
Cake 1.40
Total 11.30
Thank you"""


def receipt() -> Any:
    """A receipt drawn on white paper, RGB."""
    from PIL import Image, ImageDraw, ImageFont

    paper = Image.new("RGB", (420, 480), "white")
    font = ImageFont.load_default(size=30)
    draw = ImageDraw.Draw(paper)
    for number, line in enumerate(RECEIPT.splitlines()):
        draw.text((40, 30 + 48 * number), line, fill="black", font=font)
    return paper


def load(source: str) -> Media:
    """The medium that a line of `questions.yaml` names."""
    kind, _, path = source.partition(":")
    if kind == "made":
        return load_media(receipt())[0]
    if kind == "sample":
        return Media.load(SAMPLES / path)
    package, _, inside = path.partition("/")
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return Media.load(Path(spec.submodule_search_locations[0]) / inside)


def _folded(text: str) -> str:
    return re.sub(r"[^\w./-]+", " ", text.casefold())


def is_right(answer: Answer, expect: dict[str, Any]) -> bool:
    """Whether every check holds."""
    roots = [answer.evidence[sink].value for sink in answer.tree.sinks if sink in answer.evidence]
    if expect.get("unanswered"):
        return answer.status == "unanswered"
    checks = {
        "number": lambda wanted: any(isinstance(v, Number) and abs(v.value - wanted) < 1e-6 for v in roots),
        "truth": lambda wanted: any(isinstance(v, Boolean) and v.value is wanted for v in roots),
        "says": lambda wanted: all(_folded(part) in _folded(answer.text) for part in wanted),
        "first": lambda wanted: any(isinstance(v, Labels) and v.labels and v.labels[0].name in wanted for v in roots),
    }
    return answer.status == "answered" and all(checks[name](wanted) for name, wanted in expect.items())


def ask_all() -> list[dict[str, Any]]:
    """One row a question: id, right, plan, answer, seconds."""
    agent = Agent("embedded", cache=False)
    rows = []
    for item in yaml.safe_load((FOLDER / "questions.yaml").read_text("utf-8")):
        started = time.perf_counter()
        answer = agent.ask(item["question"], *(load(source) for source in item["media"]))
        rows.append(
            {
                "id": item["id"],
                "right": is_right(answer, item["expect"]),
                "question": item["question"],
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
