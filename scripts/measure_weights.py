"""Print what the packaged ONNX experts see in pictures, and how long they take. Knows nothing of agents.

Usage::

    python scripts/measure_weights.py PICTURE... [--threads 2] [--repeat 20]
    python scripts/measure_weights.py PICTURE... --against FOLDER   # which answers differ from those of its files
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visagent_tools.engines.blazeface import BlazeFace
from visagent_tools.engines.efficientnet import LABELS, EfficientNetLite
from visagent_tools.engines.faceres import FaceRes
from visagent_tools.engines.movenet import MoveNet
from visagent_tools.engines.nanodet import COCO_LABELS, Detections, NanoDet

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


def same(ours: Detections, theirs: Detections) -> bool:
    """Whether both are the same objects, each within a pixel and 0.01 of its score."""
    if sorted(ours.class_ids) != sorted(theirs.class_ids):
        return False
    pixels = np.abs(ours.boxes[:, None] - theirs.boxes[None]).max(axis=2)
    scores = np.abs(ours.scores[:, None] - theirs.scores[None])
    alike = (pixels <= 1) & (scores <= 0.01) & (ours.class_ids[:, None] == theirs.class_ids[None])
    return bool(alike.any(axis=0).all() and alike.any(axis=1).all())


def compare(pictures: list[NDArray[np.uint8]], folder: Path, threads: int) -> None:
    """Print how many pictures get another answer from the files in ``folder``."""
    detectors = [NanoDet(place / "nanodet-g-416.onnx", threads) for place in (WEIGHTS, folder)]
    classifiers = [EfficientNetLite(place / "efficientnet-lite0.onnx", threads) for place in (WEIGHTS, folder)]
    found = [[detector.detect(picture) for picture in pictures] for detector in detectors]
    boxes = sum(len(detections.scores) for detections in found[0])
    differing = sum(not same(ours, theirs) for ours, theirs in zip(*found, strict=True))
    ours, theirs = (classifier.classify(pictures) for classifier in classifiers)
    words = int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
    print(f"{len(pictures)} pictures, {boxes} boxes; detections differ on {differing}, the first word on {words}")
    print(f"largest difference in a probability: {np.abs(ours - theirs).max():.2g}")
    compare_people(pictures, found[0], folder, threads)


def compare_people(pictures: list[NDArray[np.uint8]], found: list[Detections], folder: Path, threads: int) -> None:
    """Print by how much faces and bodies differ between the packaged files and those in ``folder``."""
    faces, bodies = [], []
    for picture, detections in zip(pictures, found, strict=True):
        faces += [
            square(picture, box, 1.5) for box in BlazeFace(WEIGHTS / "blazeface.onnx", threads).find(picture).boxes
        ]
        people = detections.take(detections.class_ids == COCO_LABELS.index("person"))
        bodies += [square(picture, box, 1.25) for box in people.boxes]
    ours, theirs = (
        [face.male for face in FaceRes(place / "faceres.onnx", threads).look(faces)] for place in (WEIGHTS, folder)
    )
    apart = np.abs(np.array(ours) - np.array(theirs))
    print(f"{len(faces)} faces: from woman (0) to man (1) they differ by {apart.mean():.2g}, at most {apart.max():.2g}")
    networks = [MoveNet(place / "movenet.onnx", threads) for place in (WEIGHTS, folder)]
    moved = []
    for body in bodies:
        pose, other = (network.find(body) for network in networks)
        seen = other.scores >= 0.3
        moved += (np.hypot(*(pose.xy - other.xy)[seen].T) / body.shape[0]).tolist()
    half, most = np.quantile(moved, [0.5, 0.95])
    print(f"{len(bodies)} bodies, {len(moved)} points: half move by at most {half:.2g} of the square's side, ", end="")
    print(f"95 % by at most {most:.2g}")


def square(picture: NDArray[np.uint8], box: NDArray[np.float32], grow: float) -> NDArray[np.uint8]:
    """The square around a box, ``grow`` times as long as its longer side, black beyond the picture."""
    x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, max(box[2] - box[0], box[3] - box[1]) * grow / 2
    left, top, side = round(x - half), round(y - half), max(2, round(2 * half))
    return np.asarray(Image.fromarray(picture).crop((left, top, left + side, top + side)))


def main() -> None:
    """Read the command line and print the measurements."""
    parser = argparse.ArgumentParser(description="Measure the packaged ONNX experts.")
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="compare with the two files in FOLDER")
    arguments = parser.parse_args()
    images = [np.asarray(Image.open(path).convert("RGB")) for path in arguments.pictures]
    if arguments.against:
        compare(images, arguments.against, arguments.threads)
        return
    detector = NanoDet(WEIGHTS / "nanodet-g-416.onnx", arguments.threads)
    classifier = EfficientNetLite(WEIGHTS / "efficientnet-lite0.onnx", arguments.threads)
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
