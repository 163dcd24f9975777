"""Media that somebody changed: small files of every common kind, and seeded mutations of them."""

from __future__ import annotations

import io
import random
import struct
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bombs import page
from PIL import Image

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
SIZES = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 10_000, 65_500, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
"""Numbers that lengths, widths and offsets in headers are set to."""


def originals() -> dict[str, list[bytes]]:
    """Small files, by kind: each is one that visagent loads."""
    photo = Image.open(SAMPLES / "images" / "chelsea.png").convert("RGB").resize((60, 44))
    grey, palette = photo.convert("L"), photo.convert("P")
    moved = [photo.rotate(angle) for angle in (0, 20, 40)]
    moving: dict[str, Any] = {"save_all": True, "append_images": moved[1:], "duration": 80}
    exif = Image.Exif()
    exif[0x0112] = 6
    with wave.open(str(SAMPLES / "audio" / "librivox_0880.wav")) as file:
        sound = np.frombuffer(file.readframes(6_000), np.int16)
    return {
        "png": [_saved(photo, "PNG"), _saved(palette, "PNG"), _saved(grey.convert("I;16"), "PNG"),
                _saved(photo, "PNG", **moving)],
        "jpeg": [_saved(photo, "JPEG", exif=exif), _saved(grey, "JPEG"), _saved(photo, "JPEG", progressive=True),
                 _saved(photo.convert("CMYK"), "JPEG")],
        "gif": [_saved(palette, "GIF"), _saved(moved[0], "GIF", **moving)],
        "webp": [_saved(photo, "WEBP"), _saved(photo, "WEBP", lossless=True), _saved(photo, "WEBP", **moving)],
        "tiff": [_saved(photo, "TIFF", compression=name) for name in (None, "tiff_lzw", "jpeg", "tiff_deflate")],
        "pdf": [_saved(photo, "PDF"), _saved(moved[0], "PDF", save_all=True, append_images=moved[1:]), _text_page()],
        "wav": [_wav(sound), _wav(np.repeat(sound[:2_000], 2), channels=2)],
        "mp3": [_clip("mp3", None, ("mp3", sound))],
        "mp4": [_clip("mp4", "mpeg4", ("aac", sound)), _clip("mp4", "h264", None)],
    }  # fmt: skip


def mutant(rng: random.Random, kind: str, files: dict[str, list[bytes]]) -> bytes:
    """One of a kind's files, changed in one to four ways."""
    data = bytearray(rng.choice(files[kind]))
    others = [file for of in files.values() for file in of]
    for _ in range(rng.choice([1, 1, 1, 3])):
        if not data:
            break
        rng.choice(_CHANGES)(rng, data, rng.choice(others))
    if kind == "png" and rng.random() < 0.7:
        # With its checksums mended, what was changed is read and not just refused.
        _mend_checksums(data)
    return bytes(data)


def _place(rng: random.Random, data: bytearray) -> int:
    """Anywhere, headers preferred; those of MP4 and PDF stand at the end."""
    at = rng.randrange(min(len(data), rng.choice([64, 512, len(data), len(data)])))
    return at if rng.random() < 0.7 else len(data) - 1 - at


def _flip_bits(rng: random.Random, data: bytearray, other: bytes) -> None:
    for _ in range(rng.choice([1, 3, 10])):
        data[_place(rng, data)] ^= 1 << rng.randrange(8)


def _overwrite(rng: random.Random, data: bytearray, other: bytes) -> None:
    at = _place(rng, data)
    data[at : at + rng.choice([1, 4, 64])] = rng.randbytes(rng.choice([1, 4, 64]))


def _set_number(rng: random.Random, data: bytearray, other: bytes) -> None:
    at, shape = _place(rng, data), rng.choice([">I", "<I", ">H", "<H"])
    size = struct.calcsize(shape)
    data[at : at + size] = struct.pack(shape, rng.choice(SIZES) % 2 ** (8 * size))


def _write_digits(rng: random.Random, data: bytearray, other: bytes) -> None:
    """A number that is written in digits, as in a PDF, becomes another."""
    starts = [at for at in range(len(data)) if data[at : at + 1].isdigit() and not data[at - 1 : at].isdigit()]
    if starts:
        at = rng.choice(starts)
        end = at
        while data[end : end + 1].isdigit():
            end += 1
        data[at:end] = str(rng.choice([*SIZES, -1, 10**30])).encode()


def _cut_off(rng: random.Random, data: bytearray, other: bytes) -> None:
    del data[rng.randrange(len(data)) :]


def _cut_out(rng: random.Random, data: bytearray, other: bytes) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice([1, 8, 200])]


def _double(rng: random.Random, data: bytearray, other: bytes) -> None:
    at = _place(rng, data)
    data[at:at] = data[at : at + rng.choice([4, 64, 2_000])] * rng.choice([1, 1, 50])


def _graft(rng: random.Random, data: bytearray, other: bytes) -> None:
    at, start = _place(rng, data), rng.randrange(len(other))
    piece = other[start : start + rng.choice([16, 400, len(other)])]
    data[at : at + rng.choice([0, len(piece)])] = piece


_CHANGES: list[Callable[[random.Random, bytearray, bytes], None]] = [
    _flip_bits, _flip_bits, _overwrite, _set_number, _set_number, _write_digits, _cut_off, _cut_out, _double, _graft,
]  # fmt: skip


def _mend_checksums(data: bytearray) -> None:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _text_page() -> bytes:
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    return page(b"BT /F 12 Tf 20 100 Td (Total 12.50 EUR) Tj ET", font, resources=b"<</Font<</F 5 0 R>>>>")


def _wav(sound: Any, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(sound.tobytes())
    return file.getvalue()


def _clip(container: str, video: str | None, sound: tuple[str, Any] | None) -> bytes:
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = None if video is None else out.add_stream(video, rate=5)
        track: Any = None if sound is None else out.add_stream(sound[0], rate=16_000, layout="mono")
        if stream is not None:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number in range(6):
                pixels = np.full((48, 64, 3), 40 * number, np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            out.mux(stream.encode())
        if sound is not None:
            loudness = (sound[1] / 32768).astype(np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(loudness, format="fltp", layout="mono")
            frame.sample_rate = 16_000
            out.mux(track.encode(frame))
            out.mux(track.encode())
    return file.getvalue()
