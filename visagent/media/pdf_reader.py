"""Reads PDFs with pdfium, without limits of its own: for `visagent.media.worker_process` alone. Trusts no document."""

from __future__ import annotations

import importlib
import json
import math
from typing import Any

from visagent.core.errors import MediaError
from visagent.media.pdf_text import page_text
from visagent.media.pictures import check_size

PDF_DPI = 150
"""Resolution at which PDF pages are rendered."""
_PASSWORD_NEEDED = 4  # FPDF_ERR_PASSWORD


class PdfReader:
    """One document at a time, kept open between jobs."""

    def __init__(self) -> None:
        self._pdfium: Any = importlib.import_module("pypdfium2")
        self._name = ""
        self._document: Any = None

    def close(self) -> None:
        """Let go of the document."""
        if self._document is not None:
            self._document.close()
        self._document = None

    def take(self, data: bytes, name: str) -> None:
        """Open a document instead of the one before.

        Raises:
            MediaError: It needs a password, or is damaged.
        """
        self.close()
        self._name = name
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
