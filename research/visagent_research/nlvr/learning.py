"""Learns from truth values alone which reading of a sentence people mean. Knows no word and no shape.

Weak supervision: nobody wrote the programs. A log-linear model over the candidate programs z of a sentence s,
p(z | s) proportional to exp(w . f(s, z)), is trained to maximise

    sum over s of  log  sum over z of  p(z | s)  product over scenes of  (1 - NOISE if z is right there, else NOISE)

minus STRENGTH / 2 |w - prior|^2: the marginal likelihood of Krishnamurthy, Dasigi and Gardner (2017, EMNLP) and Goldman
et al. (2018, arXiv 1711.05240), with label noise, so that a sentence none of whose programs is right everywhere still
teaches something. The likelihood is climbed by Adagrad (Duchi et al. 2011) on all sentences at once: the outcome
depends on the data alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOISE = 0.05
STRENGTH = 0.5
STEPS = 150
RATE = 0.3


@dataclass(frozen=True)
class Lesson:
    """One sentence, its candidates, and how they fare.

    Attributes:
        features: One bag of features a candidate, with repetitions.
        right: (candidates, scenes) of bool: whether the candidate says what people said of the scene.
    """

    features: Sequence[Sequence[str]]
    right: NDArray[np.bool_]


def learn(lessons: Sequence[Lesson], prior: Mapping[str, float]) -> dict[str, float]:
    """The weights of the features.

    Args:
        lessons: What to learn from; sentences without candidates are left out by the caller.
        prior: Weights before any lesson.

    Returns:
        A weight for every feature of the lessons and of the prior.
    """
    names = sorted({*prior, *(feature for lesson in lessons for bag in lesson.features for feature in _whole(bag))})
    place = {name: index for index, name in enumerate(names)}
    start = np.array([prior.get(name, 0.0) for name in names])
    rows = [row for lesson in lessons for row in _matrix(lesson.features, place)]
    matrix = np.array(rows) if rows else np.zeros((0, len(names)))
    ends = np.cumsum([len(lesson.features) for lesson in lessons])
    spans = [slice(end - len(lesson.features), end) for end, lesson in zip(ends, lessons, strict=True)]
    gains = [np.log(np.where(lesson.right, 1 - NOISE, NOISE)).sum(axis=1) for lesson in lessons]
    weights, squares = start.copy(), np.full(len(names), 1e-8)
    for _ in range(STEPS):
        scores = matrix @ weights
        pull = np.zeros(len(matrix))
        for span, gain in zip(spans, gains, strict=True):
            pull[span] = softmax(scores[span] + gain) - softmax(scores[span])
        gradient = matrix.T @ pull - STRENGTH * (weights - start)
        squares += gradient**2
        weights += RATE * gradient / np.sqrt(squares)
    return dict(zip(names, weights.tolist(), strict=True))


def probabilities(features: Sequence[Sequence[str]], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """How likely each candidate of a sentence is to be what is meant."""
    return softmax(np.array([sum(weights.get(name, 0.0) for name in _whole(bag)) for bag in features]))


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities proportional to the exponentials of the scores."""
    shifted: NDArray[np.float64] = np.exp(scores - scores.max())
    total: float = shifted.sum()
    return shifted / total


def _whole(bag: Sequence[str]) -> list[str]:
    """A bag with one more feature for each skipped word, whatever the word."""
    return [*bag, *("skip *" for feature in bag if feature.startswith("skip "))]


def _matrix(bags: Sequence[Sequence[str]], place: Mapping[str, int]) -> list[NDArray[np.float64]]:
    rows = []
    for bag in bags:
        row = np.zeros(len(place))
        for name in _whole(bag):
            row[place[name]] += 1
        rows.append(row)
    return rows
