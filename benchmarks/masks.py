"""How well GrabCut outlines: shapes cut out of one photograph, pasted into another, so that the truth is exact.

    python benchmarks/masks.py [IMAGES] [NUMBER]

IMAGES is a folder of photographs; each is ground and texture in turn. A shape is an ellipse, a star or a blob; the box
that GrabCut gets is the shape's, each side moved outwards by up to a tenth. Prints intersection over union with the
truth for GrabCut and for the box taken as the outline, with 95 % bootstrap intervals over the pasted shapes.
"""

from __future__ import annotations

import math
import random
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from visagent.evaluation.bootstrap import mean
from visagent.evidence.masks import Mask
from visagent_tools.engines.grabcut import GrabCut
from visagent_tools.engines.outlining import Prompt

SIDE = 640
NUMBER = 200


def shape(kind: str, width: int, height: int, chance: random.Random) -> Image.Image:
    """A shape in white on black."""
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    if kind == "ellipse":
        pen.ellipse((0, 0, width - 1, height - 1), fill=255)
        return mask
    corners = 10 if kind == "star" else 24
    radius = [0.45 if at % 2 else 1.0 for at in range(corners)]
    if kind == "blob":
        phase = [chance.random() * math.tau for _ in range(3)]
        turns = [at * math.tau / corners for at in range(corners)]
        radius = [0.72 + 0.09 * sum(math.sin(k * turn + phase[k - 2]) for k in (2, 3, 4)) for turn in turns]
    points = [
        (
            (width - 1) * (1 + r * math.cos(at * math.tau / corners)) / 2,
            (height - 1) * (1 + r * math.sin(at * math.tau / corners)) / 2,
        )
        for at, r in enumerate(radius)
    ]
    pen.polygon(points, fill=255)
    return mask


def pasted(photos: list[Image.Image], at: int) -> tuple[np.ndarray, Mask, tuple[float, float, float, float]]:
    """A picture with a shape in it, the shape's mask, and a loose box."""
    chance = random.Random(at)
    ground, texture = (photo.copy() for photo in chance.sample(photos, 2))
    low, high = round(0.15 * min(ground.size)), round(0.55 * min(ground.size))
    width, height = chance.randint(low, high), chance.randint(low, high)
    left, top = chance.randint(0, ground.width - width), chance.randint(0, ground.height - height)
    cut = shape(("ellipse", "star", "blob")[at % 3], width, height, chance)
    x, y = chance.randint(0, max(0, texture.width - width)), chance.randint(0, max(0, texture.height - height))
    ground.paste(texture.crop((x, y, x + width, y + height)), (left, top), cut)
    whole = np.zeros((ground.height, ground.width), bool)
    whole[top : top + height, left : left + width] = np.asarray(cut) > 127
    truth = Mask.from_array(whole)
    x1, y1, x2, y2 = truth.xyxy
    loose = (
        max(0.0, x1 - chance.random() * 0.1 * width),
        max(0.0, y1 - chance.random() * 0.1 * height),
        min(float(ground.width), x2 + chance.random() * 0.1 * width),
        min(float(ground.height), y2 + chance.random() * 0.1 * height),
    )
    return np.asarray(ground), truth, loose


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/samples/images")
    number = int(sys.argv[2]) if len(sys.argv) > 2 else NUMBER
    photos = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"):
            photo = Image.open(path).convert("RGB")
            photo.thumbnail((SIDE, SIDE))
            if min(photo.size) >= 200:
                photos.append(photo)
    segmenter = GrabCut()
    scores, boxes, seconds = [], [], []
    for at in range(number):
        pixels, truth, loose = pasted(photos, at)
        started = time.perf_counter()
        (outline,) = segmenter.outline(pixels, Prompt(boxes=[loose]))
        seconds.append(time.perf_counter() - started)
        scores.append(Mask.from_array(outline.inside).iou(truth))
        as_box = np.zeros(pixels.shape[:2], bool)
        x1, y1, x2, y2 = map(round, loose)
        as_box[y1:y2, x1:x2] = True
        boxes.append(Mask.from_array(as_box).iou(truth))
    print(f"{len(photos)} photographs, {number} shapes, {np.median(seconds):.2f} s each")
    print("| outline | mean IoU | median | IoU of 0.75 or more |")
    print("|---|---|---|---|")
    for name, values in (("GrabCut in the box", scores), ("the box itself", boxes)):
        share = mean([float(value >= 0.75) for value in values])
        print(f"| {name} | {mean(values)} | {100 * np.median(values):.1f} | {share} |")
    for at, kind in enumerate(("ellipse", "star", "blob")):
        print(f"{kind}: {mean(scores[at::3])}")


if __name__ == "__main__":
    main()
