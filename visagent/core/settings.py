"""Where a machine's settings come from, and which of them wins. Knows no model.

From the weakest to the strongest: defaults, the profile, the user's file (`config.toml` in the folder of settings,
`~/.config/visagent` on Linux), the project's file (`visagent.toml` in the working folder), environment variables
(`VISAGENT_PROFILE`, `VISAGENT_BUDGET__SECONDS`, `VISAGENT_ROLES__CONTROLLER`, …), explicit arguments and flags.

The author of the project's file decides which server receives the pictures and the key: run only in folders you trust.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from visagent.core.backends import find_backend
from visagent.core.config import Profile, RoleName, merge, read_profile
from visagent.core.config_files import read_settings_file, settings_files
from visagent.core.errors import ConfigError, did_you_mean

Layer = tuple[str, Mapping[str, Any]]
"""Where values were set, for a person, and the values."""

_ARGUMENT = "argument"
_ENVIRONMENT = "environment"


class McpServer(BaseModel):
    """An MCP server whose tools may be used: a program that is started, or an address that is called.

    Attributes:
        command: The program to start, spoken to over stdio.
        args: Its arguments.
        env: Names of environment variables that it is given beside the usual ones, never their values.
        url: The address of a server over streamable HTTP, instead of a command.
        token_env: Name of the environment variable with the bearer token that the address wants.
        tools: Which of its tools to use, by the server's names; None for all.
        timeout: Seconds that a call, or the start, may take.
        consent: Whether the server may be used: it reads what plans send it, pictures included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str | None = None
    args: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    url: str | None = None
    token_env: str | None = None
    tools: tuple[str, ...] | None = None
    timeout: Annotated[float, Field(gt=0, le=3600)] = 60.0
    consent: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("a server has either a command or a url")
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("an address begins with http:// or https:// and names a server")
            if parts.username is not None:
                raise ValueError("a key does not belong into an address; name its environment variable in token_env")
        return self


ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=32)]
"""Stands before the names of a server's tools, with two underscores between."""


