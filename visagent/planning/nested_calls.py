"""Reads nested calls, such as `count(detect("dog"))`, from the inside out. Knows no tool and no plan."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any


def value_of(
    expression: ast.AST,
    *,
    call: Callable[[str, list[Any], dict[str, Any]], Any],
    name: Callable[[str], Any],
    text: Callable[[str], Any] = str,
    sequence: Callable[[list[Any]], Any] = list,
) -> Any:
    """What an expression of calls, lists, names, texts and numbers comes to.

    Args:
        expression: The syntax of one expression.
        call: Makes the value of a call, of the function's name, the values by position, and those by name.
        name: Makes the value of a bare name.
        text: Makes the value of a quoted text.
        sequence: Makes the value of a list, of its items' values.

    Raises:
        ValueError: the expression holds something else.
    """

    def value(node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=str(quoted)):
                return text(quoted)
            case ast.Constant(value=bool() | int() | float() as literal):
                return literal
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.List(elts=items):
                return sequence(values(items))
            case ast.Name(id=word):
                return name(word)
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=keywords):
                by_position = values(arguments)
                return call(function, by_position, {str(word.arg): value(word.value) for word in keywords})
        raise ValueError(f"{ast.dump(node)[:200]} is no part of the notation")

    def values(nodes: Sequence[ast.AST]) -> list[Any]:
        return [value(node) for node in nodes]

    return value(expression)
