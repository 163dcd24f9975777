"""How the choice of GTA's next steps improves with the number of requests that it is learned from.

    python research/benchmarks/gta_curve.py [--data FOLDER] [--picture FILE]

Cross-validated as `visagent eval gta --predictor linear` is, in the same five folds; of the other four folds only a
part is learned from. `nearest`, which copies the step of the most similar state, is the baseline of the same run.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from visagent.evaluation.benchmark import Predictor, Source
from visagent.evaluation.bootstrap import Estimate
from visagent_research.gta.benchmark import GtaBenchmark
from visagent_research.gta.items import GtaItem
from visagent_research.gta.predictors import likeliest_step, nearest_step
from visagent_research.gta.states import GtaMemory, LikelySteps, gta_splits

BENCHMARK = GtaBenchmark()
ROOT = Path(__file__).parents[2]
PARTS = (1 / 8, 1 / 4, 1 / 2, 3 / 4, 1.0)


def nearest(known: Sequence[GtaItem], asked: Sequence[GtaItem]) -> Predictor:
    return nearest_step(dict.fromkeys((item.id for item in asked), GtaMemory(known)))


def linear(known: Sequence[GtaItem], asked: Sequence[GtaItem]) -> Predictor:
    return likeliest_step(dict.fromkeys((item.id for item in asked), LikelySteps(known)))


def tool_accuracy(
    learn: Callable[[Sequence[GtaItem], Sequence[GtaItem]], Predictor],
    items: Sequence[GtaItem],
    part: float,
    source: Source,
) -> Estimate:
    """Of all requests, each judged by what was learned from a part of the other folds."""
    asked, predictions = [], []
    for others, fold in gta_splits(items):
        # Every n-th request, so that the parts are alike.
        known = [item for place, item in enumerate(others) if int((place + 1) * part) > int(place * part)]
        predict = learn(known, fold)
        predictions += [asyncio.run(predict(item)) for item in fold]
        asked += fold
    return BENCHMARK.score(asked, predictions, source)["ToolAcc"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "gta")
    parser.add_argument("--picture", type=Path, help="a PNG to draw the curve into")
    options = parser.parse_args()
    source = Source(options.data)
    items = BENCHMARK.load(options.data)
    sizes = [round(part * len(items) * 4 / 5) for part in PARTS]
    table = Table("requests learned from", "nearest", "linear", "ratio", title="step ToolAcc, five folds")
    curves: dict[str, list[Estimate]] = {"nearest": [], "linear": []}
    for part, size in track(list(zip(PARTS, sizes, strict=True))):
        for name, learn in (("nearest", nearest), ("linear", linear)):
            curves[name].append(tool_accuracy(learn, items, part, source))
        before, after = (found[-1] for found in curves.values())
        table.add_row(str(size), str(before), str(after), f"{after.value / before.value:.2f}")
    Console().print(table)
    if options.picture:
        draw(sizes, curves, options.picture)


def draw(sizes: Sequence[int], curves: dict[str, list[Estimate]], file: Path) -> None:
    """The curves with their intervals, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, found in curves.items():
        values = [100 * estimate.value for estimate in found]
        below = [100 * (estimate.value - estimate.low) for estimate in found]
        above = [100 * (estimate.high - estimate.value) for estimate in found]
        axes.errorbar(sizes, values, yerr=[below, above], marker="o", capsize=3, label=name)
    axes.axhline(80, color="grey", linestyle="--", linewidth=1, label="goal")
    axes.set(title="GTA, step ToolAcc (%)", xlabel="requests learned from", ylim=(30, 90))
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    main()
