"""Commands for people who add tools, and for programs that call in: tools new, mcp, serve. Imports what each needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visagent.core.errors import MissingDependency
from visagent.core.install import install_line, requiring
from visagent_apps.common import ProfileOption, ToolsOption, make_agent
from visagent_apps.terminal import say

KeepHoursOption = Annotated[
    float, typer.Option(min=0, help="A run goes after so many, with its media and evidence; inf keeps all.")
]


def tools_new(
    name: Annotated[str, typer.Argument(help="Of the tool: words in lower case, joined by underscores.")],
    folder: Annotated[Path, typer.Option(help="Where to write it.")] = Path(),
    package: Annotated[bool, typer.Option("--package", help="Write a package that others can install.")] = False,
) -> None:
    """Write a new tool to start from; overwrites nothing."""
    from visagent_apps.new_tool import new_tool

    written = new_tool(name, folder, package=package)
    for path in written:
        say(path)
    if package:
        say(f"Next: pip install -e {written[1].parent}, then: visagent tools show {name}", dim=True, err=True)
    else:
        say(f"Next: visagent tools try {name} image=photo.jpg --tool {written[0]}", dim=True, err=True)


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP on 127.0.0.1 instead of stdio.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="With --http.")] = 8765,
    root: Annotated[
        Path | None, typer.Option(help="Clients may name files below this folder; by default none.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 2,
    keep_hours: KeepHoursOption = 24.0,
    profile: ProfileOption = None,
    tool: ToolsOption = None,
) -> None:
    """Serve the experts, and ask, to MCP clients."""
    with requiring("Serving MCP clients needs the package mcp", "mcp"):
        from visagent_apps.mcp_server import serve as serve_mcp

    agent = make_agent(profile, tool, keep_hours=keep_hours)
    serve_mcp(agent, port=port if http else None, root=root, concurrency=concurrency)


def serve(
    host: Annotated[str, typer.Option(help="Another than this machine's own needs an API key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions at once; 64 more wait in order of arrival.")] = 2,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Of one request.")] = 32,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Pictures may be URLs of public addresses.")] = False,
    keys: Annotated[
        str, typer.Option(help="Name of the environment variable with the API keys, separated by commas.")
    ] = "VISAGENT_API_KEYS",
    keep_hours: KeepHoursOption = 24.0,
    profile: ProfileOption = None,
    tool: ToolsOption = None,
) -> None:
    """Serve an OpenAI-compatible API: chat completions with pictures and sound."""
    with requiring("Serving an OpenAI-compatible API needs FastAPI", "serve"):
        from visagent_apps.server import serve as serve_openai

    serve_openai(
        make_agent(profile, tool, allow_urls=allow_urls, keep_hours=keep_hours),
        host=host,
        port=port,
        concurrency=concurrency,
        max_body=max_megabytes * 2**20,
        allow_urls=allow_urls,
        keys_variable=keys,
    )


def _missing(extra: str, error: ImportError) -> MissingDependency:
    return MissingDependency(f"{error.name} is not installed.", f"Run: {install_line(extra)}.")
