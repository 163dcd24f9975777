"""Intervals by bootstrap are reproducible, and nothing cannot be scored."""

from __future__ import annotations

import pytest

from visagent.core.errors import InputError
from visagent.evaluation.bootstrap import estimate, mean, pooled_f1


def test_an_interval_is_the_same_every_time_and_holds_the_value() -> None:
    values = [1.0] * 70 + [0.0] * 30
    first, second = mean(values), mean(values)
    assert first == second
    assert first.low < first.value == 0.7 < first.high
    # A proportion of 0.7 over 100 has a standard error of 0.046.
    assert first.high - first.low == pytest.approx(4 * 0.046, abs=0.03)


def test_a_pooled_f1_is_of_the_sums_and_of_nothing_it_is_zero() -> None:
    assert pooled_f1([(1, 2, 1), (0, 0, 1)]).value == pytest.approx(0.5)
    assert pooled_f1([(0, 0, 0)]).value == 0


def test_nothing_cannot_be_scored() -> None:
    with pytest.raises(InputError, match="nothing to score"):
        estimate([], lambda sums: 0.0)
