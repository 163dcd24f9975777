"""Whether a wrong example beside a right one helps a planner (Link-Context Learning, arXiv:2308.07891).

python benchmarks/negative_demonstrations.py [--questions N] [--json FILE]

The embedded model without its adapter plans questions of people with a few tools, in four ways: without an example,
with the most alike solved question, with that one and its hard negative (a plan one mistake away, and what is wrong),
and with the two most alike, which is as long. All plans are held to the plan's JSON schema.
`--json` gets a line a plan as it is made; a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demonstrations import kept_rows
from rich.console import Console
from rich.table import Table

from visagent.evaluation.bootstrap import mean
from visagent.models.catalogue import find_source
from visagent.models.llamacpp import LlamaCpp
from visagent.models.protocol import Message
from visagent.tools.toolkit import Toolkit
from visagent_training.examples import TrainingExample, normalised
from visagent_training.sources import question_examples
from visagent_training.verify import compare, hard_negatives

ROOT = Path(__file__).parents[1]
TOOLS = ("detect", "count", "exists", "read_text", "contains", "transcribe", "classify", "dominant_colors")
MODEL = "smollm2-135m-instruct-q4_1"
WAYS = ("no example", "a right one", "a right and a wrong one", "two right ones")


def short_questions(file: Path) -> list[TrainingExample]:
    """The questions of a file, with plans, that these tools answer; all tools are shown, none is memorised."""
    installed = {name: tool.spec for name, tool in Toolkit.installed().items()}
    found = []
    for example in question_examples(file, installed):
        if isinstance(example, TrainingExample) and {str(step["tool"]) for step in example.steps or ()} <= {*TOOLS}:
            found.append(example)
    specs = {name: installed[name] for name in TOOLS}
    lines = [{"question": one.question, "plan": list(one.steps or ()), "media": list(one.media)} for one in found]
    shortened = ROOT / "runs" / f"short-{file.stem}.jsonl"
    shortened.parent.mkdir(exist_ok=True)
    shortened.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return [one for one in question_examples(shortened, specs) if isinstance(one, TrainingExample)]


def most_alike(example: TrainingExample, solved: Sequence[TrainingExample], count: int) -> list[TrainingExample]:
    """The solved questions with the largest share of words in common, the most alike first."""
    own = set(normalised(example.question).split())

    def likeness(other: TrainingExample) -> float:
        words = set(normalised(other.question).split())
        return len(own & words) / len(own | words)

    return sorted(solved, key=likeness, reverse=True)[:count]


def conversation(example: TrainingExample, way: str, solved: Sequence[TrainingExample]) -> list[Message]:
    """The planner's prompt, with solved questions as turns before it."""
    system, user = (Message(turn.role, turn.content) for turn in example.messages)
    shown = most_alike(example, solved, {"no example": 0, "two right ones": 2}.get(way, 1))
    turns = [system]
    for one in reversed(shown):
        turns.append(Message("user", one.messages[-1].content))
        if way == "a right and a wrong one":
            mistake, steps = next(hard_negatives(one, random.Random(one.question)))
            turns.append(Message("assistant", one.say(steps)))
            turns.append(Message("user", f"That plan is wrong ({mistake}). Give the right one."))
        turns.append(Message("assistant", one.target))
    return [*turns, user]


async def measure(questions: int, file: Path | None) -> dict[str, list[dict[str, Any]]]:
    """A row a question for each way, the questions in the same order."""
    asked = short_questions(ROOT / "training" / "questions" / "validation" / "w4.jsonl")
    examples = random.Random(0).sample(asked, questions)
    solved = [
        one
        for one in short_questions(ROOT / "training" / "questions" / "w8.jsonl")
        if next(hard_negatives(one, random.Random(one.question)), None) is not None
    ]
    known = {(row["way"], row["question"]): row for row in kept_rows(file)}
    # One thread: on a busy machine two wait for each other.
    model = LlamaCpp(find_source(MODEL).resolve(), context_tokens=4096, threads=1)
    rows: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    # Question by question, so that a run that is stopped early has compared what it has asked.
    for example in examples:
        for way in WAYS:
            row = known.get((way, example.question))
            if row is None:
                turns = conversation(example, way, solved)
                reply = await model.chat(turns, schema=example.constraint, max_tokens=120)
                found = compare(reply.text, example)._asdict()
                row = {"way": way, "question": example.question, "reply": reply.text, **found}
                if file is not None:
                    with file.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows[way].append(row)
    model.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = asyncio.run(measure(arguments.questions, arguments.json))
    baseline = rows["a right one"]
    table = Table("shown", "right plans", "right tools", "tool F1", "tool F1 less that of a right one")
    for way, found in rows.items():
        gain = mean([float(one["tool_f1"]) - float(two["tool_f1"]) for one, two in zip(found, baseline, strict=True)])
        figures = (mean([float(row[name]) for row in found]) for name in ("equivalent", "right_tools", "tool_f1"))
        table.add_row(way, *map(str, figures), str(gain))
    Console().print(table)


if __name__ == "__main__":
    main()
