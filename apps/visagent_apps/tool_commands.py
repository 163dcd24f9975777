"""`visagent tools`: list the tools, show one, run one by hand, write a new one."""

from __future__ import annotations

from typing import Annotated

import typer

from visagent_apps.common import JsonOption, McpOption, ProfileOption, ToolsOption, make_agent, make_toolkit
from visagent_apps.server_commands import tools_new
from visagent_apps.terminal import say_json

app = typer.Typer(help="The tools that answer sub-questions.", no_args_is_help=True)


@app.command("list")
def tools_list(tool: ToolsOption = None, mcp: McpOption = None, json: JsonOption = False) -> None:
    """List the tools in the order in which a planner sees them."""
    from rich.table import Table

    from visagent.core.terminal import terminal

    toolkit = make_toolkit(tool, mcp)
    if json:
        for item in toolkit.values():
            say_json(item.spec.model_dump_json())
        return
    table = Table("tool", "takes", "gives", "purpose")
    for item in toolkit.values():
        spec = item.spec
        takes = ", ".join(parameter.signature() for parameter in spec.parameters)
        table.add_row(spec.name, takes, "|".join(spec.result), spec.purpose)
    terminal().print(table)


@app.command("show")
def tools_show(name: str, tool: ToolsOption = None, mcp: McpOption = None) -> None:
    """Show one tool whole: parameters, result, limits and where it comes from."""
    from rich.table import Table
    from rich.text import Text

    from visagent.core.terminal import terminal

    item = make_toolkit(tool, mcp)[name]
    spec, console = item.spec, terminal()
    console.print(Text.assemble((spec.name, "bold"), f": {spec.purpose}"))
    table = Table("parameter", "takes", "required", "what it is")
    for parameter in spec.parameters:
        required = "yes" if parameter.required else "no"
        table.add_row(parameter.name, parameter.signature(), required, parameter.description)
    console.print(table)
    gives = "|".join(spec.result)
    limit = "that of the run" if spec.timeout is None else f"{spec.timeout:g} s"
    console.print(f"gives {gives}; version {spec.version}; time-out {limit}")
    console.print(f"from {item.function.__module__}")


@app.command("try")
def tools_try(
    name: str,
    arguments: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Media as file names.")],
    profile: ProfileOption = None,
    tool: ToolsOption = None,
    mcp: McpOption = None,
) -> None:
    """Run one tool by hand, for example: tools try detect image=photo.jpg label=person."""
    from visagent_apps.try_tool import try_tool

    agent = make_agent(profile, tool, mcp, cache=False)
    value = try_tool(agent, name, arguments)
    say_json(value.model_dump_json(indent=2))
    if value.type == "failure":
        raise SystemExit(1)


app.command("new")(tools_new)
