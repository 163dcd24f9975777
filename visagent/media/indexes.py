"""Where the indexes of clips are kept: one file each, named after its content. Knows not what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = "video"


def index_file(home: Path, digest: str, made_with: str) -> Path:
    """The file of one index.

    Args:
        home: The folder of runs, media and evidence.
        digest: Content hash of the clip, in hex.
        made_with: What the index depends on beside the clip, such as the detector and its options.
    """
    return home / FOLDER / f"{digest}-{hashlib.sha256(made_with.encode()).hexdigest()[:12]}.sqlite"


def index_files(home: Path, digest: str) -> Iterator[Path]:
    """The files of all indexes of a clip, with those that stand beside them while they are written."""
    with suppress(OSError):
        yield from (home / FOLDER).glob(f"{digest}-*")


def forget_indexes(home: Path, digest: str) -> None:
    """Delete what is kept of a clip; a file that somebody holds open stays on some systems, and is found again."""
    for file in list(index_files(home, digest)):
        with suppress(OSError):
            file.unlink()
