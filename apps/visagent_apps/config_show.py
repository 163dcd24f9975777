"""Prints every setting that holds, and where it was set. Knows no model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from visagent.core.config import read_profile
from visagent.core.config_files import home, settings_files
from visagent.core.settings import Settings, holds, load_profile
from visagent.core.terminal import terminal
from visagent_apps.terminal import say_json


@dataclass(frozen=True)
class Setting:
    """One value that holds.

    Attributes:
        key: Key with dots, for example `budget.seconds`.
        value: Value as it holds.
        origin: Where it was set: `default`, `profile NAME`, a file, an environment variable or `argument`.
    """

    key: str
    value: Any
    origin: str


def describe_settings(**explicit: Any) -> list[Setting]:
    """Every setting that holds, and every value of the profile, with where it came from.

    Args:
        explicit: What flags say, as for `Settings`.

    Raises:
        ConfigError: a value is unusable; names the key, and where it was set.
    """
    settings = Settings(**explicit)
    profile = load_profile(settings.profile, settings)
    written = read_profile(settings.profile)
    effective = {
        "profile": settings.profile,
        "home": settings.home or home(),
        "language": settings.language,
        "keep_days": settings.keep_days,
        "max_gb": settings.max_gb,
    }
    own = [Setting(key, value, settings.origin([key]) or "default") for key, value in effective.items()]
    servers = {"mcp": {name: server.model_dump(mode="json") for name, server in settings.mcp.items()}}
    own += [
        Setting(".".join(keys), value, settings.origin(keys) or "default")
        for keys, value in _leaves(servers)
        if settings.mcp
    ]
    values = profile.model_dump(mode="json", exclude={"name", "description"})
    return own + [
        Setting(
            ".".join(keys),
            value,
            settings.origin(keys) or (f"profile {profile.name}" if holds(written, keys) else "default"),
        )
        for keys, value in _leaves(values)
    ]


def config_show(profile: str | None = None, *, as_json: bool = False) -> None:
    """Print the settings as a table, or as JSON.

    Args:
        profile: Profile as the flag says; None where there is none.
        as_json: Print a list of objects with `key`, `value` and `origin`, and nothing else.

    Raises:
        ConfigError: a value is unusable; names the key, and where it was set.
    """
    settings = describe_settings(**({} if profile is None else {"profile": profile}))
    if as_json:
        rows = [{"key": item.key, "value": item.value, "origin": item.origin} for item in settings]
        say_json(json.dumps(rows, default=str, indent=2))
        return
    console = terminal()
    table = Table("setting", "value", "from", title="Settings")
    for item in settings:
        style = "dim" if item.origin == "default" else "" if item.origin.startswith("profile ") else "bold"
        table.add_row(item.key, _shown(item), item.origin, style=style)
    console.print(table)
    console.print("Read, where they exist, the later one wins:", ", ".join(str(file) for file in settings_files()))


def _shown(item: Setting) -> str:
    """The value; of a key's environment variable its name and whether it is set, never what it holds."""
    value: Any = item.value
    if item.key.endswith(".api_key_env") and value:
        return f"{value} ({'set' if os.environ.get(value) else 'not set'})"
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value
