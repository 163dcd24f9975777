"""Which backends serve models: those of visagent, and those that installed packages register. Imports each when asked.

A package registers a backend in the entry-point group `visagent.backends`: the name that a profile gives under
`backend`, and an object with the pydantic class of its options (`config`) and a function that makes a model of them
(`load`); see `visagent.models.backends.Backend`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny, ValidationInfo
from pydantic_core import PydanticCustomError

from visagent.core.errors import ConfigError, did_you_mean
from visagent.core.plugins import naming_the_package, package_of

ENTRY_POINTS = "visagent.backends"
OBJECT = "object"
"""The backend of a model that a program hands in itself: `Agent(models={"main": model})`."""

STORED = {"stored": True}
"""Validation context of a profile that is kept with a run: its backends need not be installed to read it."""

# Named here rather than in the metadata, so that reading a profile need not search every installed package.
_BUILT_IN = {
    name: EntryPoint(name, f"{module}:{name}", ENTRY_POINTS)
    for name, module in {
        "llamacpp": "visagent.models.backends",
        "endpoint": "visagent.models.backends",
        "transformers": "visagent.models.backends",
        "scripted": "visagent.testing",
    }.items()
}


class ModelConfig(BaseModel):
    """The options of one model of a profile; each backend derives its own.

    Attributes:
        backend: Name of the runtime that serves it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str

    def __hash__(self) -> int:
        # The generated one cannot hash a dict or a list.
        return hash(self.model_dump_json())


class ModelObject(ModelConfig):
    """A model that the program hands in: see the `models` argument of `Agent`.

    Attributes:
        backend: `object`.
        name: The model's own name, for readers of the run's record.
    """

    backend: Literal["object"] = "object"
    name: str = ""


class UnknownModel(ModelConfig):
    """A model of a run's profile whose backend is not installed here: the run can be read, but not resumed."""

    model_config = ConfigDict(extra="allow")


class RegisteredBackend(Protocol):
    """What an entry point of the group names."""

    @property
    def config(self) -> type[ModelConfig]:
        """The pydantic class of a model's options."""
        ...

    def load(self, config: Any, home: Path) -> Any:
        """The model (an `MLLM`) with these options; see `visagent.models.backends.Backend`."""
        ...


def backend_names() -> list[str]:
    """Names of all backends that can be named in a profile, those of visagent first."""
    return [*_BUILT_IN, *sorted({entry.name for entry in entry_points(group=ENTRY_POINTS)} - {*_BUILT_IN})]


def find_backend(name: str) -> RegisteredBackend | None:
    """The backend of that name; None where no installed package offers it.

    Raises:
        ConfigError: its package cannot be loaded, or offers something else; names the package.
    """
    entry = _BUILT_IN.get(name) or next((one for one in entry_points(group=ENTRY_POINTS) if one.name == name), None)
    if entry is None:
        return None
    with naming_the_package(entry, f"backend {name!r}", ConfigError):
        backend: RegisteredBackend = entry.load()
    config = getattr(backend, "config", None)
    if not (isinstance(config, type) and issubclass(config, ModelConfig) and callable(getattr(backend, "load", None))):
        raise ConfigError(
            f"The backend {name!r} of the package {package_of(entry)} has no `config` that derives from ModelConfig or "
            "no function `load`.",
            "Register a visagent.models.backends.Backend in the entry-point group visagent.backends.",
        )
    return backend


_ADOPTED: dict[str, type[ModelConfig]] = {OBJECT: ModelObject}
"""The options' class of each backend that was asked for, so that a thousand records search the metadata once."""


def _of_backend(value: object, info: ValidationInfo) -> object:
    """A model's options, as the class that its backend has for them."""
    if not isinstance(value, Mapping):
        return value
    name = value.get("backend")
    if not isinstance(name, str):
        why = {"remedy": f"Write `backend:` and one of: {', '.join(backend_names())}."}
        raise PydanticCustomError("unknown_backend", "it names no backend", why)
    if name not in _ADOPTED:
        backend = find_backend(name)
        if backend is None and info.context == STORED:
            return UnknownModel.model_validate(value)
        if backend is None:
            remedy = did_you_mean(name, [*backend_names(), OBJECT])
            raise PydanticCustomError(
                "backend", "there is no backend {name}. {remedy}", {"name": repr(name), "remedy": remedy}
            )
        _ADOPTED[name] = backend.config
    return _ADOPTED[name].model_validate(value)


AnyModelConfig: TypeAlias = Annotated[SerializeAsAny[ModelConfig], BeforeValidator(_of_backend)]
"""The options of one model, whose `backend` determines their class."""
