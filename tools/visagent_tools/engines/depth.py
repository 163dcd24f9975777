"""How near to the camera things are, from a depth model in transformers. Knows no tool."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from visagent.evidence.values import Box, Crop
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.pretrained import load_libraries, model_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

METRIC = frozenset({"depth_pro", "glpn", "zoedepth"})
"""Families that give a distance, which grows away from the camera; DPT and relative Depth Anything give its inverse."""
INVERSE = frozenset({"dpt"})
BY_SETTING = frozenset({"depth_anything", "prompt_depth_anything"})


class DepthModel:
    """One loaded network; safe to call from several threads at once.

    Args:
        model: A folder, or another model source that `visagent.models.weights` describes.

    Raises:
        MissingDependency: torch or transformers is not installed.
        ModelError: the model cannot be loaded, is no depth model, or of a family whose scale is not known here.
    """

    def __init__(self, model: str) -> None:
        self._torch, library = load_libraries("A depth model")
        with model_folder(
            model, "a depth model", "Name a model that estimates depth, such as Depth Anything V2, DPT or ZoeDepth."
        ) as path:
            config = library.AutoConfig.from_pretrained(path, local_files_only=True)
            self._sign = _sign(config)
            self._network: Any = library.AutoModelForDepthEstimation.from_pretrained(path, local_files_only=True).eval()
            self._processor: Any = library.AutoImageProcessor.from_pretrained(path, local_files_only=True)
        self._network.to("cuda" if self._torch.cuda.is_available() else "cpu")
        self._lock = threading.Lock()

    def nearness(self, picture: Image) -> NDArray[np.float32]:
        """Height x width: larger is nearer; no unit, and comparable within the picture alone."""
        batch = self._processor(images=picture, return_tensors="pt").to(self._network.device)
        with self._lock, self._torch.inference_mode():
            outputs = self._network(**batch)
        size = (picture.height, picture.width)
        depth = self._processor.post_process_depth_estimation(outputs, target_sizes=[size])[0]["predicted_depth"]
        nearness: NDArray[np.float32] = (self._sign * depth.float()).cpu().numpy()
        return nearness


def _sign(config: Any) -> int:
    """Whether the network's numbers grow towards the camera (1) or away from it (-1).

    Raises:
        ValueError: that is not known of its family.
    """
    family = config.model_type
    if family in METRIC or (family in BY_SETTING and config.depth_estimation_type == "metric"):
        return -1
    if family in INVERSE or family in BY_SETTING:
        return 1
    raise ValueError(f"whether the numbers of a {family} grow with the distance is not known here")


_models: Memo[str, DepthModel] = Memo(limit=1)
_maps: Memo[tuple[object, ...], Any] = Memo(limit=4)


def nearness_of(media: str, seconds: float | None, boxes: Sequence[Box], model: str) -> list[float]:
    """How near each object is, in the boxes' order; larger is nearer.

    Args:
        media: Content hash of the picture in which all of them stand.
        seconds: When in a video the frame stands; None for an image.
        boxes: Boxes with masks or without.
        model: See `DepthModel`.

    Raises:
        MissingInput: the picture is not loaded.
        VisagentError: as `DepthModel`.
    """
    import numpy as np

    from visagent.core.errors import MissingInput
    from visagent.media.media import Media

    medium = Media.loaded(media)
    if medium is None:
        raise MissingInput(f"The picture {media[:12]} is not loaded.", "Load it again with load_media(path).")
    network = _models.get(model, lambda: DepthModel(model))
    whole = Crop.whole(medium).model_copy(update={"seconds": seconds})
    near = _maps.get((model, media, seconds), lambda: network.nearness(whole.image()))
    return [float(np.median(near[_own_pixels(box, near.shape)])) for box in boxes]


def _own_pixels(box: Box, shape: tuple[int, int]) -> Any:
    if box.mask is not None and box.mask.size == shape and box.mask.area:
        return box.mask.array()
    # The middle half of each side: at a box's edges stands the ground.
    x1, y1, x2, y2 = box.xyxy
    rows = slice(int(y1 + (y2 - y1) / 4), max(int(y1 + (y2 - y1) / 4) + 1, int(y2 - (y2 - y1) / 4)))
    columns = slice(int(x1 + (x2 - x1) / 4), max(int(x1 + (x2 - x1) / 4) + 1, int(x2 - (x2 - x1) / 4)))
    return rows, columns
