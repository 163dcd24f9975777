"""Print what the packaged ONNX experts see in pictures, and how long they take. Knows nothing of agents.

Usage::

    python scripts/measure_weights.py PICTURE... [--threads 2] [--repeat 20]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from visagent_tools.engines.efficientnet import LABELS, EfficientNetLite
from visagent_tools.engines.nanodet import COCO_LABELS, NanoDet

WEIGHTS = Path(str(files("visagent_tools"))) / "weights"


def milliseconds(call: Callable[[], object], repeat: int) -> str:
    """Return the median and the least time of ``repeat`` calls, after one to warm up."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return f"median {np.median(times):.0f} ms, least {min(times):.0f} ms"


def main() -> None:
    """Read the command line and print the measurements."""
    parser = argparse.ArgumentParser(description="Measure the packaged ONNX experts.")
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=20)
    arguments = parser.parse_args()
    detector = NanoDet(WEIGHTS / "nanodet-g-416.onnx", arguments.threads)
    classifier = EfficientNetLite(WEIGHTS / "efficientnet-lite0.onnx", arguments.threads)
    images = [np.asarray(Image.open(path).convert("RGB")) for path in arguments.pictures]
    for path, image, probabilities in zip(arguments.pictures, images, classifier.classify(images), strict=True):
        found = detector.detect(image, threshold=0.3)
        objects = [f"{COCO_LABELS[c]} {s:.2f}" for s, c in zip(found.scores, found.class_ids, strict=True)]
        words = [f"{LABELS[c]} {probabilities[c]:.2f}" for c in probabilities.argsort()[::-1][:2]]
        print(f"{path.name}: detected {', '.join(objects) or 'nothing'}; classified {', '.join(words)}")
    image = images[0]
    height, width = image.shape[:2]
    print(f"{arguments.pictures[0].name} ({width} x {height}), {arguments.threads} threads:")
    for tiles, mirror in ((1, False), (1, True), (2, True)):
        spent = milliseconds(partial(detector.detect, image, tiles=tiles, mirror=mirror), arguments.repeat)
        print(f"  detect, tiles={tiles}, mirror={mirror}: {spent}")
    for count in (1, 8):
        spent = milliseconds(partial(classifier.classify, [image] * count), arguments.repeat)
        print(f"  classify, {count} of them: {spent}")


if __name__ == "__main__":
    main()
