"""Plans as nested calls, such as `count(left_of(detect('dog'), detect('cat')))`, and back to numbered steps.

The grammar of questions composes expressions; a planner writes steps. Knows neither questions nor models.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from visagent.planning.nested_calls import value_of
from visagent.planning.plan import UNANSWERABLE
from visagent.tools.toolkit import ToolSpec

Specs = Mapping[str, ToolSpec]


@dataclass(frozen=True)
class Call:
    """One call, whose arguments are literals, lists or further calls."""

    tool: str
    arguments: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, spec: ToolSpec, *positional: Any, **named: Any) -> Call:
        """A call with its arguments in the order of the tool's parameters; None leaves one out.

        Positional arguments fill the parameters that take no media, or all of them where none of those is required.
        """
        plain = [parameter for parameter in spec.parameters if not parameter.media]
        filled = plain if any(parameter.required for parameter in plain) else spec.parameters
        names = [parameter.name for parameter in filled]
        given = dict(zip(names, positional, strict=False)) | named
        ordered = tuple(
            (parameter.name, given[parameter.name])
            for parameter in spec.parameters
            if given.get(parameter.name) is not None
        )
        if len(ordered) != sum(value is not None for value in given.values()) or len(positional) > len(names):
            raise ValueError(f"{spec.name} takes {names}, not {positional} {named}")
        return cls(spec.name, ordered)

    def get(self, name: str) -> Any:
        """The argument of that name, or None."""
        return dict(self.arguments).get(name)


def at(where: Any, expression: Any, specs: Specs) -> Any:
    """The expression with every left-out image filled in: another picture's name, or the call that makes one."""
    if isinstance(expression, (list, tuple)):
        return tuple(at(where, value, specs) for value in expression)
    if not isinstance(expression, Call):
        return expression
    arguments = {name: at(where, value, specs) for name, value in expression.arguments}
    for parameter in specs[expression.tool].parameters:
        if "image" in parameter.media and parameter.required and parameter.name not in arguments:
            arguments[parameter.name] = where
    return Call.of(specs[expression.tool], **arguments)


def parse(source: str, slots: Mapping[str, Any], specs: Specs) -> Any:
    """An expression from its notation; names stand for slots, and a slot may also name the tool to call.

    Raises:
        ValueError: the notation uses something else than calls, slots, lists and literals.
    """

    def call(name: str, positional: list[Any], named: dict[str, Any]) -> Any:
        if name == "at":
            where, inner = positional
            return at(where, inner, specs)
        return Call.of(specs[slots.get(name, name)], *positional, **named)

    def text(quoted: str) -> str:
        return quoted.replace("M", str(slots["M"])) if "M" in slots else quoted

    expression = ast.parse(source, mode="eval").body
    return value_of(expression, call=call, name=slots.__getitem__, text=text, sequence=tuple)


def to_steps(roots: Sequence[Any]) -> list[dict[str, JsonValue]]:
    """Expressions as a plan's steps: arguments before the call that reads them, each distinct call once."""
    steps: list[dict[str, JsonValue]] = []
    numbers: dict[Call, int] = {}

    def visit(expression: Any) -> JsonValue:
        if isinstance(expression, (list, tuple)):
            return [visit(item) for item in expression]
        if not isinstance(expression, Call):
            literal: JsonValue = expression
            return literal
        if expression not in numbers:
            arguments = {name: visit(item) for name, item in expression.arguments}
            steps.append({"tool": expression.tool, **arguments})
            numbers[expression] = len(steps)
        return f"$q{numbers[expression]}"

    for root in roots:
        visit(root)
    return steps


def unanswerable(reason: str) -> list[dict[str, JsonValue]]:
    """The plan of a question that no tool can answer; `reason` is a key of `visagent.planning.plan.REASONS`."""
    return [{"tool": UNANSWERABLE, "reason": reason}]


def compact(steps: Sequence[Mapping[str, JsonValue]]) -> str:
    """The text of a plan as the embedded planner writes it: JSON without spaces, so that few tokens are decoded."""
    return json.dumps({"steps": steps}, ensure_ascii=False, separators=(",", ":"))
