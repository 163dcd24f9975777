"""How good plans are: compared with gold plans as graphs, and up to what makes no difference to the answer.

Two plans are *the same* if their graphs are isomorphic with equal tools, arguments, wiring and media: neither the
numbering of steps, nor the order of independent ones, nor a repeated step matters. Since a plan's graph shares equal
calls, that holds exactly if its sinks unfold into the same expressions. Two plans are *equivalent* if the expressions
are equal after rewriting: operands of `merge`, `all_true`, `any_true`, `a + b` and `a * b` in any order, `a > b` as
`b < a`, filters of the same objects in any order. Knows no model.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue

from visagent.core.errors import PlanError
from visagent.core.words import singular
from visagent.evidence.tree import REFERENCE, QuestionTree
from visagent.media.media import MediaInfo
from visagent.planning.plan import UNANSWERABLE, Plan, compile_plan, parse_plan
from visagent.tools.toolkit import Tool

_FILTERS = {"left_of": "a", "right_of": "a", "above": "a", "below": "a", "inside": "a", "overlaps": "a"} | {
    "filter_color": "boxes",
    "filter_boxes": "boxes",
}
"""Tools that keep some of the boxes of one argument, each by itself, so that their order does not matter."""
_MIRRORED = {"<": ">", "<=": ">=", "=": "=", "!=": "!=", ">": "<", ">=": "<="}


def media_named(names: Sequence[str]) -> dict[str, MediaInfo]:
    """Stand-ins for media of these names, such as `image2`: what a schema needs to know of them.

    A video counts as one with sound.
    """
    return {
        name: MediaInfo.model_validate(
            {"hash": "0" * 64, "kind": (kind := name.rstrip("0123456789")), "name": name, "has_audio": kind != "image"}
        )
        for name in names
    }


class Node(NamedTuple):
    """A call with all that it needs, unfolded; arguments by name."""

    tool: str
    arguments: tuple[tuple[str, Any], ...]


def unfold(tree: QuestionTree) -> Counter[Node]:
    """The sinks of a checked plan as expressions, with strings in lower case and labels in the singular."""
    if tree.unanswerable is not None:
        return Counter([Node(UNANSWERABLE, (("reason", tree.unanswerable),))])

    def value(name: str, argument: JsonValue) -> Any:
        if isinstance(argument, list):
            return tuple(value(name, item) for item in argument)
        if isinstance(argument, str):
            if match := REFERENCE.match(argument):
                return node(match[1])
            plain = " ".join(argument.lower().split())
            if name == "expression":
                return plain.replace(" ", "")
            return singular(plain) if name == "label" else plain
        if isinstance(argument, (int, float)) and not isinstance(argument, bool):
            return float(argument)
        return argument

    def node(id_: str) -> Node:
        call = tree[id_].solver
        return Node(call.tool, tuple(sorted((name, value(name, item)) for name, item in call.arguments.items())))

    refused = [Node(UNANSWERABLE, (("reason", reason),)) for reason in tree.left_out]
    return Counter([*(node(id_) for id_ in tree.sinks), *refused])


def rewrite(node: Any) -> Any:
    """An expression in the form that all its equivalents share; see this module's first lines."""
    if isinstance(node, tuple) and not isinstance(node, Node):
        return tuple(rewrite(item) for item in node)
    if not isinstance(node, Node):
        return node
    arguments = {name: rewrite(item) for name, item in node.arguments}
    match node.tool:
        case "merge":
            arguments = {"of": tuple(sorted((arguments["a"], arguments["b"]), key=repr))}
        case "all_true" | "any_true":
            values = arguments["values"]
            values = values if isinstance(values, tuple) and not isinstance(values, Node) else (values,)
            arguments = {"values": tuple(sorted(set(values), key=repr))}
        case "calculate":
            arguments = {"value": _arithmetic(str(arguments["expression"]), arguments)}
        case "compare":
            return _comparison(arguments)
        case "pick" if _is(arguments["items"], "sort") and arguments["position"] == 1.0:
            # The first by size is the largest.
            ordered = dict(arguments["items"].arguments)
            if ordered["by"] == "largest_first":
                return Node("largest", (("boxes", ordered["boxes"]),))
        case tool if tool in _FILTERS:
            return _filters(tool, arguments)
    return Node(node.tool, tuple(sorted(arguments.items())))


def _is(value: Any, tool: str) -> bool:
    return isinstance(value, Node) and value.tool == tool


