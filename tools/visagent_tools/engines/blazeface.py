"""The BlazeFace face detector on onnxruntime: an RGB array in, faces out. Knows nothing of agents, tools or evidence.

BlazeFace (Bazarevsky et al., 2019, arXiv:1907.05047) gives, at every place of two grids, a score, a box and six points.
The packaged one is MediaPipe's for the back camera: it sees faces from about a tenth of the picture's side on.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visagent_tools.engines.nanodet import non_maximum_suppression
from visagent_tools.engines.onnx import onnx_session

SIDE = 256
GRIDS = ((16, 2), (32, 6))
"""Pixels from one place to the next, and boxes at each place."""
OVERLAP = 0.3
"""Intersection over union from which on two boxes show one face: BlazeFace's own setting."""


class Faces(NamedTuple):
    """The faces of one picture, most certain first.

    Attributes:
        boxes: float32 (n, 4), x1 y1 x2 y2 in pixels of the picture that was given, forehead to chin; they may reach
            beyond it.
        scores: float32 (n,), between the threshold and 1.
        points: float32 (n, 6, 2), x y in the same pixels: right eye, left eye (as the person has them), tip of the
            nose, middle of the mouth, right ear, left ear.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    points: NDArray[np.float32]


class BlazeFace:
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
        self._session = onnx_session(path, "BlazeFace face detector", remedy, threads)
        self._anchors = _anchors()

    def find(self, image: NDArray[np.uint8], *, threshold: float = 0.5) -> Faces:
        """The faces in one picture.

        Args:
            image: Height x width x 3, uint8, RGB.
            threshold: The least score, 0 to 1.
        """
        height, width = image.shape[:2]
        scale = SIDE / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
        canvas = Image.new("RGB", (SIDE, SIDE))
        canvas.paste(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR), (left, top))
        pixels = (np.asarray(canvas, np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
        logits, places = self._session.run(["scores", "places"], {"image": pixels})
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[0, :, 0], -50.0, 50.0)))
        kept = scores > threshold
        scores, places, anchors = scores[kept], places[0][kept], self._anchors[kept]
        offset = np.array([left, top], np.float32)
        centres = places[:, 0:2] + anchors - offset
        halves = places[:, 2:4] / 2
        boxes = np.concatenate([centres - halves, centres + halves], axis=1) / scale
        points = (places[:, 4:].reshape(-1, 6, 2) + anchors[:, None] - offset) / scale
        chosen = non_maximum_suppression(boxes, scores, np.zeros(len(boxes), np.int64), OVERLAP)
        return Faces(boxes[chosen], scores[chosen].astype(np.float32), points[chosen])


def _anchors() -> NDArray[np.float32]:
    """The centres to which the network's numbers are relative, x y in its own pixels."""
    rows = []
    for stride, boxes in GRIDS:
        middle = (np.arange(SIDE // stride, dtype=np.float32) + 0.5) * stride
        y, x = np.meshgrid(middle, middle, indexing="ij")
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), boxes, axis=0))
    return np.concatenate(rows)
