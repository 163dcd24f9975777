"""What a person gave, as media: folders are their files, and of several files those that cannot be used are named.

Each medium is stored as soon as it is loaded. Of many, the bytes are then read from the store when they are needed: an
album of a thousand photographs takes no more memory than a few.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from visagent.core.errors import MediaError, MissingDependency
from visagent.media.fetch import display_name
from visagent.media.limits import MediaLimits
from visagent.media.media import Media, MediaSource, load_media
from visagent.media.regions import MediaRegion
from visagent.media.store import MediaStore

HELD = 64 * 2**20
"""Bytes of media that are held in memory; those of further ones stay in the store."""


def gather(
    sources: Sequence[MediaSource], store: MediaStore, limits: MediaLimits, *, allow_urls: bool
) -> tuple[list[Media], tuple[str, ...]]:
    """Load and store media; a document gives one for each page, a folder one for each file in it and below.

    Args:
        sources: Sources as `Agent.ask` takes them.
        store: Where they are kept.
        limits: What is refused.
        allow_urls: Whether a source may be an http(s) URL.

    Returns:
        The media, and why others could not be used, a sentence each.

    Raises:
        MediaError: they are too many, or none of them can be used: the error of the first one.
        MissingDependency: likewise.
        StorageError: the store cannot be written.
    """
    listed = list(_files(sources, limits.media))
    media: list[Media] = []
    problems: list[MediaError | MissingDependency] = []
    held = 0
    for source in listed:
        try:
            loaded = load_media(source, limits=limits, allow_urls=allow_urls)
        except (MediaError, MissingDependency) as error:
            problems.append(error)
            continue
        for medium in loaded:
            store.put(medium.picture if isinstance(medium, MediaRegion) else medium)
        if len(loaded) == 1 and not isinstance(loaded[0], MediaRegion) and (held := held + loaded[0].bytes_held) > HELD:
            loaded[0].read_from(store.path(loaded[0].hash))
        media += loaded
        if len(media) > limits.media:
            break  # refused by `MediaLimits.check_request`: no need to read on
    if problems and not media:
        raise problems[0]
    return media, tuple(problem.fact for problem in problems)


def _files(sources: Sequence[MediaSource], most: int) -> Iterator[MediaSource]:
    """The sources, with the files of a folder in its place, in the order of their names.

    Raises:
        MediaError: a folder is empty, or there are more files than are allowed.
    """
    count = 0
    for source in sources:
        folder = Path(source) if isinstance(source, str | os.PathLike) else None
        if folder is None or not _is_folder(folder):
            count += 1
            yield source
            continue
        files = sorted(
            path
            for path in folder.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not files:
            raise MediaError(f"{display_name(str(folder), 'folder')}: the folder is empty.", "Name one with pictures.")
        count += len(files)
        if count > most:
            raise MediaError(
                f"{display_name(str(folder), 'folder')}: there are {count} files; the limit of one question is {most}.",
                "Ask about fewer at once, or raise MediaLimits(media=...).",
            )
        yield from files


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, or half a character
        return False
