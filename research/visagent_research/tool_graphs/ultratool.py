"""UltraTool and RestBench in TaskBench's graph format: text requests, hundreds of tools, plans as graphs of tool names.

The format is that of github.com/WxxShirley/GNN4TaskPlan: a JSON-lines file of requests, with `tool_desc.json` (what
tools there are) and `graph_desc.json` (which may follow which) beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from visagent.core.errors import InputError, ModelError
from visagent.evaluation.benchmark import PROFILE, Predictor, Source, beside, data_file, read_lines
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.metrics import Graph, Link, graph_scores
from visagent.evidence.values import Frozen
from visagent_research.tool_graphs.consensus import NEIGHBOURS, ChainOrder, chain, consensus
from visagent_research.tool_graphs.graph_planner import LIKELY, ForeignTool, GraphPlanner, ToolRetriever, read_graph
from visagent_research.tool_graphs.retrieval import TextIndex
from visagent_research.tool_graphs.tool_predictor import WantedTools, best_set

CONSENSUS = "consensus"
LINEAR = "linear"
NEAREST = "nearest"


class _Named(BaseModel):
    task: str


class _Linked(BaseModel):
    source: str
    target: str


class GraphItem(BaseModel):
    """A request with its gold graph, as a line of the file has it; other fields are ignored."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)
    id: str
    user_request: str
    task_nodes: tuple[_Named, ...]
    task_links: tuple[_Linked, ...] = ()

    @property
    def gold(self) -> Graph:
        """The gold plan."""
        links = tuple((link.source, link.target) for link in self.task_links)
        return Graph(nodes=tuple(node.task for node in self.task_nodes), links=links)


class GraphPrediction(Frozen):
    """A predicted plan.

    Attributes:
        graph: Its tools and links; empty where the reply was unusable.
        reply: The model's own words, if a model was asked.
        problem: Why there is no reply.
    """

    graph: Graph = Graph()
    reply: str = ""
    problem: str = ""


