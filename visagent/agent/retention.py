"""Takes runs away, with the media and the evidence that no other run needs. Knows no graph and no model."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

from visagent.agent.ownership import LOCK, owning
from visagent.agent.runs import RunRecord, RunStore
from visagent.core.errors import RunBusy, RunNotFound, VisagentError
from visagent.core.files import files_below
from visagent.media.indexes import forget_indexes
from visagent.media.store import MediaStore
from visagent.tools.evidence_cache import EvidenceCache, scope_of

_log = logging.getLogger(__name__)
PRUNE_SECONDS = 3600.0
"""Least seconds between two automatic deletions of old runs, over all processes."""


def forget_runs(home: Path, run_ids: Iterable[str]) -> list[str]:
    """Delete runs, and of what they looked at and found all that no other run needs.

    Args:
        home: The folder of runs, media and evidence.
        run_ids: Which; one that is being answered stays.

    Returns:
        The ids of those that were deleted.

    Raises:
        RunNotFound: there is none with such an id.
        StorageError: one cannot be deleted.
    """
    runs = RunStore(home / "runs")
    return _with_what_was_theirs(home, [one for run_id in run_ids if (one := _deleted(runs, run_id)) is not None])


def _forget_listed(home: Path, run_ids: Iterable[str]) -> list[str]:
    """`forget_runs` for runs that were listed a moment ago: one that is gone, or cannot be deleted, keeps no other."""
    runs = RunStore(home / "runs")
    gone: list[RunRecord] = []
    for run_id in run_ids:
        try:
            record = _deleted(runs, run_id)
        except RunNotFound:
            continue
        except VisagentError as error:
            _log.warning("an old run stays: %s", error)
            continue
        if record is not None:
            gone.append(record)
    return _with_what_was_theirs(home, gone)


def _with_what_was_theirs(home: Path, gone: Sequence[RunRecord]) -> list[str]:
    """Delete the media and the evidence of runs that are gone, where no other run needs them; gives the runs' ids."""
    store, cache = MediaStore(home / "media"), EvidenceCache(home / "evidence")
    left = list(RunStore(home / "runs").list())
    needed = _needed(left)
    scopes = {_scope(record) for record in left}
    for record in gone:
        for digest in _digests(record) - needed:
            store.delete(digest)
            forget_indexes(home, digest)
        if _scope(record) not in scopes:
            cache.forget(_scope(record))
    cache.close()
    return [record.id for record in gone]


def _deleted(runs: RunStore, run_id: str) -> RunRecord | None:
    """Delete a run, and give its record; None where it is being answered, or another process deletes it just now.

    Raises:
        RunNotFound: there is none with this id.
    """
    record, folder = runs.load(run_id), runs.folder(run_id)
    try:
        with owning(folder):
            runs.delete(run_id)
    except RunBusy:
        return None
    except RunNotFound:
        # Another process was faster; asking for the lock has made the folder again.
        with suppress(OSError):
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()
        return None
    return record


def forget_expired(home: Path) -> list[str]:
    """Delete the runs whose time is over, which programs that answer others set; gives their ids.

    Args:
        home: The folder of runs, media and evidence.
    """
    now = datetime.now(UTC)
    over = [record.id for record in RunStore(home / "runs").list() if record.expires and record.expires <= now]
    return _forget_listed(home, over) if over else []


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
        # Another process may delete it in the same moment; something else of that name is none of ours.
        with suppress(OSError):
            if digest not in needed and path.lstat().st_mtime < oldest:
                path.unlink()
                forget_indexes(home, digest)


def prune(home: Path, *, keep_days: float | None = None, max_bytes: float | None = None) -> list[str]:
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
        now = datetime.now(UTC)
        gone += _forget_listed(home, [one.id for one in records if (now - one.created) / timedelta(days=1) > keep_days])
    if max_bytes is not None:
        left = [record for record in records if record.id not in gone]
        gone += _forget_listed(home, _oldest_above(home, left, max_bytes))
    return gone


def start_pruning(home: Path, *, keep_days: float | None = None, max_gb: float | None = None) -> Thread | None:
    """`prune` on a thread of its own, unless there is no limit, or some process did it within the last hour.

    Args:
        home: The folder of runs, media and evidence.
        keep_days: Age in days, as for `prune`.
        max_gb: What the folders of runs and media may take, in 10^9 bytes; None for no limit.

    Returns:
        The thread; None where there is nothing to do.
    """
    if keep_days is None and max_gb is None:
        return None
    stamp = home / "runs" / ".pruned"
    try:
        # A stamp of the future was made before the clock was put back, and says nothing.
        if stamp.exists() and 0 <= time.time() - stamp.stat().st_mtime < PRUNE_SECONDS:
            return None
        stamp.touch(mode=0o600)
    except OSError as error:
        _log.warning("old runs could not be deleted: %s", error)
        return None

    def work() -> None:
        try:
            prune(home, keep_days=keep_days, max_bytes=None if max_gb is None else max_gb * 1e9)
        except (OSError, VisagentError) as error:
            _log.warning("old runs could not be deleted: %s", error)

    # Not a daemon: a command that answers one question ends when the old ones are gone.
    thread = Thread(target=work, name="visagent-prune")
    try:
        thread.start()
    except RuntimeError as error:  # no thread can be had just now: the answer that was found matters more
        _log.warning("old runs could not be deleted: %s", error)
        return None
    return thread


def _oldest_above(home: Path, records: Sequence[RunRecord], max_bytes: float) -> list[str]:
    """Ids of the runs that have to go, the oldest first, until what is left takes no more than so many bytes.

    Args:
        home: The folder of runs and media.
        records: All runs, the oldest first.
        max_bytes: What may be left.
    """
    users = Counter(digest for record in records for digest in _digests(record))
    media: Counter[str] = Counter()
    for path, size in files_below(home / "media"):
        media[path.name.partition(".")[0]] += size
    # Media that no run needs count as well, and go by themselves.
    total = media.total() + sum(size for _, size in files_below(home / "runs"))
    going: list[str] = []
    for record in records:
        if total <= max_bytes:
            break
        going.append(record.id)
        total -= sum(size for _, size in files_below(home / "runs" / record.id))
        for digest in _digests(record):
            users[digest] -= 1
            total -= 0 if users[digest] else media[digest]
    return going


def _digests(record: RunRecord) -> set[str]:
    """The content hashes under which a run's media are stored."""
    return {info.document or info.hash for info in record.media.values()}


def _needed(records: Iterable[RunRecord]) -> set[str | None]:
    return {digest for record in records for info in record.media.values() for digest in (info.hash, info.document)}


def _scope(record: RunRecord) -> str:
    return scope_of(info.hash for info in record.media.values())
