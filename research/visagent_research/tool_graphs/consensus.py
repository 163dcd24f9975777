"""Which of several plans to believe: their order by habit, and the one that agrees best with all. Knows no model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, pairwise, permutations

from visagent_research.metrics import Graph, Link, set_f1
from visagent_research.tool_graphs.tool_predictor import expected_f1

NEIGHBOURS = 20
"""Earlier requests that have a say."""
_OWN_ORDER = 1.0
"""What it takes in log-probability to turn round two tools of a planner's own order."""
_NO_LINK = 2.0
"""What it takes to put two tools next to each other that never follow one another."""
_LONGEST_CHAIN = 6
"""Tools of a chain whose orders are all tried."""
_OWN_SAY = 0.7
"""The say of each of a planner's plans, beside the neighbours', which is 1 in all."""
_WANTED = 2.0
"""How much it counts that a plan's tools are likely by the request's words."""
_SHARPNESS = 4
"""Power of a neighbour's likeness that is its say."""
_LINKS = 0.5
"""How much agreement in links counts beside agreement in tools."""


def chain(names: Sequence[str]) -> Graph:
    """A plan in which each tool reads the one before it."""
    return Graph(nodes=tuple(names), links=tuple(pairwise(names)))


class ChainOrder:
    """Settles the order of a chain of tools by the order that they had in earlier requests.

    Which tools a request wants is nearly a matter of words; in what order, often one of habit. Of all orders the one
    wins whose pairs have the highest log-probability of standing as they do (add-half smoothing), less what it takes to
    leave the planner's own order.

    Args:
        chains: The tools of earlier requests, in order.
        links: (source, target) pairs of names that may follow one another.
    """

    def __init__(self, chains: Sequence[Sequence[str]], links: Collection[Link]) -> None:
        self._links = links
        self._before = Counter(pair for chain in chains for pair in combinations(chain, 2))

    def settle(self, graph: Graph) -> Graph:
        """A chain in its likeliest order; what is no chain, or too long, as it is."""
        nodes = graph.nodes
        chained = graph == chain(nodes) and len(set(nodes)) == len(nodes) <= _LONGEST_CHAIN
        if not chained:
            return graph
        best = max(permutations(nodes), key=lambda order: self._score(order, nodes))
        return chain(best)

    def _score(self, order: Sequence[str], own: Sequence[str]) -> float:
        habit = 0.0
        for one, other in combinations(order, 2):
            so, otherwise = self._before[one, other] + 0.5, self._before[other, one] + 0.5
            habit += math.log(so / (so + otherwise)) - _OWN_ORDER * (own.index(one) > own.index(other))
        return habit - _NO_LINK * sum(link not in self._links for link in pairwise(order))


def consensus(
    plans: Sequence[Graph],
    neighbours: Sequence[tuple[float, Graph]],
    likely: Mapping[str, float] | None = None,
    others: Sequence[Graph] = (),
) -> Graph:
    """The plan that agrees best with a planner's own, those of similar requests, and the tools that are likely.

    Minimum Bayes risk (Kumar and Byrne 2004): a plan's risk is its expected disagreement, in Node-F1 and Link-F1, with
    a plan drawn from all of them by their say; the likeliest plan need not be the one with the least.

    Args:
        plans: The planner's, one for each way in which it was asked; each has its say.
        neighbours: The plans of similar requests, each with its request's likeness.
        likely: The probability that each tool is wanted, by the request's words.
        others: Plans that may win as well, and have no say.
    """
    says = [likeness**_SHARPNESS for likeness, _ in neighbours]
    total = sum(says) or 1.0
    voters = [(say / total, graph) for say, (_, graph) in zip(says, neighbours, strict=True)]
    voters += [(_OWN_SAY, graph) for graph in plans]
    candidates = dict.fromkeys([*plans, *others, *(graph for _, graph in neighbours)])

    def agreement(candidate: Graph) -> float:
        agreed = sum(
            say * (set_f1(candidate.nodes, graph.nodes) + _LINKS * set_f1(candidate.links, graph.links))
            for say, graph in voters
        )
        return agreed + _WANTED * expected_f1(candidate.nodes, likely or {})

    return max(candidates, key=agreement)
