"""The numbers of a chart's bars: as printed at them, or as long as they are against the axis. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from visagent.evidence.values import XYXY, Line
from visagent_tools.amounts import Amount, only_amount

LEAST_TICKS = 3
TICK_PIXELS = 4.0
"""How far the middle of a tick's number may stand from where its axis has it."""
ESTIMATE = 0.7
"""How sure a number is that was measured, as part of how surely the axis was read."""


class Bar(NamedTuple):
    """One bar, turned so that it stands upright: along is to the right, up is its length."""

    start: float
    """Its left edge."""
    end: float
    """Its right edge."""
    base: float
    """Where it begins, pixels from the top."""
    top: float
    """Where it ends, pixels from the top."""
    color: int
    block: XYXY
    """Where it is in the picture; of a stacked one its lowest part."""
    stacked: bool = False
    """Whether it has parts, one on top of the other."""

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


class Word(NamedTuple):
    """A piece of text, turned as the bars are."""

    line: Line
    start: float
    end: float
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2

    @property
    def up(self) -> float:
        """How far from the top its middle is."""
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top


def bar_values(bars: Sequence[Bar], words: Sequence[Word]) -> list[Line]:
    """The number of each bar: the printed one, or the one by its length where that is far from it; or none."""
    printed, scale = [_printed(bar, words) for bar in bars], _scale(bars, words)
    if scale is None:
        told = [line for line in printed if line is not None]
        return told if len({id(line) for line in told}) == len(bars) else []
    return [
        line if line is not None and scale.agrees(bar, line) else scale.measured(bar)
        for bar, line in zip(bars, printed, strict=True)
    ]


def _printed(bar: Bar, words: Sequence[Word]) -> Line | None:
    """The number that is printed at the end of a bar, or on it."""
    beside = [
        word
        for word in words
        if abs(word.middle - bar.middle) <= max(bar.end - bar.start, word.end - word.start) / 2
        and bar.top - word.bottom <= 1.2 * word.height
        and (word.bottom <= bar.top + word.height / 2 or (not bar.stacked and word.bottom <= bar.base))
        and only_amount(word.line) is not None
    ]
    return min(beside, key=lambda word: abs(bar.top - word.bottom)).line if beside else None


class Scale(NamedTuple):
    """An axis: what a length in pixels is worth."""

    slope: float
    """By a pixel downwards, below zero."""
    start: float
    """At the top of the picture."""
    unit: str
    confidence: float

    def at(self, top: float) -> float:
        """The number at so many pixels from the top."""
        return self.start + self.slope * top

    def agrees(self, bar: Bar, line: Line) -> bool:
        """Whether a printed number is the bar's, as near as its end can be seen."""
        amount = only_amount(line)
        return amount is not None and abs(amount.value - self.at(bar.top)) <= TICK_PIXELS * abs(self.slope)

    def measured(self, bar: Bar) -> Line:
        """The number of a bar's end."""
        return self.number(bar.top)

    def number(self, top: float) -> Line:
        """The number at so many pixels from the top; two pixels more or less are no difference."""
        power = 10.0 ** math.floor(math.log10(2 * abs(self.slope)))
        step = next(one * power for one in (1, 2, 5, 10) if one * power >= 2 * abs(self.slope))
        digits = max(0, -math.floor(math.log10(step)))
        value = round(self.at(top) / step) * step
        return Line(text=f"{value:.{digits}f}{self.unit}", confidence=ESTIMATE * self.confidence)


def _scale(bars: Sequence[Bar], words: Sequence[Word]) -> Scale | None:
    """The axis beside the bars; None where there is none with evenly spaced numbers."""
    left, right = min(bar.start for bar in bars), max(bar.end for bar in bars)
    ticks = [
        (word, amount)
        for word in words
        if word.middle < left or word.middle > right
        for amount in (only_amount(word.line),)
        if amount is not None
    ]
    found = scale_of(ticks)
    if found is None:
        return None
    scale, places = found
    beyond = 1.2 * (max(places) - min(places)) / (len(places) - 1)  # the reader may have missed a number at an end
    reached = [at for bar in bars for at in (bar.base, bar.top)]
    # The bars stand beside the numbers of their axis.
    return None if min(reached) < min(places) - beyond or max(reached) > max(places) + beyond else scale


def scale_of(ticks: Sequence[tuple[Word, Amount]]) -> tuple[Scale, list[float]] | None:
    """The axis that most of these numbers make, which grow upwards evenly, and how far from the top each stands."""
    best: list[tuple[float, Amount]] = []
    for (one, first), (other, second) in itertools.combinations(ticks, 2):
        if abs(one.up - other.up) < one.height or first.value == second.value or not _aligned(one, other):
            continue
        slope = (second.value - first.value) / (other.up - one.up)
        on_line = [
            (tick.up, amount)
            for tick, amount in ticks
            if _aligned(one, tick)
            and abs(first.value + slope * (tick.up - one.up) - amount.value) <= abs(slope) * TICK_PIXELS
        ]
        if len(on_line) > len(best):
            best = on_line
    if len(best) < LEAST_TICKS:
        return None
    places = [at for at, _ in best]
    slope, start = np.polyfit(places, [amount.value for _, amount in best], 1)
    if slope >= 0:
        return None
    unit = "%" if all(amount.unit == "%" for _, amount in best) else ""
    return Scale(float(slope), float(start), unit, min(amount.confidence for _, amount in best)), places


def _aligned(one: Word, other: Word) -> bool:
    """Whether two numbers of an axis stand under each other: begin, end or are centred alike."""
    apart = (abs(one.start - other.start), abs(one.middle - other.middle), abs(one.end - other.end))
    return min(apart) <= min(one.height, one.end - one.start)
