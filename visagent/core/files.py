"""Files that no reader sees half written, and folders that only their owner may enter. Knows nothing of contents."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from visagent.core.errors import InputError


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner may enter (mode 0700), and those above it that are missing.

    Args:
        folder: The folder to make; one that is there already keeps its mode.

    Returns:
        The same folder.

    Raises:
        OSError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)  # says so where something else has that name
    except FileNotFoundError:
        private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def require_document(path: Path) -> None:
    """Check that reading something to its end will end: a file or a pipe, and no device, which may go on for ever.

    Args:
        path: What is to be read; a missing file is left to the code that opens it.

    Raises:
        InputError: it is a device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path} is a device, and no file.", "Name a file.")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside a file, which takes the file's place when the block ends, and is removed if the block fails.

    A new file is readable for its owner alone (mode 0600); one that is replaced keeps its mode. A rename within one
    folder is atomic, so a reader or a killed process sees the old file or the new one, never half of one.

    Args:
        path: The file to write or replace; its folder is made if it is missing.

    Yields:
        Path of the draft, an empty file.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    private_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=f"{path.name[:100]}.", suffix=".partial", dir=path.parent)  # 0600
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        if path.exists():
            shutil.copymode(path, draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; a new one is readable for its owner alone (mode 0600).

    Args:
        path: The file to write or replace; its folder is made if it is missing.
        content: Text, written as UTF-8, or bytes.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    with replacing(path) as draft:
        draft.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def files_below(folder: Path) -> Iterator[tuple[Path, int]]:
    """All files below a folder with their sizes in bytes; one that goes while they are listed is left out.

    Args:
        folder: Where to look; one that is not there has none. Links are counted, and not followed.
    """
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with suppress(OSError):
                yield path, path.lstat().st_size


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have names none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
