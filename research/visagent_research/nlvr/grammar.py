"""From a statement to the programs that it may mean: a chart parser that may skip words. Knows no scene.

Categories: A adjective, N noun (a set of shapes), B panels, D number, Q quantifier, NO and NB quantified noun and
panels, MN and MB what may follow a noun and panels, P a place in a stack, E an edge, R a relation, C "colour", S the
statement. Two neighbours join by a rule; every rule and every skipped word is a feature of the derivation, so that a
log-linear model can learn which readings people mean (`learning.py`). Programs follow the spirit of the hand-written
rules of Goldman et al. (2018, arXiv 1711.05240), whose abstraction of words by their type is the lexicon's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from visagent_research.nlvr.lexicon import MEANINGS, tokens
from visagent_research.nlvr.programs import Program, conjoin
from visagent_research.nlvr.rules import ALL_PANELS, ALL_SHAPES, RULES, Features, Made, Sense

CELL = 60
"""Readings kept of each span."""
SKIP = "skip "
PRIOR: Mapping[str, float] = {"skip *": -1.0, "pronoun": -0.5, "bare adjective": -0.3, "post-adjective": -0.2}
"""Weights before anything is learned: skipping a word costs, and so do unusual readings."""


@dataclass(frozen=True)
class Candidate:
    """One reading of a sentence.

    Attributes:
        program: What it says.
        features: Features of its best derivation under the prior weights, with repetitions.
    """

    program: Program
    features: Features


def score(features: Features, weights: Mapping[str, float]) -> float:
    """The sum of the features' weights; a skipped word that was never seen costs what any skipped word costs."""
    total = 0.0
    for feature in features:
        total += weights.get(feature, 0.0)
        if feature.startswith(SKIP):
            total += weights.get("skip *", 0.0)
    return total


def candidates(sentence: str, limit: int = 400) -> list[Candidate]:
    """The programs that a sentence may mean, best first by the prior.

    Args:
        sentence: A statement about panels of shapes.
        limit: Programs at most.
    """
    words = tokens(sentence)
    if not words:
        return []
    cells: dict[tuple[int, int], Cell] = {}
    for width in range(1, len(words) + 1):
        for start in range(len(words) - width + 1):
            cells[start, start + width] = _fill(cells, words, start, start + width)
    found: dict[Program, tuple[float, Features]] = {}
    for (category, sense), (_, features) in cells[0, len(words)].items():
        for program, extra in _statements(category, sense):
            whole = (*features, *extra, *_shape_features(program))
            value = score(whole, PRIOR)
            if program not in found or value > found[program][0]:
                found[program] = (value, whole)
    ranked = sorted(found.items(), key=lambda item: -item[1][0])[:limit]
    return [Candidate(program, features) for program, (_, features) in ranked]


Cell: TypeAlias = dict[tuple[str, Sense], tuple[float, Features]]


def _fill(cells: Mapping[tuple[int, int], Cell], words: list[str], start: int, end: int) -> Cell:
    """All readings of a span, the best derivation of each, pruned to `CELL`."""
    found: Cell = {}

    def add(category: str, sense: Sense, value: float, features: Features, new: Features = ()) -> None:
        if new:
            value += score(new, PRIOR)
            features += new
        known = found.get((category, sense))
        if known is not None and known[0] >= value:
            return
        found[category, sense] = (value, features)
        for made, its_sense, more in _lift(category, sense):
            add(made, its_sense, value, features, more)

    if end - start == 1:
        for meaning in MEANINGS[words[start]]:
            tag = f"{words[start]}={meaning.category}:{meaning.sense}"
            add(meaning.category, meaning.sense, 0.0, (), (tag,) if len(MEANINGS[words[start]]) > 1 else ())
        return found
    # Skipped words attach to the reading on their left; those at the sentence's start, to the right.
    for (category, sense), (value, features) in cells[start, end - 1].items():
        add(category, sense, value, features, (SKIP + words[end - 1],))
    if start == 0:
        for (category, sense), (value, features) in cells[1, end].items():
            add(category, sense, value, features, (SKIP + words[0],))
    for middle in range(start + 1, end):
        rights: dict[str, list[tuple[Sense, float, Features]]] = defaultdict(list)
        for (category, sense), (value, features) in cells[middle, end].items():
            rights[category].append((sense, value, features))
        for (category, sense), (value, features) in cells[start, middle].items():
            for other, rule in RULES.get(category, ()):
                for right, its_value, its_features in rights.get(other, ()):
                    for made, new_sense, new in rule(sense, right):
                        add(made, new_sense, value + its_value, features + its_features, new)
    kept = sorted(found.items(), key=lambda item: -item[1][0])[:CELL]
    return dict(kept)


# How single readings are lifted to other categories.


def _lift(category: str, sense: Sense) -> Iterator[Made]:
    match category:
        case "A":
            yield "N", sense, () if sense[1] in ("circle", "square", "triangle") else ("bare adjective",)
        case "D":
            number, style = sense
            if style != "same":
                yield "Q", ("=", number, style), ()
                yield "Q", (">=", number, style), ()
                yield "PRO", ("=", number, ALL_SHAPES, style), ("pronoun",)
        case "PRO":
            yield "NO", sense, ()
        case "N":
            yield "NO", ("bare", 1, sense, "bare"), ()
        case "B":
            yield "NB", ("bare", 1, sense, "bare"), ()
        case "P":
            yield "MN", sense, ()
            yield "N", sense, ("place as noun",)
        case "NV":
            operator, number, subject, predicate, style = sense
            if operator not in ("all", "bare"):
                yield "NO", (operator, number, conjoin(subject, predicate), style), ()
        case "CQ":
            yield "MB", ("hues", sense[0], sense[1], ALL_SHAPES), ()


def _statements(category: str, sense: Sense) -> Iterator[tuple[Program, Features]]:
    """The truths that a reading of the whole sentence states."""
    match category:
        case "S":
            yield sense, ()
        case "NO" | "NB":
            operator, number, members, style = sense
            about = "shapes" if category == "NO" else "panels"
            if operator == "all":
                return
            operator = ">=" if operator == "bare" else operator
            yield ("count", operator, number, members), (f"{style} {operator} {about}", f"states {category}")
        case "MB":
            yield ("count", ">=", 1, conjoin(ALL_PANELS, sense)), ("elliptic",)


def _shape_features(program: Program) -> Features:
    """What a program looks like, whatever words it came from."""
    text = repr(program)
    length = text.count("(")
    return (f"size {min(length // 3, 6)}", *(f"has {name}" for name in ("stacked", "'on'", "'over'") if name in text))
