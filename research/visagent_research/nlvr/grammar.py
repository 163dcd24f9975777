"""From a statement to the programs that it may mean: a chart parser that may skip words. Knows no scene.

Categories: A adjective, N noun (a set of shapes), B panels, D number, Q quantifier, NO and NB quantified noun and
panels, MN and MB what may follow a noun and panels, P a place in a stack, E an edge, R a relation, C "colour", S the
statement. Two neighbours join by a rule; every rule and every skipped word is a feature of the derivation, so that a
log-linear model can learn which readings people mean (`learning.py`). Programs follow the spirit of the hand-written
rules of Goldman et al. (2018, arXiv 1711.05240), whose abstraction of words by their type is the lexicon's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from visagent_research.nlvr.lexicon import COLORS, MEANINGS, tokens
from visagent_research.nlvr.programs import Program, conjoin, unite

Features: TypeAlias = tuple[str, ...]
Sense: TypeAlias = Any
Made: TypeAlias = tuple[str, Sense, Features]
"""A category, what it means, and the features of the step that made it."""

CELL = 60
"""Readings kept of each span."""
SKIP = "skip "
PRIOR: Mapping[str, float] = {"skip *": -1.0, "pronoun": -0.5, "bare adjective": -0.3, "post-adjective": -0.2}
"""Weights before anything is learned: skipping a word costs, and so do unusual readings."""
ALL_SHAPES: Program = ("shapes",)
ALL_PANELS: Program = ("panels",)


@dataclass(frozen=True)
class Candidate:
    """One reading of a sentence.

    Attributes:
        program: What it says.
        features: Of its best derivation under the prior weights, with repetitions.
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
            for other, rule in _RULES.get(category, ()):
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


# What two neighbours make. Each rule takes both senses and yields what they make, if anything.

Rule: TypeAlias = Callable[[Sense, Sense], Iterator[Made]]
_RULES: dict[str, list[tuple[str, Rule]]] = defaultdict(list)


