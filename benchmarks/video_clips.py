"""Clips of photographs moved by known paths, with speech and text at known times: exact truth for time and tracks.

The photographs are those of scikit-image's data (cat and coffee CC0, astronaut public domain), given by folder; the
voice is espeak-ng's. Knows no model.
"""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIZE = (640, 360)
RATE = 25
SOUND_RATE = 16_000

Path2D = Callable[[float], tuple[float, float]]

CROPS = {
    "cat": ("chelsea.png", (70, 0, 400, 300)),
    "person": ("astronaut.png", (60, 0, 400, 512)),
    "cup": ("coffee.png", (120, 20, 540, 380)),
}
"""Which part of which photograph stands for a thing."""


BOXES = {"cat": (0, 0, 297, 300), "person": (0, 15, 303, 512), "cup": (53, 0, 287, 290)}
"""Where the thing itself is in the crop, as seen by a person: beside the cup are its saucer, a spoon and the table."""


@dataclass(frozen=True)
class Thing:
    """A thing that is in the picture for a while.

    Attributes:
        label: What it is.
        start: Seconds at which it comes.
        end: Seconds at which it goes.
        height: Pixels.
        path: Its left and top, pixels, by the seconds since it came.
        grows: Factor by which it is larger when it goes.
    """

    label: str
    start: float
    end: float
    height: int
    path: Path2D
    grows: float = 1.0


@dataclass(frozen=True)
class Clip:
    """What a clip shows and says.

    Attributes:
        name: Name of the file.
        seconds: Its length.
        things: Things in the picture, the later ones before the earlier.
        grounds: Behind them: what, from when.
        texts: What is written over the picture, from when to when.
        speech: What is said, from when.
        sound_seconds: Length of the sound, where it is longer than the picture.
        uneven: Whether the frame rate varies: 25 a second and five a second by turns.
        turned: Whether it is stored on its side, with the turn that sets it upright, as telephones do.
        keyless: Whether only its first frame is a key frame.
    """

    name: str
    seconds: float
    things: tuple[Thing, ...] = ()
    grounds: tuple[tuple[float, str], ...] = ((0.0, "grey"),)
    texts: tuple[tuple[str, float, float], ...] = ()
    speech: tuple[tuple[str, float], ...] = ()
    sound_seconds: float = 0.0
    uneven: bool = False
    turned: bool = False
    keyless: bool = False

    @property
    def frames(self) -> list[int]:
        """Numbers of the frames that are shown, at `RATE` a second."""
        numbers = range(round(self.seconds * RATE))
        return [number for number in numbers if not self.uneven or number % 50 < 20 or number % 5 == 0]


@dataclass
class Truth:
    """What is so in a clip that was made.

    Attributes:
        seen: When things of a label are in the picture: start and end of each time.
        heard: When phrases are said.
        written: When texts can be read.
        cuts: When the ground changes at once.
        boxes: Where each thing is in each frame: time, number of the thing, label, box in pixels.
    """

    seen: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    heard: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    written: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    cuts: list[float] = field(default_factory=list)
    boxes: list[tuple[float, int, str, tuple[float, float, float, float]]] = field(default_factory=list)


def line(x: float, y: float, across: float, down: float = 0.0) -> Path2D:
    """A straight path from a place, in pixels, at a speed in pixels a second."""
    return lambda at: (x + across * at, y + down * at)


def wave_path(x: float, y: float, across: float, swing: float) -> Path2D:
    """A path that goes up and down twice in five seconds."""
    return lambda at: (x + across * at, y + swing * float(np.sin(at * 2.5)))