def _filters(tool: str, arguments: dict[str, Any]) -> Node:
    """A chain of filters as the set of its conditions on what is filtered."""
    source = arguments.pop(_FILTERS[tool])
    condition = Node(tool, tuple(sorted(arguments.items())))
    if _is(source, "filtered"):
        inner = dict(source.arguments)
        return Node("filtered", (("by", tuple(sorted({*inner["by"], condition}, key=repr))), ("of", inner["of"])))
    return Node("filtered", (("by", (condition,)), ("of", source)))


def _comparison(arguments: dict[str, Any]) -> Node:
    """A comparison with "less" turned into "greater", and one of a count with a number made strict."""
    a, op, b = arguments["a"], str(arguments["op"]), arguments["b"]
    if isinstance(a, float) and not isinstance(b, float):
        a, op, b = b, _MIRRORED[op], a
    if _is(a, "count") and isinstance(b, float) and op in (">=", "<="):
        op, b = (">", b - 1) if op == ">=" else ("<", b + 1)
    if _is(a, "count") and op == ">" and b == 0.0:
        return Node("exists", a.arguments)
    if not isinstance(b, float) and (op in ("<", "<=") or (op in ("=", "!=") and repr(b) < repr(a))):
        a, op, b = b, _MIRRORED[op], a
    return Node("compare", (("a", a), ("b", b), ("op", op)))


def _arithmetic(expression: str, values: Mapping[str, Any]) -> Any:
    """An expression's syntax with its variables filled in, and operands that may swap in one order."""

    def visit(node: ast.AST) -> Any:
        match node:
            case ast.Name(id=name):
                return values.get(name, name)
            case ast.Constant(value=number):
                return float(number) if isinstance(number, int | float) else number
            case ast.BinOp(left=left, op=op, right=right):
                operands = [visit(left), visit(right)]
                if isinstance(op, ast.Add | ast.Mult):
                    flat = [part for item in operands for part in (item[1:] if _same(item, op) else [item])]
                    operands = sorted(flat, key=repr)
                return (type(op).__name__, *operands)
        return ast.dump(node)

    try:
        return visit(ast.parse(expression, mode="eval").body)
    except SyntaxError:
        return expression


def _same(item: Any, op: ast.operator) -> bool:
    return isinstance(item, tuple) and not isinstance(item, Node) and bool(item) and item[0] == type(op).__name__


class Comparison(NamedTuple):
    """A reply measured against the gold plan.

    Attributes:
        valid: Whether it is a plan whose tools, arguments and types are right.
        same: Whether it is the gold plan.
        equivalent: Whether it comes to the same answer.
        tool_f1: F1 of the multiset of its tools.
        right_tools: Whether it calls exactly the gold plan's tools, as a set.
        own_tools: The same of some tools alone: did it choose the right one of those never seen before?
    """

    valid: bool
    same: bool
    equivalent: bool
    tool_f1: float
    right_tools: bool
    own_tools: bool


def compare_plans(
    reply: str,
    gold: Sequence[Mapping[str, JsonValue]],
    tools: Mapping[str, Tool],
    media: Sequence[str],
    *,
    own: Collection[str] = (),
) -> Comparison:
    """Measure a planner's reply against the gold plan of the same question.

    Args:
        reply: Text of a plan in JSON.
        gold: Steps of the gold plan.
        tools: What a plan may call, by name.
        media: Names of the media in the plans, for example `["image1"]`.
        own: Names of the tools that `own_tools` is about.
    """
    infos = media_named(media)
    wanted_tree = unfold(_compiled(Plan(steps=[dict(step) for step in gold]), tools, infos))
    wanted = Counter(str(step["tool"]) for step in gold)
    try:
        plan = parse_plan(reply)
    except PlanError:
        return Comparison(False, False, False, 0.0, False, False)
    called = Counter(str(step.get("tool")) for step in plan.steps)
    shared = (called & wanted).total()
    f1 = 2 * shared / (called.total() + wanted.total())
    right, right_own = set(called) == set(wanted), set(called) & set(own) == set(wanted) & set(own)
    try:
        found = unfold(_compiled(plan, tools, infos))
    except PlanError:
        return Comparison(False, False, False, f1, right, right_own)
    same = found == wanted_tree
    equivalent = same or Counter(map(rewrite, found.elements())) == Counter(map(rewrite, wanted_tree.elements()))
    return Comparison(True, same, equivalent, f1, right, right_own)


def _compiled(plan: Plan, tools: Mapping[str, Tool], media: Mapping[str, MediaInfo]) -> QuestionTree:
    # Whatever the question is: what is compared is the plan.
    return compile_plan("?", plan, tools, media, lambda call, _: str(call))
