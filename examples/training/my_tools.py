"""Three tools that no planner has seen, for docs/training.md: brightness, sharpness, tempo."""

import numpy as np

from visagent import Audio, Crop, Number, tool


@tool
def brightness(image: Crop) -> Number:
    """Measure how bright a picture or object is."""
    return Number(value=round(float(image.array().mean()) / 2.55, 1), unit="%")


@tool
def sharpness(image: Crop) -> Number:
    """Measure how sharp a picture or object is."""
    gray = image.array().mean(axis=2)
    steps = np.abs(np.diff(gray, axis=0)).mean() + np.abs(np.diff(gray, axis=1)).mean()
    return Number(value=round(float(steps) / 2.55, 1), unit="%")


@tool
def tempo(clip: Audio) -> Number:
    """Estimate the tempo of music, in beats per minute."""
    samples = clip.audio()
    hop = 160  # 10 ms at 16 kHz
    loudness = np.abs(samples[: len(samples) // hop * hop]).reshape(-1, hop).mean(axis=1)
    rises = np.maximum(np.diff(loudness), 0)
    rises = rises - rises.mean()
    # Between 40 and 200 beats a minute: the distance at which the rises are most like themselves.
    distances = np.arange(30, min(150, len(rises) // 2))
    likeness = [float(rises[:-distance] @ rises[distance:]) for distance in distances]
    return Number(value=round(6000 / float(distances[int(np.argmax(likeness))])), unit="bpm")
