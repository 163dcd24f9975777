"""Single large files of the Hugging Face hub: size said before, resumed where it broke off, digest checked and kept.

The hub's own library begins a file again in every process, so that gigabytes never come over a slow line; its
cache is read where it holds the file. Knows no model.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from filelock import FileLock

from visagent.core.errors import SourceError

_log = logging.getLogger(__name__)

RESUMES = 6
"""How often in a row a connection may break without having brought a byte."""

_SECONDS = 20.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class HubFile:
    """What the hub says of a file, and what is kept of it beside the file.

    Attributes:
        repo: Owner and name.
        file: Its path in the repository.
        commit: Commit of the repository, so that a branch that moves on changes nothing here.
        bytes: Its size.
        sha256: SHA-256 of its content, in hexadecimal; empty until it was computed where the hub names none.
    """

    repo: str
    file: str
    commit: str
    bytes: int
    sha256: str


class HubUnreachable(Exception):
    """The hub cannot be reached, does not hold the file, or does not give it out; says why in one line."""


def kept_file(folder: Path, repo: str, revision: str, file: str) -> Path | None:
    """A file that is here, whole, with the size that was recorded with its digest; None where it is not.

    Args:
        folder: Folder of the cache.
        repo: Owner and name.
        revision: Revision as it was asked for.
        file: Its path in the repository.
    """
    path = _place(folder, repo, revision, file)
    with suppress(OSError, ValueError, TypeError):
        record = HubFile(**json.loads(_record(path).read_text("utf-8")))
        if path.stat().st_size == record.bytes:
            return path
    return None


def fetch_file(
    folder: Path, repo: str, revision: str, file: str, on_bytes: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Fetch a file of the hub into a cache; goes on where an earlier process broke off.

    `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` are respected, as by the hub's library.

    Args:
        folder: Folder of the cache.
        repo: Owner and name.
        revision: A commit, tag or branch.
        file: Its path in the repository.
        on_bytes: Called with the number of bytes that are here, and of all bytes.

    Raises:
        HubUnreachable: it cannot be fetched.
        SourceError: its content is not what the hub says it is, or it cannot be written.
    """
    path = _place(folder, repo, revision, file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock's file stays: removed while another process waits for it, it would let a third one in.
        with FileLock(f"{path}.lock"):
            # Another process may have fetched it while this one waited.
            if (kept := kept_file(folder, repo, revision, file)) is not None:
                return kept
            about = _about(repo, revision, file)
            _fetch(about, revision, path, on_bytes)
    except OSError as error:
        raise SourceError(
            f"{file} of {repo} cannot be written to {path.parent}: {error.strerror or error}.",
            "Free some space there, or set VISAGENT_HOME to a folder that has it.",
        ) from error
    return path


def _place(folder: Path, repo: str, revision: str, file: str) -> Path:
    # What separates folders becomes something else, so that no name leaves the cache.
    parts = [re.sub(r"[^\w.-]", "--", part).lstrip(".") or "_" for part in (repo, revision, *file.split("/"))]
    return folder.joinpath("hub", *parts)


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _url(repo: str, revision: str, file: str) -> str:
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    return f"{endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(file)}"


def _headers() -> dict[str, str]:
    token = os.environ.get("HF_TOKEN")
    # Compressed on the way, its size would be another one.
    return {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})


def _about(repo: str, revision: str, file: str) -> HubFile:
    """Ask the hub for a file's commit, size and digest.

    Raises:
        HubUnreachable: it does not say.
    """
    import httpx

    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise HubUnreachable("HF_HUB_OFFLINE is set")
    url = _url(repo, revision, file)
    try:
        for _ in range(5):
            reply = httpx.head(url, headers=_headers(), timeout=_SECONDS)
            to = reply.headers.get("location", "")
            if not reply.is_redirect or "x-linked-size" in reply.headers or "x-repo-commit" in reply.headers:
                break
            # A repository that was renamed. Where another host is named, the token does not go there.
            moved = urljoin(url, to)
            if urlsplit(moved).netloc != urlsplit(url).netloc:
                break
            url = moved
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HubUnreachable(f"{type(error).__name__}: {error}") from error
    if reply.status_code in (401, 403):
        raise HubUnreachable(
            f"the hub answers {reply.status_code}: there is no such repository, or it wants a token (HF_TOKEN) and its "
            "licence accepted on its page"
        )
    if reply.status_code >= 400:
        said = reply.headers.get("x-error-message", reply.reason_phrase)
        raise HubUnreachable(f"the hub answers {reply.status_code}: {' '.join(said.split())[:200]}")
    size = reply.headers.get("x-linked-size") or reply.headers.get("content-length", "")
    etag = (reply.headers.get("x-linked-etag") or reply.headers.get("etag", "")).removeprefix("W/").strip('"')
    if not size.isdigit():
        raise HubUnreachable("the hub does not say how large the file is")
    sha256 = etag if _SHA256.fullmatch(etag) else ""
    return HubFile(repo, file, reply.headers.get("x-repo-commit", revision), int(size), sha256)


