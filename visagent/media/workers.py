"""Processes that decode what may take too much, and are killed when it does. Knows no format.

Decoders have no limits of their own: a file of 4 kB can keep one at work for minutes, and make it take all memory. So a
job is done by one process of a few, with limits on memory, processor seconds and time on the clock. A process that
worked well waits for the next job, which saves the start (0.3 s), and may hold a document open for it.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from visagent.core.errors import MediaError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["SECONDS", "Job", "Reply", "Worker", "idle_workers", "stop_workers", "worker_for"]

SECONDS = 25.0
"""Time on the clock that one job may take, the start of its process not counted."""
MOST_BYTES = 2**29
"""Of one reply: a page of the most pixels that may be allowed takes less."""
_MOST_WORKERS = max(4, os.cpu_count() or 4)
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "LANG", "VIRTUAL_ENV")
_STRIP = 512

T = TypeVar("T")


class Job(NamedTuple):
    """What a worker is to do with a file.

    Attributes:
        do: What, and with which arguments, for `visagent.media.worker_process`.
        data: The file.
        name: Its name, for messages.
        failure: What cannot be done, and why, where the process ends: the words before "because it takes too long".
        remedy: What to do then.
        document: Hash of the document that stays open for further jobs; none where nothing does.
    """

    do: dict[str, Any]
    data: bytes
    name: str
    failure: str
    remedy: str
    document: str = ""


class Reply:
    """What a worker answers; it is checked by whoever reads it, since a file may have taken the worker over.

    Attributes:
        header: What it says of the bytes that follow.
    """

    def __init__(self, header: dict[str, Any], read: Callable[[int], bytes]) -> None:
        self.header, self._read = header, read

    def payload(self) -> bytes:
        """All bytes that follow.

        Raises:
            ValueError: There are more than a page has, or fewer than were announced.
        """
        return self._take(int(self.header["bytes"]))

    def picture(self) -> Image.Image:
        """The pixels that follow as a picture in RGB; read by and by, so that they are in memory once.

        Raises:
            ValueError: They are not as many as were announced.
        """
        from PIL import Image

        width, height, stride = (int(self.header[name]) for name in ("width", "height", "stride"))
        if int(self.header["bytes"]) != stride * height or not 0 < 3 * width <= stride or stride * height > MOST_BYTES:
            raise ValueError("another size than was announced")
        picture = Image.new("RGB", (width, height))
        for top in range(0, height, _STRIP):
            size = width, min(_STRIP, height - top)
            rows = self._take(stride * size[1])
            picture.paste(Image.frombytes("RGB", size, rows, "raw", str(self.header["mode"]), stride, 1), (0, top))
        return picture

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= MOST_BYTES:
            raise ValueError("more bytes than a page has")
        data = self._read(count)
        if len(data) != count:
            raise ValueError("cut short")
        return data


class Worker:
    """A process that works on one file at a time."""

    def __init__(self) -> None:
        # Not multiprocessing: it would run a person's script anew in the child. -P: no module of the working folder.
        path = os.pathsep.join(part for part in sys.path if part)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "visagent.media.worker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # No keys: a file may take the process over. One thread of numpy, because each reserves memory; and memory
            # that is let go goes back to the system, since the limit counts what is reserved.
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
            | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20)},
        )
        self.holds = ""
        """Hash of the document that it has open."""
        self.jobs = 0
        """Jobs that it did on that document, or since it had one."""
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it is ready: the clock of the first job starts after that

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def done(self, job: Job, read: Callable[[Reply], T]) -> T:
        """Have a job done.

        Args:
            job: It.
            read: Checks the reply, and makes something of it.

        Raises:
            MediaError: It cannot be done, or takes too much; then the process has ended.
        """
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        clock = threading.Timer(SECONDS, stop)
        clock.daemon = True
        clock.start()
        try:
            self._ask(job)
            header = self._header()
            if "error" in header:
                self.holds = ""
                fact, remedy = map(str, header["error"])
                raise MediaError(fact[:500], remedy[:500])
            assert self._process.stdout is not None
            done = read(Reply(header, self._process.stdout.read))
            self.jobs += 1
            return done
        except MediaError:
            raise
        except Exception as error:  # it may say anything at all
            self.kill()
            why = "takes too long" if late.is_set() else "takes too long, takes too much memory, or is damaged"
            raise MediaError(f"{job.name}: {job.failure}, because it {why}.", job.remedy) from error
        finally:
            clock.cancel()

    def _ask(self, job: Job) -> None:
        target = self._process.stdin
        assert target is not None
        data = b"" if job.document and self.holds == job.document else job.data
        self.jobs = 0 if data else self.jobs
        target.write(json.dumps({**job.do, "name": job.name, "bytes": len(data)}).encode() + b"\n")
        target.write(data)
        target.flush()
        self.holds = job.document

    def _header(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        reply = json.loads(self._process.stdout.readline(4096))
        if not isinstance(reply, dict):
            raise ValueError("no reply")
        return reply


_places = threading.BoundedSemaphore(_MOST_WORKERS)
_idle: list[Worker] = []
_lock = threading.Lock()


@contextmanager
def worker_for(digest: str = "") -> Iterator[Worker]:
    """A process of one's own for as long as the block lasts, kept for the next one if it is still sound.

    Args:
        digest: Of a document: a process that has it open is preferred.
    """
    with _places:
        with _lock:
            place = next((at for at, one in enumerate(_idle) if one.holds == digest), -1)
            worker = _idle.pop(place) if _idle else None
        if worker is None or not worker.alive:
            worker = Worker()
        try:
            yield worker
        except MediaError:
            _keep(worker)
            raise
        except BaseException:
            worker.kill()
            raise
        _keep(worker)


def _keep(worker: Worker) -> None:
    if worker.alive:
        with _lock:
            _idle.append(worker)


def idle_workers() -> list[int]:
    """Process ids of the workers that wait for a job."""
    with _lock:
        return [worker.pid for worker in _idle]


@atexit.register
def stop_workers() -> None:
    """End the workers that wait for a job; the next job starts one again."""
    with _lock:
        while _idle:
            _idle.pop().kill()
