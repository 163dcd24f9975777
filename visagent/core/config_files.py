"""Where settings and profiles are kept on this machine: folders and files, unchecked."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from visagent.core.errors import ConfigError


def home() -> Path:
    """The folder of weights, cached evidence, media and runs.

    `VISAGENT_HOME`, or `home` in visagent.toml or in the user's config.toml, or else the user's cache folder.

    Raises:
        ConfigError: a settings file is not TOML, or its `home` is not a path.
    """
    if given := os.environ.get("VISAGENT_HOME"):
        return Path(given).expanduser()
    for file in reversed(settings_files()):
        if (kept := read_settings_file(file).get("home")) is not None:
            if not isinstance(kept, str):
                raise ConfigError(f"{file}: home is unusable: {kept!r} is not a path.", 'Write home = "/a/folder".')
            return Path(kept).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("visagent", appauthor=False)


def settings_files() -> list[Path]:
    """The files that settings are read from, where they exist; the later one wins: the user's, then the project's."""
    from platformdirs import user_config_path

    return [user_config_path("visagent", appauthor=False) / "config.toml", Path.cwd() / "visagent.toml"]


def read_settings_file(file: Path) -> Mapping[str, Any]:
    """The values in a settings file, unchecked; empty where there is no such file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        stat = file.stat()
    except OSError:
        return {}
    return _parse_settings_file(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(8)
def _parse_settings_file(file: Path, _changed: int, _size: int) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as TOML: {error}.", "Correct the file, or remove it.") from error


def packaged_profiles() -> Traversable:
    """The folder of the built-in profiles."""
    return files("visagent.core").joinpath("profiles")
