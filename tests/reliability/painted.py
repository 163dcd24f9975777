"""Numbers painted into pictures, and the tool that reads them: what one client sent can be told from all others'."""

from __future__ import annotations

import io

from PIL import Image

from visagent.evidence.values import Crop, Text
from visagent.tools.toolkit import tool

BITS, WIDTH, HEIGHT = 20, 4, 16


def picture_of(number: int) -> bytes:
    """A PNG whose bars are the bits of a number."""
    picture = Image.new("L", (BITS * WIDTH, HEIGHT))
    for bit in range(BITS):
        picture.paste(255 * (number >> bit & 1), (bit * WIDTH, 0, (bit + 1) * WIDTH, HEIGHT))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@tool()
def painted(image: Crop) -> Text:
    """Read the number that is painted into a picture."""
    pixels = image.image().convert("L")
    bits = [pixels.getpixel((bit * WIDTH + WIDTH // 2, HEIGHT // 2)) for bit in range(BITS)]
    number = sum(1 << bit for bit, shade in enumerate(bits) if isinstance(shade, int | float) and shade > 127)
    return Text(text=f"number {number}.", media=image.media)