CLIPS = (
    Clip(
        "twice", 20,
        (Thing("cat", 3.2, 8.7, 200, line(20, 90, 60)), Thing("cat", 12.4, 16.9, 180, line(400, 80, -50))),
    ),
    Clip(
        "crossing", 12,
        (Thing("cat", 1.0, 10.6, 150, line(10, 30, 46)), Thing("cat", 1.8, 11.2, 150, line(470, 180, -46))),
    ),
    Clip(
        "three", 16,
        (
            Thing("person", 0.6, 14.2, 220, line(20, 130, 6)),
            Thing("person", 2.3, 12.1, 230, line(260, 120, 10)),
            Thing("cat", 5.1, 9.9, 130, line(480, 20, -12)),
        ),
        speech=(("good morning everybody", 3.0), ("the meeting starts now", 9.0)),
    ),
    Clip(
        "scenes", 24,
        (Thing("cup", 6.0, 12.0, 260, line(150, 60, 8)), Thing("person", 12.0, 18.0, 280, line(220, 70, 5)),
         Thing("cat", 19.3, 22.8, 220, line(60, 80, 40))),
        grounds=((0.0, "grey"), (6.0, "sand"), (12.0, "night"), (18.0, "grey")),
        speech=(("please look at the coffee", 7.0), ("thank you very much", 20.0)),
    ),
    Clip(
        "text", 18, (Thing("cat", 4.4, 13.6, 170, wave_path(30, 110, 35, 30)),),
        texts=(("WELCOME", 2.0, 7.5), ("CHAPTER TWO", 9.0, 15.0)),
        speech=(("welcome to the show", 2.5), ("here is chapter two", 10.0)),
    ),
    Clip(
        "growing", 14,
        (Thing("cat", 2.7, 12.3, 110, line(60, 60, 18), grows=2.0),),
        grounds=((0.0, "moving"),), speech=(("the animal is coming closer", 5.0),),
    ),
    Clip(
        "crowd", 15,
        (Thing("person", 0.0, 15.0, 200, line(10, 150, 28)), Thing("person", 0.0, 15.0, 200, line(480, 20, -26)),
         Thing("cat", 3.5, 11.5, 140, line(20, 10, 40))),
        grounds=((0.0, "sand"),),
    ),
    Clip("nothing", 10, grounds=((0.0, "moving"),), speech=(("there is nothing to see here", 4.0),)),
    Clip(
        "uneven", 14, (Thing("cat", 3.0, 9.2, 190, line(30, 80, 40)), Thing("cup", 10.4, 13.2, 220, line(300, 90, 12))),
        grounds=((0.0, "sand"),), speech=(("the clock runs fast and slow", 5.0),), uneven=True,
    ),
    Clip(
        "turned", 12, (Thing("person", 2.0, 8.4, 240, line(250, 100, 14)),),
        texts=(("PLATFORM NINE", 3.0, 9.5),), turned=True,
    ),
    Clip(
        "listening", 10, (Thing("cup", 1.2, 7.0, 200, line(200, 90, 10)),),
        speech=(("the coffee is ready", 3.0), ("the train leaves at noon", 14.0)), sound_seconds=18.0,
    ),
    Clip(
        "keyless", 20,
        (Thing("cup", 4.0, 9.0, 230, line(120, 70, 20)), Thing("cat", 12.6, 18.2, 200, line(380, 90, -30))),
        grounds=((0.0, "grey"), (9.0, "night")), speech=(("now comes the cat", 11.0),), keyless=True,
    ),
)  # fmt: skip


def make(clip: Clip, folder: Path, photos: Path) -> tuple[Path, Truth]:
    """Write a clip, unless it is there, and tell what is so in it.

    Args:
        clip: What it shows.
        folder: Where to write it.
        photos: Where the photographs are.
    """
    truth = Truth(cuts=[start for start, _ in clip.grounds[1:]])
    for thing in clip.things:
        truth.seen.setdefault(thing.label, []).append((thing.start, thing.end))
    for text, start, end in clip.texts:
        truth.written.setdefault(text, []).append((start, end))
    sound = np.zeros(round(max(clip.seconds, clip.sound_seconds) * SOUND_RATE), np.float32)
    for words, start in clip.speech:
        spoken = speak(words)
        first = round(start * SOUND_RATE)
        sound[first : first + len(spoken)] += spoken[: len(sound) - first]
        truth.heard.setdefault(words, []).append((start, start + len(spoken) / SOUND_RATE))
    path = folder / f"{clip.name}.mp4"
    if path.exists():
        for number in clip.frames:
            _compose(clip, number / RATE, photos, truth, draw=False)
        return path, truth
    pictures = ((number, _compose(clip, number / RATE, photos, truth)) for number in clip.frames)
    # A clip of which a part is written would be taken for all of it.
    draft = path.with_stem(f"{path.stem}-part")
    encode(draft, pictures, sound if clip.speech else None, turned=clip.turned, keyless=clip.keyless)
    draft.rename(path)
    return path, truth


def encode(
    path: Path,
    pictures: Iterable[tuple[int, Image.Image]],
    sound: NDArray[np.float32] | None,
    *,
    turned: bool = False,
    keyless: bool = False,
) -> None:
    """Write frames, each with its number, and sound where there is some, as H.264 and AAC."""
    import av

    options = {"preset": "veryfast", "crf": "22"} | ({"g": "9999", "sc_threshold": "0"} if keyless else {})
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height = SIZE[::-1] if turned else SIZE
        stream.pix_fmt = "yuv420p"
        heard: Any = None
        if sound is not None:
            heard = container.add_stream("aac", rate=SOUND_RATE)
            heard.layout = "mono"
        for number, picture in pictures:
            frame = av.VideoFrame.from_image(picture.transpose(Image.Transpose.ROTATE_90) if turned else picture)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            whole = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16).reshape(1, -1), "s16", "mono")
            whole.sample_rate, whole.pts = SOUND_RATE, 0
            resampler = av.AudioResampler(format=heard.format, layout="mono", rate=SOUND_RATE, frame_size=1024)
            for part in [*resampler.resample(whole), *resampler.resample(None)]:
                container.mux(heard.encode(part))
            container.mux(heard.encode(None))
    if turned:
        path.write_bytes(_turned(path.read_bytes()))


