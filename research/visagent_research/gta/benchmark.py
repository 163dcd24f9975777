"""GTA: human-written requests about images with gold chains of tool calls, predicted step by step (arXiv 2407.08713).

Each gold step is predicted from the question and the gold steps before it, with their recorded replies: no tool runs.
All tools of `tools.json` are offered; `gold_tools` of the file gives the tools away and is not read. In items marked
`multi_image` the image arguments are wrong in the source, and are skipped; arguments marked `salvaged` are compared
loosely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from visagent.evaluation.benchmark import PROFILE, Predictor, Source
from visagent.evaluation.bootstrap import Estimate
from visagent_research.gta.items import GtaItem
from visagent_research.gta.predictors import GtaPrediction, load_items, nearest, planned
from visagent_research.metrics import gta_step_scores, gta_tool_scores

NEAREST = "nearest"


class GtaBenchmark:
    """Step-by-step GTA; see `Benchmark`.

    Predictors: `profile` asks the profile's controller model for each next step, and holds it to what is likely to
    follow by `--train` if that is given; `nearest` takes the step that followed in the most similar state. `linear` and
    `demonstrations` are registered beside them; see `predictors.py`.
    """

    name = "gta"
    predictors = (PROFILE, NEAREST)

    def load(self, path: Path) -> Sequence[GtaItem]:
        """See `Benchmark.load`."""
        return load_items(path)

    def predictor(self, name: str, source: Source, items: Sequence[GtaItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        return (nearest if name == NEAREST else planned)(source, items)

    def score(
        self, items: Sequence[GtaItem], predictions: Sequence[GtaPrediction], source: Source
    ) -> Mapping[str, Estimate]:
        """See `Benchmark.score`; P, O, L and C are of the steps predicted from gold prefixes, not of free runs."""
        steps = [list(prediction.steps) for prediction in predictions]
        gold = [item.gold for item in items]
        scores = gta_step_scores(steps, gold)
        called = [[step.tool for step in chain if step.kind == "tool"] for chain in steps]
        return scores | gta_tool_scores(
            called, [[step.tool for step in chain if step.kind == "tool"] for chain in gold]
        )
