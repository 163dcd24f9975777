"""A folder of media by content hash, so that a run resumed in a new process finds what it was given."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from visagent.core.errors import MediaError, StorageError
from visagent.core.files import write_whole
from visagent.media.decoding import decode_picture
from visagent.media.limits import DEFAULT_LIMITS, MediaLimits
from visagent.media.media import (
    Media,
    MediaInfo,
    held_document,
    media_from_bytes,
    media_from_picture,
    opened_document,
    page_of,
)


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
        # The suffix tells what the hash was made of: the file's bytes, or the pixels of a PNG we wrote. Of a page its
        # document is kept, once.
        of = media.document
        path = self._path(of.hash if of else media.hash, ".raw" if of or media.has_file else ".png")
        if path.exists():
            return
        try:
            write_whole(path, of.data if of else media.encoded())
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
        if info.document is not None:
            return self._page(info, info.document)
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
                    picture = decode_picture(data, info.name, self._limits.pixels)
                    media = media_from_picture(picture, info.name, self._limits)
            elif hashlib.sha256(data).hexdigest() == info.hash:
                media = media_from_bytes(data, info.name, self._limits, still=info.kind == "image")[0]
            if media is None or media.hash != info.hash:
                raise self._set_aside(path, info.name)
            media.info = media.info.model_copy(update={"name": info.name, "page": info.page})
            return media
        raise MediaError(f"{info.name}: no medium {info.hash[:8]} in {self.root}.", "Load the file again.")

    def _page(self, info: MediaInfo, digest: str) -> Media:
        """A page of a stored document, which is read once for all pages that somebody holds."""
        document = held_document(digest)
        if document is None:
            try:
                data = self._path(digest, ".raw").read_bytes()
            except OSError as error:
                raise MediaError(f"{info.name}: no document {digest[:8]} in {self.root}.", "Load it again.") from error
            if hashlib.sha256(data).hexdigest() != digest:
                raise self._set_aside(self._path(digest, ".raw"), info.name)
            document = opened_document(data, info.name, self._limits)
        if info.page is not None and info.page <= len(document.sizes):
            page = page_of(document, info.page, info.name, self._limits)
            if page.hash == info.hash:
                return page
        raise MediaError(f"{info.name}: this is no page of the stored document.", "Load it again.")

    @staticmethod
    def _set_aside(path: Path, name: str) -> MediaError:
        """Put a changed file out of the way, so that the same medium can be stored again."""
        with suppress(OSError):
            path.replace(path.with_name(f"{path.name}.damaged"))
        return MediaError(f"{path}: the stored file was changed; it is set aside.", f"Load {name} again.")

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
