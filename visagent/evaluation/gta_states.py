"""What is known of the states of GTA's requests: which are alike, and what is likely to follow. Knows no model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from visagent.evaluation.linear import LinearClassifier
from visagent.evaluation.metrics import GtaStep
from visagent.evaluation.retrieval import TextIndex, words

if TYPE_CHECKING:
    from visagent.evaluation.gta import GtaItem

ANSWER = "answer"
"""Stands for the final answer among the names of tools."""
FOLDS = 5
LIKELY = 3
"""Kinds of next steps that a planner is told to be likely."""
_PREVIOUS = 6
"""How often the names of earlier calls count beside the question's words when states are compared."""
_GROUPS = {"calls": 2.0, "letters": 0.7, "reply": 0.3}
"""Weights of what the linear classifier is told, beside 1 for the question's words; chosen by cross-validation."""


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


class GtaHabits:
    """What is likely to follow in a state, learned from known requests by a linear classifier.

    A known request is judged by a classifier that did not learn from it (cross-fitting), so that a planner that is
    trained on them is told no more than it will be told of others.

    Args:
        items: The requests.
    """

    def __init__(self, items: Sequence[GtaItem]) -> None:
        self._items = items
        self._fold = {item.id: number for number, fold in enumerate(gta_folds(items)) for item in fold}
        self._without: dict[int | None, LinearClassifier | None] = {}
        """By the fold that it did not learn from; None for one that learned from all."""

    def likely(self, item: GtaItem, place: int) -> list[str]:
        """The likeliest next steps, best first: `LIKELY` names of tools, or `ANSWER`; none where nothing is known."""
        fold = self._fold.get(item.id)
        if fold not in self._without:
            others = [other for other in self._items if fold is None or self._fold[other.id] != fold]
            self._without[fold] = _classifier(others) if others else None
        classifier = self._without[fold]
        return list(classifier.probabilities(_bag(item, place)))[:LIKELY] if classifier is not None else []


def _classifier(items: Sequence[GtaItem]) -> LinearClassifier:
    states = [(_bag(item, place), step.tool or ANSWER) for item in items for place, step in enumerate(item.gold)]
    return LinearClassifier([bag for bag, _ in states], [name for _, name in states], _GROUPS)


def _bag(item: GtaItem, place: int) -> dict[str, list[str]]:
    """A state as words by group."""
    earlier = [step.action for step in item.steps[:place]]
    reply = (item.steps[place - 1].response or "")[:300] if place else ""
    form = "number" if re.fullmatch(r"\s*-?[\d.,]+\s*", reply) else "text" if reply else "none"
    padded = [f" {word} " for word in re.findall(r"\w+", item.question.lower())]
    return {
        "question": words(item.question),
        "letters": [word[start : start + n] for word in padded for n in (3, 4) for start in range(len(word) - n + 1)],
        "calls": [f"step{place}", f"chain {' '.join(earlier)}", f"last {' '.join(earlier[-2:])}",
                  f"previous {' '.join(earlier[-1:])}", *(f"called {name}" for name in earlier)],
        "reply": [form, *(word for word in words(reply) if " " not in word)],
    }  # fmt: skip
