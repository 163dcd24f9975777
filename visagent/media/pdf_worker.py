"""The program that reads PDFs for `visagent.media.documents`, in a process that may be killed. Trusts no document.

It reads jobs from its standard input and writes replies to its standard output, until the input ends. A job is a line
of JSON, then so many bytes of a PDF, or none for the document of the job before. A reply is a line of JSON, with so
many bytes after it as it says: `{"bytes": n, ...}`, or `{"error": [fact, remedy]}`.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from visagent.core.errors import MediaError
from visagent.media.pdf_text import page_text
from visagent.media.pictures import check_size

PDF_DPI = 150
"""Resolution at which PDF pages are rendered."""
CPU_SECONDS = 20
"""Processor time of one job; the system ends the process beyond that."""
MEMORY = 400 * 2**20
"""Bytes that the process may take beyond what it takes when it begins; the system refuses more."""
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD


def main() -> None:
    """Serve until the input ends."""
    # What a library prints must not look like a reply.
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    reader = _Reader(importlib.import_module("pypdfium2"))
    _limit_memory()
    while line := source.readline():
        job = json.loads(line)
        _limit_processor()
        try:
            if job["bytes"]:
                reader.take(source.read(job["bytes"]), job["name"])
            header, payload = reader.work(job)
            _send(target, {**header, "bytes": len(payload)}, payload)
        except MediaError as error:
            _send(target, {"error": [error.fact, error.remedy]}, b"")


class _Reader:
    """One document at a time, kept open between jobs."""

    def __init__(self, pdfium: Any) -> None:
        self._pdfium, self._name = pdfium, ""
        self._document: Any = None

    def take(self, data: bytes, name: str) -> None:
        if self._document is not None:
            self._document.close()
        self._document, self._name = None, name
        try:
            self._document = self._pdfium.PdfDocument(data)
        except self._pdfium.PdfiumError as error:
            if error.err_code == _PASSWORD_NEEDED:
                raise MediaError(f"{name}: the PDF needs a password.", "Save a copy without one.") from error
            raise self._damaged(error) from error

    def work(self, job: dict[str, Any]) -> tuple[dict[str, Any], bytes | memoryview]:
        """What a job's reply says, and the bytes that follow it."""
        try:
            match job["do"]:
                case "sizes":
                    return {}, json.dumps(self._sizes(**job["limits"])).encode()
                case "text":
                    read = [page_text(self._document[number], *self._size(number)) for number in range(*job["pages"])]
                    return {}, json.dumps(read).encode()
                case _:
                    return self._picture(job["page"])
        except self._pdfium.PdfiumError as error:
            raise self._damaged(error) from error

    def _size(self, number: int) -> tuple[int, int]:
        width, height = self._document.get_page_size(number)
        return math.ceil(width * PDF_DPI / 72), math.ceil(height * PDF_DPI / 72)

    def _sizes(self, max_pixels: int, max_pages: int) -> list[tuple[int, int]]:
        """Each page's size in pixels."""
        count = len(self._document)
        if count > max_pages:
            raise MediaError(
                f"{self._name}: the PDF has {count} pages; the limit is {max_pages}.",
                "Save the pages you mean to a file of their own, or raise MediaLimits(pages=...).",
            )
        sizes = [self._size(number) for number in range(count)]
        for width, height in sizes:
            check_size(self._name, width, height, max_pixels)
        return sizes

    def _picture(self, number: int) -> tuple[dict[str, Any], memoryview]:
        """A page's size, and its pixels as rows of blue, green and red."""
        page = self._document[number]
        bitmap = page.render(scale=PDF_DPI / 72)
        header = {"width": bitmap.width, "height": bitmap.height, "stride": bitmap.stride, "mode": bitmap.mode}
        page.close()
        return header, memoryview(bitmap.buffer).cast("B")

    def _damaged(self, error: Exception) -> MediaError:
        return MediaError(f"{self._name}: the PDF is damaged ({error})", "Save or download it again.")


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
