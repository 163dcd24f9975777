"""Where the indexes of clips and documents are kept: one file each, named after its content. Knows nothing of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER, PAGES = "video", "pages"


def index_file(home: Path, digest: str, made_with: str) -> Path:
    """The file of a clip's index.

    Args:
        home: The folder of runs, media and evidence.
        digest: Content hash of the clip, in hex.
        made_with: What the index depends on beside the clip, such as the detector and its options.
    """
    return home / FOLDER / f"{digest}-{_short(made_with)}.sqlite"


def pages_file(home: Path, digest: str, made_with: str) -> Path:
    """The file of the vectors of a document's pages; see `index_file`."""
    return home / PAGES / f"{digest}-{_short(made_with)}.npz"


def index_files(home: Path, digest: str) -> Iterator[Path]:
    """The files of all indexes of a clip or document, with those that stand beside them while they are written."""
    for folder in (FOLDER, PAGES):
        with suppress(OSError):
            yield from (home / folder).glob(f"{digest}-*")


def forget_indexes(home: Path, digest: str) -> None:
    """Delete what is kept of a medium; a file that somebody holds open stays on some systems, and is found again."""
    for file in list(index_files(home, digest)):
        with suppress(OSError):
            file.unlink()


def _short(made_with: str) -> str:
    return hashlib.sha256(made_with.encode()).hexdigest()[:12]
