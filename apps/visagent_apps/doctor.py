"""What is installed, which weights are where, what is missing, and the command that installs it."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table
from rich.text import Text

from visagent.core.config import Profile
from visagent.core.config_files import home
from visagent.core.install import install_line
from visagent.core.settings import Settings, load_profile
from visagent.core.terminal import terminal
from visagent.models.catalogue import CATALOGUE, find_source

HELPERS = ("all", "dev", "docs")
"""Extras that no feature waits for."""
LEAST_FREE = 200_000_000
"""Bytes of a disk below which the first question may find no room for a model."""


def extras() -> dict[str, list[Requirement]]:
    """The packages that each extra of visagent wants, as its own metadata has them."""
    own = metadata("visagent")
    wanted = [Requirement(line) for line in own.get_all("Requires-Dist") or ()]
    return {
        extra: [one for one in wanted if one.marker is not None and _is_for(one, extra)]
        for extra in own.get_all("Provides-Extra") or ()
        if extra not in HELPERS
    }


def report(profile_name: str | None, console: Console | None = None) -> bool:
    """Print what is there and what is missing.

    Args:
        profile_name: Name of the profile that is to run; None for the machine's setting.
        console: Where to print; None for the terminal.

    Returns:
        Whether the profile can run.
    """
    console = console or terminal()
    profile = load_profile(profile_name or Settings().profile)
    table = Table("extra", "package", "version", "mend", title="Packages")
    unmet = set()
    for extra, packages in extras().items():
        for package in packages:
            there = _version(package.name)
            fits = there is not None and package.specifier.contains(there, prereleases=True)
            if not fits:
                unmet.add(extra)
            said = Text(there or "missing", style="" if fits else "red")
            table.add_row(extra, package.name, said, Text("" if fits else install_line(extra)))
    console.print(table)
    missing = _weights(console, needed_weights(profile), f"Weights of the profile {profile.name}")
    if missing:
        console.print(f"{missing} missing: fetched on first use, or now by visagent models prepare", style="yellow")
    engine, rung = _engine_and_rung(profile)
    console.print(f"Best engine here: {engine}", soft_wrap=True)
    speech = profile.tools.get("transcribe", {})
    if not speech.get("model") and find_source("whisper-base").cached() is None:
        console.print(
            "Speech: English only. Many languages, at a quarter of real time and 150 MB: "
            'model = "whisper-base" under [tools.transcribe] in visagent.toml',
            markup=False,
        )
    trouble = storage_trouble(home())
    console.print(trouble or f"Everything is kept in {home()}", style="red" if trouble else "", soft_wrap=True)
    installed = profile.name != "embedded" or "embedded" not in unmet
    ready = installed and not trouble
    console.print(f"Profile {profile.name}: {'ready' if ready else 'not ready'}", style="" if ready else "red")
    if not installed:
        rung = f"The packages that the profile needs: {install_line('embedded')}"
    console.print(f"What would make answers better here: {rung}", soft_wrap=True, markup=False)
    return ready


def storage_trouble(folder: Path) -> str:
    """Why nothing can be kept in a folder, with the way out; empty where it can be written and has room.

    Args:
        folder: Folder of weights, runs and evidence; one that is not there yet is judged by the nearest one that is.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    try:
        with tempfile.TemporaryDirectory(prefix=".visagent-", dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        return f"Nothing can be kept in {folder} ({error.strerror}). Name another folder: export VISAGENT_HOME=..."
    if free < LEAST_FREE:
        return (
            f"{folder} has {free / 1e6:.0f} MB left. Free some space there, or name another folder: "
            "export VISAGENT_HOME=..."
        )
    return ""


def needed_weights(profile: Profile, *, fetch: bool = False) -> tuple[str, ...]:
    """The weights of a profile's models and tools, as keys of the catalogue or model sources, each once.

    Args:
        profile: Which.
        fetch: Whether they are to be fetched, so that `auto` means the best that fits, here or not.
    """
    from visagent.models.backends import model_sources

    of_models = [name for config in profile.models.values() for name in model_sources(config, fetch=fetch)]
    return tuple(dict.fromkeys([*of_models, *profile.weights]))


def weights_table() -> None:
    """Print all weights that visagent knows."""
    _weights(terminal(), tuple(CATALOGUE), "Known weights")


def prepare(profile_name: str | None, *, search: bool = False) -> None:
    """Fetch a profile's weights, and fill the cache of the planner's prompt.

    Args:
        profile_name: The profile; None for the one that settings name.
        search: Whether to fetch what embeds texts as well, which no profile needs.
    """
    import asyncio

    from visagent.agent.agent import Agent

    console = terminal(stderr=True)
    agent = Agent(profile_name)
    by_meaning = [known.key for known in CATALOGUE.values() if known.role in ("text embedding", "tokenizer")]
    for name in (*needed_weights(agent.profile, fetch=True), *(by_meaning if search else ())):
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
            str(cached) if cached else Text("not fetched yet", style="yellow"),
        )
    console.print(table)
    return missing


def _engine_and_rung(profile: Profile) -> tuple[str, str]:
    """Which engine would serve this machine best, and what would make answers better on it."""
    from visagent.core.errors import VisagentError
    from visagent.models.gguf_choice import free_memory, gpu_devices
    from visagent_apps.engines import Gpu, best_engine, find_engine, nvidia_gpus
    from visagent_apps.ladder import next_rung

    try:
        find_engine("vllm")
        vllm = True
    except VisagentError:
        vllm = False
    try:
        free = free_memory()
    except VisagentError as error:
        return f"unknown: {error}", str(error)
    nvidia = nvidia_gpus()
    others = [Gpu(device.description or device.name, device.memory_free) for device in gpu_devices()]
    return best_engine(nvidia, others, free, vllm), next_rung(profile, nvidia, others, free, vllm)


def _is_for(requirement: Requirement, extra: str) -> bool:
    assert requirement.marker is not None
    return requirement.marker.evaluate({"extra": extra}) and not requirement.marker.evaluate({"extra": ""})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
