"""Three tools that no planner has seen, for docs/training.md: how objects look, distances, the tempo of music."""

from typing import Literal

import numpy as np

from visagent import Audio, Boxes, Crop, Number, tool


def _measured(crop: Crop, measure: str) -> float:
    """Brightness is the mean, sharpness the mean step between neighbouring pixels, colorfulness the mean saturation."""
    pixels = crop.array().astype(float)
    gray = pixels.mean(axis=2)
    if measure == "brightness":
        return float(gray.mean())
    if measure == "sharpness":
        return float(np.abs(np.diff(gray, axis=0)).mean() + np.abs(np.diff(gray, axis=1)).mean())
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


@tool
def rank(boxes: Boxes, measure: Literal["brightness", "sharpness", "colorfulness"]) -> Boxes:
    """Order objects by how they look, the highest value first."""
    values = [_measured(crop, measure) for crop in boxes.crops()]
    order = sorted(range(len(values)), key=lambda place: -values[place])
    return boxes.replace([boxes.boxes[place] for place in order])


@tool
def distance(a: Boxes, b: Boxes) -> Number:
    """Measure the distance between two objects, in pixels."""
    gaps = [
        float(np.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]))
        for one in a.boxes
        for other in b.boxes
    ]
    if not gaps:
        raise ValueError("there are no two objects to measure between")
    return Number(value=round(min(gaps)), unit="px")


@tool
def tempo(clip: Audio) -> Number:
    """Estimate the tempo of music, in beats per minute."""
    samples = clip.audio()
    hop = 160  # 10 ms at 16 kHz
    loudness = np.abs(samples[: len(samples) // hop * hop]).reshape(-1, hop).mean(axis=1)
    rises = np.maximum(np.diff(loudness), 0)
    rises = rises - rises.mean()
    # Between 40 and 200 beats a minute: the distance in time at which the rises are most like themselves.
    lags = np.arange(30, min(150, len(rises) // 2))
    likeness = [float(rises[:-lag] @ rises[lag:]) for lag in lags]
    return Number(value=round(6000 / float(lags[int(np.argmax(likeness))])), unit="bpm")
