"""How well a trained planner chooses GTA's next steps, cross-validated: every request is planned by a model that never
saw it.

    python research/benchmarks/gta_folds.py [--data FOLDER] [--config FILE] [--folder FOLDER] [--folds N] [--json FILE]

Five folds by request, those of `visagent eval gta --predictor nearest`, which is the baseline of the same run. A fold's
planner is trained on the other four (`visagent train sft`), without requests that are nearly the same as a held-out
one, told what often follows in such a state (`LikelySteps`), from those four alone, and held to it. A run that was
stopped goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from visagent.evaluation.benchmark import Source
from visagent.evaluation.bootstrap import Estimate
from visagent_research.gta.benchmark import GtaBenchmark
from visagent_research.gta.examples import gta_examples
from visagent_research.gta.items import GtaItem, GtaTool, load_gta_tools
from visagent_research.gta.planner import read_gta_step
from visagent_research.gta.predictors import GtaPrediction, linear, nearest
from visagent_research.gta.states import gta_splits
from visagent_training.build import read_config
from visagent_training.configs import TrainConfig
from visagent_training.examples import leaks, write_examples
from visagent_training.methods import run_method
from visagent_training.trainer import Trainer

BENCHMARK = GtaBenchmark()
ROOT = Path(__file__).parents[2]


def predict(
    items: Sequence[GtaItem], others: Sequence[GtaItem], tools: Sequence[GtaTool], config: TrainConfig, folder: Path
) -> list[GtaPrediction]:
    """What a planner trained on other requests does in each state of these; kept in `predictions.jsonl`."""
    kept = folder / "predictions.jsonl"
    if not kept.is_file():
        asked = list(gta_examples(items, tools, others))
        data = folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        train = list(gta_examples(others, tools))
        near = {leak.trained for leak in leaks(train, asked)}
        questions = {example.question for example in train if example.id in near}
        write_examples((example for example in train if example.question not in questions), data / "train.jsonl")
        config = config.model_copy(update={"data": data})
        run = run_method("sft", config, folder / "run")
        replies = Trainer(config.model_copy(update={"start_from": str(run.adapter)})).plans(asked)
        steps = iter(read_gta_step(reply) for reply in replies)
        found = [GtaPrediction(steps=tuple(next(steps) for _ in item.gold)) for item in items]
        kept.write_text("\n".join(prediction.model_dump_json() for prediction in found) + "\n", "utf-8")
    return [GtaPrediction.model_validate_json(line) for line in kept.read_text("utf-8").splitlines()]


def confusions(items: Sequence[GtaItem], predictions: Sequence[GtaPrediction]) -> Counter[tuple[str, str]]:
    """Which step was predicted where another was right."""
    pairs = (
        (gold.tool, step.tool or step.kind)
        for item, prediction in zip(items, predictions, strict=True)
        for gold, step in zip(item.gold, prediction.steps, strict=True)
        if gold.kind == "tool"
    )
    return Counter(pair for pair in pairs if pair[0] != pair[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "gta")
    parser.add_argument("--config", type=Path, default=ROOT / "research" / "examples" / "gta" / "train.yaml")
    parser.add_argument("--folder", type=Path, default=Path("runs/gta"))
    parser.add_argument("--folds", type=int, help="only the first so many")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    source = Source(options.data)
    items, tools = BENCHMARK.load(options.data), load_gta_tools(options.data)
    config = read_config(options.config, TrainConfig)
    asked: list[GtaItem] = []
    predictions: list[GtaPrediction] = []
    for number, (others, fold) in enumerate(islice(gta_splits(items), options.folds), start=1):
        predictions += predict(fold, others, tools, config, options.folder / f"fold{number}")
        asked += fold
        print(f"fold {number}: ToolAcc {BENCHMARK.score(asked, predictions, source)['ToolAcc']} so far", flush=True)
    found = {"trained": predictions}
    for name, make in (("linear", linear), ("nearest", nearest)):
        simple = make(source, items)
        found[name] = [asyncio.run(simple(item)) for item in asked]
    rows = {name: BENCHMARK.score(asked, found[name], source) for name in ("nearest", "linear", "trained")}
    show(rows, len(asked))
    for (gold, said), count in confusions(asked, predictions).most_common(12):
        print(f"{count:3} x {said} instead of {gold}")
    if options.json:
        saved = {name: {key: value.model_dump() for key, value in row.items()} for name, row in rows.items()}
        options.json.write_text(json.dumps(saved, indent=1) + "\n", "utf-8")


def show(rows: Mapping[str, Mapping[str, Estimate]], asked: int) -> None:
    """Print all predictors' figures, and the ratio of the last one's to the first one's."""
    table = Table("score", *rows, "ratio", title=f"{asked} requests, each planned by what never saw it")
    first, *_, last = rows.values()
    for name in first:
        before, after = first[name].value, last[name].value
        table.add_row(name, *(str(row[name]) for row in rows.values()), f"{after / before:.2f}" if before else "")
    Console().print(table)


if __name__ == "__main__":
    main()
