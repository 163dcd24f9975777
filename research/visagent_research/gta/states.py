"""What is known of the states of GTA's requests: which are alike, and what is likely to follow. Knows no model."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from visagent_research.gta.items import ANSWER, GtaItem
from visagent_research.metrics import GtaStep
from visagent_research.tool_graphs.linear import LinearClassifier, LinearTagger, text_bag
from visagent_research.tool_graphs.retrieval import TextIndex, words

FOLDS = 5
LIKELY = 3
"""Kinds of next steps that a planner is told to be likely."""
_PLAUSIBLE = 0.5
"""Of the likeliest step's probability; what is less likely is no choice for a small planner."""
_PREVIOUS = 6
"""How often the names of earlier calls count beside the question's words when states are compared."""
_GROUPS = {"calls": 2.0, "reply": 0.3, "more": 0.5}
"""Weights of what the linear models are told, beside 1 for the question's words; chosen by cross-validation."""
_SURE = 0.98
"""Probability from which on it makes no difference."""
_ANSWERS = 0.6
"""Weighs the probability of an answer: one too early ends the work, one more call costs little."""


def state(item: GtaItem, place: int) -> str:
    """What is known before a step, as a bag of words: the question, and the calls so far."""
    earlier = [step.action for step in item.steps[:place]]
    marks = [f"step{place}", f"previous{earlier[-1] if earlier else 'none'}", *(f"called{name}" for name in earlier)]
    return " ".join([item.question, *marks * _PREVIOUS])


class GtaState(NamedTuple):
    """A place in a request's chain, and the gold step that follows."""

    item: GtaItem
    place: int
    step: GtaStep


class GtaMemory:
    """The states of known requests, to be found by likeness.

    Args:
        items: The requests.
    """

    def __init__(self, items: Sequence[GtaItem]) -> None:
        self._states = [GtaState(item, place, step) for item in items for place, step in enumerate(item.gold)]
        self._index = TextIndex([state(known.item, known.place) for known in self._states])

    def nearest(self, item: GtaItem, place: int) -> list[GtaState]:
        """The states of other requests, the most similar first."""
        scores = self._index.scores(state(item, place))
        order = sorted(range(len(scores)), key=lambda number: -scores[number])
        return [self._states[number] for number in order if self._states[number].item.id != item.id]


def gta_folds(items: Sequence[GtaItem]) -> list[list[GtaItem]]:
    """The requests in `FOLDS` parts, in turn."""
    return [list(items[fold::FOLDS]) for fold in range(FOLDS)]


def gta_splits(items: Sequence[GtaItem]) -> Iterator[tuple[list[GtaItem], list[GtaItem]]]:
    """For each fold the requests of all others, to learn from, and its own, to be asked about."""
    folds = gta_folds(items)
    for fold in folds:
        yield [item for other in folds if other is not fold for item in other], fold


class LikelySteps:
    """What is likely to follow in a state, learned from known requests by linear models of words and calls.

    A known request is judged by models that did not learn from it (cross-fitting), so that a planner that is trained on
    them is told no more than it will be told of others.

    Args:
        items: The requests.
    """

    def __init__(self, items: Sequence[GtaItem]) -> None:
        self._items = items
        self._fold = {item.id: number for number, fold in enumerate(gta_folds(items)) for item in fold}
        self._without: dict[int | None, _NextStep | None] = {}
        """By the fold that it did not learn from; None for one that learned from all."""

    def likely(self, item: GtaItem, place: int) -> dict[str, float]:
        """How likely the likeliest next steps are, best first: `LIKELY` names of tools, or `ANSWER`; none where nothing
        is known."""
        fold = self._fold.get(item.id)
        if fold not in self._without:
            others = [other for other in self._items if fold is None or self._fold[other.id] != fold]
            self._without[fold] = _NextStep(others) if others else None
        model = self._without[fold]
        return dict(list(model.likely(item, place).items())[:LIKELY]) if model is not None else {}


def plausible(likely: Mapping[str, float]) -> list[str]:
    """The steps that are likely enough, of those of `LikelySteps.likely`, to be left to a planner's choice."""
    most = max(likely.values(), default=0.0)
    return [name for name, share in likely.items() if share >= _PLAUSIBLE * most]


class _Needs:
    """How often a question wants each tool, from its words alone."""

    def __init__(self, items: Sequence[GtaItem]) -> None:
        labels = [
            {f"{tool} {n}" for tool, times in Counter(step.action for step in item.steps).items() for n in range(times)}
            for item in items
        ]
        tagger = LinearTagger([text_bag(item.question) for item in items], labels, _GROUPS)
        # A question is asked about once for each step.
        self._likely = cache(lambda question: tagger.probabilities(text_bag(question)))

    def more(self, item: GtaItem, place: int) -> dict[str, float]:
        """The log-odds that it wants each tool once more than it was called before a place."""
        likely = self._likely(item.question)
        called = Counter(step.action for step in item.steps[:place])
        tools = {label.rpartition(" ")[0] for label in likely}
        return {tool: _log_odds(likely.get(f"{tool} {called[tool]}", 0.0)) for tool in tools}


class _NextStep:
    """A classifier of states by the step that follows; what it learns of the tools wanted is cross-fitted as well."""

    def __init__(self, items: Sequence[GtaItem]) -> None:
        self._needs = _Needs(items)
        bags, names = [], []
        for others, fold in gta_splits(items):
            needs = _Needs(others or items)
            bags += [_bag(item, place, needs) for item in fold for place in range(len(item.gold))]
            names += [step.tool or ANSWER for item in fold for step in item.gold]
        self._classifier = LinearClassifier(bags, names, _GROUPS)

    def likely(self, item: GtaItem, place: int) -> dict[str, float]:
        """How likely each step is, the likeliest first."""
        found = self._classifier.probabilities(_bag(item, place, self._needs))
        found[ANSWER] = _ANSWERS * found.get(ANSWER, 0.0)
        total = sum(found.values())
        return {name: found[name] / total for name in sorted(found, key=lambda name: -found[name])}


def _log_odds(probability: float) -> float:
    bound = max(1 - _SURE, min(_SURE, probability))
    return math.log(bound / (1 - bound))


def _bag(item: GtaItem, place: int, needs: _Needs) -> dict[str, list[str] | dict[str, float]]:
    """A state: words by group, and how likely each tool is wanted once more."""
    earlier = [step.action for step in item.steps[:place]]
    reply = (item.steps[place - 1].response or "")[:300] if place else ""
    form = "number" if re.fullmatch(r"\s*-?[\d.,]+\s*", reply) else "text" if reply else "none"
    last = f"previous {earlier[-1]}" if earlier else "first"
    files = f"files {len(item.files)}"
    times = [f"{name} {n}" for name, n in Counter(earlier).items()]
    return {
        **text_bag(item.question),
        "calls": [f"step{place}", f"chain {' '.join(earlier)}", f"last {' '.join(earlier[-2:])}", last,
                  *(f"called {name}" for name in earlier)],
        "counts": [files, f"{last} {earlier.count(earlier[-1]) if earlier else 0} {files}", *times],
        "reply": [form, *(word for word in words(reply) if " " not in word)],
        "more": needs.more(item, place),
    }  # fmt: skip
