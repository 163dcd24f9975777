"""Which frames of a video differ and where its shots begin, from frames decoded in order. Knows no detector."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from visagent.core.install import requiring
from visagent.media.clips import ScannedFrame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME = 10.0
"""Largest difference, in grey levels of 255, of any of 40 by 22 fields of two frames that still show the same: above
what compression makes of a still picture, below what an object of a twentieth of the width makes when it moves."""
NEW_SCENE = 30.0
"""Mean difference of grey levels from which on a frame is looked at at once, without waiting for its turn."""
REPLACED = 0.5
"""Part of the picture that a cut changes at least: where less changes at once, a thing or a title comes into a shot."""
TEXT_DIFFERS = 24.0
"""As `SAME`, from which on text is read again."""


class Seen(NamedTuple):
    """A frame that is worth a look.

    Attributes:
        frame: The frame.
        previous: When the picture was last looked at before; the frame's own time for the first.
        differs: Largest difference of a field from the last frame that was kept, in grey levels; 255 for the first.
    """

    frame: ScannedFrame
    previous: float
    differs: float


class Scanner:
    """Picks frames out of all that a video has: some a second, and of these the ones that show something new.

    Args:
        every: Seconds between two looks.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._cuts = _cut_detector()
        self._last: NDArray[np.float32] | None = None
        self._kept: NDArray[np.float32] | None = None
        self._looked = 0.0
        self._due = 0.0
        self._times: list[float] = []
        self._replaced: list[bool] = []
        self.cuts: list[float] = []
        """When new shots begin, as far as is known; reading them removes them."""

    def look(self, frame: ScannedFrame) -> Iterator[Seen]:
        """Take the next frame; gives it back where it is worth a look.

        Args:
            frame: The one after the last.
        """
        import numpy as np

        fields = _fields(frame.small)
        self._find_cuts(frame, fields)
        jumped = self._last is not None and float(np.abs(_grey(fields) - _grey(self._last)).mean()) >= NEW_SCENE
        self._last = fields
        if frame.seconds + 1e-6 < self._due and not jumped:
            return
        first = self._kept is None
        differs = 255.0 if self._kept is None else float(np.abs(_grey(fields) - _grey(self._kept)).max())
        previous, self._looked = (frame.seconds if first else self._looked), frame.seconds
        # On a grid, so that the pace does not drift with the frame rate; after a gap it starts again.
        self._due = max(self._due + self._every, frame.seconds + self._every / 2)
        if differs > SAME:
            self._kept = fields
            yield Seen(frame, previous, differs)

    def _find_cuts(self, frame: ScannedFrame, fields: NDArray[np.float32]) -> None:
        import numpy as np

        # By the number of the frame: of a variable rate, PySceneDetect knows the average alone.
        number = len(self._times)
        self._times.append(frame.seconds)
        changed = 1.0 if self._last is None else float((np.abs(fields - self._last).max(axis=2) > SAME).mean())
        self._replaced.append(changed >= REPLACED)
        found = self._cuts.detector.process_frame(self._cuts.code(number), frame.small)
        self.cuts += [self._times[cut.frame_num] for cut in found if self._replaced[cut.frame_num]]


class _CutDetector(NamedTuple):
    detector: Any
    code: Any


def _cut_detector() -> _CutDetector:
    """PySceneDetect's adaptive detector: a cut is a frame that differs far more than its neighbours do."""
    with requiring("Finding the shots of a video needs PySceneDetect", "embedded"):
        scenedetect = importlib.import_module("scenedetect")
    # Its own log says "frame rate" and the like of every clip.
    logging.getLogger("pyscenedetect").setLevel(logging.WARNING)
    return _CutDetector(scenedetect.AdaptiveDetector(), lambda number: scenedetect.FrameTimecode(number, fps=30.0))


def _fields(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean colours of 40 by 22 fields."""
    import numpy as np

    height, width = small.shape[0] // 4 * 4, small.shape[1] // 4 * 4
    blocks = small[:height, :width].reshape(height // 4, 4, width // 4, 4, 3)
    fields: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return fields


def _grey(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = fields.mean(axis=2)
    return grey
