"""GrabCut (Rother, Kolmogorov and Blake, 2004) as OpenCV has it: parts the colours inside a box from those around it.

It needs no weights and knows no object: where object and ground share their colours, its outline is wrong.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from visagent.core.install import requiring
from visagent_tools.engines.outlining import Outline, Prompt, PromptKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visagent.evidence.values import XYXY

SIDE = 400
"""Pixels to which the longer side of a box with its surroundings is shrunk: the work grows with the pixels."""
AROUND = 0.4
"""How much of the surroundings is seen on each side, as a part of the box: the ground's colours are learnt there."""
ROUNDS = 5
SURE = 0.6
"""Confidence of an outline: GrabCut does not tell, and docs/perception.md says how well it does."""


class GrabCut:
    """The segmenter without weights; see this module."""

    name = "GrabCut"
    takes: frozenset[PromptKind] = frozenset({"boxes"})
    by_color = True

    def __init__(self) -> None:
        # OpenCV's random numbers, which the colour models begin with, are the process's.
        self._lock = threading.Lock()

    def outline(self, pixels: NDArray[np.uint8], prompt: Prompt) -> list[Outline]:
        """The outline inside each box; see `Segmenter.outline`. Nothing where there is no ground around a box."""
        return [Outline(self._inside(pixels, box), SURE) for box in prompt.boxes]

    def _inside(self, pixels: NDArray[np.uint8], box: XYXY) -> NDArray[np.bool_]:
        import numpy as np

        with requiring("GrabCut needs OpenCV", "embedded"):
            import cv2
        height, width = pixels.shape[:2]
        found = np.zeros((height, width), bool)
        x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
        x2, y2 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
        across, down = int(AROUND * (x2 - x1)) + 2, int(AROUND * (y2 - y1)) + 2
        left, top = max(0, x1 - across), max(0, y1 - down)
        right, bottom = min(width, x2 + across), min(height, y2 + down)
        around = np.ascontiguousarray(pixels[top:bottom, left:right, ::-1])
        factor = min(1.0, SIDE / max(around.shape[:2]))
        size = (max(1, round(around.shape[1] * factor)), max(1, round(around.shape[0] * factor)))
        small = cv2.resize(around, size, interpolation=cv2.INTER_AREA)
        marks = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
        rows = slice(round((y1 - top) * factor), round((y2 - top) * factor))
        columns = slice(round((x1 - left) * factor), round((x2 - left) * factor))
        marks[rows, columns] = cv2.GC_PR_FGD
        # Colour models of five Gaussians each want some pixels on both sides.
        if min((marks == cv2.GC_BGD).sum(), (marks == cv2.GC_PR_FGD).sum()) < 50:
            return found
        with self._lock:
            cv2.setRNGSeed(0)
            cv2.grabCut(small, marks, (0, 0, 1, 1), np.empty(0), np.empty(0), ROUNDS, cv2.GC_INIT_WITH_MASK)
        inside = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
        whole = cv2.resize(inside, around.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        found[top:bottom, left:right] = whole
        return found
