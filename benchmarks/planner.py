"""What tuning buys a small planner: right plans, tokens and seconds a plan, accuracy per million parameters.

    python benchmarks/planner.py [--adapter NAME] [--data FILE] [--limit N] [--json FILE]

The tuned model and its untuned base plan the same questions in the same run, in llama.cpp at temperature 0, each as the
controller asks it: the tuned one under the grammar of nested calls, the untuned one with the full tool list under the
plan's JSON schema. The first question warms up and is not timed. `--data` is a file of questions with plans, or
`test.jsonl` of a folder of `visagent data build`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from visagent.core.settings import load_profile
from visagent.evaluation.bootstrap import mean
from visagent.models.catalogue import find_source
from visagent.models.llamacpp import LlamaCpp
from visagent.models.loading import adapter_file
from visagent.models.protocol import Reply
from visagent.planning.controller import Controller
from visagent.tools.toolkit import Tool, Toolkit
from visagent_training.examples import TrainingExample, read_examples
from visagent_training.plan_scores import compare_plans, media_named
from visagent_training.sources import question_examples

BASE = "smollm2-135m-instruct-q4_1"
QUESTIONS = Path(__file__).parents[1] / "tests" / "data" / "planner_test.jsonl"


def read(file: Path, limit: int) -> list[TrainingExample]:
    """Questions with gold plans, of either form of file."""
    if "messages" in json.loads(file.read_text("utf-8").split("\n", 1)[0]):
        return [example for example in read_examples(file) if example.steps][:limit]
    specs = {name: tool.spec for name, tool in Toolkit.installed().items()}
    return [drawn for drawn in question_examples(file, specs) if isinstance(drawn, TrainingExample)][:limit]


def parameters(*files: Path) -> float:
    """Millions of parameters in GGUF files."""
    import gguf

    return sum(int(tensor.n_elements) for file in files for tensor in gguf.GGUFReader(file).tensors) / 1e6


async def ask(model: LlamaCpp, questions: Sequence[TrainingExample], tools: dict[str, Tool]) -> dict[str, Any]:
    """A planner's figures."""
    right, tokens, seconds = [], [], []
    for place, example in enumerate([questions[0], *questions]):
        offered = {**example.toolkit, **tools}
        controller = Controller(model, offered)
        started = time.perf_counter()
        reply: Reply = await controller.plan(example.question, media_named(list(example.media)))
        if place:
            seconds.append(time.perf_counter() - started)
            tokens.append(reply.usage.generated)
            right.append(float(compare_plans(reply.text, example.steps or (), offered, list(example.media)).equivalent))
    return {
        "right plans": mean(right),
        "tokens a plan": sum(tokens) / len(tokens),
        "seconds a plan": sum(seconds) / len(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--adapter", default="planner-smollm2-135m", help="a name, or a GGUF file with its .json beside"
    )
    parser.add_argument("--data", type=Path, default=QUESTIONS)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    base = find_source(BASE).resolve()
    adapter = adapter_file(options.adapter)
    if adapter is None:
        parser.error(f"there is no adapter {options.adapter!r}: visagent train export RUN --install")
    questions = read(options.data, options.limit)
    tools = dict(Toolkit.installed().without(load_profile("embedded").unplanned_tools))
    rows = {}
    for name, files in {"untuned": (base,), "tuned": (base, adapter)}.items():
        model = LlamaCpp(base, adapter=adapter if name == "tuned" else None)
        rows[name] = asyncio.run(ask(model, questions, tools)) | {"million parameters": parameters(*files)}
        model.close()
        rows[name]["right % per million"] = 100 * rows[name]["right plans"].value / rows[name]["million parameters"]
    table = Table("figure", "untuned", "tuned", "ratio", title=f"{len(questions)} questions of {options.data.name}")
    for figure, now in rows["tuned"].items():
        was = rows["untuned"][figure]
        before, after = plain(was), plain(now)
        table.add_row(figure, text(was), text(now), f"{after / before:.2f}" if before else "from nothing")
    Console().print(table)
    if options.json:
        saved = {name: {figure: plain(found) for figure, found in row.items()} for name, row in rows.items()}
        options.json.write_text(json.dumps(saved, indent=1) + "\n", "utf-8")


def plain(figure: Any) -> float:
    """A figure without its interval."""
    return float(getattr(figure, "value", figure))


def text(figure: Any) -> str:
    """A figure for people."""
    return f"{figure:.3g}" if isinstance(figure, float) else str(figure)


if __name__ == "__main__":
    main()