class Settings(BaseSettings):
    """Settings of this machine; what is passed here wins over environment and files.

    Attributes:
        profile: A built-in profile's name, or the path of a YAML file.
        home: Where weights, cached evidence, media and runs are kept; None for the user's cache folder.
        language: Language of the agent's own words, or `auto` for the question's.
        keep_days: Age in days from which runs are deleted by themselves; None for no limit.
        max_gb: What runs and media may take on the disk, in 10^9 bytes: beyond that the oldest runs are deleted by
            themselves; None for no limit.
        budget: Values that go before those of the profile's budget.
        roles: Which model, or `rules`, plays a role, before the profile's choice.
        models: Models beside the profile's, and values that go before those of its models, by name.
        tools: Options that go before the profile's, by tool name.
        mcp: MCP servers whose tools may be used, by the name that stands before their tools' names.

    Raises:
        ConfigError: a value is unusable or a key unknown; names the key, and where it was set.
    """

    model_config = SettingsConfigDict(
        env_prefix="VISAGENT_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid"
    )

    profile: str = "embedded"
    home: Path | None = None
    language: Literal["auto", "en", "zh"] = "auto"
    keep_days: Annotated[float, Field(ge=0)] | None = None
    max_gb: Annotated[float, Field(gt=0)] | None = None
    budget: dict[str, JsonValue] = {}
    roles: dict[RoleName, str] = {}
    models: dict[str, dict[str, JsonValue]] = {}
    tools: dict[str, dict[str, JsonValue]] = {}
    mcp: dict[ServerName, McpServer] = {}

    _explicit: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, **explicit: Any) -> None:
        try:
            super().__init__(**explicit)
        except ValidationError as error:
            detail = error.errors(include_input=False, include_url=False)[0]
            keys = [str(part) for part in detail["loc"] if part != "[key]"]
            origin = _origin(_layers(explicit), keys) or "settings"
            unknown = detail["type"] == "extra_forbidden"
            remedy = "See `visagent config show`."
            if unknown:
                remedy = did_you_mean(keys[-1], (type(self) if len(keys) == 1 else McpServer).model_fields)
            fact = "is no setting" if unknown else f"is unusable: {detail['msg']}"
            raise ConfigError(f"{origin}: {'.'.join(keys)} {fact}.", remedy) from error
        except SettingsError as error:
            raise ConfigError(
                f"{_ENVIRONMENT}: {error}.", "Write JSON, or one variable a value: VISAGENT_BUDGET__SECONDS=60."
            ) from error
        self._explicit = explicit

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources, the strongest first."""
        stored = [
            InitSettingsSource(settings_cls, dict(read_settings_file(file))) for file in reversed(settings_files())
        ]
        return init_settings, env_settings, *stored

    @property
    def layers(self) -> list[Layer]:
        """What was set where, the weakest first."""
        return _layers(self._explicit)

    def origin(self, keys: Sequence[str]) -> str | None:
        """Where the value that holds was set, for a person; None where it was not set."""
        return _origin(self.layers, keys)


def _layers(explicit: Mapping[str, Any]) -> list[Layer]:
    stored: list[Layer] = [(str(file), read_settings_file(file)) for file in settings_files()]
    return [*stored, (_ENVIRONMENT, EnvSettingsSource(Settings)()), (_ARGUMENT, explicit)]


def _origin(layers: Sequence[Layer], keys: Sequence[str]) -> str | None:
    for origin, values in reversed(layers):
        if holds(values, keys):
            return _variable(keys) if origin == _ENVIRONMENT else origin
    return None


def _variable(keys: Sequence[str]) -> str:
    """The environment variable that sets a value, by itself or as a part of what it sets."""
    present = {name.upper() for name in os.environ}
    for length in range(len(keys), 0, -1):
        if (name := "VISAGENT_" + "__".join(keys[:length]).upper()) in present:
            return f"{_ENVIRONMENT} {name}"
    return _ENVIRONMENT


def holds(values: Any, keys: Sequence[str]) -> bool:
    """Whether nested values have a value at these keys."""
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def load_profile(name: str | Path, settings: Settings | None = None) -> Profile:
    """A built-in profile by name, or one from a YAML file, with what the settings change in it.

    Args:
        name: A built-in profile's name, or a file's path.
        settings: The settings whose `budget`, `roles`, `models` and `tools` go before the profile's; None for this
            machine's.

    Raises:
        ConfigError: there is no such profile, or a value is unusable; names the key, and where it was set.
    """
    if settings is None:
        settings = Settings()
    data = read_profile(name)
    for _, values in settings.layers:
        data = merge(data, {key: values[key] for key in ("budget", "roles", "models", "tools") if key in values})
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        detail = error.errors(include_input=False)[0]
        keys = [str(part) for part in detail["loc"]]
        origin = settings.origin(keys) or f"the profile {data['name']}"
        unknown = detail["type"] == "extra_forbidden"
        fact = "is no setting" if unknown else f"is unusable: {detail['msg']}"
        remedy = detail.get("ctx", {}).get("remedy") or "See `visagent config show`."
        if unknown and (known := _siblings(data, keys)):
            remedy = did_you_mean(keys[-1], known)
        raise ConfigError(f"{origin}: {'.'.join(keys)} {fact}.", remedy) from error
    for role in profile.roles:
        profile.model_for(role)
    return profile


def _siblings(data: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Keys that a profile knows where an unknown one stands; empty where any is allowed."""
    fields = Profile.model_fields
    if len(keys) == 1:
        return list(fields)
    if keys[0] == "models" and len(keys) == 3:
        backend = find_backend(data["models"][keys[1]]["backend"])
        return [] if backend is None else list(backend.config.model_fields)
    section = fields[keys[0]].default
    return list(type(section).model_fields) if isinstance(section, BaseModel) and len(keys) == 2 else []
