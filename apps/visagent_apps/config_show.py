"""Prints every setting that holds, and where it was set. Knows no model."""

from __future__ import annotations

import json
import os
from typing import Any

from rich.table import Table

from visagent.core.config_files import settings_files
from visagent.core.settings import Setting, describe_settings
from visagent.core.terminal import terminal
from visagent_apps.terminal import say_json


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
