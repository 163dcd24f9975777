"""The processes that decode die, hang or talk nonsense at any moment: one media error, and nothing is left behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent.core.errors import DecodingUnavailable, MediaError
from visagent.media import workers
from visagent.media.media import load_media
from visagent.media.workers import Job, Reply, idle_workers, stop_workers, worker_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts open files, and runs scripts as programs")
SIZE = (400, 300)


def tiff(color: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", SIZE, color).save(file, "TIFF")
    return file.getvalue()


def job(color: str = "red") -> Job:
    do = {"do": "decode", "max_pixels": 10**6, "frame": 0, "shrink_to": 0}
    return Job(do, tiff(color), "a.tif", "the picture cannot be decoded", "Save it again.")


def decoded(color: str) -> tuple[int, ...]:
    with worker_for() as worker:
        pixel = worker.done(job(color), Reply.picture).getpixel((9, 9))
    assert isinstance(pixel, tuple)
    return pixel


def open_files() -> set[str]:
    """Pipes that are open; other threads of the test process may open files meanwhile."""
    names = set()
    for handle in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            name = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115
        except OSError:
            continue
        if name.startswith("pipe:"):
            names.add(name)
    return names


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    stop_workers()
    before = open_files()
    yield
    monkeypatch.undo()
    stop_workers()
    assert open_files() <= before, "pipes to a process stayed open"


def refuse(reply: Reply) -> None:
    raise MediaError("a.tif: the frame is too large.", "Scale it down.")


@pytest.mark.parametrize("read", [refuse, lambda reply: None, lambda reply: reply.take(1000)])
def test_what_was_not_read_of_a_reply_never_becomes_part_of_the_next(read: Any) -> None:
    with worker_for() as worker:
        try:
            worker.done(job("red"), read)
        except MediaError as error:
            assert "too large" in str(error)
    assert decoded("blue") == (0, 0, 255)


def test_a_reply_that_was_read_leaves_its_process_for_the_next_job() -> None:
    assert decoded("red") == (255, 0, 0)
    (pid,) = idle_workers()
    assert decoded("blue") == (0, 0, 255)
    assert idle_workers() == [pid]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_ended_while_it_waits_is_replaced(end: signal.Signals) -> None:
    decoded("red")
    (pid,) = idle_workers()
    os.kill(pid, end)
    # Until it has ended, and stays to be waited for by whoever started it.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert decoded("blue") == (0, 0, 255)
    assert pid not in idle_workers()


ENDINGS = {
    "before it reads": "",
    "after the line": "source.readline()",
    "after some of the file": "source.readline(); source.read(1000)",
    "after the file": "source.readline(); source.read(size())",
    "in the middle of the header": "ask(); say(b'{\"width\": 4')",
    "after the header": "ask(); say(header() + b'\\n')",
    "in the middle of the pixels": "ask(); say(header() + b'\\n' + b'x' * 5000)",
    "after nonsense": "ask(); say(b'\\xff\\xfe\\n')",
    "after a list": "ask(); say(b'[1]\\n')",
    "after brackets": "ask(); say(b'[' * 4000 + b'\\n')",
    "after a line without end": "ask(); say(b'x' * 100000)",
    "after a size below zero": "ask(); say(header().replace(b'400', b'-400') + b'\\n')",
    "after a size without end": "ask(); say(header().replace(b'400', b'1e999') + b'\\n')",
    "after no size": "ask(); say(b'{}\\n')",
    "after an error that is none": "ask(); say(b'{\"error\": 3}\\n')",
    "after an error of one part": "ask(); say(b'{\"error\": [3]}\\n')",
}
"""What a process does before it ends by itself."""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a program of the test's own in the place of Python."""

    def put(body: str) -> None:
        script = tmp_path / "program"
        text = f"""\
            #!{sys.executable} -IS
            import json, sys
            source, target = sys.stdin.buffer, sys.stdout.buffer
            asked = {{}}
            def ask():
                asked.update(json.loads(source.readline()))
                source.read(asked["bytes"])
            def size():
                return {len(tiff())}
            def header():
                return json.dumps({{"width": {SIZE[0]}, "height": {SIZE[1]}, "stride": {3 * SIZE[0]},
                                   "bytes": {3 * SIZE[0] * SIZE[1]}, "mode": "RGB"}}).encode()
            def say(data):
                target.write(data)
                target.flush()
            """
        script.write_text(textwrap.dedent(text) + body)
        script.chmod(0o700)
        monkeypatch.setattr(workers.sys, "executable", str(script))

    return put


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_process_that_ends_at_any_moment_is_a_media_error(ending: str, program: Any) -> None:
    program(f"say(b'ready\\n'); {ENDINGS[ending]}")
    with pytest.raises(MediaError, match=r"^a\.tif: ") as caught, worker_for() as worker:
        worker.done(job(), Reply.picture)
    assert not isinstance(caught.value, DecodingUnavailable)
    assert idle_workers() == []


def test_a_process_that_ends_before_it_is_ready_is_told_of_and_not_the_file(program: Any) -> None:
    program("sys.exit(3)")
    with pytest.raises(DecodingUnavailable, match="ended with 3 before it was ready"):
        load_media(tiff())


def test_a_process_that_never_gets_ready_is_ended(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    program("source.read()")
    monkeypatch.setattr(workers, "START_SECONDS", 0.2)
    with pytest.raises(DecodingUnavailable, match="before it was ready"):
        load_media(tiff())


def test_without_a_thread_nothing_is_decoded_that_nothing_would_end(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded("red")
    (pid,) = idle_workers()
    start = threading.Timer.start

    def none_left(timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Timer, "start", none_left)
    with pytest.raises(DecodingUnavailable, match="no thread"):
        decoded("red")
    monkeypatch.setattr(threading.Timer, "start", start)
    assert decoded("blue") == (0, 0, 255) and idle_workers() == [pid]


def test_a_document_whose_text_could_not_be_asked_for_is_not_taken_for_one_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pypdfium2")
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(file, "PDF")
    (page,) = load_media(file.getvalue())
    stop_workers()

    def refused(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(workers.subprocess, "Popen", refused)
        with pytest.raises(DecodingUnavailable, match="Too many open files"):
            page.text_layer()
    assert page.text_layer() is None


EXHAUSTED = """
import io, os, resource, sys
from PIL import Image
from visagent.core.errors import DecodingUnavailable
from visagent.media.media import load_media
from visagent.media.workers import stop_workers
shades = iter(range(256))

def load():
    # Another picture each time: what was decoded is kept for a while.
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (next(shades), 0, 0)).save(file, "TIFF")
    return load_media(file.getvalue())[0]

def is_open(handle):
    try:
        os.fstat(handle)
        return True
    except OSError:
        return False

count = lambda: sum(map(is_open, range(64)))
load()
stop_workers()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for spare in range(6):
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for handle in held[:spare]:
        os.close(handle)
    before = count()
    try:
        load()
        print(spare, "read")
    except DecodingUnavailable as error:
        assert "Too many open files" in str(error), error
        assert count() == before, (spare, count(), before)
        print(spare, "refused")
    for handle in held[spare:]:
        os.close(handle)
    assert load().size == (40, 30)
    stop_workers()
"""


def test_a_program_that_has_opened_all_files_it_may_says_so_and_goes_on_when_some_are_closed() -> None:
    done = subprocess.run([sys.executable, "-c", EXHAUSTED], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("0 refused\n1 refused\n")
