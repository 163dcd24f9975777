"""What is installed, which weights are where, what is missing, and the line that mends it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from rich.console import Console
from rich.table import Table

from visagent.config import Settings, home, load_profile
from visagent.models.catalogue import CATALOGUE, find_source

EXTRAS: dict[str, dict[str, str]] = {
    "embedded": {
        "xllamacpp": "xllamacpp",
        "onnxruntime": "onnxruntime",
        "rapidocr": "rapidocr",
        "faster-whisper": "faster_whisper",
        "av": "av",
        "pypdfium2": "pypdfium2",
    },
    "local": {
        "torch": "torch",
        "transformers": "transformers",
        "ultralytics": "ultralytics",
        "openai-whisper": "whisper",
        "supervision": "supervision",
    },
    "train": {"peft": "peft", "gguf": "gguf"},
}
"""Packages of each extra, with the module that each is imported as."""


def report(profile_name: str | None, console: Console | None = None) -> bool:
    """Print what is there and what is missing.

    Args:
        profile_name: Of the profile that is to run; None for the machine's setting.
        console: Where to print; None for the terminal.

    Returns:
        Whether the profile can run.
    """
    console = console or Console(highlight=False)
    profile = load_profile(profile_name or Settings().profile)
    table = Table("extra", "package", "version", "mend", title="Packages")
    for extra, packages in EXTRAS.items():
        for package, module in packages.items():
            there = find_spec(module) is not None
            table.add_row(
                extra, package, _version(package) if there else "[red]missing[/red]",
                "" if there else f'pip install "visagent\\[{extra}]"',
            )  # fmt: skip
    console.print(table)
    missing = _weights(console, profile.weights, f"Weights of the profile {profile.name}")
    if missing:
        console.print(f"[yellow]{missing} missing: fetched on first use, or now by visagent models prepare[/yellow]")
    console.print(f"Everything is kept in {home()}")
    ready = profile.name != "embedded" or all(find_spec(module) for module in EXTRAS["embedded"].values())
    console.print(f"Profile {profile.name}: {'ready' if ready else '[red]not ready[/red]'}")
    return ready


def weights_table() -> None:
    """Print all weights that visagent knows."""
    _weights(Console(highlight=False), tuple(CATALOGUE), "Known weights")


def prepare(profile_name: str | None) -> None:
    """Fetch a profile's weights, and fill the cache of the planner's prompt."""
    import asyncio

    from visagent.agent import Agent

    console = Console(stderr=True, highlight=False)
    agent = Agent(profile_name)
    for name in agent.profile.weights:
        path = find_source(name).resolve()
        console.print(f"{name}: {path}")
    with console.status("Warming up the planner"):
        asyncio.run(agent.warm_up())
    console.print(f"Profile {agent.profile.name} is ready.")


def _weights(console: Console, names: tuple[str, ...], title: str) -> int:
    """Print a table of weights; gives the number of those that are not here."""
    table = Table("weights", "role", "size", "licence", title=title)
    table.add_column("where", overflow="fold")
    missing = 0
    for name in names:
        known, cached = CATALOGUE.get(name), find_source(name).cached()
        missing += cached is None
        table.add_row(
            name,
            known.role if known else "",
            f"{known.bytes / 1e6:.0f} MB" if known else "",
            known.licence if known else "",
            str(cached) if cached else "[yellow]not fetched yet[/yellow]",
        )
    console.print(table)
    return missing


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
