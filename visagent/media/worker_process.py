"""The program that decodes files for `visagent.media.workers`, in a process that may be killed. Trusts no file.

It reads jobs from its standard input and writes replies to its standard output, until the input ends; a line says when
it is ready. A job is a line of JSON, then so many bytes of a file, or none for the file of the job before. A reply
is a line of JSON, with so many bytes after it as it says: `{"bytes": n, ...}`, or `{"error": [fact, remedy]}`.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy  # noqa: F401  # before the limit, which counts what libraries reserve
from PIL import Image

from visagent.core.errors import MediaError
from visagent.media.clip_reader import ClipReader
from visagent.media.pdf_reader import PdfReader
from visagent.media.pictures import decode_pixels

MEMORY = 512 * 2**20
"""Bytes that the process may take beyond what it takes when it begins; the system refuses more."""


def main() -> None:
    """Serve until the input ends."""
    # What a library prints must not look like a reply.
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Image.init()
    reader: PdfReader | None = None
    clip: ClipReader | None = None
    own = _address_space()
    _limit_memory(own)
    _send(target, {"ready": True}, [])
    while line := source.readline():
        job = json.loads(line)
        _limit_processor(job["processor_seconds"])
        do, size = job["do"], job["bytes"]
        parts: Iterable[bytes | memoryview]
        # A file leaves before the next one comes: it would be in memory beside that.
        if reader is not None and (size or do == "decode"):
            reader.close()
        if clip is not None and (size or do == "decode"):
            clip.close()
        if do.startswith("clip") and clip is None:
            own = _with_ffmpeg(own)
            clip = ClipReader()
        if size:
            # A clip may take as much as a picture may, beside its file.
            _limit_memory(own + (size if do.startswith("clip") else 0))
        data = b""
        data = source.read(size)
        try:
            if do == "decode":
                header, parts = _decoded(data, job)
            elif do.startswith("clip"):
                assert clip is not None
                if size:
                    clip.take(data)
                header, parts = clip.work(job)
            else:
                reader = reader or PdfReader()
                if size:
                    reader.take(data, job["name"])
                header, payload = reader.work(job)
                parts = [payload]
            del data
            _send(target, header, parts)
            del parts
        except MediaError as error:
            _send(target, {"error": [error.fact, error.remedy]}, [])


def _with_ffmpeg(own: int) -> int:
    """Load ffmpeg, which takes address space for its code alone; what the process takes by itself with it."""
    _limit_memory(None)
    before = _address_space()
    with suppress(ImportError):  # animations do without
        importlib.import_module("av.video.reformatter")
    own += _address_space() - before
    _limit_memory(own)
    return own


def _decoded(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], Iterable[memoryview]]:
    """A picture's size, and its pixels as rows of red, green and blue."""
    pixels = decode_pixels(data, job["name"], job["max_pixels"], frame=job["frame"], shrink_to=job["shrink_to"])
    height, width, _ = pixels.shape
    return {"width": width, "height": height, "stride": 3 * width, "mode": "RGB"}, [pixels.data.cast("B")]


def _send(target: BinaryIO, header: dict[str, Any], parts: Iterable[bytes | memoryview]) -> None:
    if "bytes" not in header:
        parts = list(parts)
        header["bytes"] = sum(memoryview(part).nbytes for part in parts)
    target.write(json.dumps(header).encode() + b"\n")
    for part in parts:
        target.write(part)
    target.flush()


def _address_space() -> int:
    """Bytes that this process reserves."""
    if sys.platform != "linux":
        return 0
    import resource

    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()


def _limit_memory(own: int | None) -> None:
    """Let the process take so much beside what it takes by itself; None for as much as it likes."""
    if sys.platform != "linux":
        return  # neither enforced by macOS nor there on Windows
    import resource

    most = resource.RLIM_INFINITY if own is None else own + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_processor(seconds: float) -> None:
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(usage.ru_utime + usage.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
