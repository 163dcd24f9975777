"""The MoveNet pose network on onnxruntime: one person in, seventeen points of the body out. Knows nothing of agents.

MoveNet Lightning (Google, 2021, Apache-2.0) gives heat maps of 48 x 48 places: where the middle of a person is, where
from there each point should be, where such points are at all, and by how much the place is off. The steps that follow
are those of its model card: the middle nearest to that of the picture, then for each point the warmest place near to
where it should be.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visagent_tools.engines.onnx import onnx_session

SIDE = 192
PLACES = 48
NEAR = 1.8
"""How many places away a heat counts half: MoveNet's own setting."""

POINTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
    "right ankle",
)  # fmt: skip
"""What the points are, left and right as the person has them."""


class Pose(NamedTuple):
    """The points of one body.

    Attributes:
        xy: float32 (17, 2), in pixels of the picture that was given, in the order of `POINTS`; they may lie beyond it.
        scores: float32 (17,), 0 to 1; below about 0.3 a point is hidden or out of the picture.
    """

    xy: NDArray[np.float32]
    scores: NDArray[np.float32]


class MoveNet:
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
        self._session = onnx_session(path, "MoveNet pose network", remedy, threads)

    def find(self, square: NDArray[np.uint8]) -> Pose:
        """The body of the person in the middle of a square.

        Args:
            square: Side x side x 3, uint8, RGB, with the whole person in it.
        """
        side = square.shape[0]
        small = Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = (np.asarray(small, np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
        names = ["heat", "offset", "centre", "reach"]
        heat, offset, centre, reach = (maps[0] for maps in self._session.run(names, {"image": pixels}))
        rows, columns = np.mgrid[:PLACES, :PLACES]
        nearest = centre[:, :, 0] / (NEAR + np.hypot(rows - PLACES / 2, columns - PLACES / 2))
        row, column = np.unravel_index(nearest.argmax(), nearest.shape)
        xy = np.empty((len(POINTS), 2), np.float32)
        scores = np.empty(len(POINTS), np.float32)
        for point in range(len(POINTS)):
            down, across = reach[row, column, 2 * point : 2 * point + 2]
            near = heat[:, :, point] / (NEAR + np.hypot(rows - (row + down), columns - (column + across)))
            y, x = np.unravel_index(near.argmax(), near.shape)
            dy, dx = offset[y, x, 2 * point : 2 * point + 2]
            xy[point] = (x + dx) * side / PLACES, (y + dy) * side / PLACES
            scores[point] = heat[y, x, point]
        return Pose(xy, scores)
