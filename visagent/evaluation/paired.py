"""Whether one way of asking is better than another on the same items. Knows no benchmark and no agent."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from pydantic import Field

from visagent.evaluation.bootstrap import ratio
from visagent.evidence.values import Frozen


class Difference(Frozen):
    """How much better the second way is than the first, on the items that both were asked.

    Attributes:
        value: Mean of second minus first, from -1 to 1.
        low: 2.5th percentile of the paired bootstrap, groups being what is resampled.
        high: 97.5th percentile.
        p: Two-sided exact sign test over groups (for right and wrong answers this is McNemar's exact test).
        better: Groups in which the second way is better.
        worse: Groups in which it is worse.
        count: Items.
    """

    value: float
    low: float
    high: float
    p: float = Field(ge=0, le=1)
    better: int
    worse: int
    count: int = Field(ge=1)

    @property
    def significant(self) -> bool:
        """Whether p is below 0.05."""
        return self.p < 0.05

    def __str__(self) -> str:
        return (
            f"{100 * self.value:+.1f} ({100 * self.low:+.1f} to {100 * self.high:+.1f}, p={self.p:.3g}, "
            f"{self.better} better, {self.worse} worse, n={self.count})"
        )


def paired_difference(
    first: Mapping[str, float], second: Mapping[str, float], groups: Mapping[str, str] | None = None
) -> Difference | None:
    """The second scores against the first ones; None where they share no item.

    Args:
        first: Scores by item.
        second: Scores by item.
        groups: Groups of the items; None where each is by itself.

    >>> found = paired_difference({"a": 0, "b": 0, "c": 1}, {"a": 1, "b": 1, "c": 1, "d": 0})
    >>> found.value.__round__(2), found.better, found.worse, found.p, found.count
    (0.67, 2, 0, 0.5, 3)
    """
    shared = [id_ for id_ in first if id_ in second]
    if not shared:
        return None
    by_group: dict[str, list[float]] = defaultdict(list)
    for id_ in shared:
        by_group[(groups or {}).get(id_, id_)].append(second[id_] - first[id_])
    found = ratio([(sum(values), float(len(values))) for values in by_group.values()])
    sums = [math.fsum(values) for values in by_group.values()]
    better, worse = sum(value > 1e-9 for value in sums), sum(value < -1e-9 for value in sums)
    return Difference(
        value=found.value,
        low=found.low,
        high=found.high,
        p=sign_test(better, worse),
        better=better,
        worse=worse,
        count=len(shared),
    )


def sign_test(better: int, worse: int) -> float:
    """Two-sided p of so many wins and losses, were both equally likely; ties do not count.

    >>> sign_test(0, 0), sign_test(6, 0), sign_test(3, 3)
    (1.0, 0.03125, 1.0)
    """
    trials = better + worse
    tail = sum(math.comb(trials, k) for k in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / float(2**trials))
