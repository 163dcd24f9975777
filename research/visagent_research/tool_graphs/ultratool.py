"""UltraTool and RestBench in TaskBench's graph format: text requests, hundreds of tools, plans as graphs of tool names.

The format is that of github.com/WxxShirley/GNN4TaskPlan: a JSON-lines file of requests, with `tool_desc.json` (what
tools there are) and `graph_desc.json` (which may follow which) beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from visagent.evaluation.benchmark import PROFILE, Predictor, Source
from visagent.evaluation.bootstrap import Estimate
from visagent_research.metrics import graph_scores
from visagent_research.tool_graphs.items import GraphItem, load_items, load_links, load_tools
from visagent_research.tool_graphs.predictors import GraphPrediction, nearest, planned

NEAREST = "nearest"


class UltraTool:
    """Requests, tools and gold graphs; see `visagent.evaluation.benchmark.Benchmark`.

    Predictors: `profile` plans with the profile's controller model, in the order that the training requests make
    likely (`ChainOrder`); `nearest` copies the plan of the most similar request. `consensus` and `linear` are
    registered beside them; see `predictors.py`.
    """

    name = "ultratool"
    predictors = (PROFILE, NEAREST)

    def load(self, path: Path) -> Sequence[GraphItem]:
        """See `Benchmark.load`."""
        return load_items(path)

    def predictor(self, name: str, source: Source, items: Sequence[GraphItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        return (nearest if name == NEAREST else planned)(source, items)

    def score(
        self, items: Sequence[GraphItem], predictions: Sequence[GraphPrediction], source: Source
    ) -> Mapping[str, Estimate]:
        """See `Benchmark.score`."""
        tools = {tool.name for tool in load_tools(source.path)}
        graphs = [prediction.graph for prediction in predictions]
        return graph_scores(graphs, [item.gold for item in items], tools, load_links(source.path))


class RestBench(UltraTool):
    """RestBench in the same format."""

    name = "restbench"
