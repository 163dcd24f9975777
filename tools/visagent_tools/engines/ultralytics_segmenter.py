"""Segmenters from ultralytics behind the segmenter protocol: SAM by boxes and points, YOLO-seg by the classes that it
was trained on, YOLOE by any words.

ultralytics and the weights it publishes are licensed under AGPL-3.0: see `visagent_tools.engines.yolo`.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ModelError
from visagent_tools.engines.outlining import Outline, Prompt, PromptKind
from visagent_tools.engines.yolo import import_ultralytics, on_disk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class UltralyticsSegmenter:
    """One loaded network; like ultralytics itself it tells SAM and YOLOE by the file's name.

    Args:
        weights: A file, or the name of one in the current folder or in ultralytics' own folder of weights.
        threshold: The least confidence of an object that a phrase finds, 0 to 1; 0.25 if None.
        device: Device of torch, for example "cpu" or "cuda"; ultralytics' choice if None.

    Raises:
        MissingDependency: ultralytics is not installed.
        ModelError: there is no such file, or it is no segmenter.
    """

    by_color = False

    def __init__(self, weights: str, *, threshold: float | None = None, device: str | None = None) -> None:
        library = import_ultralytics()
        path = on_disk(weights, Path(library.utils.SETTINGS["weights_dir"]))
        kind = "SAM" if "sam" in path.stem.lower() else "YOLOE" if "yoloe" in path.stem.lower() else "YOLO"
        try:
            self._network: Any = getattr(library, kind)(str(path))
            task = "segment" if kind == "SAM" else self._network.task
        except Exception as error:  # ultralytics raises whatever torch, pickle or zipfile raise
            raise ModelError(
                f"{path.name}: ultralytics cannot load this: {error}", "Name weights of SAM, YOLO-seg or YOLOE-seg."
            ) from error
        if task != "segment":
            raise ModelError(f"{path.name}: this network is for the task {task!r}.", "Name weights of a segmenter.")
        self.name = f"the segmenter {path.name}"
        self.takes: frozenset[PromptKind] = frozenset({"boxes", "points"} if kind == "SAM" else {"phrase"})
        self._open = kind == "YOLOE"
        self._threshold, self._device = 0.25 if threshold is None else threshold, device
        # A network keeps the state of its latest prediction: one at a time.
        self._lock = threading.Lock()

    def outline(self, pixels: NDArray[np.uint8], prompt: Prompt) -> list[Outline]:
        """The outlines of what the prompt means; see `Segmenter.outline`.

        Raises:
            UnknownLabel: the network knows a closed set of classes, and the phrase is none of them.
            ModelError: YOLOE's text encoder is not on this machine.
        """
        import numpy as np

        from visagent_tools.labels import understand

        # With a box or point, what the network itself doubts is told too: outlines are matched by their number.
        options: dict[str, Any] = {"device": self._device, "verbose": False, "retina_masks": True, "conf": 0.0}
        wanted: tuple[str, ...] = (prompt.phrase,)
        if prompt.kind == "boxes":
            options["bboxes"] = [list(box) for box in prompt.boxes]
        elif prompt.kind == "points":
            options |= {"points": [list(point) for point in prompt.points], "labels": [1] * len(prompt.points)}
        else:
            options["conf"] = self._threshold
        with self._lock:
            if prompt.kind == "phrase" and self._open:
                self._ask_for(prompt.phrase)
            elif prompt.kind == "phrase":
                names = tuple(self._network.names.values())
                wanted = tuple(understand(prompt.phrase, names, detector=self.name).labels)
            # ultralytics takes arrays as OpenCV has them: blue first.
            result = self._network.predict(np.ascontiguousarray(pixels[..., ::-1]), **options)[0]
        masks = [] if result.masks is None else list(result.masks.data.cpu().numpy().astype(bool))
        scores = [] if result.boxes is None else [min(float(score), 1.0) for score in result.boxes.conf]
        if prompt.kind != "phrase":
            asked = len(prompt.boxes) or len(prompt.points)
            if len(masks) != asked:
                raise ModelError(f"{self.name} outlined {len(masks)} of {asked} objects.", "Ask for one at a time.")
            return [Outline(mask, score) for mask, score in zip(masks, scores, strict=True)]
        return [
            Outline(mask, score)
            for mask, score, class_id in zip(masks, scores, result.boxes.cls if masks else (), strict=True)
            if result.names[int(class_id)] in wanted
        ]

    def _ask_for(self, phrase: str) -> None:
        try:
            self._network.set_classes([phrase])
        except Exception as error:  # a download that is off, a missing package, a damaged file
            raise ModelError(
                f"{self.name} cannot read words: {error}",
                "Put YOLOE's text encoder (mobileclip) beside its weights, or use a segmenter that takes boxes.",
            ) from error
