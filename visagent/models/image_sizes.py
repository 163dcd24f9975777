"""How large a picture is when a model sees it: what is sent, and what its processor makes of it. Decodes nothing."""

from __future__ import annotations

import math

LARGEST_IMAGE = 4_000_000
"""Pixels of a picture that is sent; a larger one is scaled down, which every vision model does anyway."""

Size = tuple[int, int]
"""Width and height, pixels."""


def sent_size(size: Size) -> Size:
    """The size in which a picture is sent to a server or to llama.cpp."""
    width, height = size
    if width * height <= LARGEST_IMAGE:
        return size
    shrink = math.sqrt(LARGEST_IMAGE / (width * height))
    return max(1, int(width * shrink)), max(1, int(height * shrink))


def smart_resize(size: Size, *, factor: int = 28, min_pixels: int = 3_136, max_pixels: int = 12_845_056) -> Size:
    """The size to which Qwen2.5-VL's processor brings a picture; the limits are those of its published checkpoints.

    Args:
        size: Size of the picture as sent.
        factor: Pixels of which both sides become multiples.
        min_pixels: A smaller picture is enlarged.
        max_pixels: A larger picture is shrunk.
    """
    width, height = size
    resized = round(width / factor) * factor, round(height / factor) * factor
    if resized[0] * resized[1] > max_pixels:
        shrink = math.sqrt(width * height / max_pixels)
        width, height = (max(factor, math.floor(side / shrink / factor) * factor) for side in size)
        return width, height
    if resized[0] * resized[1] < min_pixels:
        grow = math.sqrt(min_pixels / (width * height))
        width, height = (math.ceil(side * grow / factor) * factor for side in size)
        return width, height
    return resized
