"""Any detection network that ultralytics reads (YOLO11, YOLO26, RT-DETR, …), behind the detector protocol.

ultralytics and the weights it publishes are licensed under AGPL-3.0 (https://ultralytics.com/license): it is an extra
that a person chooses to install, imported when such a detector is made and never before.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ModelError
from visagent.core.install import requiring
from visagent.evidence.values import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class YoloDetector:
    """One loaded network. Nothing is downloaded, installed or reported: the weights must be on this machine.

    Args:
        weights: A file, or the name of one in the current folder or in ultralytics' own folder of weights.
        threshold: The least confidence, 0 to 1; 0.25 if None, as ultralytics has it.
        device: Device of torch, for example "cpu" or "cuda"; ultralytics' choice if None.

    Raises:
        MissingDependency: ultralytics is not installed.
        ModelError: there is no such file, or it is no detector.
    """

    def __init__(self, weights: str, *, threshold: float | None = None, device: str | None = None) -> None:
        library = import_ultralytics()
        path = on_disk(weights, Path(library.utils.SETTINGS["weights_dir"]))
        try:
            self._network: Any = library.YOLO(str(path))
            names: dict[int, str] = self._network.names
        except Exception as error:  # ultralytics raises whatever torch, pickle or zipfile raise
            raise ModelError(
                f"{path.name}: ultralytics cannot load this: {error}", "Name weights that `yolo detect` can run."
            ) from error
        if self._network.task not in ("detect", "segment"):
            raise ModelError(
                f"{path.name}: this network is for the task {self._network.task!r}.", "Name weights of a detector."
            )
        self.name = f"the detector {path.name}"
        self.labels: tuple[str, ...] | None = tuple(names[index] for index in sorted(names))
        self._threshold, self._device = 0.25 if threshold is None else threshold, device
        # A network keeps the state of its latest prediction: one at a time.
        self._lock = threading.Lock()

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Box]:
        """The objects in one picture; see `Detector.find`."""
        import numpy as np

        with self._lock:
            # ultralytics takes arrays as OpenCV has them: blue first.
            result = self._network.predict(
                np.ascontiguousarray(pixels[..., ::-1]), conf=self._threshold, device=self._device, verbose=False
            )[0]
        found = result.boxes
        height, width = pixels.shape[:2]
        boxes = [
            Box(
                xyxy=(min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width), min(max(y2, 0), height)),
                label=result.names[int(class_id)],
                confidence=min(score, 1.0),
            )
            for (x1, y1, x2, y2), score, class_id in zip(
                found.xyxy.tolist(), found.conf.tolist(), found.cls.tolist(), strict=True
            )
        ]
        return [box for box in boxes if labels is None or box.label in labels]


def import_ultralytics() -> Any:
    # Read once, at import: no network, no pip from inside a run, no pickled code, nothing printed.
    os.environ.update(YOLO_OFFLINE="1", YOLO_AUTOINSTALL="0", ULTRALYTICS_SAFE_LOAD="1", YOLO_VERBOSE="0")
    with requiring('detector = "ultralytics" needs ultralytics (AGPL-3.0)', "local"):
        library = importlib.import_module("ultralytics")
        importlib.import_module("ultralytics.utils")
    # Offline switches its usage events off at import; a program that had imported it before is covered here.
    importlib.import_module("ultralytics.utils.events").events.enabled = False
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    return library


def on_disk(weights: str, folder: Path) -> Path:
    """A file of weights: as named, or in ultralytics' own folder.

    Raises:
        ModelError: there is none.
    """
    # ultralytics downloads a name that it does not find: it is given only what exists.
    for path in (Path(weights).expanduser(), folder / weights):
        if path.is_file():
            return path
    raise ModelError(
        f"weights = {weights!r}: there is no such file here or in {folder}.",
        "Download it yourself first, or name a file that exists: visagent fetches no ultralytics weights.",
    )
