"""A linear classifier of bags of words: multinomial logistic regression. Pure numpy, knows no benchmark."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Bag = Mapping[str, Sequence[str]]
"""Words by group; each group is weighed apart, so that a long one does not drown a short one."""

_PENALTY = 0.2
"""Of squared weights, beside the summed loss; the inverse of scikit-learn's C."""
_ROUNDS = 300


class LinearClassifier:
    """Learns which class a bag of words belongs to (L2-penalised maximum likelihood, Nesterov's gradient descent).

    Args:
        bags: What is learned from.
        classes: Of each.
        weights: Of the groups, 1 where none is given.
    """

    def __init__(self, bags: Sequence[Bag], classes: Sequence[str], weights: Mapping[str, float] | None = None) -> None:
        self._weights = weights or {}
        documents = Counter(feature for bag in bags for feature in _features(bag))
        self._rarity = {feature: math.log((1 + len(bags)) / (1 + n)) + 1 for feature, n in documents.items()}
        self._column = {feature: number for number, feature in enumerate(self._rarity)}
        self.classes = sorted(set(classes))
        rows = np.stack([self._row(bag) for bag in bags])
        wanted = np.eye(len(self.classes))[[self.classes.index(one) for one in classes]]
        self._matrix = _fit(rows, wanted)

    def probabilities(self, bag: Bag) -> dict[str, float]:
        """How likely each class is, the likeliest first."""
        found = _softmax(self._row(bag)[None] @ self._matrix)[0]
        return {self.classes[place]: float(found[place]) for place in np.argsort(-found)}

    def _row(self, bag: Bag) -> NDArray[np.float64]:
        row = np.zeros(len(self._column) + 1)
        row[-1] = 1.0
        for group, words in bag.items():
            found = {feature: self._rarity[feature] for feature in _features({group: words}) if feature in self._rarity}
            norm = math.sqrt(sum(value**2 for value in found.values()))
            for feature, value in found.items():
                row[self._column[feature]] = self._weights.get(group, 1.0) * value / norm
        return row


def _features(bag: Bag) -> set[str]:
    return {f"{group}:{word}" for group, words in bag.items() for word in words}


def _fit(rows: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    # Half the largest eigenvalue of the features bounds the curvature of the loss (Boehning 1992).
    step = 1 / (0.5 * np.linalg.norm(rows, 2) ** 2 + _PENALTY)
    matrix = np.zeros((rows.shape[1], wanted.shape[1]))
    ahead, momentum = matrix, 1.0
    for _ in range(_ROUNDS):
        slope = rows.T @ (_softmax(rows @ ahead) - wanted) + _PENALTY * ahead
        moved = ahead - step * slope
        faster = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / faster * (moved - matrix)
        matrix, momentum = moved, faster
    return matrix


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found
