"""Texts as vectors by what they mean: MiniLM on onnxruntime, where its weights are on this machine. Knows no tool.

all-MiniLM-L6-v2 (Reimers and Gurevych, 2019, arXiv:1908.10084) knows English; its weights are fetched by
`visagent models prepare --search`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visagent.core.install import requiring
from visagent.core.text import HAN
from visagent.models.catalogue import find_source
from visagent_tools.engines.onnx import onnx_session

WEIGHTS, TOKENIZER = "minilm-l6-v2-int8", "minilm-l6-v2-tokenizer"
TOKENS = 256
"""Tokens of a text at most: what the network was made for."""
AT_ONCE = 16
"""Texts of one run of the network."""
_HAN = re.compile(rf"[{HAN}]")


class MiniLM:
    """The loaded network; safe to call from several threads at once.

    Args:
        weights: The `.onnx` file.
        tokenizer: Its `tokenizer.json`.

    Raises:
        MissingDependency: onnxruntime or tokenizers is not installed.
        ModelError: a file is not what it should be.
    """

    name = "all-MiniLM-L6-v2 int8 1.0.0"

    def __init__(self, weights: Path, tokenizer: Path) -> None:
        with requiring("Embedding texts needs tokenizers", "embedded"):
            library = importlib.import_module("tokenizers")
        self._tokenizer: Any = library.Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(TOKENS)
        self._tokenizer.enable_padding()
        self._session = onnx_session(weights, "text embedder MiniLM", f"Fetch it again: {WEIGHTS}.")

    def embed(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """One row of length 1 for each text; of zeros for one that is written in Chinese, which it does not know."""
        rows = np.zeros((len(texts), 384), np.float32)
        # Texts of like lengths together, so that little is padded.
        known = sorted((place for place, text in enumerate(texts) if _is_known(text)), key=lambda at: len(texts[at]))
        for start in range(0, len(known), AT_ONCE):
            places = known[start : start + AT_ONCE]
            coded = self._tokenizer.encode_batch([texts[place] for place in places])
            ids = np.array([one.ids for one in coded], np.int64)
            mask = np.array([one.attention_mask for one in coded], np.int64)
            given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            hidden = self._session.run(None, given)[0]
            pooled = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            rows[places] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return rows


def _is_known(text: str) -> bool:
    return bool(text.strip()) and 10 * len(_HAN.findall(text)) < len(text)


@cache
def _loaded(weights: Path, tokenizer: Path) -> MiniLM:
    return MiniLM(weights, tokenizer)


def minilm() -> MiniLM | None:
    """The network, where its two files are on this machine; nothing is fetched.

    Raises:
        VisagentError: as `MiniLM`.
    """
    weights, tokenizer = find_source(WEIGHTS).cached(), find_source(TOKENIZER).cached()
    return None if weights is None or tokenizer is None else _loaded(weights, tokenizer)
