"""How plans of UltraTool and RestBench are predicted: by a planner, by the words of requests, or by both in agreement.

`linear` and `consensus` are registered for both benchmarks in the entry-point group `visagent.predictors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from visagent.core.errors import InputError, ModelError
from visagent.evaluation.benchmark import Predictor, Source
from visagent.evidence.values import Frozen
from visagent_research.metrics import Graph
from visagent_research.tool_graphs.consensus import NEIGHBOURS, ChainOrder, chain, consensus
from visagent_research.tool_graphs.graph_planner import LIKELY, GraphPlanner, ToolRetriever, read_graph
from visagent_research.tool_graphs.items import GraphItem, load_links, load_tools, load_train
from visagent_research.tool_graphs.retrieval import TextIndex
from visagent_research.tool_graphs.tool_predictor import WantedTools, best_set


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


def nearest(source: Source, items: Sequence[GraphItem]) -> Predictor:
    """Copies the plan of the most similar request by TF-IDF: of those to learn from, or else of the others."""
    known = load_train(source)
    pool = known or list(items)
    index = TextIndex([item.user_request for item in pool])

    async def predict(item: GraphItem) -> GraphPrediction:
        scores = index.scores(item.user_request)
        others = [place for place, other in enumerate(pool) if known or other.id != item.id]
        return GraphPrediction(graph=pool[max(others, key=scores.__getitem__)].gold if others else Graph())

    return predict


def planned(source: Source, items: Sequence[GraphItem]) -> Predictor:
    """Asks the profile's controller model; its tools stand in the order that the known requests make likely."""
    known = _Known.of(source)
    planner = known.planner(source)

    async def predict(item: GraphItem) -> GraphPrediction:
        try:
            reply = await planner.plan(item.user_request)
        except ModelError as error:
            return GraphPrediction(problem=str(error))
        return GraphPrediction(graph=known.order.settle(read_graph(reply)), reply=reply)

    return predict


def linear(source: Source, items: Sequence[GraphItem]) -> Predictor:
    """Takes the tools that a request's words make likely, in the likeliest order.

    Raises:
        InputError: there are no requests to learn from.
    """
    known = _Known.of(source)
    wanted = known.wanted_tools()

    async def predict(item: GraphItem) -> GraphPrediction:
        return GraphPrediction(graph=known.order.settle(chain(best_set(wanted.likely(item.user_request)))))

    return predict


def agreed(source: Source, items: Sequence[GraphItem]) -> Predictor:
    """Asks the planner twice, with different tools in front, and lets similar requests and this one's words vote too.

    Raises:
        InputError: there are no requests to learn from.
    """
    known = _Known.of(source)
    planner, wanted = known.planner(source), known.wanted_tools()

    async def predict(item: GraphItem) -> GraphPrediction:
        likely = wanted.likely(item.user_request)
        try:
            # What the planner is shown first sways it; two plans that were swayed differently err less together.
            replies = [await planner.plan(item.user_request, first) for first in ((), list(likely)[:LIKELY])]
        except ModelError as error:
            return GraphPrediction(problem=str(error))
        plans = [read_graph(reply) for reply in replies]
        likeness = known.retriever.likeness(item.user_request)
        alike = sorted(zip(likeness, known.items, strict=True), key=lambda pair: -pair[0])
        neighbours = [(score, other.gold) for score, other in alike[:NEIGHBOURS]]
        others = [known.order.settle(graph) for graph in (plans[0], chain(best_set(likely)))]
        return GraphPrediction(graph=consensus(plans, neighbours, likely, others), reply=replies[0])

    return predict


@dataclass(frozen=True)
class _Known:
    """What is known before a request is asked about."""

    items: Sequence[GraphItem]
    links: frozenset[tuple[str, str]]
    order: ChainOrder
    retriever: ToolRetriever

    @classmethod
    def of(cls, source: Source) -> _Known:
        items = load_train(source)
        # A list of links may lack some that requests use, as RestBench's does.
        links = frozenset(load_links(source.path)).union(*(item.gold.links for item in items))
        order = ChainOrder([item.gold.nodes for item in items], links)
        retriever = ToolRetriever(load_tools(source.path), [(item.user_request, item.gold.nodes) for item in items])
        return cls(items, links, order, retriever)

    def planner(self, source: Source) -> GraphPlanner:
        return GraphPlanner(source.planner(), self.retriever, self.links)

    def wanted_tools(self) -> WantedTools:
        if not self.items:
            raise InputError("There are no requests to learn from.", "Give a file of them with --train.")
        return WantedTools([(item.user_request, item.gold.nodes) for item in self.items])
