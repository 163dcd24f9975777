"""Writes the files of a new tool from templates. Overwrites nothing."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path

from visagent.core.errors import InputError, ToolDefinitionError

_TEMPLATES = files("visagent_apps") / "templates"


def new_tool(name: str, folder: Path, *, package: bool = False) -> list[Path]:
    """Write a working tool.

    Args:
        name: Name of the function: words in lower case, joined by underscores.
        folder: Where to write; made if it is not there.
        package: Whether to write a package that others can install, in a folder of its own.

    Returns:
        The files, the one with the tool first.

    Raises:
        ToolDefinitionError: the name cannot be used, or an installed tool has it.
        InputError: a file is there already, or the folder cannot be written.
    """
    _check(name)
    module = f"visagent_{name}"
    distribution = module.replace("_", "-")
    names = {"name": name, "module": module, "distribution": distribution}
    if package:
        root = folder / distribution
        texts = {
            root / module / "__init__.py": _rendered("tool.py.j2", names),
            root / "pyproject.toml": _rendered("package/pyproject.toml.j2", names),
            root / "tests" / f"test_{name}.py": _rendered("package/test_tool.py.j2", names),
            root / "README.md": _rendered("package/README.md.j2", names),
        }
    else:
        texts = {folder / f"{name}.py": _rendered("tool.py.j2", names)}
    try:
        if there := next((path for path in texts if path.exists() or path.is_symlink()), None):
            raise InputError(f"{there} is there already.", "Choose another name or folder, or move it away.")
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}.", "Choose another folder.") from error
    return list(texts)


def _check(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 40:
        raise ToolDefinitionError(
            f"A tool cannot be named {name[:80]!r}.", "Use at most 40 characters: words in lower case, joined by _."
        )
    if keyword.iskeyword(name) or name in sys.stdlib_module_names or name == "unanswerable":
        raise ToolDefinitionError(f"{name!r} already means something in Python or in plans.", "Choose another name.")
    from visagent.tools.toolkit import Toolkit

    if name in Toolkit.installed():
        raise ToolDefinitionError(f"There is a tool named {name} already.", "Choose another name.")


def _rendered(template: str, names: dict[str, str]) -> str:
    from jinja2 import Environment, StrictUndefined

    # Python and TOML, not HTML; the names that are filled in were checked.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    return environment.from_string((_TEMPLATES / template).read_text("utf-8")).render(names)
