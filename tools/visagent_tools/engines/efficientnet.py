"""The EfficientNet-Lite0 classifier on onnxruntime: RGB arrays in, ImageNet-1k probabilities out. Knows no agent.

EfficientNet (Tan and Le, 2019, arXiv:1905.11946) in its Lite variant: ReLU6, no squeeze-and-excitation. It names the
one main thing of a picture, in the 1000 words of ImageNet-1k (mostly animals and household objects; there is no
"person"), and always gives an answer: a low highest probability is the only sign that none of the words fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visagent_tools.engines.onnx import onnx_session

LABELS = tuple(files("visagent_tools").joinpath("weights/imagenet-1k.txt").read_text(encoding="utf-8").splitlines())
"""The 1000 class names (torchvision's, BSD-3-Clause); a class id is an index into this tuple."""

SIDE = 224
CENTRE = 224 / 256  # the part of the shorter side that the network sees, as in training
MEAN, STD = 127.0, 128.0  # of every channel, as in training
BATCH = 32  # images that one call of the network takes, so that memory stays bounded


class EfficientNetLite:
    """One loaded network; safe to call from several threads at once.

    Args:
        path: The ``.onnx`` file that ``scripts/convert_efficientnet.py`` writes.
        threads: CPU threads for one call; None leaves the choice to onnxruntime.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: The file is missing or is not that network.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        remedy = "Reinstall visagent, or name a file written by scripts/convert_efficientnet.py."
        self._session = onnx_session(path, "EfficientNet-Lite classifier", remedy, threads)

    def classify(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return how probable each class is for each image.

        The network sees the middle square of an image (7/8 of the shorter side), as it did in training; to classify
        one object among others, pass a crop of it.

        Args:
            images: uint8 (height, width, 3) arrays, RGB, of any sizes.

        Returns:
            float32 (n, 1000); each row sums to 1, its columns are in the order of `LABELS`.

        Raises:
            ValueError: An array is not an RGB image.
        """
        parts = [
            self._session.run(None, {"image": np.stack([_network_input(image) for image in images[i : i + BATCH]])})[0]
            for i in range(0, len(images), BATCH)
        ]
        return np.concatenate([np.zeros((0, len(LABELS)), np.float32), *parts])


def _network_input(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (3, 224, 224): the middle square, resized with a bicubic filter, normalised."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"expected a uint8 array (height, width, 3), got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    side = min(height, width) * CENTRE
    left, top = (width - side) / 2, (height - side) / 2
    square = Image.fromarray(image).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side), reducing_gap=3.0
    )
    return ((np.asarray(square, np.float32) - MEAN) / STD).transpose(2, 0, 1)
