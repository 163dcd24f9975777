"""The program that renders PDFs for `visagent.media.documents`, in a process that may be killed. Trusts no document.

It reads jobs from its standard input and writes pages to its standard output, until the input ends. A job is a line of
JSON, then so many bytes of a PDF; a reply is a line of JSON for each page, with the page's pixels after it, and at last
`{"done": true}` or `{"error": [fact, remedy]}`.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from visagent.core.errors import MediaError
from visagent.media.pictures import check_size

PDF_DPI = 150
"""Resolution at which PDF pages are rendered."""
CPU_SECONDS = 20
"""Processor time of one document; the system ends the process beyond that."""
MEMORY = 400 * 2**20
"""Bytes that the process may take beyond what it takes when it begins; the system refuses more."""
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD


_Header: TypeAlias = "dict[str, Any]"


def main() -> None:
    """Serve until the input ends."""
    # What a library prints must not look like a reply.
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    pdfium: Any = importlib.import_module("pypdfium2")
    _limit_memory()
    while line := source.readline():
        job = json.loads(line)
        _limit_processor()
        try:
            for header, pixels in _pages(pdfium, source.read(job["bytes"]), **job["limits"]):
                _send(target, header, pixels)
            _send(target, {"done": True})
        except MediaError as error:
            _send(target, {"error": [error.fact, error.remedy]})


def _pages(pdfium: Any, data: bytes, name: str, max_pixels: int, max_pages: int) -> Iterator[tuple[_Header, Any]]:
    """Each page's size, and its pixels as rows of blue, green and red."""
    scale = PDF_DPI / 72
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code == _PASSWORD_NEEDED:
            raise MediaError(f"{name}: the PDF needs a password.", "Save a copy without one.") from error
        raise _damaged(name, error) from error
    try:
        count = len(document)
        if count > max_pages:
            raise MediaError(
                f"{name}: the PDF has {count} pages; the limit is {max_pages}.",
                "Save the pages you mean to a file of their own, or raise MediaLimits(pages=...).",
            )
        points = [document.get_page_size(page) for page in range(count)]
        sizes = [(math.ceil(width * scale), math.ceil(height * scale)) for width, height in points]
        for width, height in sizes:
            check_size(name, width, height, max_pixels)
        if sum(width * height for width, height in sizes) > max_pixels:
            raise MediaError(
                f"{name}: its pages together are over the limit of {max_pixels / 1e6:.4g} megapixels.",
                "Pass fewer pages, or raise MediaLimits(pixels=...).",
            )
        for number in range(count):
            page = document[number]
            bitmap = page.render(scale=scale)
            header = {"width": bitmap.width, "height": bitmap.height, "stride": bitmap.stride, "mode": bitmap.mode}
            yield header, memoryview(bitmap.buffer).cast("B")
            bitmap.close()
            page.close()
    except pdfium.PdfiumError as error:
        raise _damaged(name, error) from error
    finally:
        document.close()


def _damaged(name: str, error: Exception) -> MediaError:
    return MediaError(f"{name}: the PDF is damaged ({error})", "Save or download it again.")


def _send(target: BinaryIO, header: dict[str, Any], pixels: memoryview | None = None) -> None:
    target.write(json.dumps(header).encode() + b"\n")
    if pixels is not None:
        target.write(pixels)
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
