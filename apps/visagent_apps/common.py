"""What several commands share: options, and the agent or the tools that they name. Knows no command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visagent.core.errors import ConfigError
from visagent.core.files import is_file
from visagent_apps.terminal import say

if TYPE_CHECKING:
    from visagent.agent.agent import Agent
    from visagent.tools.toolkit import Tool, Toolkit

ProfileOption = Annotated[str | None, typer.Option(help="A built-in profile's name, or a YAML file.")]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tool", help="Your own tool, package.module:name or file.py:name; repeatable."),
]
McpOption = Annotated[
    list[str] | None,
    typer.Option("--mcp", help="Use the tools of this MCP server of the settings; repeatable."),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Its id, how it begins, or last: see `visagent runs`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def make_agent(
    profile: str | None,
    tools: list[str] | None,
    servers: list[str] | None = None,
    *,
    shrink: bool = False,
    **options: Any,
) -> Agent:
    """The agent that options name.

    Args:
        profile: See `ProfileOption`.
        tools: See `ToolsOption`.
        servers: See `McpOption`.
        shrink: Whether pictures over the limit are read scaled down.
        **options: Further ones of `Agent`.
    """
    from visagent.agent.agent import Agent
    from visagent.media.limits import MediaLimits

    own: list[str | Tool] = [*map(import_path, tools or ()), *_mcp_tools(servers)]
    return Agent(profile, tools=own, limits=MediaLimits(shrink=shrink), **options)


def _mcp_tools(servers: list[str] | None) -> list[Tool]:
    if not servers:
        return []
    from visagent.tools.mcp import mcp_tools

    return mcp_tools(*servers, agree=_agree if asks_a_person() else None)


def asks_a_person() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty()


def _agree(server: str, changes: Sequence[str]) -> bool:
    """Ask the person about a server whose tools are not those that they let in."""
    say(f"The MCP server {server} is not as you agreed to it:", err=True)
    for change in changes:
        say(f"- {change}", err=True)
    return typer.confirm("Use it all the same, from now on?", err=True)


def make_toolkit(tools: list[str] | None, servers: list[str] | None) -> Toolkit:
    """All installed tools, and those that options name."""
    from visagent.tools.toolkit import Toolkit

    toolkit = Toolkit.installed()
    added: list[str | Tool] = [*map(import_path, tools or ()), *_mcp_tools(servers)]
    for item in added:
        toolkit.add(item)
    return toolkit


def import_path(path: str) -> str:
    """An import path; `folder/file.py:name` becomes `file:name`, with its folder made importable."""
    file, _, name = path.partition(":")
    if file.endswith(".py"):
        if not is_file(Path(file)):
            raise ConfigError(f"There is no file {file}.", "Give a tool as package.module:name or file.py:name.")
        sys.path.insert(0, str(Path(file).resolve().parent))
        return Path(file).stem + (f":{name}" if name else "")
    return path
