"""Takes runs away, with the media and the evidence that no other run needs. Knows no graph and no model."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from visagent.agent.ownership import owning
from visagent.agent.runs import RunRecord, RunStore
from visagent.core.errors import RunBusy
from visagent.media.indexes import forget_indexes
from visagent.media.store import MediaStore
from visagent.tools.evidence_cache import EvidenceCache, scope_of


def forget_runs(home: Path, run_ids: Iterable[str]) -> list[str]:
    """Delete runs, and of what they looked at and found all that no other run needs.

    Args:
        home: The folder of runs, media and evidence.
        run_ids: Which; one that is being answered stays.

    Returns:
        The ids of those that were deleted.

    Raises:
        RunNotFound: there is none with such an id.
    """
    runs, store, cache = RunStore(home / "runs"), MediaStore(home / "media"), EvidenceCache(home / "evidence")
    gone: list[RunRecord] = []
    for run_id in run_ids:
        record = runs.load(run_id)
        try:
            with owning(runs.folder(run_id)):
                runs.delete(run_id)
        except RunBusy:
            continue
        gone.append(record)
    left = list(runs.list())
    needed = _needed(left)
    scopes = {_scope(record) for record in left}
    for record in gone:
        for digest in {info.document or info.hash for info in record.media.values()} - needed:
            store.delete(digest)
            forget_indexes(home, digest)
        if _scope(record) not in scopes:
            cache.forget(_scope(record))
    cache.close()
    return [record.id for record in gone]


def forget_expired(home: Path) -> list[str]:
    """Delete the runs whose time is over, which programs that answer others set; gives their ids.

    Args:
        home: The folder of runs, media and evidence.
    """
    now = datetime.now(UTC)
    over = [record.id for record in RunStore(home / "runs").list() if record.expires and record.expires <= now]
    return forget_runs(home, over) if over else []


def forget_unused_media(home: Path, *, but: Iterable[str] = (), older_than: float = 600.0) -> None:
    """Delete the media that no run needs, such as uploads that nobody asked about.

    Args:
        home: The folder of runs and media.
        but: Content hashes of media, or of their documents, that stay.
        older_than: Seconds since which a file must have lain there: one that has just come may not be listed yet.
    """
    needed = _needed(RunStore(home / "runs").list()) | set(but)
    oldest = time.time() - older_than
    for path in (home / "media").glob("??/*"):
        digest = path.name.partition(".")[0]
        if digest not in needed and path.lstat().st_mtime < oldest:
            path.unlink(missing_ok=True)
            forget_indexes(home, digest)


def prune(home: Path, *, keep_days: float | None = None, max_bytes: int | None = None) -> list[str]:
    """Delete the runs that are too old, and then the oldest until runs and media take no more than so many bytes.

    Args:
        home: The folder of runs, media and evidence.
        keep_days: Age in days from which a run goes; None for no limit.
        max_bytes: What the folders of runs and media may take; None for no limit.

    Returns:
        The ids of the runs that were deleted.
    """
    records = list(RunStore(home / "runs").list())[::-1]
    gone: list[str] = []
    if keep_days is not None:
        before = datetime.now(UTC) - timedelta(days=keep_days)
        gone += forget_runs(home, [record.id for record in records if record.created < before])
    if max_bytes is not None:
        waiting = [record.id for record in records if record.id not in gone]
        while waiting and _bytes_in(home) > max_bytes:
            gone += forget_runs(home, [waiting.pop(0)])
    return gone


def _needed(records: Iterable[RunRecord]) -> set[str | None]:
    return {digest for record in records for info in record.media.values() for digest in (info.hash, info.document)}


def _scope(record: RunRecord) -> str:
    return scope_of(info.hash for info in record.media.values())


def _bytes_in(home: Path) -> int:
    def sizes() -> Iterator[int]:
        for folder in ("runs", "media"):
            for path in (home / folder).rglob("*"):
                try:
                    yield path.lstat().st_size if not path.is_dir() else 0
                except OSError:  # gone since it was listed
                    continue

    return sum(sizes())
