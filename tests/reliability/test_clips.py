"""A clip, a sound or an animation that asks for too much costs its own request, within limits, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clip_bombs import clip, mp4_of_many_samples, png_of_many_frames, silence
from sizes import sized
from spent import processor_seconds

from visagent.core.errors import MediaError
from visagent.media import workers
from visagent.media.clip_files import ClipFile
from visagent.media.clip_reader import BATCH
from visagent.media.media import load_media

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are enforced by Linux alone"),
]

PIXELS = 64_000_000


@pytest.fixture(autouse=True)
def _fresh_workers() -> Iterator[None]:
    workers.stop_workers()
    yield
    workers.stop_workers()


MEASURE = """
import sys
import numpy
from memory import most_resident
from spent import processor_seconds
from visagent.core.errors import MediaError
from visagent.media import workers
from visagent.media.media import load_media
data = sys.stdin.buffer.read()
before, began = most_resident(), processor_seconds()
try:
    (medium,) = load_media(data)
    if medium.kind == "video":
        medium.frames(1.0, 20)
    if medium.info.has_audio:
        medium.audio()
    print("read")
except MediaError as error:
    print(error)
print((most_resident() - before) // 2**20, processor_seconds() - began)
"""


@pytest.mark.parametrize(
    ("data", "said", "seconds"),
    [
        (mp4_of_many_samples(5_000_000), "unknown size", 30.0),
        (mp4_of_many_samples(170_000_000), "unknown size", 30.0),
        (png_of_many_frames(64, sized(500, 5_000)), "read", 30.0),
        (clip("mpeg4", (16, 16), sized(5_000, 200_000), rate=60), "read", 30.0),
        (silence(sized(120, 3_590)), "read", 85.0),
        (silence(sized(3_700, 18_000), rate=8_000), "the limit is 3600 s", 30.0),
    ],
    ids=["mp4 of 5 million frames", "mp4 of 170 million frames", "png", "tiny frames", "an hour of silence", "longer"],
)
def test_a_file_takes_at_most_512_megabytes_here_and_so_many_seconds(data: bytes, said: str, seconds: float) -> None:
    run = [sys.executable, "-c", MEASURE]
    done = subprocess.run(run, input=data, check=True, capture_output=True, cwd=Path(__file__).parent)
    *words, last = done.stdout.decode().splitlines()
    megabytes, taken = last.split()
    assert said in " ".join(words)
    assert int(megabytes) < 512 and float(taken) < seconds


def test_an_animation_without_end_is_ended_while_a_clip_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SECONDS", 6.0)
    endless, good = png_of_many_frames(3_000, 2_000), clip("mpeg4", (64, 48), 10)
    refused: list[str] = []

    def bad() -> None:
        with pytest.raises(MediaError) as error:
            load_media(endless)
        refused.append(str(error.value))

    thread = threading.Thread(target=bad)
    before = processor_seconds()
    thread.start()
    assert len(load_media(good)[0].frames(1.0, 5)) == 2
    thread.join()
    assert "takes too long" in refused[0] and processor_seconds() - before < 25


def test_a_clip_is_read_on_where_it_was_left_though_another_came_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    # One process, which holds one file at a time.
    monkeypatch.setattr(workers, "MOST_WORKERS", 1)
    one, other = (ClipFile(clip("mpeg4", (64, 48), count), "clip", PIXELS) for count in (2 * BATCH + 2, 3))
    alone = [(frame.seconds, frame.small, frame.picture()) for frame in one.scan()]
    assert len(alone) == 2 * BATCH + 2
    seen = 0
    for number, (frame, (seconds, small, picture)) in enumerate(zip(one.scan(), alone, strict=True)):
        assert frame.seconds == seconds and np.array_equal(frame.small, small)
        if number % (BATCH // 2) == 0:
            next(other.frames([0.4], None))
            assert np.array_equal(frame.picture(), picture)
            seen += 1
    assert seen == 5
    assert len(workers.idle_workers()) == 1


def test_pieces_of_sound_are_as_long_as_the_whole_though_another_clip_came_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "MOST_WORKERS", 1)
    sound, other = ClipFile(silence(400), "sound", PIXELS), ClipFile(clip("mpeg4", (64, 48), 5), "clip", PIXELS)
    pieces = []
    for start, samples in sound.sound_pieces():
        pieces.append((start, len(samples)))
        next(other.frames([0.0], None))
    assert len(pieces) == 4
    assert sum(count for _, count in pieces) == pytest.approx(400 * 16_000, abs=8_000)


def test_a_worker_that_nobody_needs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.2)
    load_media(clip("mpeg4", (64, 48), 2))
    deadline = time.monotonic() + 20
    while workers.idle_workers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workers.idle_workers()


def test_a_forked_process_leaves_the_workers_to_its_parent() -> None:
    data = clip("mpeg4", (64, 48), 2)
    load_media(data)
    assert workers.idle_workers()
    if (child := os.fork()) == 0:
        os._exit(len(workers.idle_workers()) or load_media(data)[0].size != (64, 48))
    assert os.waitpid(child, 0)[1] == 0
    assert load_media(data)[0].size == (64, 48)


@pytest.mark.parametrize(
    ("processors", "gigabytes", "most"),
    [(2, None, 4), (2, 24, 4), (64, 24, 24), (64, 2, 2), (1, 0.5, 2), (64, 256, 64)],
)
def test_workers_together_take_at_most_half_of_the_memory(processors: int, gigabytes: float | None, most: int) -> None:
    memory = None if gigabytes is None else int(gigabytes * 2**30)
    assert workers.most_workers(processors, memory) == most
