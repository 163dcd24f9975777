"""The NanoDet object detector on onnxruntime: an RGB array in, boxes out. Knows nothing of agents, tools or evidence.

NanoDet (https://github.com/RangiLyu/nanodet) is a one-stage, anchor-free detector in the manner of FCOS, trained on
COCO with generalised focal loss (Li et al., 2020, arXiv:2006.04388): at every place of three grids it gives 80 class
scores, and for each side of the box a distribution over 11 distances whose mean is the distance to that side.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visagent_tools.engines.onnx import onnx_session

COCO_LABELS = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich",
    "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
    "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
    "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 COCO class names; a class id is an index into this tuple."""

SIDE = 416
STRIDES = (8, 16, 32)
BINS = 11
# The network was trained on OpenCV's BGR order with these ImageNet statistics.
BGR_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
BGR_STD = np.array([57.375, 57.12, 58.395], np.float32)
# A pixel has 256 values: looking the normalised one up takes a third of the time of computing it.
NORMALISED = (np.arange(256, dtype=np.float32) - BGR_MEAN[:, None]) / BGR_STD[:, None]
NMS_OVERLAP = 0.6  # NanoDet's own setting
CANDIDATES = 1000  # per pass, before suppression: NanoDet's own setting
TILE_OVERLAP = 0.25  # of a tile's side: an object up to this size lies whole in some tile
EDGE_PIXELS = 8.0  # a box that ends this near to a cut, in network pixels, is taken to end at the cut
COVERED = 0.6  # of the smaller of two boxes: above it, the one from a tile adds nothing


