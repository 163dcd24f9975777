"""What a person agreed to when they let an MCP server in: its tools as they were. Knows no connection and no terminal.

A server can say something else tomorrow: another description for planners to read, other arguments for plans to fill, a
promise to change nothing that it did not make. So all of that is kept as digests, and what differs has to be agreed to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from visagent.core.config_files import home
from visagent.core.errors import ConfigError, StorageError
from visagent.core.files import write_whole
from visagent.core.settings import McpServer
from visagent.core.text import cleaned

if TYPE_CHECKING:
    from pathlib import Path

    from mcp import types

Agree: TypeAlias = Callable[[str, Sequence[str]], bool]
"""Asks a person: given the server's name and what changed, a short line each, whether it may be used all the same."""

SHOWN = 5
"""Changes that an error names."""


class PinnedTool(BaseModel):
    """One tool as it was agreed to.

    Attributes:
        description: Digest of its title and description.
        arguments: Digest of the schema of its arguments.
        result: Digest of the schema of its result.
        read_only: Whether it promised to change nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    arguments: str
    result: str
    read_only: bool


class Agreement(BaseModel):
    """What a server offered when it was agreed to.

    Attributes:
        server: Digest of where it is; another program or address is another server.
        tools: Tools by the server's names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str
    tools: dict[str, PinnedTool]


def require_agreed(name: str, config: McpServer, offered: Sequence[types.Tool], agree: Agree | None = None) -> None:
    """Let a server's tools pass that are those that were agreed to; the first time, the settings' consent is for these.

    Args:
        name: The server's, as the settings have it.
        config: Where it is, and which of its tools are wanted; one that is wanted by name is agreed to by that.
        offered: The tools that would be used.
        agree: Asks a person about what changed; None where there is nobody to ask.

    Raises:
        ConfigError: something changed, and nobody agreed to it.
        StorageError: what is agreed to cannot be kept.
    """
    path = home() / "mcp" / f"{_digest(name)[:32]}.json"
    server = _digest([config.command, config.args, config.url])
    tools = {tool.name: _pinned(tool) for tool in offered}
    known = _read(path)
    before = known.tools if isinstance(known, Agreement) and known.server == server else {}
    if isinstance(known, str):
        changes = [known]
    elif before:
        changes = _changes(before, tools, by_name=config.tools is not None)
    else:
        changes = []
    if changes and not (agree is not None and agree(name, changes)):
        more = f" (and {len(changes) - SHOWN} more)" if len(changes) > SHOWN else ""
        raise ConfigError(
            f"The MCP server {name} is not as you agreed to it: {'; '.join(changes[:SHOWN])}{more}.",
            f"If you trust it all the same, say so in a terminal: visagent tools list --mcp {name}.",
        )
    # A tool that is gone for now has to be the same when it comes back.
    agreed = Agreement(server=server, tools={**before, **tools})
    if agreed != known:
        try:
            write_whole(path, agreed.model_dump_json(indent=2))
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written ({error.strerror}), so a change of the server's tools would go unnoticed.",
                "Free space, or name another folder: export VISAGENT_HOME=...",
            ) from error


def _changes(before: Mapping[str, PinnedTool], now: Mapping[str, PinnedTool], *, by_name: bool) -> list[str]:
    changes = []
    for name, tool in now.items():
        shown = cleaned(name, 64)
        was = before.get(name)
        if was is None:
            changes += [] if by_name else [f"{shown} is new"]
            continue
        if tool.read_only != was.read_only:
            changes.append(f"{shown} {'now says' if tool.read_only else 'no longer says'} that it only reads")
        if tool.arguments != was.arguments:
            changes.append(f"{shown} takes other arguments")
        if tool.result != was.result:
            changes.append(f"{shown} gives another result")
        if tool.description != was.description:
            changes.append(f"{shown} is described otherwise")
    return changes


def _pinned(tool: types.Tool) -> PinnedTool:
    hints = tool.annotations
    return PinnedTool(
        description=_digest([tool.title, tool.description]),
        arguments=_digest(tool.input_schema),
        result=_digest(tool.output_schema),
        read_only=hints is not None and hints.read_only_hint is True,
    )


def _read(path: Path) -> Agreement | str | None:
    """What was agreed to; a line where that cannot be read, and None where there is none."""
    try:
        return Agreement.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        return "what was agreed to cannot be read"


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
