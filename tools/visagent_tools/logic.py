"""Counting, comparing, and truth: exact and pure."""

from __future__ import annotations

import ast
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from visagent.core.errors import AmbiguousInput, MissingInput, ToolError
from visagent.evidence.contents import items_of
from visagent.evidence.values import Boxes, Labels, Line, Number, Table, Text, Tracks
from visagent.tools.toolkit import Formula, tool

Items = TypeVar("Items", Boxes, Labels, Text)

# Numbers joined by signs; bounded, so that no line takes long. An x between numbers multiplies.
_NUMBER = r"[-\u2212(]{0,4}\d{1,12}(?:[.,]\d{1,6})?[)]{0,4}"
_SUM = re.compile(rf"{_NUMBER}(?:(?:\s?[-+*/×x÷\u2212^]\s?| : ){_NUMBER}){{1,20}}")
_SIGNS = str.maketrans("x:", "*/")

MAX_EXPRESSION = 200
"""Characters of an arithmetic expression."""


@tool(version="2")
def count(items: Boxes | Tracks | Labels | Table) -> Number:
    """How many objects, tracks, labels or rows of a table there are.

    Headings of a table and rows that add up others are no rows of it, nor is what stands below the total of a bill.
    """
    if isinstance(items, Table):
        from visagent_tools.table_lookup import TableView

        return Number(value=len(TableView(items).entries()))
    if isinstance(items, Boxes) and not items.placed:
        raise MissingInput(
            "count: such a thing was recognised in the picture, but not where, nor how many.",
            "Count something that the detector can place.",
        )
    return Number(value=len(items_of(items) or ()))


@tool(by_sight=True)
def exists(items: Boxes | Tracks | Labels | Text) -> bool:
    """Whether there is at least one.

    A text exists if it has a character that is not blank.
    """
    return bool(items.text.strip()) if isinstance(items, Text) else bool(items_of(items))


@tool(by_sight=True)
def pick(items: Items, position: int) -> Items:
    """The item at a position: 1 is the first, -1 the last.

    The items of a text are its lines; blank ones do not count.
    """
    if isinstance(items, Text):
        lines = items.lines or tuple(Line(text=line) for line in items.text.splitlines())
        line = _at([line for line in lines if line.text.strip()], position, "line")
        return Text(text=line.text, media=items.media, lines=(line,) if items.lines else ())
    if isinstance(items, Labels):
        return Labels(labels=(_at(items.labels, position, "label"),))
    return items.replace([_at(items.boxes, position, "object")])


@tool
def compare(a: float, op: Literal["<", "<=", "=", "!=", ">=", ">"], b: float) -> bool:
    """Whether two numbers compare as said.

    Numbers that differ by less than a billionth of the larger one count as equal.
    """
    equal = math.isclose(a, b, rel_tol=1e-9)
    answers = {"<": a < b, "<=": a < b, "=": False, "!=": True, ">=": a > b, ">": a > b}
    return op in ("<=", "=", ">=") if equal else answers[op]


@tool(by_sight=True)
def all_true(values: list[bool]) -> bool:
    """Whether every one of several statements is true."""
    return all(values)


@tool(by_sight=True)
def any_true(values: list[bool]) -> bool:
    """Whether at least one of several statements is true."""
    return any(values)


@tool(by_sight=True)
def negate(value: bool) -> bool:
    """Whether a statement is false."""
    return not value


@tool
def calculate(expression: Formula, a: float, b: float | None = None, c: float | None = None) -> Number:
    """Work out an arithmetic expression in a, b and c, such as (a - b) / 2.

    Knows + - * / // % ** (also written × ÷ − and ^), parentheses, and min, max, abs, round, sqrt. Everything is done in
    double precision, so that no expression can grow large or take long.
    """
    if len(expression) > MAX_EXPRESSION:
        raise ToolError(
            f"calculate: the expression is {len(expression)} characters long.", f"Use at most {MAX_EXPRESSION}."
        )
    names = {name: float(value) for name, value in (("a", a), ("b", b), ("c", c)) if value is not None}
    return Number(value=_evaluate(expression, names))


