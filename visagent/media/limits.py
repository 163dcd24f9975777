"""What media may cost: limits of one medium, and of all media of one request together. Decodes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from visagent.core.errors import MediaError


class Measured(Protocol):
    """What counts of a medium here: see `visagent.media.media.MediaInfo`."""

    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def document(self) -> str | None: ...


class MediaLimits(BaseModel):
    """What is refused before it is decoded.

    Attributes:
        bytes: Largest file or download.
        pixels: Most pixels of one picture, page or video frame.
        seconds: Longest video or audio clip.
        shrink: Whether a picture of more pixels is read scaled down to 16 megapixels, instead of being refused.
        pages: Most pages of a PDF or TIFF.
        total_pixels: Most pixels of all pictures of one request; a document's pages are read as they are needed.
        total_seconds: Longest that all clips of one request may be together.
        media: Most media of one request, each page of a document being one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(default=200 * 2**20, gt=0)
    pixels: int = Field(default=64_000_000, gt=0)
    shrink: bool = False
    seconds: float = Field(default=3600.0, gt=0, allow_inf_nan=False)
    pages: int = Field(default=500, gt=0)
    total_pixels: int = Field(default=12_000_000_000, gt=0)
    total_seconds: float = Field(default=7200.0, gt=0, allow_inf_nan=False)
    media: int = Field(default=1000, gt=0)

    def check_request(self, media: Sequence[Measured]) -> None:
        """Refuse media that are within their own limits, and too much together.

        Raises:
            MediaError: They are.
        """
        if len(media) > self.media:
            raise MediaError(
                f"{len(media)} media were given for one question; the limit is {self.media}.",
                "Ask about fewer at once, or raise MediaLimits(media=...).",
            )
        pixels = sum((one.width or 0) * (one.height or 0) for one in media if one.document is None)
        if pixels > self.total_pixels:
            raise MediaError(
                f"The pictures together have {pixels / 1e6:.4g} megapixels; "
                f"the limit of one question is {self.total_pixels / 1e6:.4g}.",
                "Ask about fewer at once, scale them down, or raise MediaLimits(total_pixels=...).",
            )
        seconds = sum(one.seconds or 0 for one in media)
        if seconds > self.total_seconds:
            raise MediaError(
                f"The clips together are {seconds:.0f} s long; the limit of one question is "
                f"{self.total_seconds:.0f} s.",
                "Ask about fewer at once, or raise MediaLimits(total_seconds=...).",
            )


DEFAULT_LIMITS = MediaLimits()