def _fetch(about: HubFile, revision: str, path: Path, on_bytes: Callable[[int, int], None]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    known = path.with_name(f"{path.name}.partial.json")
    if not _same(known, about):
        # What was begun is of another version of the file.
        partial.unlink(missing_ok=True)
        known.write_text(json.dumps(asdict(about)), "utf-8")
    here = partial.stat().st_size if partial.exists() else 0
    left = about.bytes - here
    if left > shutil.disk_usage(path.parent).free:
        raise SourceError(
            f"{about.file} takes {about.bytes / 1e9:.2f} GB, and the disk of {path.parent} has less free.",
            "Free some space there, or set VISAGENT_HOME to a folder that has it.",
        )
    going_on = f", {here / 1e9:.2f} GB of it are here already" if here else ""
    _log.warning("Downloading %s: %.2f GB%s, to %s", about.file, about.bytes / 1e9, going_on, path.parent)
    _receive(about, partial, on_bytes)
    sha256 = _digest(partial)
    if about.sha256 and sha256 != about.sha256:
        partial.unlink()
        raise SourceError(
            f"{about.file} of {about.repo}: the sha256 is {sha256}, and the hub says {about.sha256}. It was deleted.",
            "Fetch it again; if that does not help, something between here and the hub changes what is sent.",
        )
    kept = HubFile(about.repo, about.file, about.commit, about.bytes, sha256)
    _record(path).write_text(json.dumps(asdict(kept), indent=1), "utf-8")
    partial.replace(path)
    known.unlink(missing_ok=True)


def _receive(about: HubFile, partial: Path, on_bytes: Callable[[int, int], None]) -> None:
    """Append to the partial file until it is whole.

    Raises:
        HubUnreachable: the connection breaks again and again.
    """
    import httpx

    url = _url(about.repo, about.commit, about.file)
    fruitless, reason = 0, ""
    while (here := partial.stat().st_size if partial.exists() else 0) != about.bytes:
        if here > about.bytes:
            partial.unlink()
            continue
        if fruitless > RESUMES:
            raise HubUnreachable(f"the connection broke {fruitless} times in a row, at last: {reason}")
        before = here
        try:
            with (
                httpx.stream(
                    "GET",
                    url,
                    headers=_headers() | ({"Range": f"bytes={here}-"} if here else {}),
                    timeout=_SECONDS,
                    follow_redirects=True,
                ) as reply,
                partial.open("ab") as out,
            ):
                if reply.status_code >= 400:
                    raise HubUnreachable(f"the hub answers {reply.status_code}")
                if here and reply.status_code != 206:
                    # It sends the file from its beginning.
                    out.truncate(0)
                    here = before = 0
                # As they come: chunks of one size would hold back what arrived before the connection broke.
                for chunk in reply.iter_raw():
                    out.write(chunk)
                    here += len(chunk)
                    on_bytes(here, about.bytes)
            reason = "it ended early"
        except httpx.HTTPError as error:
            reason = f"{type(error).__name__}: {error}"
        fruitless = 0 if here > before else fruitless + 1
        if here != about.bytes:
            time.sleep(min(0.2 * 2**fruitless, 10))


def _same(known: Path, about: HubFile) -> bool:
    with suppress(OSError, ValueError, TypeError):
        return HubFile(**json.loads(known.read_text("utf-8"))) == about
    return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
