"""Prints what the text reader's thresholds cost and save, on photographs that no question of this project is about.

    python scripts/choose_thresholds.py

The photographs are those that scikit-learn and gradio ship, whole, mirrored and in quarters; none of them holds
text that a person could read. The true lines are words written over the same photographs, in several sizes, sharp and
blurred. Run it again after a change of the OCR models, and set `LEAST_SURE` and `SURE_OF_ONE` in
`visagent_tools/engines/ocr.py` by its last lines: the lowest values at which no photograph reads as text.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from visagent_tools.engines.ocr import Reading, TextReader

PHOTOGRAPHS = {
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
    "gradio": ["media_assets/images/cheetah.jpg", "media_assets/images/cheetah1.jpg", "media_assets/images/tower.jpg"],
}
WORDS = ("EXIT", "parking", "Gate 12", "No entry", "3.50", "Tuesday", "Platform 4", "7", "B", "open")
STEPS = [round(0.5 + 0.05 * step, 2) for step in range(10)] + [0.97, 0.99]


def photographs() -> Iterator[Image.Image]:
    """The photographs that are installed, at most 1,280 pixels wide."""
    for package, names in PHOTOGRAPHS.items():
        found = find_spec(package)
        if found is None or found.origin is None:
            raise SystemExit(f"{package} is not installed: pip install scikit-learn gradio")
        for name in names:
            picture = Image.open(Path(found.origin).parent / name).convert("RGB")
            picture.thumbnail((1280, 1280))
            yield picture


def views(picture: Image.Image) -> Iterator[Image.Image]:
    """A photograph whole, mirrored, and in quarters."""
    yield picture
    yield ImageOps.mirror(picture)
    width, height = picture.size
    for left in (0, width // 2):
        for top in (0, height // 2):
            yield picture.crop((left, top, left + width // 2, top + height // 2))


def written(picture: Image.Image, word: str, rng: random.Random) -> Image.Image:
    """A word on a plate on the photograph, sharp or blurred."""
    size = rng.choice((14, 18, 24, 36))
    copy = picture.copy()
    pen = ImageDraw.Draw(copy)
    left, top = rng.randrange(10, copy.width // 2), rng.randrange(10, copy.height // 2)
    font = ImageFont.load_default(size)
    box = pen.textbbox((left, top), word, font=font)
    pen.rectangle((box[0] - size / 2, box[1] - size / 2, box[2] + size / 2, box[3] + size / 2), fill="white")
    pen.text((left, top), word, font=font, fill="black")
    return copy.filter(ImageFilter.GaussianBlur(rng.choice((0, 0.7, 1.2))))


def read(reader: TextReader, picture: Image.Image) -> list[Reading]:
    """All lines, however unsure."""
    sure, unsure = reader.read(np.asarray(picture))
    return [line for line in sure + unsure if line.text]


def main() -> None:
    """Print the table."""
    reader, rng = TextReader(), random.Random(0)
    shown = [view for picture in photographs() for view in views(picture)]
    imagined = [line for view in shown for line in read(reader, view)]
    true: list[Reading] = []
    asked = 0
    for picture in photographs():
        for word in WORDS:
            asked += 1
            lines = read(reader, written(picture, word, rng))
            same = [line for line in lines if line.text.replace(" ", "").lower() == word.replace(" ", "").lower()]
            true += sorted(same, key=lambda line: -line.confidence)[:1]
    print(f"{len(shown)} views of photographs without text gave {len(imagined)} lines.")
    print(f"Of {asked} words written on them {len(true)} were read rightly at any confidence.")
    print("from   imagined lines  imagined characters  words kept  characters kept")
    for least in STEPS:
        counts = [
            sum(line.confidence >= least and (len(line.text) == 1) == lone for line in lines)
            for lines in (imagined, true)
            for lone in (False, True)
        ]
        print(f"{least:.2f}  {counts[0]:14}  {counts[1]:19}  {counts[2]:10}  {counts[3]:15}")
    for what, lone in (("LEAST_SURE", False), ("SURE_OF_ONE", True)):
        highest = max((line.confidence for line in imagined if (len(line.text) == 1) == lone), default=0.0)
        print(f"{what} must be above {highest:.2f}.")


if __name__ == "__main__":
    main()