def _turned(data: bytes) -> bytes:
    """An MP4 whose picture players turn by a quarter clockwise: the display matrix of its first track says so."""
    upright = bytes.fromhex("00010000" + "00" * 12 + "00010000" + "00" * 12 + "40000000")
    clockwise = bytes.fromhex("00000000" + "00010000" + "00" * 4 + "ffff0000" + "00" * 16 + "40000000")
    place = data.index(upright, data.index(b"tkhd"))
    return data[:place] + clockwise + data[place + len(upright) :]


def repeated(source: Path, target: Path, seconds: float) -> Path:
    """A clip played again and again until it is so long; packets are copied, nothing is encoded anew."""
    import av

    if target.exists():
        return target
    draft = target.with_stem(f"{target.stem}-part")
    with av.open(str(draft), "w") as out:
        with av.open(str(source)) as first:
            streams = [out.add_stream_from_template(stream) for stream in first.streams]
            length = float(first.duration or 0) / 1_000_000
        for turn in range(round(seconds / length)):
            with av.open(str(source)) as container:
                for packet in container.demux():
                    # What an encoder of sound puts before the beginning would overlap the turn before.
                    if packet.dts is None or (turn and packet.pts < 0):
                        continue
                    shift = round(turn * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)
    draft.rename(target)
    return target


def speak(words: str) -> NDArray[np.float32]:
    """What espeak-ng says, without the silence around it: mono, 16 kHz."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(file), words], check=True)
        with wave.open(str(file)) as reader:
            rate = reader.getframerate()
            samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").astype(np.float32) / 32768
    places = np.arange(0, len(samples), rate / SOUND_RATE)
    samples = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return samples[loud[0] : loud[-1] + 1]


def _compose(clip: Clip, at: float, photos: Path, truth: Truth, *, draw: bool = True) -> Image.Image:
    """One frame; what is where in it is added to the truth."""
    ground = next(name for start, name in reversed(clip.grounds) if start <= at + 1e-6)
    picture = _ground(ground, at) if draw else Image.new("RGB", (1, 1))
    for number, thing in enumerate(clip.things):
        if not thing.start <= at + 1e-6 < thing.end:
            continue
        since = at - thing.start
        height = round(thing.height * (1 + (thing.grows - 1) * since / (thing.end - thing.start)))
        photo = _photo(photos, thing.label)
        width = round(photo.width * height / photo.height)
        x, y = (round(value) for value in thing.path(since))
        if draw:
            picture.paste(photo.resize((width, height)), (x, y))
        scale = height / photo.height
        left, top, right, bottom = (round(edge * scale) for edge in BOXES[thing.label])
        box = (max(0, x + left), max(0, y + top), min(SIZE[0], x + right), min(SIZE[1], y + bottom))
        if box[2] - box[0] > 4 and box[3] - box[1] > 4:
            truth.boxes.append((at, number, thing.label, tuple(map(float, box))))  # type: ignore[arg-type]
    if draw:
        pen = ImageDraw.Draw(picture)
        for text, start, end in clip.texts:
            if start <= at + 1e-6 < end:
                pen.rectangle((20, 10, 420, 70), fill="white")
                pen.text((32, 16), text, fill="black", font=ImageFont.load_default(40))
    return picture


_PHOTOS: dict[tuple[Path, str], Image.Image] = {}


def _photo(photos: Path, label: str) -> Image.Image:
    if (photos, label) not in _PHOTOS:
        name, box = CROPS[label]
        _PHOTOS[photos, label] = Image.open(photos / name).convert("RGB").crop(box)
    return _PHOTOS[photos, label]


def _ground(name: str, at: float) -> Image.Image:
    return _painted(name, at if name == "moving" else 0.0).copy()


@lru_cache(8)
def _painted(name: str, at: float) -> Image.Image:
    across = np.linspace(0, 1, SIZE[0])[None, :, None]
    down = np.linspace(0, 1, SIZE[1])[:, None, None]
    low, high = {
        "grey": ((110, 115, 120), (150, 155, 160)),
        "sand": ((200, 180, 140), (240, 220, 190)),
        "night": ((20, 25, 50), (60, 60, 90)),
        "moving": ((90, 120, 90), (170, 190, 160)),
    }[name]
    mixed = (across + down) / 2
    if name == "moving":
        mixed = (np.sin(across * 12 + at) + np.sin(down * 9 - at * 0.7) + 2) / 4
    pixels = np.array(low) + (np.array(high) - np.array(low)) * mixed
    return Image.fromarray(pixels.astype(np.uint8))


def labels(clips: Sequence[Clip]) -> list[str]:
    """What is seen in any of the clips."""
    return sorted({thing.label for clip in clips for thing in clip.things})
