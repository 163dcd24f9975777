"""The program that decodes files for `visagent.media.workers`, in a process that may be killed. Trusts no file.

It reads jobs from its standard input and writes replies to its standard output, until the input ends; a line says when
it is ready. A job is a line of JSON, then so many bytes of a file, or none for the document of the job before. A reply
is a line of JSON, with so many bytes after it as it says: `{"bytes": n, ...}`, or `{"error": [fact, remedy]}`.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy  # noqa: F401  # before the limit, which counts what libraries reserve
from PIL import Image

from visagent.core.errors import MediaError
from visagent.media.pdf_reader import PdfReader
from visagent.media.pictures import decode_pixels

CPU_SECONDS = 20
"""Processor time of one job; the system ends the process beyond that."""
MEMORY = 512 * 2**20
"""Bytes that the process may take beyond what it takes when it begins; the system refuses more."""


def main() -> None:
    """Serve until the input ends."""
    # What a library prints must not look like a reply.
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Image.init()
    reader: PdfReader | None = None
    _limit_memory()
    _send(target, {"ready": True}, b"")
    while line := source.readline():
        job = json.loads(line)
        _limit_processor()
        data = source.read(job["bytes"])
        payload: bytes | memoryview
        try:
            if job["do"] == "decode":
                if reader is not None:
                    reader.close()
                header, payload = _decoded(data, job)
            else:
                reader = reader or PdfReader()
                if data:
                    reader.take(data, job["name"])
                header, payload = reader.work(job)
            del data
            _send(target, {**header, "bytes": len(payload)}, payload)
            del payload
        except MediaError as error:
            _send(target, {"error": [error.fact, error.remedy]}, b"")


def _decoded(data: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], memoryview]:
    """A picture's size, and its pixels as rows of red, green and blue."""
    pixels = decode_pixels(data, job["name"], job["max_pixels"], frame=job["frame"], shrink_to=job["shrink_to"])
    height, width, _ = pixels.shape
    return {"width": width, "height": height, "stride": 3 * width, "mode": "RGB"}, pixels.data.cast("B")


def _send(target: BinaryIO, header: dict[str, Any], payload: bytes | memoryview) -> None:
    target.write(json.dumps(header).encode() + b"\n")
    target.write(payload)
    target.flush()


def _limit_memory() -> None:
    if sys.platform != "linux":
        return  # neither enforced by macOS nor there on Windows
    import resource

    taken = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_processor() -> None:
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(usage.ru_utime + usage.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    main()
