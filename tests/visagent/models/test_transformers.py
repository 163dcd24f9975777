"""The transformers backend on tiny models of the real architectures: chat, pictures, prefixes, batches, limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
from conformance import MLLMConformance

from visagent.config import TransformersModel
from visagent.models.protocol import MLLM
from visagent.models.transformers import TransformersMLLM


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Built once each, when first asked for."""

    class Folders(dict[str, Path]):
        def __missing__(self, family: str) -> Path:
            self[family] = tiny.build(family, tmp_path_factory.mktemp(family))
            return self[family]

    return Folders()


class TestVisionModelConformance(MLLMConformance):
    @pytest.fixture(scope="class")
    def model(self, folders: dict[str, Path]) -> Iterator[MLLM]:
        model = TransformersMLLM(TransformersModel(backend="transformers", model=str(folders["qwen3_vl"])))
        model.load()
        yield model
        model.close()


class TestTextModelConformance(MLLMConformance):
    @pytest.fixture(scope="class")
    def model(self, folders: dict[str, Path]) -> Iterator[MLLM]:
        model = TransformersMLLM(TransformersModel(backend="transformers", model=str(folders["llama"])))
        model.load()
        yield model
        model.close()
