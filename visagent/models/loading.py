"""From a profile's model to one that can be asked. The only place that knows which backends there are."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from importlib.resources import files
from itertools import chain
from pathlib import Path

from visagent.core.config import EndpointModel, LlamaCppModel, ModelConfig, TransformersModel
from visagent.models.catalogue import find_source
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
        config: What to load.
        home: Where prompt caches are kept.

    Raises:
        SourceError: the weights cannot be fetched or verified.
        ModelError: a file is missing.
    """
    match config:
        case LlamaCppModel():
            return _llamacpp(config, home)
        case EndpointModel():
            from visagent.models.endpoint import Endpoint

            return Endpoint(**config.model_dump(exclude={"backend"}))
        case TransformersModel():
            from visagent.models.hf.model import TransformersMLLM

            return TransformersMLLM(config)


def _llamacpp(config: LlamaCppModel, home: Path) -> MLLM:
    from visagent.models.llamacpp import LlamaCpp

    adapter = None
    if config.adapter is not None:
        adapter = adapter_file(config.adapter) or find_source(config.adapter).resolve()
    return LlamaCpp(
        find_source(config.source).resolve(),
        adapter=adapter,
        mmproj=None if config.mmproj is None else find_source(config.mmproj).resolve(),
        context_tokens=config.context_tokens,
        threads=config.threads,
        slots=config.slots,
        prefixes=home / "prefixes",
        grounding=config.grounding,
    )


def _adapters() -> Path:
    return Path(str(files("visagent") / "models" / "adapters"))
