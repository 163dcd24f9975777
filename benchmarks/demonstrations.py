"""Plan accuracy of the embedded model without its adapter: no demonstrations, those most alike, random ones.

python benchmarks/demonstrations.py [--questions N] [--k K] [--json FILE]

`--json` gets one line a plan as it is made; a run that was stopped goes on from there.

The questions are the held-out planning set of the tests; a plan is right if it is equivalent to the gold plan
(`visagent_training.plan_scores`). The last columns compare the same questions with and without demonstrations.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from visagent.core.config import Demonstrations
from visagent.core.config_files import home
from visagent.core.settings import load_profile
from visagent.evaluation.bootstrap import mean
from visagent.models.catalogue import find_source
from visagent.models.llamacpp import LlamaCpp
from visagent.planning.controller import Controller
from visagent.planning.retrieval import open_retriever
from visagent.tools.toolkit import Toolkit
from visagent_training.examples import TrainingExample
from visagent_training.plan_scores import compare_plans, media_named
from visagent_training.sources import question_examples

QUESTIONS = Path(__file__).parents[1] / "tests" / "data" / "planner_test.jsonl"
MODEL = "smollm2-135m-instruct-q4_1"


async def measure(k: int, questions: int, file: Path | None) -> dict[str, list[dict[str, Any]]]:
    """One row a question for each choice of demonstrations, the questions in the same order."""
    tools = Toolkit.installed().without(load_profile("embedded").unplanned_tools)
    drawn = question_examples(QUESTIONS, {name: tool.spec for name, tool in tools.items()})
    sound = [example for example in drawn if isinstance(example, TrainingExample)]
    examples = random.Random(0).sample(sound, questions)
    model = LlamaCpp(find_source(MODEL).resolve(), context_tokens=4096, prefixes=home() / "prefixes")
    known = {(row["demos"], row["question"]): row for row in kept_rows(file)}
    rows: dict[str, list[dict[str, Any]]] = {}
    for name, settings in {
        "0": Demonstrations(k=0),
        str(k): Demonstrations(k=k),
        f"random:{k}": Demonstrations(k=k, choice="random"),
    }.items():
        # A home without demonstrations of a person's own: the packaged set alone is measured.
        controller = Controller(model, tools, demonstrations=open_retriever(Path("nowhere"), settings))
        rows[name] = []
        for example in track(examples, f"--demos {name}", console=Console(stderr=True), transient=True):
            row = known.get((name, example.question))
            if row is None:
                row = {"demos": name, "question": example.question, **await planned(controller, example, tools)}
                if file is not None:
                    with file.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows[name].append(row)
    model.close()
    return rows


def kept_rows(file: Path | None) -> list[dict[str, Any]]:
    """The rows of an earlier run."""
    if file is None or not file.exists():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


async def planned(controller: Controller, example: TrainingExample, tools: Toolkit) -> dict[str, Any]:
    """A plan, measured against the right one."""
    started = time.perf_counter()
    reply = await controller.plan(example.question, media_named(list(example.media)))
    cost = {"seconds": time.perf_counter() - started, "prompt_tokens": reply.usage.prompt}
    return {
        "reply": reply.text,
        **cost,
        **compare_plans(reply.text, example.steps or (), tools, list(example.media))._asdict(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = asyncio.run(measure(arguments.k, arguments.questions, arguments.json))
    baseline = rows["0"]
    table = Table("--demos", "equivalent", "valid", "tool F1", "tool F1 less that of 0", "prompt tokens", "s a plan")
    for name, found in rows.items():
        gain = mean(
            [float(one["tool_f1"]) - float(other["tool_f1"]) for one, other in zip(found, baseline, strict=True)]
        )
        table.add_row(
            name,
            *(str(mean([float(row[measure]) for row in found])) for measure in ("equivalent", "valid", "tool_f1")),
            str(gain),
            f"{sum(int(row['prompt_tokens']) for row in found) / len(found):.0f}",
            f"{sum(float(row['seconds']) for row in found) / len(found):.1f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
