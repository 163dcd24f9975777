"""What a face looks like to the FaceRes network on onnxruntime: rather a man's or a woman's, and of what age.

FaceRes is a MobileNet with two heads (Savchenko, 2019, arXiv:1807.07718). It judges looks, not people: what it says is
how a face appears to it, and it is not asked whose face it is. Knows nothing of agents, tools or evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visagent_tools.engines.onnx import onnx_session

SIDE = 224


class Look(NamedTuple):
    """How one face appears.

    Attributes:
        male: 0 (looks like a woman) to 1 (looks like a man).
        years: The age that it appears to have, in years, an average over what the network holds possible.
    """

    male: float
    years: float


class FaceRes:
    """One loaded network; safe to call from several threads at once.

    Args:
        path: The `.onnx` file that ``scripts/convert_people.py`` writes.
        threads: CPU threads for one call; None leaves the choice to onnxruntime.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: the file is missing or is not that network.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        remedy = "Reinstall visagent, or name a file written by scripts/convert_people.py."
        self._session = onnx_session(path, "FaceRes network", remedy, threads)

    def look(self, faces: Sequence[NDArray[np.uint8]]) -> list[Look]:
        """How faces appear, each given as a square around it.

        Args:
            faces: Arrays of height x width x 3, uint8, RGB: the face in the middle of a square half as large again.
        """
        if not faces:
            return []
        resized = [Image.fromarray(face).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for face in faces]
        pixels = np.stack([np.asarray(face, np.float32).transpose(2, 0, 1) for face in resized])
        male, ages = self._session.run(["male", "ages"], {"image": pixels})
        years = ages @ np.arange(1, ages.shape[1] + 1, dtype=np.float32)
        return [Look(float(one), float(age)) for one, age in zip(male[:, 0], years, strict=True)]