@tool(version="2")
def evaluate(text: Text) -> Number:
    """Work out a written sum, such as 12 + 7 = in a picture.

    The first line that holds a sum is worked out; what stands behind its equals sign is passed over. Of several lines
    that are sums and nothing else none is meant more than another.
    """
    lines = text.lines or [Line(text=line) for line in text.text.splitlines()]
    found = [(line, match) for line in lines if (match := _SUM.search(_plain(line))) is not None]
    if not found:
        raise MissingInput("evaluate: the text holds no sum to work out.", "Give a line such as 12 + 7.")
    alone = [match[0] for line, match in found if re.fullmatch(r"\W*", _plain(line)[: match.start()])
             and re.fullmatch(r"\W*(?:=.*)?", _plain(line)[match.end() :])]  # fmt: skip
    values = {_worked_out(written) for written in alone}
    if len(values) > 1:
        raise AmbiguousInput(
            f"evaluate: the text holds several sums: {', '.join(dict.fromkeys(alone[:8]))}.",
            "Say which line is meant: pick.",
        )
    line, match = found[0]
    return Number(value=_worked_out(match[0]), confidence=line.confidence)


def _plain(line: Line) -> str:
    return unicodedata.normalize("NFKC", line.text)


def _worked_out(written: str) -> float:
    return round(_evaluate(written.translate(_SIGNS).replace(",", "."), {}), 10)


Item = TypeVar("Item")


def _at(items: list[Item] | tuple[Item, ...], position: int, what: str) -> Item:
    """The item at a position counted from 1, or from the end where it is negative."""
    if not 1 <= abs(position) <= len(items):
        if not items:
            raise MissingInput(f"pick: there are no {what}s to pick one from.", "Look for something else.")
        there_are = f"there {'is' if len(items) == 1 else 'are'} {len(items)} {what}{'' if len(items) == 1 else 's'}"
        way_out = f"Use 1 to {len(items)}, or -1 for the last."
        raise MissingInput(f"pick: there is no {what} at position {position}, as {there_are}.", way_out)
    return items[position - 1 if position > 0 else position]


def _evaluate(expression: str, names: dict[str, float]) -> float:
    """A finite number from an expression; only numbers, the named values, arithmetic and five functions exist."""
    from simpleeval import InvalidExpression, SimpleEval

    operators: dict[type[ast.AST], Callable[..., Any]] = {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
        ast.Pow: operator.pow,
        ast.USub: operator.neg,
        ast.UAdd: operator.pos,
    }
    functions = {"min": min, "max": max, "abs": abs, "round": _round, "sqrt": math.sqrt}
    evaluator = SimpleEval(operators=operators, functions=functions, names=names)
    # Strings, comparisons, attributes, subscripts and comprehensions have no place in arithmetic.
    allowed = (ast.Expr, ast.UnaryOp, ast.BinOp, ast.Call, ast.Name, ast.Constant)
    evaluator.nodes = {node: handler for node, handler in evaluator.nodes.items() if node in allowed}
    evaluator.nodes[ast.Constant] = _constant
    where = f"calculate({expression!r})"
    plain = expression.translate(str.maketrans("×÷−", "*/-")).replace("^", "**")
    try:
        value = evaluator.eval(plain.strip())
    except ZeroDivisionError as error:
        raise ToolError(f"{where}: this divides by zero.", "Check that the divisor is not zero first.") from error
    except OverflowError as error:
        raise ToolError(f"{where}: the result is too large.", "Use smaller numbers.") from error
    except (InvalidExpression, SyntaxError, ValueError, TypeError, RecursionError, MemoryError, KeyError) as error:
        known = ", ".join([*names, *functions])
        raise ToolError(f"{where} cannot be worked out.", f"Use numbers, + - * / and these names: {known}.") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ToolError(f"{where} gives no finite number.", "Write an expression whose result is one number.")
    return float(value)


def _constant(node: ast.Constant) -> float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise TypeError(f"{node.value!r} is no number")
    # As a float, so that a power overflows at once and does not grow for minutes.
    return float(node.value)


def _round(value: float, digits: float = 0.0) -> float:
    return round(value, int(digits))
