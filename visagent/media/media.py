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
import re
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from visagent.core.errors import MediaError, StorageError
from visagent.core.files import write_whole
from visagent.media.clips import decode_sound, is_clip, read_clip_header, sample_frames
from visagent.media.decoded import DECODED
from visagent.media.documents import render_pdf
from visagent.media.fetch import display_name, read_source
from visagent.media.limits import DEFAULT_LIMITS, MediaLimits
from visagent.media.pictures import (
    check_size,
    decode_picture,
    encode_picture,
    is_picture,
    pixels_to_picture,
    upright_rgb,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["DEFAULT_LIMITS", "Media", "MediaInfo", "MediaLimits", "MediaSource", "MediaStore", "load_media"]


# Known by their first bytes, so that one whose header is damaged is called damaged, and not of an unknown type.
_PICTURE_TYPES = {f"image/{name}" for name in ("png", "apng", "jpeg", "gif", "webp", "bmp", "tiff", "avif")}
MediaSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[Any] | Media"
)


class MediaInfo(BaseModel):
    """What is known of a medium without decoding it again; small enough to travel in a run's state.

    Attributes:
        hash: SHA-256, in hex, of the file's bytes, or of the RGB pixels for PIL images, arrays and PDF pages.
        kind: "image", "video" or "audio"; an animated GIF, WebP or PNG counts as an image, its first frame.
        name: For display only: untrusted text, without folders and control characters, at most 80 characters.
        width: Pixels of the upright picture or video frame; None for audio.
        height: As width.
        seconds: Length of the clip; None for images, and for clips that do not tell.
        page: Page of the PDF that this image shows, counted from 1.
        has_audio: Whether there is sound.
        region: Left, top, right, bottom in pixels of the original, where it is a part of a picture (`media.regions`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    kind: Literal["image", "video", "audio"]
    name: str = Field(max_length=80)
    width: int | None = Field(default=None, gt=0)
    height: int | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, ge=0)
    page: int | None = Field(default=None, ge=1)
    has_audio: bool = False
    region: tuple[float, float, float, float] | None = None


class Media:
    """An image, video or audio clip that has been opened and checked; safe to share between threads.

    Made by `load_media` or `Media.load`, not by calling the class. What is decoded is kept for a while and shared: copy
    an image before drawing on it.
    """

    def __init__(
        self, info: MediaInfo, limits: MediaLimits, *, data: bytes | None = None, picture: Image.Image | None = None
    ) -> None:
        self.info = info
        self._limits = limits
        self._data = data
        # Only of what cannot be decoded again: pixels that were handed over, and pages.
        self._picture = None if data is not None else picture
        self._lock = threading.Lock()
        with _alive_lock:
            _alive.add(self)

    @classmethod
    def load(cls, source: MediaSource, *, limits: MediaLimits = DEFAULT_LIMITS, allow_urls: bool = False) -> Media:
        """Load a source that holds exactly one medium; see `load_media`.

        Raises:
            MediaError: As `load_media`, and for a PDF of several pages.
        """
        media = load_media(source, limits=limits, allow_urls=allow_urls)
        if len(media) != 1:
            raise MediaError(f"{media[0].name}: the file has {len(media)} pages where one is meant.", "Pass one page.")
        return media[0]

    @staticmethod
    def loaded(digest: str) -> Media | None:
        """A medium of this hash that somebody in this process holds, or None."""
        with _alive_lock:
            return next((media for media in _alive if media.hash == digest), None)

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
        """The picture in mode RGB, EXIF-upright, transparency laid on white.

        Raises:
            MediaError: The medium is not an image.
        """
        if self.kind != "image":
            remedy = "Take a frame of it: .frame(seconds)." if self.kind == "video" else "Pass an image."
            raise MediaError(
                f"{self.name}: this is {'a video' if self.kind == 'video' else 'audio'}, not an image.", remedy
            )
        data = self._data
        if data is None:
            assert self._picture is not None
            return self._picture
        with self._lock:
            return _decoded_picture(self.hash, data, self.name, self._limits)

    def array(self) -> NDArray[np.uint8]:
        """The picture as a read-only array of height x width x 3, uint8, RGB.

        Raises:
            MediaError: The medium is not an image.
        """
        import numpy as np

        picture = self.image()

        def copied() -> NDArray[np.uint8]:
            pixels = np.array(picture)
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
        if self._data is None or not self.info.has_audio:
            what = "an image has no sound" if self.kind == "image" else "the video has no sound track"
            raise MediaError(f"{self.name}: {what}.", "Pass audio, or a video with sound.")
        data = self._data

        def decoded() -> NDArray[np.float32]:
            sound = decode_sound(data, self.name, self._limits.pixels, self._limits.seconds)
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
        """The frames on screen at 0, every_seconds, 2 * every_seconds, ... seconds, the first `limit` of them.

        To cover a whole clip, let every_seconds be at least its length over `limit`. Each frame is decoded when it is
        asked for.

        Returns:
            Pairs of the time asked for, in seconds, and the upright RGB frame; `(0.0, image)` alone for images.

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
        return self._data is not None

    def encoded(self) -> bytes:
        """The original file's bytes, or a PNG of the pixels for PIL images, arrays and PDF pages."""
        if self._data is not None:
            return self._data
        return encode_picture(self.image(), "PNG")

    def _sample(self, times: Iterable[float]) -> Iterator[tuple[float, Image.Image]]:
        if self._data is None or self.kind != "video":
            raise MediaError(f"{self.name}: sound has no frames.", "Pass an image or a video.")
        return sample_frames(self._data, self.name, self._limits.pixels, times, self.info.seconds)

    def __repr__(self) -> str:
        shape = "" if self.info.width is None else f" {self.info.width}x{self.info.height}"
        length = "" if self.info.seconds is None else f" {self.info.seconds:.1f}s"
        page = "" if self.info.page is None else f" p{self.info.page}"
        return f"<Media {self.kind} {self.name!r}{page}{shape}{length} {self.hash[:8]}>"


