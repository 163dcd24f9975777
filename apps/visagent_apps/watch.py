"""`visagent watch`: a standing question about a camera, a stream, a file that plays or a folder, reported in lines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from visagent_apps.common import JsonOption, ProfileOption, ToolsOption, make_agent
from visagent_apps.regions import parse_regions
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from visagent.agent.watching import WatchEvent


def watch(
    source: Annotated[str, typer.Argument(help="A folder, a video file, a camera (/dev/video0), or an address.")],
    question: Annotated[str, typer.Argument(help='Such as "tell me when a person enters r1".')],
    region: Annotated[list[str] | None, typer.Option(help="NAME=LEFT,TOP,RIGHT,BOTTOM in pixels; repeatable.")] = None,
    every: Annotated[float, typer.Option(min=0.01, help="Seconds between two looks.")] = 0.5,
    patience: Annotated[float, typer.Option(min=0.1, help="Seconds without a picture that are reported.")] = 10.0,
    allow_urls: Annotated[
        bool, typer.Option("--allow-urls", help="Open addresses: rtsp, http and their like.")
    ] = False,
    profile: ProfileOption = None,
    tool: ToolsOption = None,
    json: JsonOption = False,
) -> None:
    """Say when something comes or goes before a camera, in a stream, or in a folder; Ctrl+C ends it."""
    from visagent.agent.watching import watch as watched
    from visagent.media.live import LiveSource

    opened = LiveSource(source, every=every, patience=patience, allow_urls=allow_urls)
    agent = make_agent(profile, tool)

    async def tell() -> None:
        async for event in watched(agent, opened, question, parse_regions(region or [])):
            say_json(event.model_dump_json()) if json else say(line_of(event, opened.name))

    try:
        asyncio.run(tell())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def line_of(event: WatchEvent, name: str) -> str:
    """An event in a line for a person.

    Args:
        event: What has happened.
        name: Name of the source.
    """
    if event.type == "stalled":
        return f"{name}: no picture for {event.seconds:.0f} s; waiting for more."
    if event.type == "ended":
        over = f"{name}: over after {event.seconds:.1f} s, {event.pictures} pictures looked at."
        return f"{over} {event.problem}".rstrip()
    where = "" if event.region is None else f" {event.region}"
    done = "entered" if event.type == "entered" and where else "appeared" if event.type == "entered" else "left"
    there = f" ({len(event.boxes)} there)" if event.boxes else ""
    place = event.name or f"{event.seconds:.1f} s"
    said = f"{event.at:%H:%M:%S} {place}: {event.broader or event.label} {done}{where}{there}."
    return said if event.broader is None else f"{said} Whether it is {event.label}, the detector cannot tell."