class Detections(NamedTuple):
    """What was found in one image, most certain first.

    Attributes:
        boxes: float32 (n, 4), x1 y1 x2 y2 in pixels of the image that was given, inside it.
        scores: float32 (n,), between the threshold and 1.
        class_ids: int64 (n,), indices into `COCO_LABELS`.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]

    def take(self, keep: NDArray[Any]) -> Detections:
        """Return the detections that ``keep`` (indices, or one boolean for each) selects."""
        return Detections(self.boxes[keep], self.scores[keep], self.class_ids[keep])


class NanoDet:
    """One loaded network; safe to call from several threads at once.

    Args:
        path: The ``.onnx`` file that ``scripts/convert_nanodet.py`` writes.
        threads: CPU threads for one call; None leaves the choice to onnxruntime.

    Raises:
        MissingDependency: onnxruntime is not installed.
        ModelError: The file is missing or is not that network.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        remedy = "Reinstall visagent, or name a file written by scripts/convert_nanodet.py."
        self._session = onnx_session(path, "NanoDet detector", remedy, threads)
        self._centres, self._strides, self._mirrored = _grid()

    def detect(
        self, image: NDArray[np.uint8], *, threshold: float = 0.35, tiles: int = 1, mirror: bool = True
    ) -> Detections:
        """Find the objects in one image.

        Args:
            image: uint8 (height, width, 3), RGB.
            threshold: Detections with a lower score are left out, 0 to 1.
            tiles: Tiles a side; with 2 or more, the image is also cut into an overlapping grid of ``tiles`` x
                ``tiles``, each tile is searched at full size, and what it adds is kept: small objects, at ``1 +
                tiles**2`` times the cost. This is slicing-aided inference (Akyon et al., 2022, arXiv:2202.06934).
            mirror: Average the network's outputs for the image and for its mirror image (test-time augmentation as in
                CenterNet; Zhou et al., 2019, arXiv:1904.07850). It takes twice the time; on the sample photographs most
                imagined objects went, but its effect was not measured on labelled pictures.

        Returns:
            The detections, most certain first; empty arrays when there are none.

        Raises:
            ValueError: The array is not an RGB image, or an option is out of range.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(f"expected a uint8 array (height, width, 3), got {image.dtype} {image.shape}")
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"threshold must be between 0 and 1, got {threshold}")
        if tiles < 1:
            raise ValueError(f"tiles must be at least 1, got {tiles}")
        height, width = image.shape[:2]
        found = _suppress(self._detect_window(image, (0, 0, width, height), threshold, mirror))
        if tiles > 1:
            windows = [(x1, y1, x2, y2) for y1, y2 in _spans(height, tiles) for x1, x2 in _spans(width, tiles)]
            in_tiles = _join([self._detect_window(image, window, threshold, mirror) for window in windows])
            found = _join([found, _new(_suppress(in_tiles), found)])
            found = found.take(np.argsort(-found.scores, kind="stable"))
        return found

    def _detect_window(
        self, image: NDArray[np.uint8], window: tuple[int, int, int, int], threshold: float, mirror: bool
    ) -> Detections:
        """Return what the network finds in ``window``, in pixels of ``image``, before suppression."""
        height, width = image.shape[:2]
        x1, y1, x2, y2 = window
        pixels, scale = _letterbox(image[y1:y2, x1:x2])
        boxes, scores, class_ids = self._infer(pixels, threshold, mirror)
        offset, limit = np.array([x1, y1, x1, y1]), np.array([width, height, width, height])
        boxes = (boxes / scale + offset).clip(0, limit).astype(np.float32)
        # A box that reaches an edge where the tile ends but the image goes on is a fragment. The object lies whole in
        # the neighbouring tile if it is smaller than the overlap, and is large enough for the whole image if it is not.
        margin = EDGE_PIXELS / scale
        fragment = (
            ((boxes[:, 0] < x1 + margin) & (x1 > 0))
            | ((boxes[:, 1] < y1 + margin) & (y1 > 0))
            | ((boxes[:, 2] > x2 - margin) & (x2 < width))
            | ((boxes[:, 3] > y2 - margin) & (y2 < height))
        )
        # Places in the letterbox's margin can report boxes outside the image, which clipping leaves without area.
        empty = (boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1])
        return Detections(boxes, scores, class_ids).take(~(fragment | empty))

    def _infer(self, pixels: NDArray[np.float32], threshold: float, mirror: bool) -> Detections:
        """Run the network on its input (1, 3, 416, 416); the boxes are in pixels of that input and may leave it."""
        batch = np.concatenate([pixels, pixels[..., ::-1]]) if mirror else pixels
        scores_of_place, reach = self._session.run(None, {"image": batch})
        mean_scores: NDArray[np.float32] = scores_of_place[0]
        if mirror:
            mean_scores = (mean_scores + scores_of_place[1, self._mirrored]) / 2
        class_of_place = mean_scores.argmax(axis=1)
        score_of_place = mean_scores[np.arange(len(class_of_place)), class_of_place]
        sure = np.argsort(-score_of_place, kind="stable")[:CANDIDATES]
        sure = sure[score_of_place[sure] >= threshold]
        # Distances are decoded only here: those of all 3549 places would cost more than the rest of this function.
        distances = _distances(reach[0, sure])
        if mirror:
            left_and_right_swapped = _distances(reach[1, self._mirrored[sure]])[:, [2, 1, 0, 3]]
            distances = np.float32(0.5) * (distances + left_and_right_swapped)
        distances *= self._strides[sure, None]
        centres = self._centres[sure]
        boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1)
        return Detections(boxes, score_of_place[sure], class_of_place[sure])


def non_maximum_suppression(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], overlap: float
) -> NDArray[np.int64]:
    """Return the indices of the boxes to keep, most certain first.

    OpenCV's greedy suppression (Felzenszwalb et al., 2010, doi:10.1109/TPAMI.2009.167) within each class: the most
    certain box stays, those of its class that overlap it too much go, and so on with the rest.

    Args:
        boxes: (n, 4) x1 y1 x2 y2.
        scores: (n,).
        class_ids: (n,); boxes of different classes never suppress each other.
        overlap: The intersection over union above which the less certain of two boxes goes.
    """
    import cv2

    if not len(boxes):
        return np.empty(0, np.int64)
    sized = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    keep = cv2.dnn.NMSBoxesBatched(sized.tolist(), scores.tolist(), class_ids.tolist(), 0.0, overlap)
    return np.array(keep, np.int64).ravel()


def _suppress(found: Detections) -> Detections:
    return found.take(non_maximum_suppression(*found, NMS_OVERLAP))


def _new(in_tiles: Detections, in_whole: Detections) -> Detections:
    """Return the detections of ``in_tiles`` that do not lie on one of ``in_whole`` of the same class.

    Seen close up, a part often looks like a whole: a head in a tile of its own is a person. Such a box has little
    intersection *over union* with the whole object, so the measure is intersection over the smaller box, as in SAHI.
    """
    smaller = np.minimum(_areas(in_tiles.boxes)[:, None], _areas(in_whole.boxes)[None, :])
    covered = _intersections(in_tiles.boxes, in_whole.boxes) > COVERED * smaller
    same_class = in_tiles.class_ids[:, None] == in_whole.class_ids[None, :]
    return in_tiles.take(~(covered & same_class).any(axis=1))


def _join(parts: list[Detections]) -> Detections:
    boxes, scores, class_ids = zip(*parts, strict=True)
    return Detections(np.concatenate(boxes), np.concatenate(scores), np.concatenate(class_ids))


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _intersections(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the (n, m) areas that the boxes of ``first`` (n, 4) share with those of ``second`` (m, 4)."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    width, height = np.moveaxis((bottom_right - top_left).clip(min=0), 2, 0)
    return np.asarray(width * height)


def _grid() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return for every place, in the network's output order: its centre, its stride, and its place in the mirror.

    Centres (x, y) and strides are in network pixels; the last is the index of the place that covers the same part of
    a mirrored input.
    """
    centres, strides, mirrored = [], [], []
    first = 0
    for stride in STRIDES:
        side = SIDE // stride
        rows, columns = np.indices((side, side))
        centres.append((np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5) * stride)
        strides.append(np.full(side * side, stride))
        mirrored.append(first + (rows * side + columns[:, ::-1]).ravel())
        first += side * side
    return (
        np.concatenate(centres).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
        np.concatenate(mirrored),
    )


def _distances(reach: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, 4) distances to left, top, right, bottom, in strides: the mean of each distribution over 0 to 10."""
    logits = reach.reshape(-1, 4, BINS)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    return np.asarray(weights @ np.arange(BINS, dtype=np.float32) / weights.sum(axis=2))


def _letterbox(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """Return the network's input for ``image``, placed at the top left, and network pixels per image pixel.

    NanoDet's own evaluation centres the image. On the few photographs tried here neither place was clearly better; the
    top left keeps the arithmetic simple.
    """
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # reducing_gap first halves very large photographs cheaply: 18 instead of 58 ms for one of 12 megapixels.
    resized = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    canvas[: size[1], : size[0]] = resized[:, :, ::-1]
    return np.stack([NORMALISED[channel][canvas[:, :, channel]] for channel in range(3)])[None], scale


def _spans(length: int, tiles: int) -> list[tuple[int, int]]:
    """Return ``tiles`` overlapping (start, end) that cover 0 to ``length``."""
    size = length / (tiles - (tiles - 1) * TILE_OVERLAP)
    starts = [i * size * (1 - TILE_OVERLAP) for i in range(tiles)]
    return [(math.floor(start), min(length, math.ceil(start + size))) for start in starts]
