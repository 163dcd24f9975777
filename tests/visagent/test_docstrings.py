"""Docstrings can be read one entry at a time: each says by itself what an argument or an attribute is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("visagent", "tools/visagent_tools", "apps/visagent_apps", "training/visagent_training")
FRAGMENT = re.compile(r"^ +\*{0,2}\w+: (Of|Whose|Told|Those|So far) ", re.MULTILINE)
"""An entry such as `language: Of the answer.`, in front of which a reader has to put the name again."""


def fragments(source: str) -> Iterator[str]:
    """The entries of a module's docstrings that are no phrases of their own, but for those that planners are shown."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            decorators = [ast.unparse(one).partition("(")[0] for one in node.decorator_list]
            text = ast.get_docstring(node, clean=False) or ""
            sections = re.split(r"^ *(?:Args|Attributes):$", text, maxsplit=1, flags=re.MULTILINE)
            if "tool" not in decorators and len(sections) == 2:
                yield from (match[0].strip() for match in FRAGMENT.finditer(sections[1]))


def test_a_fragment_is_found() -> None:
    source = 'def write(language):\n    """Write.\n\n    Args:\n        language: Of the answer.\n    """\n'
    assert list(fragments(source)) == ["language: Of"]
    assert list(fragments(source.replace("Of the", "Language of the"))) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_arguments_and_attributes_are_described_by_whole_phrases(folder: str) -> None:
    found = {
        f"{file.relative_to(ROOT)}: {entry}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        for entry in fragments(file.read_text("utf-8"))
    }
    assert found == set()
