"""What outlines objects pixel by pixel, behind one protocol: which one the options name, loaded once.

Knows no tool. Prompts and masks are in pixels of the region that is shown; `outlined` maps both to the original.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from visagent.core.errors import ConfigError, did_you_mean
from visagent.evidence.values import Box, Crop, Mask
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.outlining import Prompt, Segmenter

if TYPE_CHECKING:
    from pydantic import JsonValue

SEGMENTERS = ("grabcut", "transformers", "ultralytics")
"""What the option `segmenter` may say."""

_kept: Memo[tuple[object, ...], Segmenter] = Memo(limit=2)


def segmenter_for(options: Mapping[str, JsonValue]) -> Segmenter:
    """The segmenter that options name, loaded when first asked for and kept.

    Args:
        options: `segmenter`: one of `SEGMENTERS`, "grabcut" if left out; `weights` (ultralytics): a file; `model`
            (transformers): a model source; `threshold`: the least score of an object that a phrase finds; `device`: for
            example "cpu" or "cuda", the best there is if left out.

    Raises:
        ConfigError: an option has an unusable value.
        MissingDependency: the segmenter's library is not installed.
        ModelError: the model cannot be loaded.
    """
    key = tuple(repr(options.get(name)) for name in ("segmenter", "weights", "model", "threshold", "device"))
    return _kept.get(key, lambda: _make(options))


def _make(options: Mapping[str, JsonValue]) -> Segmenter:
    kind = options.get("segmenter") or "grabcut"
    if kind not in SEGMENTERS:
        raise ConfigError(f"segmenter = {kind!r} is no segmenter.", did_you_mean(kind, SEGMENTERS))
    if kind == "grabcut":
        from visagent_tools.engines.grabcut import GrabCut

        return GrabCut()
    threshold, device = options.get("threshold"), options.get("device")
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
        raise ConfigError(f"threshold = {threshold!r} is not a confidence.", "Give a number from 0 to 1.")
    if device is not None and not isinstance(device, str):
        raise ConfigError(f"device = {device!r} is not a device.", 'Give its name, for example "cpu" or "cuda".')
    setting = "weights" if kind == "ultralytics" else "model"
    named = options.get(setting)
    if not isinstance(named, str) or not named:
        example = "path/to/sam2.1_t.pt" if kind == "ultralytics" else "hub:facebook/sam2.1-hiera-tiny@main!/"
        raise ConfigError(f'segmenter = "{kind}" needs {setting}.', f'Name them: {setting} = "{example}".')
    least = None if threshold is None else float(threshold)
    if kind == "ultralytics":
        from visagent_tools.engines.ultralytics_segmenter import UltralyticsSegmenter

        return UltralyticsSegmenter(named, threshold=least, device=device)
    from visagent_tools.engines.transformers_segmenter import TransformersSegmenter

    return TransformersSegmenter(named, threshold=least, device=device)


def outlined(crop: Crop, prompt: Prompt, known: Sequence[Box], segmenter: Segmenter) -> list[Box]:
    """Objects with their masks, in pixels of the original.

    Args:
        crop: The region that is shown, in the pixels of the original, whatever its scale.
        prompt: Prompt in pixels of the original.
        known: What the boxes of the prompt hold, in their order; such an object that has no outline stays as it is.
        segmenter: Segmenter of a kind that takes the prompt.

    Raises:
        MissingInput: the region has no pixel.
    """
    import numpy as np

    from visagent.media.media import Media

    # Masks are in the original's pixels: an enlarged region would only be shrunk again.
    crop = crop.model_copy(update={"scale": 1.0})
    pixels = crop.array()
    left, top = int(crop.xyxy[0]), int(crop.xyxy[1])
    shown = Prompt(
        boxes=[(x1 - left, y1 - top, x2 - left, y2 - top) for x1, y1, x2, y2 in prompt.boxes],
        points=[(x - left, y - top) for x, y in prompt.points],
        phrase=prompt.phrase,
    )
    media = Media.loaded(crop.media)
    assert media is not None  # the pixels came from it
    width, height = media.size
    found = []
    for at, (inside, score) in enumerate(segmenter.outline(pixels, shown)):
        box = known[at] if at < len(known) else None
        if not inside.any():
            found += [] if box is None else [box]
            continue
        whole = np.zeros((height, width), bool)
        whole[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        mask = Mask.from_array(whole)
        label = prompt.phrase if box is None else box.label
        confidence = score if box is None else min(score, box.confidence)
        found.append(Box(xyxy=mask.xyxy, label=label, confidence=confidence, mask=mask))
    return found
