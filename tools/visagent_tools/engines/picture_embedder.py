"""Pictures as vectors, by what the packaged classifier sees in them. Knows no demonstration and no tool.

The network's last layer is linear, so the logarithms of its 1000 probabilities, less their mean, are a projection of
its features: they tell pictures apart as the features do, and need no second network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from visagent_tools.engines.classifier import network

LEAST = 1e-12
"""Probability below which nothing is distinguished, so that the logarithm is finite."""


def embed_pictures(pictures: Sequence[Image]) -> NDArray[np.float32]:
    """One row of length 1 for each picture.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: the network cannot be loaded.
    """
    logs = np.log(np.maximum(network().classify([np.asarray(picture) for picture in pictures]), LEAST))
    centred = logs - logs.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True), np.float32)
