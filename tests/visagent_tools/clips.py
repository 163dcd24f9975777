"""Clips in which every moment is known, and experts that see colours and hear loudness in place of models."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from visagent.evidence.values import Box, Line
from visagent.media.clip_files import ClipFile
from visagent.media.media import Media
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.page import Reading
from visagent_tools.engines.speech import Heard

COLORS = {"cat": (220, 30, 30), "dog": (30, 30, 220)}
"""What the stand-in for a detector takes for a cat and a dog."""
SIGN = (30, 200, 30)
"""Where the stand-in for a reader reads SALE."""


def clip(
    picture_at: Callable[[float], Image.Image],
    seconds: float,
    *,
    rate: int = 10,
    times: Sequence[float] | None = None,
    sound: NDArray[np.float32] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """An MP4 of what a function gives for each time.

    Args:
        picture_at: Gives the frame that comes on screen at so many seconds.
        seconds: Length of the picture.
        rate: Frames a second.
        times: When frames come, for a variable rate; None for an even one.
        sound: Mono samples at 16 kHz, -1 to 1.
        options: Of the encoder.
    """
    import av

    moments = [place / rate for place in range(round(seconds * rate))] if times is None else times
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=rate, options=options or {})
        first = picture_at(moments[0])
        stream.width, stream.height = first.size
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        base = Fraction(1, 1000)
        if times is not None:
            stream.codec_context.time_base = base
        heard: Any = None
        if sound is not None:
            heard = container.add_stream("aac", rate=16_000)
            heard.layout = "mono"
        for number, at in enumerate(moments):
            frame = av.VideoFrame.from_image(picture_at(at))
            if times is not None:
                frame.pts, frame.time_base = round(at * 1000), base
            else:
                frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            whole = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16).reshape(1, -1), "s16", "mono")
            whole.sample_rate, whole.pts = 16_000, 0
            resampler = av.AudioResampler(format=heard.format, layout="mono", rate=16_000, frame_size=1024)
            for part in [*resampler.resample(whole), *resampler.resample(None)]:
                container.mux(heard.encode(part))
            container.mux(heard.encode(None))
    return file.getvalue()


def loaded(*args: Any, **options: Any) -> Media:
    """As `clip`, loaded."""
    return Media.load(clip(*args, **options))


def scene(*things: tuple[str, int, int], ground: tuple[int, int, int] = (120, 120, 120)) -> Image.Image:
    """A frame with squares of 40 pixels: what each stands for, its left and its top."""
    picture = Image.new("RGB", (320, 180), ground)
    for name, x, y in things:
        picture.paste(SIGN if name == "sign" else COLORS[name], (x, y, x + 40, y + 40))
    return picture


class ColorDetector:
    """Finds squares of the colours that stand for cats and dogs."""

    name = "the stand-in"
    labels: tuple[str, ...] | None = tuple(COLORS)

    def __init__(self) -> None:
        self.looks = 0

    def find(self, pixels: NDArray[np.uint8], labels: Sequence[str] | None) -> list[Box]:
        """See `Detector.find`."""
        import cv2

        self.looks += 1
        found = []
        for label, color in COLORS.items():
            near = (np.abs(pixels.astype(int) - color).max(axis=2) < 70).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(near)
            for x, y, width, height, area in stats[1:].tolist():
                if area > 300:
                    xyxy = (float(x), float(y), float(x + width), float(y + height))
                    found.append(Box(xyxy=xyxy, label=label, confidence=0.8))
        return [box for box in found if labels is None or box.label in labels]


class ColorReader:
    """Reads SALE where there is green."""

    def read(self, pixels: NDArray[np.uint8]) -> tuple[list[Reading], list[Reading]]:
        """See `TextReader.read`."""
        near = np.abs(pixels.astype(int) - SIGN).max(axis=2) < 70
        return ([Reading("SALE 20 %", 0.9, (0.0, 0.0, 40.0, 40.0))] if near.sum() > 300 else []), []


class BeepRecognizer:
    """Hears a word wherever it is loud: one, two, three, and so on."""

    words = ("one", "two", "three", "four", "five", "six")

    def __init__(self) -> None:
        self.heard: list[float] = []
        self.said = 0

    def hear(self, samples: NDArray[np.float32], language: str | None = None, *, words: bool = False) -> Heard:
        """See `Recognizer.hear`."""
        self.heard.append(len(samples) / 16_000)
        blocks = np.abs(samples[: len(samples) // 1600 * 1600]).reshape(-1, 1600).max(axis=1) > 0.1
        edges = np.flatnonzero(np.diff(np.concatenate([[0], blocks.astype(int), [0]])))
        lines = []
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            lines.append(Line(text=self.words[self.said % 6], start=start / 10, end=end / 10, confidence=0.9))
            self.said += 1
        return Heard(tuple(lines), "en" if lines else None, tuple(lines))


class Experts:
    """The stand-ins that a test works with."""

    def __init__(self) -> None:
        self.detector, self.reader, self.recognizer = ColorDetector(), ColorReader(), BeepRecognizer()


def use_stand_ins(monkeypatch: pytest.MonkeyPatch) -> Experts:
    """Let the tools of a video see, read and hear by colour and loudness."""
    from visagent_tools import transcribe
    from visagent_tools.engines import detector, ocr

    experts = Experts()
    monkeypatch.setattr(detector, "kept_detectors", Memo(limit=4))
    monkeypatch.setattr(detector, "kept_boxes", Memo(limit=512))
    monkeypatch.setattr(detector, "make_detector", lambda options: experts.detector)
    readers: Memo[str, Any] = Memo(limit=2)
    for name in ("rapidocr", "rapidocr on one thread"):
        readers.get(name, lambda: experts.reader)
    monkeypatch.setattr(ocr, "kept_reader", readers)
    monkeypatch.setattr(transcribe, "recognizer_for", lambda options: experts.recognizer)
    return experts


def beeps(seconds: float, *times: tuple[float, float]) -> NDArray[np.float32]:
    """Silence with a tone from and to each of the times."""
    at = np.arange(round(seconds * 16_000)) / 16_000
    loud = np.zeros_like(at)
    for start, end in times:
        loud[(at >= start) & (at < end)] = 0.5
    return (loud * np.sin(2 * np.pi * 440 * at)).astype(np.float32)


def decodes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one each time that anything opens a clip."""
    opened: list[int] = []

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **options: Any) -> Any:
            opened.append(1)
            return real(*args, **options)

        return counted

    for name in ("header", "frames", "scan", "sound", "sound_pieces"):
        monkeypatch.setattr(ClipFile, name, counting(getattr(ClipFile, name)))
    return opened
