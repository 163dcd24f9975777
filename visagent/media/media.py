"""Loads images, video and audio safely, once, by content. Must not know of tools, models or questions.

A medium is identified by what its bytes are, never by its file name, and every limit is checked before the bytes are
decoded. Coordinates everywhere else are pixels of the EXIF-upright image given here, times are seconds from the start
of the clip.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field

from visagent.core.errors import MediaError
from visagent.media.animations import moves
from visagent.media.clip_files import ClipFile
from visagent.media.decoded import DECODED
from visagent.media.decoding import decode_picture, shrunk_picture
from visagent.media.documents import Document, TextLine, open_document
from visagent.media.fetch import display_name, read_source
from visagent.media.formats import format_of
from visagent.media.limits import DEFAULT_LIMITS, MediaLimits
from visagent.media.loaded import find, remember
from visagent.media.pictures import (
    check_size,
    encode_picture,
    pixel_strips,
    pixels_of,
    pixels_to_picture,
    shared_view,
    upright_rgb,
)
from visagent.media.tiff_pages import open_tiff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["DEFAULT_LIMITS", "Media", "MediaInfo", "MediaLimits", "MediaSource", "load_media"]

MediaSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[Any] | Media"
)


class MediaInfo(BaseModel):
    """What is known of a medium without decoding it again; small enough to travel in a run's state.

    Attributes:
        hash: SHA-256, in hex, of the file's bytes, or of the RGB pixels for PIL images and arrays; of a page, of the
            hash of its document and its number.
        kind: "image", "video" or "audio"; an animated GIF, WebP, PNG or AVIF counts as a video.
        name: Name for display only: untrusted text, without folders and control characters, at most 80 characters.
        width: Pixels of the upright picture or video frame; None for audio.
        height: Height, measured like `width`.
        seconds: Length of the clip; None for images, and for clips without one.
        page: Page of the PDF or TIFF that this image shows, counted from 1.
        document: SHA-256 of that file's bytes; None for pages that were stored before 2026-12.
        has_audio: Whether there is sound.
        region: Left, top, right, bottom in pixels of the original, where it is a part of a picture (`media.regions`).
        animated: Whether a video is an animated picture, which browsers show as a picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    kind: Literal["image", "video", "audio"]
    name: str = Field(max_length=80)
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, ge=0)
    page: int | None = Field(default=None, ge=1)
    document: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    has_audio: bool = False
    region: tuple[float, float, float, float] | None = None
    animated: bool = False


