"""One tool run by hand, with files for media and text for literals."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pydantic import JsonValue

from visagent.agent.agent import Agent
from visagent.answering.phrasing import phraser
from visagent.core.errors import InputError, ToolDefinitionError
from visagent.core.json_text import json_or_text
from visagent.evidence.values import Evidence, Value
from visagent.media.media import Media
from visagent.planning.plan import Plan, compile_plan, name_media
from visagent.tools.executor import ToolExecutor
from visagent.tools.toolkit import Toolkit


def try_tool(agent: Agent, name: str, arguments: list[str]) -> Value:
    """Run one tool as a plan of one step would.

    Args:
        agent: Lends its tools and profile.
        name: Name of the tool.
        arguments: `name=value` each; the value of an image, audio or video argument is a file's path.

    Raises:
        ToolDefinitionError: there is no such tool or parameter.
        InputError: an argument is not of the form `name=value`, or a file cannot be loaded.
        PlanError: an argument is missing or of the wrong type.
    """
    # A person may try what a profile keeps from its planner.
    installed = Toolkit.installed()
    tools = installed if name not in agent.tools and name in installed else agent.tools
    spec = tools[name].spec
    media: list[Media] = []
    step: dict[str, JsonValue] = {"tool": name}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        parameter = spec.parameter(key)
        if not equals:
            raise InputError(f"{argument!r} is not of the form name=value.", f"For example: {spec.signature()}")
        if parameter is None:
            known = ", ".join(known.name for known in spec.parameters)
            raise ToolDefinitionError(f"{name} has no parameter {key!r}.", f"It takes: {known}.")
        if parameter.media:
            media.append(Media.load(text))
            step[key] = list(name_media([medium.info for medium in media]))[-1]
        else:
            step[key] = text if (parameter.literal or {}).get("type") == "string" else json_or_text(text)
    names = name_media([medium.info for medium in media])
    return asyncio.run(run_step(agent, step, dict(zip(names, media, strict=True)), tools)).value


async def run_step(
    agent: Agent, step: Mapping[str, JsonValue], media: Mapping[str, Media], tools: Toolkit | None = None
) -> Evidence:
    """What a plan of one step finds.

    Args:
        agent: Lends its tools and profile.
        step: The tool's name under `tool`, then its arguments.
        media: Media by the names that the arguments use.
        tools: Tools that may be called; None for the agent's.

    Raises:
        PlanError: there is no such tool, or an argument is missing or of the wrong type.
    """
    tools = agent.tools if tools is None else tools
    names = {name: medium.info for name, medium in media.items()}
    plan = Plan(steps=[dict(step)])
    tree = compile_plan(str(step["tool"]), plan, tools, names, phraser())
    expert = ToolExecutor(tools, media, agent.profile.budget, options=agent.profile.tools, home=agent.home)
    return await expert.answer(tree.nodes[0], {})
