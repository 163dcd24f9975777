"""The order in which packages may import each other, and how large a module may grow.

The order is written down once, in `LAYERS`: a module may import its own package and those that stand above it there.
Imports inside functions count, since they run; those for annotations alone (`if TYPE_CHECKING:`) do not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "visagent": ROOT / "visagent",
    "visagent_tools": ROOT / "tools" / "visagent_tools",
    "visagent_prompts": ROOT / "prompts" / "visagent_prompts",
    "visagent_training": ROOT / "training" / "visagent_training",
    "visagent_apps": ROOT / "apps" / "visagent_apps",
    "visagent_research": ROOT / "research" / "visagent_research",
}
LAYERS = (
    {"visagent_prompts"},
    {"visagent.core"},
    {"visagent.media"},
    {"visagent.evidence"},
    {"visagent.models", "visagent.tools"},
    {"visagent.planning"},
    {"visagent.answering"},
    {"visagent.reporting", "visagent.verification"},
    {"visagent.agent"},
    {"visagent.evaluation", "visagent.integrations", "visagent.testing"},
    {"visagent_tools"},
    {"visagent_training"},
    {"visagent_apps"},
    {"visagent_research"},
)
"""From what all rest on to what nothing rests on; packages of one line know nothing of each other."""

ALLOWED = {
    # An answer shows itself: in a notebook, and as a picture with its evidence drawn on it.
    ("visagent.evidence.answer", "visagent.reporting.drawing"),
    # What quotes evidence in a prompt, and what checks a sentence, are on their way to where both can reach them.
    ("visagent.planning.controller", "visagent.answering.quoting"),
    ("visagent.answering.writer", "visagent.verification.citations"),
}
MOST_LINES, MOST_CLASS_LINES, MOST_PACKAGES = 450, 250, 12
LARGE_CLASSES = {
    "visagent.models.llamacpp.LlamaCpp",
}
"""Classes that are still to be split."""


@cache
def modules() -> dict[str, Path]:
    """Every module of this project, by its dotted name."""
    found = {}
    for name, folder in FOLDERS.items():
        for file in folder.rglob("*.py"):
            parts = [name, *file.relative_to(folder).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text("utf-8"))


def imported(tree: ast.AST, *, annotations: bool = False) -> Iterator[str]:
    """The names that a module imports when it runs, dotted, as far as they are of this project.

    Args:
        tree: Of the module.
        annotations: Whether what is imported for annotations alone counts as well.
    """
    for node in ast.iter_child_nodes(tree):
        if not annotations and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        yield from imported(node, annotations=annotations)


@cache
def graph(*, annotations: bool = False) -> nx.DiGraph[str]:
    """Who imports whom; the package `visagent` itself, which holds the version alone, is left out."""
    edges = nx.DiGraph()
    edges.add_nodes_from(modules())
    edges.add_edges_from(
        (module, name)
        for module in modules()
        for name in imported(parsed(module), annotations=annotations)
        if name in modules() and name not in (module, "visagent")
    )
    return edges


def package(module: str) -> str:
    """The package of `LAYERS` that a module belongs to."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "visagent" else parts[0]


def height(module: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if package(module) in layer)


def test_every_package_has_its_place_in_the_order() -> None:
    placed = set().union(*LAYERS)
    assert {package(module) for module in modules()} - {"visagent"} == placed


def test_there_are_at_most_twelve_packages_in_the_library() -> None:
    packages = [folder.name for folder in FOLDERS["visagent"].iterdir() if (folder / "__init__.py").is_file()]
    assert len(packages) <= MOST_PACKAGES


def test_imports_run_one_way() -> None:
    against = {
        (importer, name)
        for importer, name in graph().edges
        if importer != "visagent" and package(importer) != package(name) and height(name) >= height(importer)
    }
    assert sorted(against - ALLOWED) == []
    assert sorted(ALLOWED - against) == [], "these exceptions are no longer needed: take them out"


@pytest.mark.parametrize("annotations", [False, True], ids=["that runs", "for annotations too"])
def test_no_module_imports_itself_through_others(annotations: bool) -> None:
    edges = graph(annotations=annotations).copy()
    edges.remove_edges_from(ALLOWED)
    assert [sorted(circle) for circle in nx.strongly_connected_components(edges) if len(circle) > 1] == []


def test_no_module_is_longer_than_450_lines() -> None:
    long = {module for module, file in modules().items() if len(file.read_text("utf-8").splitlines()) > MOST_LINES}
    assert sorted(long) == []


def test_no_class_is_longer_than_250_lines() -> None:
    long = {
        f"{module}.{node.name}"
        for module in modules()
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno + 1 > MOST_CLASS_LINES
    }
    assert sorted(long - LARGE_CLASSES) == []
    assert sorted(LARGE_CLASSES - long) == [], "these are short enough by now: take them out"


TEST_FILES = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "research" / "tests").rglob("*.py")])


@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: file.name)
def test_a_test_imports_public_names_alone(file: Path) -> None:
    private = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FOLDERS
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert private == []


def test_every_module_that_the_page_on_architecture_names_exists() -> None:
    files = [f"/{file.relative_to(ROOT).as_posix()}" for file in [*modules().values(), *TEST_FILES]]
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/]+\.py)`", page))
    assert named
    assert {name for name in named if not any(file.endswith(f"/{name}") for file in files)} == set()
