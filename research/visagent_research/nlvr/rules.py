"""Rules of the grammar of statements: what two neighbours make. Knows no sentence and no scene.

Each rule takes the senses of both neighbours and yields what they make, if anything. The categories are those of
`grammar.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from visagent_research.nlvr.lexicon import COLORS
from visagent_research.nlvr.programs import Program, conjoin, unite

Features: TypeAlias = tuple[str, ...]
Sense: TypeAlias = Any
Made: TypeAlias = tuple[str, Sense, Features]
"""A category, what it means, and the features of the step that made it."""

ALL_SHAPES: Program = ("shapes",)
ALL_PANELS: Program = ("panels",)

Rule: TypeAlias = Callable[[Sense, Sense], Iterator[Made]]
RULES: dict[str, list[tuple[str, Rule]]] = defaultdict(list)


def _rule(left: str, right: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        RULES[left].append((right, rule))
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
