"""How far counts are off with and without `without_doubles`: people and cats pasted side by side, more and less apart.

    python benchmarks/doubles.py [IMAGES]

IMAGES holds chelsea.png (scikit-image); bus.jpg comes with ultralytics. Prints a row a picture and the summed errors.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from visagent.evidence.values import Box
from visagent_tools.engines.detector import without_doubles
from visagent_tools.engines.nanodet import COCO_LABELS, NanoDet

WEIGHTS = Path(str(importlib.resources.files("visagent_tools") / "weights" / "nanodet-g-416.onnx"))
PEOPLE = [(225, 400, 345, 860), (50, 395, 240, 900)]


def row(cut: Image.Image, number: int, hidden: float, seed: int) -> tuple[Image.Image, int]:
    """Copies of a cut-out side by side, each hiding a part of the one before, and how many there was room for."""
    chance = random.Random(seed)
    ground, x = Image.new("RGB", (1200, 700), (150, 170, 150)), 0.0
    for done in range(number):
        height = chance.randint(240, 340)
        copy = cut.resize((round(cut.width * height / cut.height), height))
        ground.paste(copy, (int(x), chance.randint(150, 300)))
        x += copy.width * (1 - hidden)
        if x > ground.width:
            return ground, done + 1
    return ground, number


def main() -> None:
    images = Path(sys.argv[1] if len(sys.argv) > 1 else "tests/data/samples/images")
    spec = importlib.util.find_spec("ultralytics")
    assert spec is not None and spec.origin is not None
    bus = Image.open(Path(spec.origin).parent / "assets" / "bus.jpg")
    cuts = [("person", bus.crop(box), 7) for box in PEOPLE] + [("cat", Image.open(images / "chelsea.png"), 5)]
    network, errors = NanoDet(WEIGHTS), [0, 0]
    for label, cut, number in cuts:
        for hidden in (0.0, 0.15, 0.3, 0.45):
            picture, there = row(cut, number, hidden, seed=len(label))
            found = network.detect(np.asarray(picture), threshold=0.3)
            boxes = [
                Box(xyxy=tuple(xyxy), label=COCO_LABELS[id_], confidence=score)
                for xyxy, score, id_ in zip(
                    found.boxes.tolist(), found.scores.tolist(), found.class_ids.tolist(), strict=True
                )
                if COCO_LABELS[id_] == label
            ]
            counts = (len(boxes), len(without_doubles(boxes)))
            errors = [error + abs(count - there) for error, count in zip(errors, counts, strict=True)]
            print(f"{label}, {hidden:.0%} hidden: {there} there, {counts[0]} boxes, {counts[1]} without doubles")
    print(f"off by {errors[0]} in all, {errors[1]} without doubles")


if __name__ == "__main__":
    main()