def _rule(left: str, right: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        _RULES[left].append((right, rule))
        return rule

    return register


@_rule("A", "N")
@_rule("N", "MN")
def _narrow(left: Sense, right: Sense) -> Iterator[Made]:
    yield "N", conjoin(left, right), ()


@_rule("A", "A")
def _narrow_adjective(left: Sense, right: Sense) -> Iterator[Made]:
    if left != right and not (left[1] in COLORS and right[1] in COLORS):
        yield "A", conjoin(left, right), ()


@_rule("N", "A")
def _narrow_after(left: Sense, right: Sense) -> Iterator[Made]:
    yield "N", conjoin(left, right), ("post-adjective",)


@_rule("AND", "A")
@_rule("OR", "A")
def _another_adjective(_: Sense, right: Sense) -> Iterator[Made]:
    yield "&A", right, ()


@_rule("A", "&A")
def _either_adjective(left: Sense, right: Sense) -> Iterator[Made]:
    yield "A", unite(left, right), ("either",)


@_rule("N", "&A")
def _either_noun(left: Sense, right: Sense) -> Iterator[Made]:
    yield "N", unite(left, right), ("either",)


@_rule("A", "C")
def _color_of(left: Sense, _: Sense) -> Iterator[Made]:
    yield "A", left, ()


@_rule("NEG", "A")
def _no_adjective(_: Sense, right: Sense) -> Iterator[Made]:
    yield "A", ("not", right), ()


@_rule("NEG", "MN")
def _no_modifier(_: Sense, right: Sense) -> Iterator[Made]:
    yield "MN", ("not", right), ()


@_rule("OP", "D")
def _operator(left: Sense, right: Sense) -> Iterator[Made]:
    number = right[0] + {">": 1, "<": -1}.get(left, 0)
    yield "Q", ({">": ">=", "<": "<="}.get(left, left), number, "exact"), ()


@_rule("D", "ORMORE")
def _or_more(left: Sense, _: Sense) -> Iterator[Made]:
    yield "Q", (">=", left[0], "exact"), ()


@_rule("ONLY", "D")
def _only_number(_: Sense, right: Sense) -> Iterator[Made]:
    yield "Q", ("=", right[0], "exact"), ()


@_rule("OP", "Q")
@_rule("ONLY", "Q")
def _operator_again(left: Sense, right: Sense) -> Iterator[Made]:
    # "exactly only one", "only at least two": the second word repeats the first.
    if right[2] == "exact":
        yield "Q", right, ()


@_rule("Q", "N")
def _quantify(left: Sense, right: Sense) -> Iterator[Made]:
    operator, number, style = left
    yield "NO", (operator, number, right, style), ()


@_rule("Q", "B")
def _quantify_panels(left: Sense, right: Sense) -> Iterator[Made]:
    operator, number, style = left
    yield "NB", (operator, number, right, style), ()


@_rule("D", "B")
def _so_many_there_are(left: Sense, right: Sense) -> Iterator[Made]:
    # "all 3 towers": there are always three.
    if left[0] == 3:
        yield "B", right, ("all three",)


@_rule("Q", "C")
def _so_many_colors(left: Sense, _: Sense) -> Iterator[Made]:
    operator, number, _style = left
    yield "CQ", ("=", 3) if operator == "all" else (operator, number), ()


@_rule("D", "C")
def _the_same_color(left: Sense, _: Sense) -> Iterator[Made]:
    yield "CQ", ("=", left[0]), ()


@_rule("Q", "CQ")
def _all_colors(left: Sense, right: Sense) -> Iterator[Made]:
    if left[0] == "all":
        yield "CQ", right, ()


@_rule("ONLY", "CQ")
def _only_colors(_: Sense, right: Sense) -> Iterator[Made]:
    yield "CQ", ("=", right[1]), ()


@_rule("ONLY", "N")
def _only(_: Sense, right: Sense) -> Iterator[Made]:
    yield "ON", right, ()


# Panels and what they hold.


def _holding(noun: Sense) -> Iterator[tuple[Program, Features]]:
    operator, number, members, style = noun
    if operator == "all":
        yield ("only", members), ("all of a panel",)
        return
    if operator == "bare":
        yield ("holding", ">=", 1, members), ("bare some",)
        yield ("only", members), ("bare only",)
        return
    yield ("holding", operator, number, members), (f"{style} {operator} held",)


@_rule("W", "NO")
def _with(_: Sense, right: Sense) -> Iterator[Made]:
    for panels, features in _holding(right):
        yield "MB", panels, features


@_rule("WO", "NO")
def _without(_: Sense, right: Sense) -> Iterator[Made]:
    yield "MB", ("holding", "=", 0, right[2]), ()


@_rule("W", "ON")
def _with_only(_: Sense, right: Sense) -> Iterator[Made]:
    yield "MB", ("only", right), ("only",)
    if right[0] == "or":
        each = [("holding", ">=", 1, part) for part in right[1:]]
        yield "MB", conjoin(("only", right), *each), ("only, each present",)
    yield "MB", ("holding", "=", 1, right), ("only one",)


@_rule("W", "MB")
def _with_modifier(_: Sense, right: Sense) -> Iterator[Made]:
    yield "MB", right, ()


@_rule("NO", "MB")
def _noun_with(left: Sense, right: Sense) -> Iterator[Made]:
    # "3 items of only one color": it is the panel that is meant.
    for panels, features in _holding(left):
        yield "HB", conjoin(panels, right), (*features, "held and")


@_rule("NO", "ON")
def _noun_only(left: Sense, right: Sense) -> Iterator[Made]:
    for panels, features in _holding(left):
        for _, only, more in _with_only(None, right):
            yield "HB", conjoin(panels, only), (*features, *more)


@_rule("W", "HB")
def _with_held(_: Sense, right: Sense) -> Iterator[Made]:
    yield "MB", right, ()


@_rule("AND", "NO")
def _and_noun(_: Sense, right: Sense) -> Iterator[Made]:
    yield "&NO", right, ()


@_rule("MB", "&NO")
def _with_both(left: Sense, right: Sense) -> Iterator[Made]:
    for panels, features in _holding(right):
        yield "MB", conjoin(left, panels), features


@_rule("AND", "MB")
def _and_modifier(_: Sense, right: Sense) -> Iterator[Made]:
    yield "&MB", right, ()


@_rule("OR", "MB")
def _or_modifier(_: Sense, right: Sense) -> Iterator[Made]:
    yield "|MB", right, ()


@_rule("MB", "&MB")
@_rule("MB", "MB")
def _both_modifiers(left: Sense, right: Sense) -> Iterator[Made]:
    yield "MB", conjoin(left, right), ()


@_rule("MB", "|MB")
def _either_modifier(left: Sense, right: Sense) -> Iterator[Made]:
    yield "MB", unite(left, right), ()


@_rule("NEG", "MB")
def _negated_holding(_: Sense, right: Sense) -> Iterator[Made]:
    if right[0] == "holding" and right[1] == ">=" and right[2] == 1:
        yield "MB", ("holding", "=", 0, right[3]), ()


@_rule("B", "MB")
def _narrow_panels(left: Sense, right: Sense) -> Iterator[Made]:
    yield "B", conjoin(left, right), ()


@_rule("A", "B")
def _colored_panels(left: Sense, right: Sense) -> Iterator[Made]:
    yield "B", conjoin(right, ("only", left)), ("coloured panel",)


@_rule("NO", "B")
def _panels_of_so_many(left: Sense, right: Sense) -> Iterator[Made]:
    operator, number, members, style = left
    if operator == "=" and style in ("word", "digit"):
        yield "B", conjoin(right, ("holding", "=", number, members)), ("so many a panel",)


# Places, edges and relations.


@_rule("T", "E")
def _touching_edge(_: Sense, right: Sense) -> Iterator[Made]:
    yield "MN", ("edge", right), ()


@_rule("E", "E")
def _named_edge(left: Sense, right: Sense) -> Iterator[Made]:
    if right == "any":
        yield "E", left, ()
    if left == "any":
        yield "E", right, ()


@_rule("Q", "E")
@_rule("B", "E")
def _edge_of_panel_before(_: Sense, right: Sense) -> Iterator[Made]:
    yield "E", right, ()


@_rule("E", "NB")
def _edge_of_panel(left: Sense, _: Sense) -> Iterator[Made]:
    yield "E", left, ()


@_rule("E", "PB")
def _edge_of_a_panel(left: Sense, _: Sense) -> Iterator[Made]:
    yield "E", left, ()


@_rule("W", "NB")
@_rule("IN", "NB")
def _of_panels(_: Sense, right: Sense) -> Iterator[Made]:
    yield "PB", right, ()


@_rule("P", "NB")
@_rule("P", "PB")
@_rule("MN", "PB")
def _place_in_panels(left: Sense, right: Sense) -> Iterator[Made]:
    place = left if right[2] == ALL_PANELS else conjoin(left, ("in", right[2]))
    yield "MN", place, ()
    if left[0] == "at":
        yield "N", place, ("place as noun",)


@_rule("P", "C")
def _color_of_place(left: Sense, _: Sense) -> Iterator[Made]:
    yield "P", left, ()


@_rule("P", "N")
def _object_at_place(left: Sense, right: Sense) -> Iterator[Made]:
    yield "N", conjoin(left, right), ()


@_rule("F", "P")
def _from(_: Sense, right: Sense) -> Iterator[Made]:
    if right[2] == 1:
        yield "FP", right[1], ()


@_rule("P", "FP")
@_rule("N", "FP")
def _counted_from(left: Sense, right: Sense) -> Iterator[Made]:
    # "the second block from the base"
    parts = left[1:] if left[0] == "and" else (left,)
    if any(part[0] == "at" and part[1] == right for part in parts):
        yield "N", left, ()


@_rule("AND", "P")
def _and_place(_: Sense, right: Sense) -> Iterator[Made]:
    yield "&P", right, ()


@_rule("P", "&P")
def _places(left: Sense, right: Sense) -> Iterator[Made]:
    yield "MN", unite(left, right), ()


@_rule("R", "NO")
def _related(left: Sense, right: Sense) -> Iterator[Made]:
    yield "MN", (left, right[2]), (f"by {left}",)


@_rule("T", "NO")
def _touching(_: Sense, right: Sense) -> Iterator[Made]:
    yield "MN", ("touching", right[2]), ()


@_rule("N", "ST")
def _stacked(left: Sense, _: Sense) -> Iterator[Made]:
    yield "N", ("stacked", left), ()


@_rule("MN", "MN")
def _both_places(left: Sense, right: Sense) -> Iterator[Made]:
    yield "MN", conjoin(left, right), ()


@_rule("AND", "MN")
def _and_place_modifier(_: Sense, right: Sense) -> Iterator[Made]:
    yield "&MN", right, ()


@_rule("MN", "&MN")
def _both_modifiers_of_noun(left: Sense, right: Sense) -> Iterator[Made]:
    yield "MN", conjoin(left, right), ()


# Statements.


@_rule("NO", "MN")
@_rule("NO", "A")
def _predicate(left: Sense, right: Sense) -> Iterator[Made]:
    operator, number, subject, style = left
    yield "NV", (operator, number, subject, right, style), ("predicate",)
    if operator in ("all", "bare"):
        yield "S", ("all", subject, right), (f"{style} all",)
        if operator == "bare":
            yield "S", ("count", ">=", 1, conjoin(subject, right)), ("bare some of",)
    else:
        yield "S", ("count", operator, number, conjoin(subject, right)), (f"{style} {operator} shapes",)


@_rule("W", "NV")
def _with_predicate(_: Sense, right: Sense) -> Iterator[Made]:
    # "with only one block, which is blue": so many in all, and so many of the kind.
    operator, number, subject, predicate, style = right
    if operator not in ("all", "bare"):
        both = conjoin(
            ("holding", operator, number, subject), ("holding", operator, number, conjoin(subject, predicate))
        )
        yield "MB", both, ("held, and all such", f"{style} {operator} held")


@_rule("NB", "MB")
def _panels_predicate(left: Sense, right: Sense) -> Iterator[Made]:
    operator, number, subject, style = left
    if operator in ("all", "bare"):
        yield "S", ("all", subject, right), (f"{style} all panels",)
        if operator == "bare":
            yield "S", ("count", ">=", 1, conjoin(subject, right)), ("bare some panels",)
    else:
        yield "S", ("count", operator, number, conjoin(subject, right)), (f"{style} {operator} panels",)


@_rule("AND", "S")
def _and_statement(_: Sense, right: Sense) -> Iterator[Made]:
    yield "&S", right, ()


@_rule("S", "&S")
def _both_statements(left: Sense, right: Sense) -> Iterator[Made]:
    yield "S", ("both", left, right), ()


@_rule("NO", "PB")
def _in_panels(left: Sense, right: Sense) -> Iterator[Made]:
    # "in each box there is ...": a statement about the panels.
    operator, number, panels, style = right
    for held, features in _holding(left):
        if operator == "all":
            yield "S", ("all", panels, held), features
        elif operator != "bare":
            yield "S", ("count", operator, number, conjoin(panels, held)), (*features, f"{style} {operator} panels")
