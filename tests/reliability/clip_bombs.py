"""Clips, sounds and animations that ask for much: what reliability tests give to a loader."""

from __future__ import annotations

import io
import struct
import zlib

_NONE = b"\0\0\0\0"
_UPRIGHT = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def mp4_of_many_samples(count: int, side: int = 16) -> bytes:
    """An MP4 of 656 bytes whose tables promise so many frames of one byte: ffmpeg makes an index of all of them."""
    header = struct.pack(">IIIIIH", 0, 0, 1000, 1000, 0x10000, 0x100) + b"\0" * 10 + _UPRIGHT
    moved = struct.pack(">IIIII", 0, 0, 1, 0, 1000) + b"\0" * 16 + _UPRIGHT + struct.pack(">II", side << 16, side << 16)
    look = b"\0" * 6 + struct.pack(">H", 1) + b"\0" * 16 + struct.pack(">HHII", side, side, 0x480000, 0x480000)
    entry = _box(b"mp4v", look, _NONE, struct.pack(">H", 1), b"\0" * 32, struct.pack(">Hh", 24, -1))
    table = _box(
        b"stbl",
        _box(b"stsd", _NONE, struct.pack(">I", 1), entry),
        _box(b"stts", _NONE, struct.pack(">III", 1, count, 1)),
        _box(b"stsc", _NONE, struct.pack(">IIII", 1, 1, count, 1)),
        _box(b"stsz", _NONE, struct.pack(">II", 1, count)),
        _box(b"stco", _NONE, struct.pack(">II", 1, 48)),
    )
    places = _box(b"dinf", _box(b"dref", _NONE, struct.pack(">I", 1), _box(b"url ", b"\0\0\0\1")))
    media = _box(
        b"mdia",
        _box(b"mdhd", _NONE, struct.pack(">IIIIHH", 0, 0, 1_000_000, 1000, 0x55C4, 0)),
        _box(b"hdlr", _NONE, b"\0\0\0\0vide", b"\0" * 12, b"v\0"),
        _box(b"minf", _box(b"vmhd", _NONE, b"\0" * 8), places, table),
    )
    track = _box(b"trak", _box(b"tkhd", b"\0\0\0\7", moved), media)
    movie = _box(b"moov", _box(b"mvhd", _NONE, header, b"\0" * 24, struct.pack(">I", 2)), track)
    return _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _box(b"mdat", b"\0" * 64) + movie


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_many_frames(side: int, count: int) -> bytes:
    """An animated PNG of blank grey frames, each of which is decoded whole: a thousandth of their pixels in bytes."""
    rows = zlib.compress(b"\0" * ((side + 1) * side), 9)
    chunks = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        _chunk(b"acTL", struct.pack(">II", count, 0)),
    ]
    number = 0
    for frame in range(count):
        chunks.append(_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, side, side, 0, 0, 1, 25, 0, 0)))
        number += 1
        if frame:
            chunks.append(_chunk(b"fdAT", struct.pack(">I", number) + rows))
            number += 1
        else:
            chunks.append(_chunk(b"IDAT", rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def clip(codec: str, size: tuple[int, int], count: int, *, rate: int = 5, container: str = "matroska") -> bytes:
    """A clip of so many frames, none of which shows anything."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast"} if codec == "libx264" else {}
        frame = av.VideoFrame(*size, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(count):
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return file.getvalue()


def silence(seconds: int, codec: str = "flac", container: str = "flac", rate: int = 16_000) -> bytes:
    """A sound of nothing, which takes hardly a byte a second."""
    import av
    import numpy as np

    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        for second in range(seconds):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, second * rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return file.getvalue()
