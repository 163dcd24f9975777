"""One process at a time carries a run on. Knows nothing of what a run does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visagent.core.errors import RunBusy, StorageError
from visagent.core.files import private_folder

LOCK = "owner.lock"
"""File in a run's folder that its owner has locked."""


@contextmanager
def owning(folder: Path) -> Iterator[None]:
    """Own a run for as long as the block lasts; the system lets go of it when the process ends, however it ends.

    Args:
        folder: The run's.

    Raises:
        RunBusy: somebody else is carrying it on.
        StorageError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        private_folder(folder)
        # One lock a use, also within one process: two resumes in two threads are two owners.
        lock = FileLock(folder / LOCK, thread_local=False, mode=0o600)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunBusy(
            f"Run {folder.name} is being answered already.", "Wait for it; its answer is kept: visagent resume."
        ) from error
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written ({error.strerror}).",
            "Free space, or name another folder: export VISAGENT_HOME=...",
        ) from error
    try:
        yield
    finally:
        lock.release()