class Media:
    """An image, video or audio clip that has been opened and checked, made by `load_media`; safe between threads.

    What is decoded is kept for a while and shared.
    """

    def __init__(
        self,
        info: MediaInfo,
        limits: MediaLimits,
        *,
        data: bytes | None = None,
        picture: Image.Image | None = None,
        document: Document | None = None,
    ) -> None:
        self.info = info
        self._limits = limits
        self._data = data
        self._file: Path | None = None
        self.document = document
        """The PDF or TIFF that it is a page of."""
        # Only of what cannot be decoded again: pixels that were handed over.
        self._picture = None if data is not None else picture
        self._lock = threading.Lock()
        remember(self)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs: the bytes or the pixels, and nothing of this process."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.unlock()
        remember(self)

    def unlock(self) -> None:
        """Begin with a new lock, in another process."""
        self._lock = threading.Lock()

    @classmethod
    def load(cls, source: MediaSource, *, limits: MediaLimits = DEFAULT_LIMITS, allow_urls: bool = False) -> Media:
        """Load a source that holds exactly one medium; see `load_media`.

        Raises:
            MediaError: As `load_media`, and for a file of several pages.
        """
        media = load_media(source, limits=limits, allow_urls=allow_urls)
        if len(media) != 1:
            raise MediaError(f"{media[0].name}: the file has {len(media)} pages where one is meant.", "Pass one page.")
        return media[0]

    @staticmethod
    def loaded(digest: str) -> Media | None:
        """A medium of this hash that somebody in this process holds, or None."""
        return cast("Media | None", find(digest))

    @property
    def hash(self) -> str:
        """SHA-256 of the content, in hex; equal for two loads of the same bytes."""
        return self.info.hash

    @property
    def kind(self) -> Literal["image", "video", "audio"]:
        """What the content is, whatever the file is called."""
        return self.info.kind

    @property
    def name(self) -> str:
        """The name to show a person; untrusted text."""
        return self.info.name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the upright picture or video frame.

        Raises:
            MediaError: The medium is audio.
        """
        if self.info.width is None or self.info.height is None:
            raise MediaError(f"{self.name}: sound has no width and height.", "Pass an image or a video.")
        return self.info.width, self.info.height

    def image(self) -> Image.Image:
        """The picture in mode RGB, EXIF-upright, transparency laid on white; its pixels are shared until you change it.

        Raises:
            MediaError: The medium is not an image, or a page that cannot be rendered.
        """
        if self.kind != "image":
            remedy = "Take a frame of it: .frame(seconds)." if self.kind == "video" else "Pass an image."
            raise MediaError(
                f"{self.name}: this is {'a video' if self.kind == 'video' else 'audio'}, not an image.", remedy
            )
        with self._lock:
            if (document := self.document) is not None:
                page = self.info.page or 1
                return _kept_picture(self.hash, lambda: document.picture(page))
            if self.has_file:
                return _decoded_picture(self.hash, self._bytes, self.name, self._limits)
        assert self._picture is not None
        return shared_view(self._picture)

    def text_layer(self) -> tuple[TextLine, ...] | None:
        """The text that a PDF page holds beside its pixels, with its boxes; None where it has to be read as a picture.

        It is data, and may hold what no one sees on the page.
        """
        return None if self.document is None else self.document.text(self.info.page or 1)

    def array(self) -> NDArray[np.uint8]:
        """The picture as a read-only array of height x width x 3, uint8, RGB.

        Raises:
            MediaError: The medium is not an image.
        """
        picture = self.image()

        def copied() -> NDArray[np.uint8]:
            pixels = pixels_of(picture)
            pixels.setflags(write=False)
            return pixels

        with self._lock:
            return DECODED.get(f"{self.hash} array", copied, lambda pixels: pixels.nbytes)

    def audio(self) -> NDArray[np.float32]:
        """The sound as a read-only array of float32 samples, mono, 16 kHz; sample 0 is the start of the clip.

        Raises:
            MediaError: There is no sound, it is longer than the limit, or it cannot be decoded.
            MissingDependency: PyAV is not installed.
        """
        if not self.has_file or not self.info.has_audio:
            what = "an image has no sound" if self.kind == "image" else "the video has no sound track"
            raise MediaError(f"{self.name}: {what}.", "Pass audio, or a video with sound.")

        def decoded() -> NDArray[np.float32]:
            sound = self._clip().sound(self._limits.seconds)
            sound.setflags(write=False)
            return sound

        with self._lock:
            return DECODED.get(f"{self.hash} sound", decoded, lambda sound: sound.nbytes)

    def frame(self, seconds: float) -> Image.Image:
        """The upright RGB frame that is on screen at a time, in seconds from the start; the image itself for images.

        Raises:
            MediaError: The time is outside the clip, the medium is audio, or the frame cannot be decoded.
            MissingDependency: PyAV is not installed.
        """
        if self.kind == "image":
            return self.image()
        length = self.info.seconds
        last = self._limits.seconds if length is None else length
        for _, picture in self._sample([seconds] if 0 <= seconds <= last else []):
            return picture
        known = "" if length is None else f"; the clip is {length:.3f} s long"
        raise MediaError(f"{self.name}: there is no frame at {seconds} s{known}.", "Ask for a time inside the clip.")

    def frames(self, every_seconds: float, limit: int) -> list[tuple[float, Image.Image]]:
        """`iter_frames` as a list: all frames in memory at once, so for few or small ones."""
        return list(self.iter_frames(every_seconds, limit))

    def iter_frames(self, every_seconds: float, limit: int) -> Iterator[tuple[float, Image.Image]]:
        """Times 0, every_seconds, 2 * every_seconds, ... with the upright RGB frame on screen then, `limit` at most.

        To cover a whole clip, let every_seconds be at least its length over `limit`. Each frame is decoded when it is
        asked for. Of an image, `(0.0, image)` alone.

        Raises:
            MediaError: The medium is audio, an argument is not positive, or a frame cannot be decoded.
            MissingDependency: PyAV is not installed.
        """
        if not (0 < every_seconds < math.inf and limit > 0):
            raise MediaError(
                f"{self.name}: cannot take {limit} frames every {every_seconds} s.", "Pass numbers above 0."
            )
        if self.kind == "image":
            return iter([(0.0, self.image())])
        length = self._limits.seconds if self.info.seconds is None else self.info.seconds
        times = (step * every_seconds for step in range(limit))
        return self._sample(itertools.takewhile(lambda time: time == 0 or time < length, times))

    @property
    def has_file(self) -> bool:
        """Whether the bytes of its file are kept, rather than the pixels of an array or a PIL image alone."""
        return self._data is not None or self._file is not None

    @property
    def bytes_held(self) -> int:
        """Bytes of its file that are in memory."""
        return 0 if self._data is None else len(self._data)

    def read_from(self, path: Path) -> None:
        """Hold its bytes no longer: they are read from this file of the same content whenever they are needed."""
        if self._data is not None:
            self._file, self._data = path, None

    def _bytes(self) -> bytes:
        """The file's bytes.

        Raises:
            MediaError: They were to be read from a file that is gone or changed.
        """
        if self._data is not None:
            return self._data
        assert self._file is not None
        try:
            data = self._file.read_bytes()
        except OSError as error:
            raise MediaError(
                f"{self.name}: its file cannot be read any more ({error.strerror}).", "Load it again."
            ) from error
        if hashlib.sha256(data).hexdigest() != self.hash:
            raise MediaError(f"{self.name}: its file was changed.", "Load it again.")
        return data

    def encoded(self) -> bytes:
        """The original file's bytes, or a PNG of the pixels for PIL images, arrays and pages."""
        if self.has_file:
            return self._bytes()
        return encode_picture(self.image(), "PNG")

    def _clip(self) -> ClipFile:
        return ClipFile(self._bytes(), self.name, self._limits.pixels, self.info.animated, self.hash)

    def _sample(self, times: Iterable[float]) -> Iterator[tuple[float, Image.Image]]:
        if not self.has_file or self.kind != "video":
            raise MediaError(f"{self.name}: sound has no frames.", "Pass an image or a video.")
        return self._clip().frames(times, self.info.seconds)

    def __repr__(self) -> str:
        shape = "" if self.info.width is None else f" {self.info.width}x{self.info.height}"
        length = "" if self.info.seconds is None else f" {self.info.seconds:.1f}s"
        page = "" if self.info.page is None else f" p{self.info.page}"
        return f"<Media {self.kind} {self.name!r}{page}{shape}{length} {self.hash[:8]}>"


