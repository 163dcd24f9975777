"""How far two judges agree beyond chance, and whether a score goes with something else. Knows no judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visagent.evaluation.bootstrap import Estimate, estimate


def cohen_kappa(pairs: Sequence[tuple[int, int]], levels: Sequence[int]) -> Estimate:
    """Cohen's kappa with quadratic weights (for two levels: without any), and its interval over items.

    Where a judge gives one level throughout, chance alone would agree as much: that is 0.

    Args:
        pairs: What both judges gave, an item each.
        levels: All that can be given, in order.

    Raises:
        InputError: there are no pairs.

    >>> round(cohen_kappa([(0, 0), (0, 0), (1, 1), (1, 0)], (0, 1)).value, 2)
    0.5
    """
    count = len(levels)
    place = {level: at for at, level in enumerate(levels)}
    weights = np.subtract.outer(np.arange(count), np.arange(count)) ** 2
    rows = np.zeros((len(pairs), count * count))
    for at, (one, other) in enumerate(pairs):
        rows[at, place[one] * count + place[other]] = 1

    def kappa(sums: NDArray[np.float64]) -> float:
        table = sums.reshape(count, count) / sums.sum()
        expected = (weights * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()
        return float(1 - (weights * table).sum() / expected) if expected else 0.0

    return estimate(rows.tolist(), kappa)


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> Estimate:
    """Spearman's correlation with its interval over items; 0 where one side is the same throughout.

    Raises:
        InputError: there are no pairs.

    >>> rank_correlation([(1, 10), (2, 20), (3, 40), (3, 50)]).value.__round__(2)
    0.95
    """
    table = np.array(pairs, float).reshape(-1, 2)
    x, y = (_ranks(column) for column in table.T)
    rows = np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])

    def correlation(sums: NDArray[np.float64]) -> float:
        count, sx, sy, sxx, syy, sxy = sums
        spread = (count * sxx - sx**2) * (count * syy - sy**2)
        return float((count * sxy - sx * sy) / np.sqrt(spread)) if spread > 1e-9 else 0.0

    return estimate(rows.tolist(), correlation)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[at]
    return shared
