"""Processes that decode what may take too much, and are killed when it does. Knows no format.

Decoders have no limits of their own: a file of 4 kB can keep one at work for minutes, and make it take all memory. So a
job is done by one process of a few, with limits on memory, processor seconds and time on the clock. A process that
worked well waits for the next job, which saves the start (0.3 s), and may hold a document open for it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from visagent.core.errors import DecodingUnavailable, MediaError
from visagent.core.forks import after_fork, leave_behind

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["SECONDS", "Job", "Reply", "Worker", "idle_workers", "most_workers", "stop_workers", "worker_for"]

SECONDS = 20.0
"""Processor time that one job may take, the start of its process not counted."""
PATIENCE = 10.0
"""Time on the clock that it may take, as a multiple: what is harmless takes long where a machine is busy."""
MOST_BYTES = 2**29
"""Bytes of one reply at most: a page of the most pixels that may be allowed takes less."""
START_SECONDS = 120.0
"""Time on the clock until a process must be ready; a machine that is not busy takes 0.3."""
IDLE_SECONDS = 60.0
"""For which a worker waits for another job."""
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMPDIR", "LANG", "VIRTUAL_ENV")
# The limit counts what is reserved: one thread of numpy and one heap, because each reserves memory; and memory that is
# let go goes back to the system.
_SPARING = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20), "MALLOC_ARENA_MAX": "1"}
_STRIP = 512

T = TypeVar("T")


def most_workers(processors: int, memory: int | None) -> int:
    """How many may work at once: as many as there are processors, and four at least, within half of the memory.

    Args:
        processors: Processors of this machine.
        memory: Bytes of it that this process may use; None where that is not known.
    """
    wanted = max(4, processors)
    return wanted if memory is None else max(2, min(wanted, memory // 2 // MOST_BYTES))


def _memory() -> int | None:
    """Bytes of memory that this machine has, or that the container lets us use, where that is less."""
    try:
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # on Windows
        return None
    try:
        return min(most, int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))
    except (OSError, ValueError):  # no container, or one without a limit
        return most


MOST_WORKERS = most_workers(os.cpu_count() or 4, _memory())


class Job(NamedTuple):
    """What a worker is to do with a file.

    Attributes:
        do: What, and with which arguments, for `visagent.media.worker_process`.
        data: The file.
        name: Its name, for messages.
        failure: What cannot be done, and why, where the process ends: the words before "because it takes too long".
        remedy: What to do then.
        document: Hash of the document that stays open for further jobs; none where nothing does.
        longer: Seconds of processor time that it may take beyond what others may.
    """

    do: dict[str, Any]
    data: bytes
    name: str
    failure: str
    remedy: str
    document: str = ""
    longer: float = 0.0


class Reply:
    """What a worker answers; the reader checks it, since a file may have taken over the worker.

    Attributes:
        header: What it says of the bytes that follow.
    """

    def __init__(self, header: dict[str, Any], read: Callable[[int], bytes]) -> None:
        self.header, self._read = header, read
        self.taken = 0
        """Bytes that were read so far."""

    @property
    def is_read(self) -> bool:
        """Whether nothing of it is left in the pipe, where it would be taken for the reply to the next job."""
        return bool(self.taken == self.header.get("bytes"))

    def payload(self) -> bytes:
        """All bytes that follow.

        Raises:
            ValueError: There are more than a page has, or fewer than were announced.
        """
        return self.take(int(self.header["bytes"]))

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
            rows = self.take(stride * size[1])
            picture.paste(Image.frombytes("RGB", size, rows, "raw", str(self.header["mode"]), stride, 1), (0, top))
        return picture

    def take(self, count: int) -> bytes:
        """So many of the bytes that follow.

        Raises:
            ValueError: There are fewer, or they are more than a page has.
        """
        if not 0 <= count <= MOST_BYTES:
            raise ValueError("more bytes than a page has")
        data = self._read(count)
        self.taken += len(data)
        if len(data) != count:
            raise ValueError("cut short")
        return data


class Worker:
    """A process that works on one file at a time.

    Raises:
        DecodingUnavailable: The system gives no process, or it does not get ready.
    """

    def __init__(self) -> None:
        # Not multiprocessing: it would run a person's script again in the child. -P: no module of the working folder.
        path = os.pathsep.join(part for part in sys.path if part)
        given = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "visagent.media.worker_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # No keys: a file may take the process over.
                env=given | _SPARING | {"PYTHONPATH": path},
            )
        except OSError as error:  # of open files, processes or memory there are no more
            raise _unavailable(error.strerror or str(error)) from error
        self.holds = ""
        """Hash of the document that it has open."""
        self.jobs = 0
        """Jobs that it did on that document, or since it had one."""
        self.rested = 0.0
        """When it did the last one, on the clock of `time.monotonic`."""
        self._await_ready()

    def _await_ready(self) -> None:
        """Read the line that says so: the clock of the first job starts after that."""
        assert self._process.stdout is not None
        try:
            with _ended_after(START_SECONDS, self._process.kill):
                ready = self._process.stdout.readline(4096)
        except BaseException:  # such as Ctrl-C
            self.kill()
            raise
        if not ready:
            self.kill()
            raise _unavailable(f"the process ended with {self._process.returncode} before it was ready")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def _out_of_time(self) -> bool:
        """Whether the system ended it because it had used its processor time up; asked once it was waited for."""
        return sys.platform != "win32" and self._process.returncode == -signal.SIGXCPU

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what it has not read any more goes nowhere; the pipe is closed all the same
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

        most = SECONDS + job.longer
        # Where the system does not count processor time, the clock alone ends a job.
        patience = most * (1.25 if sys.platform == "win32" else PATIENCE)
        reply: Reply | None = None
        try:
            with _ended_after(patience, stop):
                self._ask(job, most)
                header = self._header()
                if "error" in header:
                    self.holds = ""
                    fact, remedy = map(str, header["error"])
                    raise MediaError(fact[:500], remedy[:500])
                assert self._process.stdout is not None
                reply = Reply(header, self._process.stdout.read)
                done = read(reply)
            self.jobs += 1
            return done
        except MediaError:
            raise
        except Exception as error:  # it may say anything at all
            self.kill()
            if late.is_set() or self._out_of_time():
                why = "takes too long"
            else:
                why = "takes too long, takes too much memory, or is damaged"
            raise MediaError(f"{job.name}: {job.failure}, because it {why}.", job.remedy) from error
        finally:
            if reply is not None and not reply.is_read:
                self.kill()

    def _ask(self, job: Job, seconds: float) -> None:
        target = self._process.stdin
        assert target is not None
        data = b"" if job.document and self.holds == job.document else job.data
        self.jobs = 0 if data else self.jobs
        asked = {**job.do, "name": job.name, "bytes": len(data), "processor_seconds": seconds}
        target.write(json.dumps(asked).encode() + b"\n")
        target.write(data)
        target.flush()
        self.holds = job.document

    def _header(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        reply = json.loads(self._process.stdout.readline(4096))
        if not isinstance(reply, dict):
            raise ValueError("no reply")
        return reply


@contextmanager
def _ended_after(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """Have something ended if the block takes longer than so many seconds on the clock."""
    clock = threading.Timer(seconds, end)
    clock.daemon = True
    try:
        clock.start()
    except RuntimeError as error:  # without a thread nothing would end it
        raise _unavailable("no thread can be started") from error
    try:
        yield
    finally:
        clock.cancel()


def _unavailable(why: str) -> DecodingUnavailable:
    return DecodingUnavailable(
        f"Nothing can be decoded just now: {why}.",
        "Ask again when less is going on here, or let this program have more files and processes (ulimit -n, -u).",
    )


_places = threading.BoundedSemaphore(MOST_WORKERS)
_idle: list[Worker] = []
"""The one that was used last stands last."""
_lock = threading.Lock()


@contextmanager
def worker_for(digest: str = "") -> Iterator[Worker]:
    """A process of one's own for as long as the block lasts, kept for the next one if it is still sound.

    Args:
        digest: Digest of a document: a process that has it open is preferred.
    """
    with _places:
        worker = _taken(digest)
        try:
            if worker is not None and not worker.alive:
                worker.kill()  # closes its pipes
                worker = None
            worker = worker or Worker()
            yield worker
        except MediaError:
            _keep(worker)
            raise
        except BaseException:
            if worker is not None:
                worker.kill()
            raise
        else:
            _keep(worker)


def _taken(digest: str) -> Worker | None:
    """A worker that waits: one that has the document, or holds none, or has waited longest."""
    with _lock:
        for wanted in (digest, ""):
            for place in reversed(range(len(_idle))):
                if _idle[place].holds == wanted:
                    return _idle.pop(place)
        return _idle.pop(0) if _idle else None


def _keep(worker: Worker | None) -> None:
    if worker is not None and worker.alive:
        worker.rested = time.monotonic()
        with _lock:
            _idle.append(worker)
        _end_idle()


def _end_idle() -> None:
    """End the workers that have waited long, and see to those that wait shorter when their time comes."""
    global _clock
    with _lock:
        now = time.monotonic()
        while _idle and now - _idle[0].rested >= IDLE_SECONDS:
            _idle.pop(0).kill()
        if _idle and (_clock is None or _clock is threading.current_thread() or not _clock.is_alive()):
            _clock = threading.Timer(_idle[0].rested + IDLE_SECONDS - now + 0.1, _end_idle)
            _clock.daemon = True
            try:
                _clock.start()
            except RuntimeError:  # no thread can be had: whoever comes next sees to them
                _clock = None


_clock: threading.Timer | None = None


def idle_workers() -> list[int]:
    """Process ids of the workers that wait for a job."""
    with _lock:
        return [worker.pid for worker in _idle]


@atexit.register
def stop_workers() -> None:
    """End the workers that wait for a job; the next job starts one again."""
    global _clock
    with _lock:
        if _clock is not None:
            _clock.cancel()
            _clock = None
        while _idle:
            _idle.pop().kill()


def _begin_anew() -> None:
    """In a forked process: the workers are the parent's, and what two ask of one would be mixed up."""
    global _places, _lock, _idle, _clock
    leave_behind(_idle)
    _places, _lock, _idle, _clock = threading.BoundedSemaphore(MOST_WORKERS), threading.Lock(), [], None


after_fork(_begin_anew)
