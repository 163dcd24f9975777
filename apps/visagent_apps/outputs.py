"""Files that a command is to write: checked before it begins, so that no answer is lost for want of a folder."""

from __future__ import annotations

import os
from pathlib import Path

from visagent.core.errors import ConfigError


def check_writable(option: str, path: Path | None) -> None:
    """Check that a file can be written; it is neither made nor changed.

    Args:
        option: The option or argument that names it, for the message.
        path: The file; None where none is wanted.

    Raises:
        ConfigError: it cannot.
    """
    if path is None:
        return
    way_out = "Name a file in a folder that is there and that you may write to."
    try:
        folder = path.absolute().parent
        if path.is_dir():
            raise ConfigError(f"{option}: {path} is a folder.", way_out)
        if not folder.is_dir():
            raise ConfigError(f"{option}: there is no folder {folder}.", way_out)
        path.exists()  # says so where no file can have that name
        made = os.open(path, os.O_WRONLY | (0 if path.exists() else os.O_CREAT | os.O_EXCL))
        os.close(made)
        if path.is_file() and not path.stat().st_size:
            path.unlink()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{option}: {str(path)[:200]} cannot be written ({why}).", way_out) from error


def check_picture_writable(option: str, path: Path | None) -> None:
    """Check that a picture can be written: the file, and that its ending names a kind of picture.

    Raises:
        ConfigError: it cannot.
    """
    if path is None:
        return
    check_writable(option, path)
    from PIL import Image

    Image.init()
    kinds = {ending for ending, kind in Image.registered_extensions().items() if kind in Image.SAVE}
    if path.suffix.lower() not in kinds:
        raise ConfigError(
            f"{option}: {path.name[:80]} does not end like a picture's name.", "End it with .png, .jpg or .webp."
        )
