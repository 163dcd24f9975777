"""A visitor's tool: read without being run, and, on one's own machine alone, run. Says what is wrong in which line."""

from __future__ import annotations

import ast
import builtins
import sys
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import count

from visagent.core.errors import ToolDefinitionError
from visagent.tools.toolkit import Tool

_NAME = "visagent_visitor_tools_"
_numbers = count(1)


@dataclass(frozen=True)
class Problem:
    """What is wrong in a line, counted from 1."""

    line: int
    message: str
    remedy: str = ""


def template() -> str:
    """A working tool to begin with, the one that `visagent tools new` writes."""
    from jinja2 import Environment

    text = files("visagent_apps").joinpath("templates/tool.py.j2").read_text("utf-8")
    return Environment(autoescape=False, keep_trailing_newline=True).from_string(text).render(name="brightness")


def read(code: str) -> list[Problem]:
    """What can be said of a definition without running it: syntax, docstrings, annotations, unknown names."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError) as error:
        return [Problem(getattr(error, "lineno", None) or 1, getattr(error, "msg", str(error)))]
    tools = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is(node)]
    if not tools:
        return [Problem(1, "No function is decorated with @tool.", "Write @tool above one.")]
    known = {*dir(builtins), *_bound(tree)}
    return sorted((problem for node in tools for problem in _of(node, known)), key=lambda problem: problem.line)


def load(code: str) -> tuple[list[Tool], list[Problem]]:
    """The tools that code defines, which is run for that: only ever on the machine of who wrote it.

    Returns:
        Tools, or the problems that keep them from being ones.
    """
    if problems := read(code):
        return [], problems
    # A module of its own, found by that name, because annotations are resolved in the module of their function.
    name = f"{_NAME}{next(_numbers)}"
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(code, name, "exec"), module.__dict__)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        lines = [frame.lineno or 1 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
        line = lines[-1] if lines else 1
        if isinstance(error, ToolDefinitionError):
            return [], [Problem(_named(code, error.fact) or line, error.fact, error.remedy)]
        return [], [Problem(line, f"{type(error).__name__}: {error}")]
    return [value for value in vars(module).values() if isinstance(value, Tool)], []


def _is(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is decorated with `tool`, plain or called, by itself or as `visagent.tool`."""
    plain = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
    return any(getattr(item, "id", getattr(item, "attr", None)) == "tool" for item in plain)


def _of(node: ast.FunctionDef | ast.AsyncFunctionDef, known: set[str]) -> Iterator[Problem]:
    if not (ast.get_docstring(node) or "").strip():
        yield Problem(node.lineno, f"{node.name} has no docstring.", "Say in its first line what the tool is for.")
    arguments = node.args
    for odd in (arguments.vararg, arguments.kwarg, *arguments.posonlyargs):
        if odd is not None:
            yield Problem(
                odd.lineno, f"{node.name}({odd.arg}): a plan gives arguments by name.", "Use plain named parameters."
            )
    for argument in (*arguments.args, *arguments.kwonlyargs):
        if argument.annotation is None:
            yield Problem(
                argument.lineno,
                f"{node.name}({argument.arg}) has no annotation.",
                "Annotate it, for example image: Crop.",
            )
        else:
            yield from _unknown(argument.annotation, f"{node.name}({argument.arg})", known)
    if node.returns is None:
        yield Problem(node.lineno, f"{node.name} has no return annotation.", "Annotate it, for example -> Boxes.")
    else:
        yield from _unknown(node.returns, node.name, known)


def _unknown(annotation: ast.expr, where: str, known: set[str]) -> Iterator[Problem]:
    for part in ast.walk(annotation):
        if isinstance(part, ast.Name) and part.id not in known:
            yield Problem(part.lineno, f"{where}: the name {part.id} is not defined.", f"Import it: {part.id}.")


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that a module binds."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in names)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name


def _named(code: str, fact: str) -> int | None:
    """The line of the parameter or function that an error begins with, as in `brightness(image): …`."""
    where = fact.partition(":")[0].partition(" ")[0]
    function, _, parameter = where.rstrip(")").partition("(")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function:
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            return next((argument.lineno for argument in every if argument.arg == parameter), node.lineno)
    return None
