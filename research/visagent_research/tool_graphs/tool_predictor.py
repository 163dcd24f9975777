"""Which tools a request wants, by its words and those of earlier requests. Knows no model and no order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from visagent_research.tool_graphs.linear import LinearTagger, text_bag

_LONGEST = 6
"""Tools of a set at most."""


class WantedTools:
    """Learns from earlier requests which tools a request wants: logistic regression, one model a tool.

    Args:
        requests: Earlier ones, each with the names of the tools that it used.
    """

    def __init__(self, requests: Sequence[tuple[str, Collection[str]]]) -> None:
        self._tagger = LinearTagger([text_bag(text) for text, _ in requests], [names for _, names in requests])

    def likely(self, request: str) -> dict[str, float]:
        """The probability that each tool is wanted, the likeliest first."""
        found = self._tagger.probabilities(text_bag(request))
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def expected_f1(names: Collection[str], likely: Mapping[str, float]) -> float:
    """About the F1 that a set of tools can expect: that of the expected counts (Lewis 1995)."""
    chosen = set(names)
    hits = sum(likely.get(name, 0.0) for name in chosen)
    return 2 * hits / (len(chosen) + sum(likely.values())) if chosen else 0.0


def best_set(likely: Mapping[str, float]) -> list[str]:
    """The tools that can expect the best F1, of a list with the likeliest first; the first few, in that order."""
    names = list(likely)[:_LONGEST]
    return max((names[:size] for size in range(1, len(names) + 1)), key=lambda some: expected_f1(some, likely))
