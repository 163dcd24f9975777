"""Which model plays which role: those that a profile names, and those that a program hands in. Knows no tool."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, get_args

from visagent.agent.tracing import traced_model
from visagent.core.backends import ModelConfig, ModelObject
from visagent.core.config import Profile, RoleName
from visagent.core.errors import ConfigError, VisagentError, did_you_mean
from visagent.core.forks import leave_behind

if TYPE_CHECKING:
    from visagent.models.protocol import MLLM

MAIN = "main"
"""The key of a model object that plays every role which no other one is given for."""
ROLES: tuple[RoleName, ...] = get_args(RoleName)

_PROTOCOL = "See visagent.models.protocol.MLLM for what a model has; visagent.testing.ScriptedModel is a short one."


class ModelRegistry:
    """The models that play roles, each made once.

    Args:
        home: Folder in which backends may keep caches.
        given: Model objects, by the name of a profile's model, by a role, or under `main`.

    Raises:
        ConfigError: an object lacks what a model needs; names it.
    """

    def __init__(self, home: Path, given: Mapping[str, MLLM] | None = None) -> None:
        if given is not None and not isinstance(given, Mapping):
            raise ConfigError(f"models is of type {type(given).__name__}.", 'Write models={"main": model}.')
        self._home, self._given = home, dict(given or {})
        for key, model in self._given.items():
            require_model(key, model)
        self._made: dict[ModelConfig, MLLM] = {}
        self._loaded_ahead: set[ModelConfig] = set()
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: it loads the models itself; those that were given are pickled as they can be."""
        return {**vars(self), "_made": {}, "_loaded_ahead": set()}

    def adapted(self, profile: Profile) -> Profile:
        """The profile in which the given objects play their roles.

        An object under the name of one of the profile's models takes that model's place; one under a role plays that
        role. One under `main`, where the profile has no model of that name, plays every role that no other object
        plays; it looks and listens itself where it can be shown pictures or sound.

        Raises:
            ConfigError: a key is neither, or an object is to look or listen that cannot.
        """
        if not self._given:
            return profile
        known = [*profile.models, *ROLES, *({MAIN} - {*profile.models})]
        for key in self._given:
            if key not in known:
                raise ConfigError(
                    f"models: {key!r} is neither a role nor a model of the profile {profile.name}.",
                    did_you_mean(key, known),
                )
        roles = dict(profile.roles)
        if MAIN in self._given and MAIN not in profile.models:
            free = [role for role in ROLES if role not in self._given and roles.get(role) not in self._given]
            senses = self._given[MAIN].capabilities.media
            roles |= {role: MAIN for role in free if role != "observer" or senses}
        for role in ROLES:
            if role in self._given:
                if role == "observer" and not self._given[role].capabilities.media:
                    raise ConfigError(
                        f"models: the observer {self._given[role].name} can be shown neither pictures nor sound.",
                        "Give a model whose capabilities name media, or none for the observer.",
                    )
                roles[role] = role
        objects = {key: ModelObject(name=model.name) for key, model in self._given.items()}
        return profile.model_copy(update={"models": {**profile.models, **objects}, "roles": roles})

    def model_for(self, role: RoleName, profile: Profile) -> MLLM | None:
        """The model that plays a role; None where rules do.

        Raises:
            ConfigError: it is an object that this registry was not given, or its backend is not installed.
            ModelError: it cannot be made.
        """
        config = profile.model_for(role)
        if config is None:
            return None
        if isinstance(config, ModelObject):
            return traced_model(self._object(role, profile, config), config.backend)
        if self._process != os.getpid():
            # After a fork, or in another process: a loaded model waits for threads that are not there.
            leave_behind(self._made)
            self._made, self._loaded_ahead, self._process = {}, set(), os.getpid()
        if config not in self._made:
            from visagent.models.loading import load_model

            self._made[config] = load_model(config, self._home)
        return traced_model(self._made[config], config.backend)

    def controller(self, profile: Profile) -> MLLM:
        """The model that plans, which no rules can.

        Raises:
            ConfigError: the profile has none.
            ModelError: it cannot be made.
        """
        model = self.model_for("controller", profile)
        if model is None:
            raise ConfigError(
                f"Profile {profile.name}: rules cannot play the controller.", "Name one of the profile's models for it."
            )
        return model

    def load_ahead(self, profile: Profile) -> None:
        """Begin to load the model that plans, on a thread, unless that was begun before.

        An error is raised where the model is first used, to the caller who needed it.

        Raises:
            ConfigError: the profile has none.
            ModelError: it cannot be made.
        """
        model, config = self.controller(profile), profile.model_for("controller")
        if config is None or config in self._loaded_ahead:
            return
        self._loaded_ahead.add(config)

        def load() -> None:
            with suppress(VisagentError):
                model.load()

        Thread(target=load, daemon=True).start()

    def _object(self, role: RoleName, profile: Profile, config: ModelObject) -> MLLM:
        key = profile.roles[role]
        if key not in self._given:
            called = f" ({config.name})" if config.name else ""
            raise ConfigError(
                f"The {role} is the model object {key!r}{called}, which this agent was not given.",
                f"Hand it in: Agent(models={{{key!r}: model}}).",
            )
        return self._given[key]


def require_model(key: str, model: Any) -> None:
    """Check that an object is a model, before a run finds out.

    Args:
        key: What it is given as, for the message.
        model: Any object.

    Raises:
        ConfigError: it lacks what `visagent.models.protocol.MLLM` asks for; names the first thing that is missing.
    """
    from visagent.models.protocol import Capabilities

    what = f"models[{key!r}], a {type(model).__name__},"
    if not isinstance(getattr(model, "name", None), str):
        raise ConfigError(f"{what} has no text as its `name`.", _PROTOCOL)
    if not isinstance(getattr(model, "capabilities", None), Capabilities):
        raise ConfigError(f"{what} has no Capabilities as its `capabilities`.", _PROTOCOL)
    for method in ("load", "chat", "close"):
        if not callable(getattr(model, method, None)):
            raise ConfigError(f"{what} lacks the method `{method}`.", _PROTOCOL)
    if not inspect.iscoroutinefunction(inspect.unwrap(model.chat)):
        raise ConfigError(f"{what} has a `chat` that is not `async def`.", _PROTOCOL)
    try:
        inspect.signature(model.chat).bind([], schema=None, max_tokens=1, temperature=0.0, on_text=None)
    except TypeError as error:
        raise ConfigError(f"{what} has a `chat` that cannot be called as models are: {error}.", _PROTOCOL) from error
