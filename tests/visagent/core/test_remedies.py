"""Every error that visagent raises says what to do next."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from visagent.core import errors

ROOT = Path(__file__).parents[3]
FOLDERS = ("visagent", "tools", "apps", "training", "research/visagent_research")
TYPES = {name for name, value in vars(errors).items() if isinstance(value, type)}
"""Names of visagent's errors; a module's own are subclasses that it names as they are."""


def own_types(trees: list[ast.Module]) -> set[str]:
    """Names of visagent's errors and of the classes that modules derive from them."""
    known = set(TYPES)
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while new := {node.name for node in classes if {getattr(base, "id", "") for base in node.bases} & known} - known:
        known |= new
    return known


def without_remedy(tree: ast.Module, types: set[str]) -> Iterator[int]:
    """Lines at which an error of visagent is made with no remedy, or an empty one."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", getattr(node.func, "attr", "")) not in types:
            continue
        spread = any(isinstance(argument, ast.Starred) for argument in node.args)
        given = [argument.value for argument in node.keywords if argument.arg == "remedy"] or node.args[1:2]
        empty = [argument for argument in given if isinstance(argument, ast.Constant) and not argument.value]
        if not spread and (not given or empty):
            yield node.lineno


@pytest.mark.parametrize(
    "source", ['ToolError("It broke.")', 'ToolError("It broke.", "")', 'Mine("It broke.", remedy="")']
)
def test_an_empty_remedy_is_found(source: str) -> None:
    tree = ast.parse(f"class Mine(ToolError): ...\nraise {source}")
    assert list(without_remedy(tree, own_types([tree]))) == [2]


def test_every_error_says_what_to_do_next() -> None:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    trees = {file: ast.parse(file.read_text("utf-8")) for file in files}
    types = own_types(list(trees.values()))
    bare = [f"{file.relative_to(ROOT)}:{line}" for file, tree in trees.items() for line in without_remedy(tree, types)]
    assert len(files) > 150 and bare == []