def load_media(source: MediaSource, *, limits: MediaLimits = DEFAULT_LIMITS, allow_urls: bool = False) -> list[Media]:
    """Open and check a source: a PDF gives one image per page, at 150 dpi, a TIFF one per page, all else one medium.

    Images are decoded at once; of video and audio the header and the first frame, of a PDF the first page, and the rest
    when it is asked for.

    Args:
        source: A path, an http(s) URL, bytes, a binary file object, a PIL image, a uint8 array of height x width,
            height x width x 3 (RGB) or x 4 (RGBA), or a `Media`, which is returned as it is.
        limits: What is refused before decoding.
        allow_urls: Whether http(s) URLs may be fetched; see `visagent.media.fetch` for what is refused even so.

    Raises:
        MediaError: The source is missing, unreadable, damaged, of an unknown type or over a limit.
        MissingDependency: The package that opens this type is not installed.
    """
    if isinstance(source, Media):
        return [source]
    if isinstance(source, list | tuple | set | frozenset):
        raise MediaError(
            f"A medium cannot be loaded from {type(source).__name__}.",
            "Give what is in it one by one: agent.ask(question, *media).",
        )
    read = read_source(source, limits.bytes, allow_urls=allow_urls)
    return [_from_pixels(source, limits)] if read is None else media_from_bytes(*read, limits)


