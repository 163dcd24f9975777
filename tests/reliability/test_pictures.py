"""A picture that asks for too much costs its own request, within limits; a usual one starts no process."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features
from spent import processor_seconds

from visagent.core.errors import MediaError
from visagent.media import tiff_pages, worker_process, workers
from visagent.media.decoding import HERE_PIXELS, decode_apart
from visagent.media.limits import MediaLimits
from visagent.media.media import load_media
from visagent.media.pictures import decode_here

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are enforced by Linux alone")


@pytest.fixture(scope="module", autouse=True)
def _worker_ends() -> Iterator[None]:
    yield
    workers.stop_workers()


def file_of(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def in_colors(width: int = 40, height: int = 30) -> Image.Image:
    """A picture of which no turn looks like another."""
    across = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, across // 2], axis=-1))


def many_scans(picture: Image.Image, times: int) -> bytes:
    """A progressive JPEG that refines its pixels over and over: each pass costs ten bytes and a look at every pixel."""
    data = file_of(picture, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + data[-2:]


@pytest.mark.parametrize("kind", [kind for kind in ("TIFF", "AVIF") if kind == "TIFF" or features.check("avif")])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_process_of_its_own_gives_the_same_pixels_as_this_one(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    data = file_of(in_colors(), kind, exif=exif)
    here = decode_here(data, "x", 10_000)
    assert here.tobytes() == decode_apart(data, "x", 10_000).tobytes()
    assert here.size == ((30, 40) if orientation > 4 else (40, 30))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_is_the_same_in_either_process(mode: str) -> None:
    picture = in_colors()
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 256)
    else:
        picture = picture.convert(mode)
    data = file_of(picture, "TIFF")
    assert decode_here(data, "x", 10_000).tobytes() == decode_apart(data, "x", 10_000).tobytes()


@pytest.mark.parametrize(
    "reply",
    [
        '{"bytes": Infinity, "width": Infinity, "height": 1, "stride": 3, "mode": "RGB"}',
        '{"bytes": 12, "width": -2, "height": -2, "stride": -6, "mode": "RGB"}',
        '{"bytes": 12, "width": 2, "height": 2, "stride": 6, "mode": "no mode"}',
        '{"bytes": 400000000, "width": 10000, "height": 10000, "stride": 40000, "mode": "RGB"}',
        "[" * 4000,
        "nothing",
    ],
)
def test_a_file_that_has_taken_its_process_over_can_say_anything_and_is_refused(
    reply: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = file_of(in_colors(2, 2), "TIFF")
    said = tmp_path / "said"
    said.write_text(f'{{"ready": true}}\n{reply}\n123456789012')
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ncat {said}\nexec cat > /dev/null\n")
    program.chmod(0o755)
    workers.stop_workers()
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(workers, "SECONDS", 5.0)
    with pytest.raises(MediaError, match="cannot be decoded"):
        load_media(data)
    assert not workers.idle_workers()


@pytest.mark.parametrize("side", [2, 400], ids=["less than a pipe holds", "more than a pipe holds"])
def test_a_process_that_ends_before_it_has_read_the_file_is_a_media_error(
    side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = file_of(in_colors(side, side), "TIFF")
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec 0<&-\necho ready\n")
    program.chmod(0o755)
    workers.stop_workers()
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(MediaError, match="cannot be decoded"):
        load_media(data)
    assert not workers.idle_workers()


def test_a_usual_picture_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def started() -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("visagent.media.decoding.worker_for", started)
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        load_media(file_of(in_colors(), kind))
    load_media(file_of(in_colors(), "JPEG", progressive=True))


@pytest.mark.slow
def test_a_jpeg_of_thousands_of_passes_is_ended_while_others_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Some four seconds' work; the system counts whole ones.
    data = many_scans(in_colors(3000, 2000), 5000)
    monkeypatch.setattr(workers, "SECONDS", 0.5)
    before = processor_seconds()
    with pytest.raises(MediaError, match="takes too long"):
        load_media(data)
    assert processor_seconds() - before < 8
    monkeypatch.undo()
    assert load_media(file_of(in_colors(), "TIFF"))[0].size == (40, 30)


def test_a_picture_is_not_refused_because_the_machine_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(in_colors(5_000, 3_500), "JPEG")
    load_media(file_of(in_colors(), "TIFF"))
    (worker,) = workers.idle_workers()
    monkeypatch.setattr(workers, "SECONDS", 4.0)
    os.kill(worker, signal.SIGSTOP)  # others have the processor for longer than a job may have it
    going_on = threading.Timer(4.5, os.kill, (worker, signal.SIGCONT))
    going_on.start()
    began = time.monotonic()
    assert load_media(data)[0].size == (5_000, 3_500)
    assert time.monotonic() - began > 4 and workers.idle_workers() == [worker]


def test_a_worker_that_never_goes_on_is_ended_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    load_media(file_of(in_colors(), "TIFF"))
    monkeypatch.setattr(workers, "SECONDS", 0.2)
    os.kill(workers.idle_workers()[0], signal.SIGSTOP)
    with pytest.raises(MediaError, match="takes too long"):
        load_media(file_of(in_colors(50, 40), "TIFF"))
    assert not workers.idle_workers()


def test_a_tiff_of_frames_without_end_is_refused_and_none_of_its_pages_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(in_colors(), "TIFF", save_all=True, append_images=[in_colors()] * 3)
    assert len(load_media(data)) == 4
    monkeypatch.setattr(tiff_pages, "_MOST_FRAMES", 3)
    with pytest.raises(MediaError, match="more than 3 frames"):
        load_media(data)


def test_an_animation_of_thousands_of_large_frames_is_ended_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = (Image.new("P", (3000, 3000), 0) for _ in range(3))
    for at, picture in enumerate(others):
        picture.putpixel((at, at), 1)
    data = file_of(first, "GIF", save_all=True, append_images=others)
    assert load_media(data)[0].kind == "video"
    monkeypatch.setattr(workers, "SECONDS", 0.0)
    with pytest.raises(MediaError, match="the animation cannot be decoded"):
        load_media(data)


MEASURE = """
import sys
import numpy
from memory import most_resident
from visagent.core.errors import MediaError
from visagent.media.media import load_media
from visagent.media import workers
workers.SECONDS = 200.0  # not time is measured here
data = sys.stdin.buffer.read()
before = most_resident()
try:
    load_media(data)[0].array()
    print("read")
except MediaError as error:
    print(error)
print((most_resident() - before) // 2**20)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "kind", "side", "said"), [("RGBA", "PNG", 8000, "read"), ("CMYK", "JPEG", 8000, "damaged")]
)
def test_a_large_picture_takes_no_more_than_512_megabytes_here_and_in_its_process(
    mode: str, kind: str, side: int, said: str
) -> None:
    options = {"progressive": True, "subsampling": 0} if kind == "JPEG" else {}
    data = file_of(Image.new(mode, (side, side)), kind, **options)
    run = [sys.executable, "-c", MEASURE]
    done = subprocess.run(run, input=data, check=True, capture_output=True, cwd=Path(__file__).parent)
    *words, taken = done.stdout.decode().splitlines()
    assert said in " ".join(words)
    assert int(taken) < 512
    assert worker_process.MEMORY <= 512 * 2**20


def test_a_picture_over_the_limit_is_scaled_down_where_it_is_decoded() -> None:
    data = file_of(Image.new("L", (5000, 4000)), "PNG")
    (small,) = load_media(data, limits=MediaLimits(pixels=1_000_000, shrink=True))
    assert small.size[0] * small.size[1] <= HERE_PIXELS and small.size[0] > 4000
