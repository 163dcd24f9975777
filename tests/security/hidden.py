"""Pictures whose text appears only when they are made smaller.

The image-scaling attack of Xiao et al. (Seeing is Not Believing, USENIX Security 2019) as Quiring et al. put it
(Adversarial Preprocessing, USENIX Security 2020), with which Trail of Bits' Anamorpher (2025) hid instructions from
people in pictures for multimodal models: a scaling function that does not average over all pixels looks at a few of
them, and only these need to show the text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FACTOR = 5
Pixels = NDArray[np.uint8]


def drawn(text: str, size: tuple[int, int] = (600, 60), points: int = 22) -> Image.Image:
    """Black text on white."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).text((12, size[1] // 2 - points // 2), text, "black", ImageFont.load_default(points))
    return picture


def hidden(target: Image.Image, seed: int = 0) -> Image.Image:
    """A picture of noise, `FACTOR` times as large, that nearest-neighbour scaling turns into the target."""
    noise = np.random.default_rng(seed)
    height, width = target.height * FACTOR, target.width * FACTOR
    pixels = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
    middle = FACTOR // 2
    pixels[middle::FACTOR, middle::FACTOR] = np.asarray(target)
    return Image.fromarray(pixels)


def shrunk(picture: Image.Image) -> Image.Image:
    """What a careless pipeline makes of a picture: each pixel is one of the original's."""
    size = (picture.width // FACTOR, picture.height // FACTOR)
    return picture.resize(size, Image.Resampling.NEAREST)
