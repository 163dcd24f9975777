"""What a backend is, and those of visagent: how a model is made of the options that a profile gives it.

Imports no runtime: a backend's library is loaded with its first model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from visagent.core.backends import ModelConfig
from visagent.models.catalogue import find_source
from visagent.models.configs import EndpointModel, LlamaCppModel, TransformersModel
from visagent.models.loading import adapter_file
from visagent.models.protocol import MLLM

Config = TypeVar("Config", bound=ModelConfig)


@dataclass(frozen=True)
class Backend(Generic[Config]):
    """What serves models; a package registers its own in the entry-point group `visagent.backends`.

    Attributes:
        config: The class of a model's options, derived from `ModelConfig`, with `backend: Literal["its name"]`.
        load: Makes a model of such options and the home folder, in which it may keep caches. It is called when a role
            first needs the model, so it should be quick: weights are loaded by `MLLM.load`. It may raise a
            `ModelError`.
    """

    config: type[Config]
    load: Callable[[Config, Path], MLLM]


def model_sources(config: ModelConfig, *, fetch: bool = False) -> list[str]:
    """The weights that a model of a profile is made of, as keys of the catalogue or model sources, the model's first.

    Args:
        config: What to load; a server's own weights, and those that transformers fetches itself, are none of them.
        fetch: Whether a download is what is wanted, so that `auto` means the best that fits, here or not.

    Raises:
        ModelError: nothing that `auto` may mean fits the free memory.
        MissingDependency: psutil, which sees the free memory, is not installed.
    """
    if not isinstance(config, LlamaCppModel):
        return []
    if config.source != "auto":
        return [config.source, *([config.mmproj] if config.mmproj else [])]
    from visagent.models import gguf_choice

    free = gguf_choice.free_memory()
    choice = gguf_choice.choose_gguf(free, lambda key: find_source(key).cached() is not None, fetch=fetch)
    return [choice.model, choice.mmproj]


def _llamacpp(config: LlamaCppModel, home: Path) -> MLLM:
    from visagent.models.llamacpp import LlamaCpp

    adapter = None
    if config.adapter is not None:
        adapter = adapter_file(config.adapter) or find_source(config.adapter).resolve()
    model, *mmproj = [find_source(source).resolve() for source in model_sources(config)]
    return LlamaCpp(
        model,
        adapter=adapter,
        mmproj=mmproj[0] if mmproj else None,
        context_tokens=config.context_tokens,
        threads=config.threads,
        slots=config.slots,
        prefixes=home / "prefixes",
        grounding=config.grounding,
        gpu_layers=config.gpu_layers,
        image_tokens=config.image_tokens,
    )


def _endpoint(config: EndpointModel, home: Path) -> MLLM:
    from visagent.models.endpoint import Endpoint

    return Endpoint(**config.model_dump(exclude={"backend"}))


def _transformers(config: TransformersModel, home: Path) -> MLLM:
    from visagent.models.hf.model import TransformersMLLM

    return TransformersMLLM(config)


llamacpp = Backend(LlamaCppModel, _llamacpp)
endpoint = Backend(EndpointModel, _endpoint)
transformers = Backend(TransformersModel, _transformers)