_alive: weakref.WeakSet[Media] = weakref.WeakSet()
_alive_lock = threading.Lock()


def load_media(source: MediaSource, *, limits: MediaLimits = DEFAULT_LIMITS, allow_urls: bool = False) -> list[Media]:
    """Open and check a source: a PDF gives one image per page, rendered at 150 dpi; everything else exactly one medium.

    Images are decoded at once; of video and audio the header and the first frame, and the rest when it is asked for.

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
    read = read_source(source, limits.bytes, allow_urls=allow_urls)
    if read is not None:
        return _from_bytes(*read, limits)
    return [_from_pixels(source, limits)]


class MediaStore:
    """A folder of media by content hash, so that a run resumed in a new process finds what it was given.

    Args:
        root: The folder; made when first needed.
        limits: Limits for media that are read back; those they were loaded with, if these were not the default.
    """

    def __init__(self, root: Path, *, limits: MediaLimits = DEFAULT_LIMITS) -> None:
        self.root = root
        self._limits = limits

    def put(self, media: Media) -> None:
        """Write a medium unless it is there already; a reader never sees half a file.

        Raises:
            StorageError: The folder cannot be written.
        """
        # The suffix tells what the hash was made of: the file's bytes, or the pixels of a PNG we wrote.
        path = self._path(media.hash, ".raw" if media.has_file else ".png")
        if path.exists():
            return
        try:
            write_whole(path, media.encoded())
        except OSError as error:
            raise StorageError(
                f"{self.root} cannot be written ({error.strerror}).",
                "Free space, or name another folder: export VISAGENT_HOME=...",
            ) from error

    def get(self, info: MediaInfo) -> Media:
        """Read a medium back; its hash is checked again, its name and page are those of `info`.

        Raises:
            MediaError: The medium is not in the store, or its file was changed.
        """
        for suffix in (".raw", ".png"):
            path = self._path(info.hash, suffix)
            if not path.exists():
                continue
            media = None
            # No limit on the bytes: a PNG of many pixels may be larger than the file they came from.
            try:
                data = path.read_bytes()
            except OSError as error:
                raise MediaError(f"{path}: the stored file cannot be read ({error}).", "Check the disk.") from error
            if suffix == ".png":
                with suppress(MediaError):  # a PNG of our own that cannot be decoded was changed
                    media = _from_picture(decode_picture(data, info.name, self._limits.pixels), info.name, self._limits)
            elif hashlib.sha256(data).hexdigest() == info.hash:
                media = _from_bytes(data, info.name, self._limits)[0]
            if media is None or media.hash != info.hash:
                # Out of the way, so that the same medium can be stored again.
                with suppress(OSError):
                    path.replace(path.with_name(f"{path.name}.damaged"))
                raise MediaError(f"{path}: the stored file was changed; it is set aside.", f"Load {info.name} again.")
            media.info = media.info.model_copy(update={"name": info.name, "page": info.page})
            return media
        raise MediaError(f"{info.name}: no medium {info.hash[:8]} in {self.root}.", "Load the file again.")

    def delete(self, digest: str) -> None:
        """Remove a medium's bytes, if they are there."""
        if re.fullmatch(r"[0-9a-f]{64}", digest):
            for suffix in (".raw", ".png"):
                self._path(digest, suffix).unlink(missing_ok=True)

    def path(self, digest: str) -> Path:
        """Where the bytes of a medium lie: the original file's, or a PNG of the pixels.

        Raises:
            MediaError: The medium is not in the store, or this is no hash.
        """
        # A digest may come from outside: it must not lead out of the folder.
        known = re.fullmatch(r"[0-9a-f]{64}", digest) is not None
        for suffix in (".raw", ".png"):
            if known and (path := self._path(digest, suffix)).exists():
                return path
        raise MediaError(f"No medium {digest[:8]!r} in {self.root}.", "Load the file again.")

    def _path(self, digest: str, suffix: str) -> Path:
        return self.root / digest[:2] / f"{digest}{suffix}"


