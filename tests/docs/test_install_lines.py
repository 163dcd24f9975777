"""Every line that installs something works as written in a clone, wherever the documents or a message say it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from visagent.core import install

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"pip install ((?:-e |--[\w-]+ )*[^`\n|&)]*)")
ELSEWHERE = {"vllm", "llama.cpp", "ipykernel", "visagent-gloss", "pillow-heif", "huggingface_hub", "bitsandbytes"}
"""Packages of others, and the documentation's example of a package of yours."""
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


def documents() -> Iterator[Path]:
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "visagent" / "core" / "profiles").glob("*.yaml"))
    for folder in ("docs", "examples"):
        yield from (file for kind in ("*.md", "*.ipynb") for file in (ROOT / folder).rglob(kind))


def installed() -> dict[str, set[str]]:
    """What all lines together install: folders of the clone, each with the extras that lines name."""
    found: dict[str, set[str]] = {}
    for file in documents():
        for line in LINE.findall(file.read_text("utf-8").replace('\\"', '"')):
            for word in line.split():
                word = word.strip("\"'.,;:") if not word.startswith(('".', "./")) else word.strip("\"',;:")
                if word in ("-e", "in", "an", "environment", "of", "its", "own") or word in ELSEWHERE:
                    continue
                folder, _, extras = word.partition("[")
                where = "." if folder in ("", ".") and extras else folder
                assert (ROOT / where / "pyproject.toml").is_file(), f"{file.relative_to(ROOT)}: pip install {line}"
                found.setdefault(where, set()).update(extras.rstrip("]").split(",") if extras else ())
    return found


def test_the_lines_name_folders_and_extras_that_there_are() -> None:
    found = installed()
    assert {".", "research", "./examples/third_party_tool", "./examples/third_party_backend"} <= set(found)
    assert {"all", "dev", "app", "embedded", "local", "mcp", "serve", "train"} <= found["."] <= set(EXTRAS)


@pytest.mark.slow
def test_pip_takes_all_of_them_as_they_are_written() -> None:
    words = [f"{where}[{','.join(sorted(extras))}]" if extras else where for where, extras in installed().items()]
    words = [word if word.startswith(".") else f"./{word}" for word in words]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-build-isolation", "--no-index"]
    ended = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "does not provide the extra" not in ended.stdout + ended.stderr


def test_messages_say_the_line_in_one_place() -> None:
    saying = []
    for folder in ("visagent", "tools", "apps", "training", "research/visagent_research"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text("utf-8")
            if "visagent[" in text and file != Path(install.__file__).resolve():
                constants = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
                saying += [f"{file.name}:{node.lineno}" for node in constants if "visagent[" in str(node.value)]
    assert saying == []


def test_extras_that_messages_name_exist() -> None:
    named = set()
    for folder in ("visagent", "tools", "apps", "training", "research/visagent_research"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text("utf-8")
            for call in re.findall(r"install_line\(([^)]*)\)", text):
                named.update(re.findall(r"[\"'](\w+)[\"']", call))
            named.update(re.findall(r"requiring\(.*, \"(\w+)\"\):", text))
    assert {"embedded", "local", "mcp", "train"} <= named <= set(EXTRAS)


@pytest.mark.parametrize(
    ("came", "line"),
    [
        ('{"dir_info": {}, "url": "file:///home/me/visagent"}', 'pip install ".[app,embedded]" in the checkout of'),
        ('{"dir_info": {"editable": true}, "url": "file:///home/me/visagent"}', 'pip install -e ".[app,embedded]" in'),
        (None, 'pip install "visagent[app,embedded]"'),
    ],
)
def test_a_line_goes_by_where_this_installation_came_from(
    came: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Distribution:
        def read_text(self, name: str) -> str | None:
            return came

    monkeypatch.setattr(install, "distribution", lambda name: Distribution())
    install._origin.cache_clear()  # noqa: SLF001
    try:
        said = install.install_line("app", "embedded")
    finally:
        install._origin.cache_clear()  # noqa: SLF001
    assert said.startswith(line) and "/home/me" not in said
