"""From a profile's model to one that can be asked, and where LoRA adapters are. Knows no backend."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from importlib.resources import files
from itertools import chain
from pathlib import Path

from visagent.core.backends import ModelConfig, ModelObject, backend_names, find_backend
from visagent.core.errors import ConfigError, did_you_mean
from visagent.models.protocol import MLLM

ADAPTERS = "visagent.adapters"
"""Entry-point group of packages that bring adapters: an adapter's name, and the package whose folder holds its file."""


def adapter_names() -> list[str]:
    """Names of the adapters that come with visagent or another installed package."""
    own = {item.name.removesuffix(".gguf") for item in _adapters().iterdir() if item.name.endswith(".gguf")}
    return sorted(own | {entry.name for entry in entry_points(group=ADAPTERS)})


def adapter_file(name: str) -> Path | None:
    """The GGUF file of an adapter by its name: of the home's `adapters`, of visagent, or of another installed package.

    `visagent train export --install` puts adapters into the home; the file beside an adapter lists the tools that its
    prompt leaves out, because it has memorised them.
    """
    from visagent.core.config_files import home

    if not re.fullmatch(r"[\w.-]+", name):
        return None
    registered = (Path(str(files(entry.value))) for entry in entry_points(group=ADAPTERS) if entry.name == name)
    folders = chain((home() / "adapters", _adapters()), registered)
    return next((file for folder in folders if (file := folder / f"{name}.gguf").is_file()), None)


def load_model(config: ModelConfig, home: Path) -> MLLM:
    """A model of a profile; its weights are fetched when they are not here yet, and loaded on first use.

    Args:
        config: Which backend serves the model, and with which options.
        home: Folder in which the backend may keep caches.

    Raises:
        ConfigError: the backend is not installed, or the model is one that a program has to hand in.
        SourceError: the weights cannot be fetched or verified.
        ModelError: a file is missing.
    """
    if isinstance(config, ModelObject):
        raise ConfigError(
            f"The model object {config.name!r} was not given.".replace(" ''", ""),
            'Hand it in: Agent(models={"main": model}).',
        )
    backend = find_backend(config.backend)
    if backend is None:
        raise ConfigError(
            f"There is no backend {config.backend!r}.",
            did_you_mean(config.backend, backend_names()) + " Others come with packages that are not installed.",
        )
    model: MLLM = backend.load(config, home)
    return model


def _adapters() -> Path:
    return Path(str(files("visagent") / "models" / "adapters"))