def _from_bytes(data: bytes, name: str, limits: MediaLimits) -> list[Media]:
    if not data:
        raise MediaError(f"{name}: the file is empty.", "Pass an image, video, audio or PDF file that is not empty.")
    match _format_of(data, name, limits):
        case "pdf":
            pages = render_pdf(data, name, limits.pixels, limits.pages)
            return [_from_picture(picture, name, limits, page) for page, picture in enumerate(pages, start=1)]
        case "image":
            digest = hashlib.sha256(data).hexdigest()
            picture = _decoded_picture(digest, data, name, limits)
            info = MediaInfo(hash=digest, kind="image", name=name, width=picture.width, height=picture.height)
            return [Media(info, limits, data=data)]
        case "clip":
            header = read_clip_header(data, name, limits.pixels, limits.seconds)
            info = MediaInfo(hash=hashlib.sha256(data).hexdigest(), name=name, **header._asdict())
            return [Media(info, limits, data=data)]


def _decoded_picture(digest: str, data: bytes, name: str, limits: MediaLimits) -> Image.Image:
    # Pillow takes four bytes a pixel of RGB.
    picture = DECODED.get(
        f"{digest} picture",
        lambda: decode_picture(data, name, limits.pixels),
        lambda picture: 4 * picture.width * picture.height,
    )
    check_size(name, *picture.size, limits.pixels)
    return picture


def _from_pixels(source: object, limits: MediaLimits) -> Media:
    import numpy as np
    from PIL import Image

    if isinstance(source, Image.Image):
        name = display_name(getattr(source, "filename", ""), "image")
        return _from_picture(upright_rgb(source, name, limits.pixels), name, limits)
    if isinstance(source, np.ndarray):
        return _from_picture(pixels_to_picture(source, "array", limits.pixels), "array", limits)
    raise MediaError(
        f"A medium cannot be loaded from {type(source).__name__}.",
        "Pass a path, a URL, bytes, a binary file, a PIL image or a uint8 numpy array.",
    )


def _from_picture(picture: Image.Image, name: str, limits: MediaLimits, page: int | None = None) -> Media:
    width, height = picture.size
    digest = hashlib.sha256(f"RGB {width} {height}\n".encode())
    digest.update(picture.tobytes())
    info = MediaInfo(hash=digest.hexdigest(), kind="image", name=name, width=width, height=height, page=page)
    return Media(info, limits, picture=picture)


def _format_of(data: bytes, name: str, limits: MediaLimits) -> Literal["image", "clip", "pdf"]:
    import filetype  # type: ignore[import-untyped]

    mime: str = filetype.guess_mime(data) or ""
    if mime == "application/pdf":
        return "pdf"
    group = mime.partition("/")[0]
    if group in ("audio", "video"):
        return "clip"
    if mime in _PICTURE_TYPES or (group in ("", "image") and is_picture(data)):
        return "image"
    if not mime and is_clip(data, limits.pixels):
        return "clip"
    what = f"{mime} is not a type" if mime else "the content is not of a type"
    raise MediaError(
        f"{name}: {what} that can be loaded.",
        "Pass a picture (JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP), a video, audio or PDF file, or convert it to one.",
    )
