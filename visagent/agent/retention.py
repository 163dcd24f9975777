"""Takes runs away, with the media and the evidence that no other run needs. Knows no graph and no model."""

from __future__ import annotations

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
    needed = {digest for record in left for info in record.media.values() for digest in (info.hash, info.document)}
    scopes = {_scope(record) for record in left}
    for record in gone:
        for digest in {info.document or info.hash for info in record.media.values()} - needed:
            store.delete(digest)
            forget_indexes(home, digest)
        if _scope(record) not in scopes:
            cache.forget(_scope(record))
    cache.close()
    return [record.id for record in gone]


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