class UltraTool:
    """Requests, tools and gold graphs; see `visagent.evaluation.benchmark.Benchmark`.

    Predictors: `profile` plans with the profile's controller model, in the order that the training requests make likely
    (`ChainOrder`); `consensus` asks it twice, with different tools in front, and lets the plans of similar training
    requests and the words of this one have a say as well; `linear` takes the tools that the words make likely, in the
    likeliest order; `nearest` copies the plan of the most similar one by TF-IDF (of the other requests, where there are
    none to train on).
    """

    name = "ultratool"
    predictors = (PROFILE, CONSENSUS, LINEAR, NEAREST)

    def load(self, path: Path) -> Sequence[GraphItem]:
        """See `Benchmark.load`."""
        return read_lines(data_file(path), GraphItem)

    def predictor(self, name: str, source: Source, items: Sequence[GraphItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        known = self._train(source)
        if name == NEAREST:
            return _nearest(known, items)
        requests = [(item.user_request, item.gold.nodes) for item in known]
        # A list of links may lack some that requests use, as RestBench's does.
        links = load_links(source.path).union(*(item.gold.links for item in known))
        order = ChainOrder([item.gold.nodes for item in known], links)
        if name == LINEAR:
            return _linear(_wanted(requests), order)
        retriever = ToolRetriever(load_tools(source.path), requests)
        planner = GraphPlanner(source.planner(), retriever, links)
        if name == CONSENSUS:
            return _consensus(planner, retriever, order, known, _wanted(requests))

        async def predict(item: GraphItem) -> GraphPrediction:
            try:
                reply = await planner.plan(item.user_request)
            except ModelError as error:
                return GraphPrediction(problem=str(error))
            return GraphPrediction(graph=order.settle(read_graph(reply)), reply=reply)

        return predict

    def score(
        self, items: Sequence[GraphItem], predictions: Sequence[GraphPrediction], source: Source
    ) -> Mapping[str, Estimate]:
        """See `Benchmark.score`."""
        tools = {tool.name for tool in load_tools(source.path)}
        graphs = [prediction.graph for prediction in predictions]
        return graph_scores(graphs, [item.gold for item in items], tools, load_links(source.path))

    def _train(self, source: Source) -> Sequence[GraphItem]:
        """What may be learned from: the file given, or the one beside the items; nothing where there is neither."""
        if source.train is not None:
            return self.load(source.train)
        train = data_file(source.path).parent / "train.jsonl"
        return self.load(train) if train.is_file() and train != data_file(source.path) else ()


class RestBench(UltraTool):
    """RestBench in the same format."""

    name = "restbench"


def _wanted(requests: Sequence[tuple[str, Sequence[str]]]) -> WantedTools:
    if not requests:
        raise InputError("There are no requests to learn from.", "Give a file of them with --train.")
    return WantedTools(requests)


def _linear(wanted: WantedTools, order: ChainOrder) -> Predictor:
    """The tools that a request's words make likely, in the likeliest order."""

    async def predict(item: GraphItem) -> GraphPrediction:
        return GraphPrediction(graph=order.settle(chain(best_set(wanted.likely(item.user_request)))))

    return predict


def _consensus(
    planner: GraphPlanner,
    retriever: ToolRetriever,
    order: ChainOrder,
    known: Sequence[GraphItem],
    wanted: WantedTools,
) -> Predictor:
    """The plan that agrees best with all that is known of a request."""

    async def predict(item: GraphItem) -> GraphPrediction:
        likely = wanted.likely(item.user_request)
        try:
            # What the planner is shown first sways it; two plans that were swayed differently err less together.
            replies = [await planner.plan(item.user_request, first) for first in ((), list(likely)[:LIKELY])]
        except ModelError as error:
            return GraphPrediction(problem=str(error))
        plans = [read_graph(reply) for reply in replies]
        alike = sorted(zip(retriever.likeness(item.user_request), known, strict=True), key=lambda pair: -pair[0])
        neighbours = [(score, other.gold) for score, other in alike[:NEIGHBOURS]]
        others = [order.settle(graph) for graph in (plans[0], chain(best_set(likely)))]
        return GraphPrediction(graph=consensus(plans, neighbours, likely, others), reply=replies[0])

    return predict


def _nearest(known: Sequence[GraphItem], items: Sequence[GraphItem]) -> Predictor:
    pool = list(known) or list(items)
    index = TextIndex([item.user_request for item in pool])

    async def predict(item: GraphItem) -> GraphPrediction:
        scores = index.scores(item.user_request)
        others = [place for place, other in enumerate(pool) if known or other.id != item.id]
        return GraphPrediction(graph=pool[max(others, key=scores.__getitem__)].gold if others else Graph())

    return predict


def load_tools(path: Path) -> list[ForeignTool]:
    """The tools that belong to a file of requests.

    Raises:
        InputError: `tool_desc.json` is missing or not in the format.
    """
    nodes = _read(beside(path, "tool_desc.json"), "nodes")
    return [ForeignTool(name=str(node["id"]), description=str(node.get("desc", ""))) for node in nodes]


def load_links(path: Path) -> set[Link]:
    """Which tool may follow which.

    Raises:
        InputError: `graph_desc.json` is missing or not in the format.
    """
    return {(str(link["source"]), str(link["target"])) for link in _read(beside(path, "graph_desc.json"), "links")}


def _read(path: Path, key: str) -> list[dict[str, Any]]:
    required = {"nodes": ("id",), "links": ("source", "target")}[key]
    try:
        found = json.loads(path.read_text("utf-8"))[key]
        if all(name in entry for entry in found for name in required):
            return list(found)
    except (json.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"{path.name} has no list of {key}: {error!r}.", "See docs/evaluation.md for the format."
        ) from error
    raise InputError(
        f"{path.name}: one of the {key} lacks {' or '.join(required)}.", "See docs/evaluation.md for the format."
    )
