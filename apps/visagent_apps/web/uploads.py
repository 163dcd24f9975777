"""Files that visitors have sent and that no event has taken in yet.

A visitor names such a file by a reference: a word in a table, with an entry for whoever sent it. No part of a reference
is ever made into a path, so none leads to a file that was not uploaded, whatever is written in it.
"""

from __future__ import annotations

import atexit
import errno
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from visagent.core.errors import InputError, StorageError

KEPT_SECONDS = 1800.0
"""Until an upload that nothing has taken in is deleted."""


@cache
def folder() -> Path:
    """Where this process keeps uploads: a new folder that no other user of the machine can open."""
    made = Path(tempfile.mkdtemp(prefix="visagent-uploads-")).resolve()
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


class Uploads:
    """The uploads of all visitors of one app.

    Args:
        most_bytes: Largest size of one file, in bytes.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes, self._folder = most_bytes, folder()
        self._files: dict[tuple[str, str], Path] = {}
        self._lock = threading.Lock()

    def put(self, owner: str, name: str, file: BinaryIO) -> str:
        """Keep a file; gives the reference by which its owner, and nobody else, can name it.

        Raises:
            InputError: the file is too large.
            StorageError: the disk is full, or cannot be written.
        """
        token, known = secrets.token_urlsafe(24), _file_name(name)
        home = self._folder / token
        path = home / known
        try:
            self._require_folder()
            home.mkdir(mode=0o700)
            with path.open("xb") as target:
                _copy(file, target, self.most_bytes)
        except OSError as error:
            shutil.rmtree(home, ignore_errors=True)
            raise StorageError(f"The file cannot be kept ({error.strerror}).", "Tell whoever runs the app.") from error
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        reference = f"{token}/{known}"
        with self._lock:
            self._files[owner, reference] = path
        return reference

    def _require_folder(self) -> None:
        """Make the folder again, should the system have deleted it, as it does with what nothing has touched for days.

        Raises:
            OSError: it cannot be made, or another user has made one of that name meanwhile.
        """
        with suppress(FileExistsError):
            self._folder.mkdir(mode=0o700)
        about = self._folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or (hasattr(os, "getuid") and about.st_uid != os.getuid()):
            raise PermissionError(errno.EPERM, "the folder of uploads is another user's", str(self._folder))

    def path(self, owner: str, reference: str) -> Path:
        """The file that this visitor means.

        Raises:
            InputError: they have uploaded none that is called so, or it has been taken in.
        """
        with self._lock:
            path = self._files.get((owner, reference))
        if path is None or path.is_symlink() or not path.is_file():
            raise InputError("There is no such upload of yours.", "Send the file, and name it as the reply to it does.")
        return path

    def sweep(self, older_than: float = KEPT_SECONDS) -> None:
        """Delete what nothing has taken in for so many seconds, and what Gradio left beside it."""
        oldest = time.time() - older_than
        self._require_folder()
        os.utime(self._folder)
        for entry in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if entry.lstat().st_mtime > oldest:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink()
        with self._lock:
            self._files = {named: path for named, path in self._files.items() if path.is_file()}


def _file_name(name: str) -> str:
    """A name for the disk: of what a visitor's file is called the last part, whichever system's it is, and its end."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isalnum() or sign in " ._-()")[-60:].strip(" .") or "file"


def _copy(source: BinaryIO, target: BinaryIO, most: int) -> None:
    left = most
    while chunk := source.read(1 << 20):
        left -= len(chunk)
        if left < 0:
            raise InputError(f"The file is larger than {most >> 20} MB.", "Send a smaller one.")
        target.write(chunk)