def media_from_bytes(data: bytes, name: str, limits: MediaLimits, *, still: bool = False) -> list[Media]:
    """What a file holds, as `load_media` gives it; an animation as an image if it is wanted `still`."""
    if not data:
        raise MediaError(f"{name}: the file is empty.", "Pass an image, video, audio or PDF file that is not empty.")
    match format_of(data, name, limits):
        case "document" if not still:
            document = opened_document(data, name, limits)
            pages = [page_of(document, page, name, limits) for page in range(1, len(document.sizes) + 1)]
            pages[0].image()
            return pages
        case "image" | "document":
            if limits.shrink and (small := shrunk_picture(data, name, limits.pixels)) is not None:
                return [media_from_picture(small, name, limits)]
            digest = hashlib.sha256(data).hexdigest()
            picture = _decoded_picture(digest, lambda: data, name, limits)
            if not still and moves(data, name):
                return [_from_clip(ClipFile(data, name, limits.pixels, True, digest), limits)]
            info = MediaInfo(hash=digest, kind="image", name=name, width=picture.width, height=picture.height)
            return [Media(info, limits, data=data)]
        case "clip":
            return [_from_clip(ClipFile(data, name, limits.pixels), limits)]


def _from_clip(clip: ClipFile, limits: MediaLimits) -> Media:
    header = clip.header(limits.seconds)._asdict()
    return Media(MediaInfo(hash=clip.hash, name=clip.name, animated=clip.animated, **header), limits, data=clip.data)


_documents_lock = threading.Lock()
_documents: weakref.WeakValueDictionary[str, Document] = weakref.WeakValueDictionary()
"""Those of which somebody holds a page, by hash."""


def opened_document(data: bytes, name: str, limits: MediaLimits) -> Document:
    """A PDF or a TIFF of pages; the one that is open already where somebody holds a page of it."""
    given = data, name, limits.pixels, limits.pages
    document = open_tiff(*given) or open_document(*given)
    with _documents_lock:
        return _documents.setdefault(document.hash, document)


def held_document(digest: str) -> Document | None:
    """The open document of this hash, if somebody holds a page of it."""
    with _documents_lock:
        return _documents.get(digest)


def page_of(document: Document, page: int, name: str, limits: MediaLimits) -> Media:
    """A page of a document, counted from 1."""
    width, height = document.sizes[page - 1]
    info = MediaInfo(
        hash=hashlib.sha256(f"PDF {document.hash} {page}\n".encode()).hexdigest(),
        kind="image",
        name=name,
        width=width,
        height=height,
        page=page,
        document=document.hash,
    )
    return Media(info, limits, document=document)


def _kept_picture(digest: str, decode: Callable[[], Image.Image]) -> Image.Image:
    # Pillow takes four bytes a pixel of RGB.
    return shared_view(DECODED.get(f"{digest} picture", decode, lambda picture: 4 * picture.width * picture.height))


def _decoded_picture(digest: str, data: Callable[[], bytes], name: str, limits: MediaLimits) -> Image.Image:
    picture = _kept_picture(digest, lambda: decode_picture(data(), name, limits.pixels))
    check_size(name, *picture.size, limits.pixels)
    return picture


def _from_pixels(source: object, limits: MediaLimits) -> Media:
    import numpy as np
    from PIL import Image

    if isinstance(source, Image.Image):
        name = display_name(getattr(source, "filename", ""), "image")
        return media_from_picture(upright_rgb(source, name, limits.pixels), name, limits)
    if isinstance(source, np.ndarray):
        return media_from_picture(pixels_to_picture(source, "array", limits.pixels), "array", limits)
    raise MediaError(
        f"A medium cannot be loaded from {type(source).__name__}.",
        "Pass a path, a URL, bytes, a binary file, a PIL image or a uint8 numpy array.",
    )


def media_from_picture(picture: Image.Image, name: str, limits: MediaLimits) -> Media:
    """A picture by its pixels."""
    width, height = picture.size
    digest = hashlib.sha256(f"RGB {width} {height}\n".encode())
    for _, strip in pixel_strips(picture):
        digest.update(strip.tobytes())
    info = MediaInfo(hash=digest.hexdigest(), kind="image", name=name, width=width, height=height)
    return Media(info, limits, picture=picture)
