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


def _endpoint(config: EndpointModel, home: Path) -> MLLM:
    from visagent.models.endpoint import Endpoint

    return Endpoint(**config.model_dump(exclude={"backend"}))


def _transformers(config: TransformersModel, home: Path) -> MLLM:
    from visagent.models.hf.model import TransformersMLLM

    return TransformersMLLM(config)


llamacpp = Backend(LlamaCppModel, _llamacpp)
endpoint = Backend(EndpointModel, _endpoint)
transformers = Backend(TransformersModel, _transformers)
