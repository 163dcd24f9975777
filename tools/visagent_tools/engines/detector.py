"""Object detectors behind one protocol: which one the options name, loaded once, run once per picture.

Knows no tool: `detect`, `caption` and `track` share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from visagent.core.errors import ConfigError, did_you_mean
from visagent.evidence.overlap import shared_area
from visagent.evidence.values import Box, Crop
from visagent_tools.engines.memo import Memo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import JsonValue

__all__ = ["Detector", "NanoDetDetector", "boxes_in", "detector_for"]

OPEN_MODELS = {
    "grounding-dino": "hub:IDEA-Research/grounding-dino-tiny@main!/",
    "owlv2": "hub:google/owlv2-base-patch16-ensemble@main!/",
}
"""Detectors that have a name of their own, with the model that `transformers` loads for it."""

DETECTORS = ("nanodet", "ultralytics", "transformers", *OPEN_MODELS)
"""What the option `detector` may say."""


class Detector(Protocol):
    """What finds objects in pixels; safe to call from several threads at once.

    Attributes:
        name: How a message calls it, for example "the packaged NanoDet".
        labels: The closed set that it knows; None where it takes any.
    """

    name: str
    labels: tuple[str, ...] | None

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Box]:
        """The objects in one picture, in its own pixels, most certain first.

        Args:
            pixels: Height x width x 3, uint8, RGB.
            labels: What to look for; None for everything that a closed vocabulary holds.
        """
        ...


WEAK = 0.5
"""Part of the least confidence from which on something may be an object that was seen just before or after; ByteTrack
(Zhang et al., 2022, arXiv:2110.06864) goes down as far."""


class NanoDetDetector:
    """The packaged NanoDet: the 80 COCO labels, on the CPU, without torch.

    Args:
        threshold: The least confidence, 0 to 1; 0.3 if None.
        tiles: Tiles a side; with 2 or more, the picture is also searched in a grid of that many tiles a side: small
            objects.
    """

    name = "the packaged NanoDet"

    def __init__(self, threshold: float | None = None, tiles: int = 1) -> None:
        from visagent_tools.engines.nanodet import COCO_LABELS, NanoDet

        self.labels: tuple[str, ...] | None = COCO_LABELS
        self._names = COCO_LABELS
        self._threshold, self._tiles = 0.3 if threshold is None else threshold, tiles
        self._network = NanoDet(Path(str(files("visagent_tools") / "weights" / "nanodet-g-416.onnx")))

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Box]:
        """The objects in one picture; see `Detector.find`."""
        return self._found(pixels, labels, self._threshold)

    def find_weak(self, pixels: NDArray[np.uint8], least: float | None = None) -> tuple[list[Box], list[Box]]:
        """The objects in one picture, and what may be some; one run of the network.

        Args:
            pixels: Height x width x 3, uint8, RGB.
            least: The least confidence of what may be some, 0 to 1; half of an object's if None.
        """
        found = self._found(pixels, None, self._threshold * WEAK if least is None else least)
        sure = [box for box in found if box.confidence >= self._threshold]
        return sure, [box for box in found if box.confidence < self._threshold]

    def _found(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None, threshold: float) -> list[Box]:
        found = self._network.detect(pixels, threshold=threshold, tiles=self._tiles)
        boxes = [
            Box(xyxy=tuple(xyxy), label=self._names[class_id], confidence=score)
            for xyxy, score, class_id in zip(
                found.boxes.tolist(), found.scores.tolist(), found.class_ids.tolist(), strict=True
            )
        ]
        return [box for box in without_doubles(boxes) if labels is None or box.label in labels]


DOUBLE, ALIKE = 0.8, 0.3
"""Of two boxes of one label, the part of the smaller one that they share, and their intersection over union, from which
on both show one object: its head and chest beside all of it. Of people and cats pasted side by side
(`benchmarks/doubles.py`) counts are off by half as much with it; of cats that hide a third of each other it loses one
in four."""


def without_doubles(boxes: Sequence[Box]) -> list[Box]:
    """Boxes, most certain first, less those that show a part of an object that is there already.

    A small object before a large one of its kind stays: their boxes have little in common but for that.

    Args:
        boxes: Most certain first.
    """
    kept: list[Box] = []
    for box in boxes:
        if not any(box.label == other.label and _is_double(box, other) for other in kept):
            kept.append(box)
    return kept


def _is_double(one: Box, other: Box) -> bool:
    both = shared_area(one.xyxy, other.xyxy)
    return both >= DOUBLE * min(one.area, other.area) and both >= ALIKE * (one.area + other.area - both)


kept_detectors: Memo[tuple[object, ...], Detector] = Memo(limit=4)
kept_boxes: Memo[tuple[object, ...], list[Box]] = Memo(limit=4096)
"""Boxes of recent pictures: an album of a thousand is asked about again without running the network."""


def detector_for(options: Mapping[str, JsonValue]) -> Detector:
    """The detector that options name, loaded when first asked for and kept.

    Args:
        options: `detector`: one of `DETECTORS`, "nanodet" if left out; `threshold`: least confidence; `tiles`
            (nanodet): tiles a side, for small objects; `weights` (ultralytics): a file; `model` or `weights`
            (transformers): a model source; `device` (both): for example "cpu" or "cuda", the best there is if left out.

    Raises:
        ConfigError: an option is unknown to the detector or has an unusable value.
        MissingDependency: the detector's library is not installed.
        ModelError: the model cannot be loaded.
    """
    key = _key(options)
    return kept_detectors.get(key, lambda: make_detector(options))


def boxes_in(
    crop: Crop,
    options: Mapping[str, JsonValue],
    labels: Sequence[str] | None = None,
    pixels: NDArray[np.uint8] | None = None,
) -> list[Box]:
    """The objects in a region, in pixels of the original, most certain first.

    A closed vocabulary is found all at once and remembered: asking the same region for another label costs nothing,
    and threads that ask at the same time share one run of the network.

    Args:
        crop: Where to look.
        options: Options as for `detector_for`.
        labels: What to look for, in the detector's own words; None for everything that a closed vocabulary holds.
        pixels: The region's pixels, where the caller has them at hand.

    Raises:
        MissingInput: the region has no pixel.
        VisagentError: as `detector_for`.
    """
    detector = detector_for(options)
    asked = None if detector.labels is not None else tuple(sorted(labels or ()))
    key = (_key(options), crop.media, crop.xyxy, crop.scale, crop.seconds, asked)

    def look() -> list[Box]:
        raw = detector.find(crop.array() if pixels is None else pixels, asked)
        mapped = [box.model_copy(update={"xyxy": crop.to_original(box.xyxy)}) for box in raw]
        return sorted(mapped, key=lambda box: -box.confidence)

    found = kept_boxes.get(key, look)
    return [box for box in found if labels is None or box.label in labels]


def _key(options: Mapping[str, JsonValue]) -> tuple[object, ...]:
    names = ("weights", "model", "threshold", "tiles", "device")
    return (options.get("detector") or "nanodet", *(repr(options.get(name)) for name in names))


def make_detector(options: Mapping[str, JsonValue]) -> Detector:
    kind = options.get("detector") or "nanodet"
    if kind not in DETECTORS:
        raise ConfigError(f"detector = {kind!r} is no detector.", did_you_mean(kind, DETECTORS))
    threshold, device = _threshold(options), options.get("device")
    if device is not None and not isinstance(device, str):
        raise ConfigError(f"device = {device!r} is not a device.", 'Give its name, for example "cpu" or "cuda".')
    if kind == "nanodet":
        tiles = options.get("tiles") or 1
        if not isinstance(tiles, int) or isinstance(tiles, bool) or not 1 <= tiles <= 8:
            raise ConfigError(f"tiles = {tiles!r} is not a number of tiles.", "Give a whole number from 1 to 8.")
        return NanoDetDetector(threshold, tiles)
    if kind == "ultralytics":
        from visagent_tools.engines.yolo import YoloDetector

        weights = options.get("weights")
        if not isinstance(weights, str) or not weights:
            raise ConfigError(
                'detector = "ultralytics" needs weights.', 'Name a file on this machine: weights = "path/to/model.pt".'
            )
        return YoloDetector(weights, threshold=threshold, device=device)
    from visagent_tools.engines.transformers_detector import TransformersDetector

    model = options.get("model") or options.get("weights") or OPEN_MODELS.get(str(kind))
    if not isinstance(model, str):
        raise ConfigError(
            'detector = "transformers" needs a model.',
            'Name a folder, or a repository: model = "hub:OWNER/NAME@REVISION!/".',
        )
    return TransformersDetector(model, threshold=threshold, device=device)


def _threshold(options: Mapping[str, JsonValue]) -> float | None:
    threshold = options.get("threshold")
    if threshold is None:
        return None
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ConfigError(f"threshold = {threshold!r} is not a confidence.", "Give a number from 0 to 1.")
    return float(threshold)
