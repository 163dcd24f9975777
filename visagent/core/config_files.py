"""Where settings and profiles are kept on this machine: folders and files, unchecked."""

from __future__ import annotations

import errno
import os
import stat
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from visagent.core.errors import ConfigError
from visagent.core.files import is_file


def home() -> Path:
    """The folder of weights, cached evidence, media and runs.

    `VISAGENT_HOME`, or `home` in visagent.toml or in the user's config.toml, or else the user's cache folder.

    Raises:
        ConfigError: a settings file is not TOML, or its `home` is not a path.
    """
    if given := os.environ.get("VISAGENT_HOME"):
        return checked_home(given, "VISAGENT_HOME")
    for file in reversed(settings_files()):
        if (kept := read_settings_file(file).get("home")) is not None:
            if not isinstance(kept, str):
                raise ConfigError(f"{file}: home is unusable: {kept!r} is not a path.", 'Write home = "/a/folder".')
            return checked_home(kept, f"{file}: home")
    from platformdirs import user_cache_path

    return user_cache_path("visagent", appauthor=False)


def checked_home(given: object, where: str) -> Path:
    """A folder that somebody names, with `~` as that of a user.

    Args:
        given: What was named.
        where: What named it, to begin a sentence with.

    Raises:
        ConfigError: it is no path, a file, the placeholder of some example, or a user's folder that is not known.
    """
    remedy = 'Name a folder, for example "~/visagent".'
    if not isinstance(given, str | os.PathLike):
        raise ConfigError(f"{where} is of type {type(given).__name__}, and no path.", remedy)
    text = os.fspath(given)
    if not isinstance(text, str) or not text.strip() or (set(text) <= {".", "…"} and text not in (".", "..")):
        raise ConfigError(f"{where} is {text!r}, which names no folder.", remedy)
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{where} is {text!r}, and there is no such user.", remedy) from error
    if is_file(path):
        raise ConfigError(f"{where} is {text!r}, which is a file.", remedy)
    return path


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
        about = file.stat()
    except OSError:
        return {}
    return _parse_settings_file(file, about.st_mtime_ns, about.st_size)


@lru_cache(8)
def _parse_settings_file(file: Path, _changed: int, _size: int) -> Mapping[str, Any]:
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would be waited for, a device never end
            raise OSError(errno.EINVAL, "it is no file")
        return tomllib.loads(file.read_text("utf-8"))
    except RecursionError as error:
        raise ConfigError(f"{file} is nested too deeply.", "Correct the file, or remove it.") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read as TOML: {error}.", "Correct the file, or remove it.") from error


def packaged_profiles() -> Traversable:
    """The folder of the built-in profiles."""
    return files("visagent.core").joinpath("profiles")
