"""The tools that a run was given beside the installed ones, and the command that resumes it. Knows no step."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from visagent.tools.toolkit import ENTRY_POINTS, Tool

MCP = "mcp:"
"""What stands before the name of the server that a tool belongs to."""


def own_tools(tools: Iterable[Tool]) -> dict[str, str]:
    """Where each tool comes from that no installed package offers: `mcp:weather`, `/home/me/glare.py:glare`, `m:glare`.

    Args:
        tools: An agent's.
    """
    found = {}
    for tool in tools:
        module = tool.function.__module__
        if not module.startswith((*_installed(), "visagent.")):
            found[tool.spec.name] = module if module.startswith(MCP) else _path(tool, module)
    return found


def tool_options(origins: Mapping[str, str]) -> list[str]:
    """The words of a command that give these tools again: `--tool glare.py:glare --mcp weather`.

    Args:
        origins: Origins as `own_tools` gives them.
    """
    words = []
    for origin in dict.fromkeys(origins.values()):
        words += ["--mcp", origin.removeprefix(MCP)] if origin.startswith(MCP) else ["--tool", origin]
    return words


def resume_line(run_id: str, origins: Mapping[str, str], *options: str) -> str:
    """The whole command that resumes a run: `visagent resume ID --tool glare.py:glare --mcp weather`.

    Args:
        run_id: The run's.
        origins: Origins as `own_tools` gives them.
        *options: Further ones, such as `--yes`.
    """
    return shlex.join(["visagent", "resume", run_id, *tool_options(origins), *options])


def _path(tool: Tool, module: str) -> str:
    """The tool as `--tool` takes it: from its file where it has one."""
    code = getattr(tool.function, "__code__", None)
    file = Path(code.co_filename) if code is not None else None
    name = tool.function.__name__
    return f"{file}:{name}" if file is not None and file.is_absolute() and file.is_file() else f"{module}:{name}"


@cache
def _installed() -> tuple[str, ...]:
    return tuple(sorted({entry.value.partition(":")[0] for entry in entry_points(group=ENTRY_POINTS)}))
