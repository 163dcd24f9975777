"""Standing questions about live sources: a file that plays, a stream on this machine, one that stalls, a folder."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from visagent import Agent
from visagent.agent.watching import Ended, Noticed, Stalled, Standing, WatchEvent, standing, watch
from visagent.core.errors import InputError, MediaError, QuestionError, ToolError
from visagent.core.settings import load_profile
from visagent.evidence.values import Box, Boxes, Crop, Note
from visagent.media.live import LiveSource
from visagent.testing import ScriptedModel
from visagent.tools.toolkit import tool
from visagent_apps.watch import line_of

pytest.importorskip("av", reason="video needs PyAV: pip install 'visagent[embedded]'")
R1 = {"r1": (160, 0, 320, 180)}


@tool(serves="find")
def detect(image: list[Crop], label: str) -> Boxes:
    """Find red squares, and call them what was asked for."""
    (crop,) = image
    if label == "unicorn":
        raise ToolError("There is no unicorn.", "Ask for a horse.")
    pixels = crop.array().astype(int)
    ys, xs = ((pixels[..., 0] > 150) & (pixels[..., 1] < 90)).nonzero()
    if not len(xs):
        return Boxes(media=crop.media, boxes=())
    xyxy = (float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1))
    return Boxes(media=crop.media, boxes=(Box(xyxy=xyxy, label=label, confidence=0.9),))


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    profile = load_profile("embedded").model_copy(update={"hidden_tools": ("detect",)})
    return Agent(profile, models={"controller": ScriptedModel("")}, tools=[detect], home=tmp_path / "home")


def scene(at: float) -> Image.Image:
    """A red square that comes from the left at 2 s, is in the right half from 4 to 6 s, and is gone from 8 s on."""
    picture = Image.new("RGB", (320, 180), "gray")
    if 2 <= at < 8:
        picture.paste((220, 20, 20), ((200, 60, 260, 120) if 4 <= at < 6 else (20, 60, 80, 120)))
    return picture


@pytest.fixture(scope="module")
def clip() -> bytes:
    """Ten seconds of it as MPEG-TS, which plays from any point on."""
    import av

    file = BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream: Any = container.add_stream("mpeg2video", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 180, "yuv420p", 2_000_000
        for number in range(100):
            container.mux(stream.encode(av.VideoFrame.from_image(scene(number / 10))))
        container.mux(stream.encode())
    return file.getvalue()


@contextmanager
def streaming(data: bytes, *, seconds: float, then_silent: float = 0.0) -> Iterator[str]:
    """A server on this machine that plays bytes evenly over so many seconds, and then holds the line without a word."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            step = max(1, len(data) // 50)
            for place in range(0, len(data), step):
                self.wfile.write(data[place : place + step])
                time.sleep(seconds / 50)
            time.sleep(then_silent)

        def log_message(self, *_: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # who watched has gone
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/live.ts"
    server.shutdown()


async def told(events: AsyncIterator[WatchEvent]) -> list[WatchEvent]:
    return [event async for event in events]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("tell me when a person enters r1", Standing("person", "entered", "r1")),
        ("Please let me know when the dog leaves r1.", Standing("dog", "left", "r1")),
        ("when a traffic light appears", Standing("traffic light", "entered", "r1")),
        ("Tell me when a cat comes into the region r1", Standing("cat", "entered", "r1")),
        ("当有人进入r1时告诉我", Standing("人", "entered", "r1")),
        ("有狗离开r1时通知我", Standing("狗", "left", "r1")),
    ],
)
def test_a_standing_question_is_taken_apart(question: str, expected: Standing) -> None:
    assert standing(question, R1) == expected


@pytest.mark.parametrize("question", ["What is this?", "tell me when a person enters r9", "when", "x" * 4000])
def test_what_cannot_be_waited_for_is_said_at_once(question: str) -> None:
    with pytest.raises(QuestionError) as refused:
        standing(question, R1)
    assert len(str(refused.value)) < 300 and refused.value.remedy


async def test_a_file_that_plays_tells_when_a_thing_comes_and_goes(agent: Agent, clip: bytes, tmp_path: Path) -> None:
    file = tmp_path / "clip.ts"
    file.write_bytes(clip)
    came, over = await told(watch(agent, LiveSource(file, every=0.2), "tell me when a car enters r1", R1))
    assert isinstance(came, Noticed) and (came.type, came.label, came.region) == ("entered", "car", "r1")
    assert came.seconds == pytest.approx(4.2, abs=0.25) and came.boxes[0].xyxy[0] == pytest.approx(200, abs=6)
    assert isinstance(over, Ended) and over.pictures == pytest.approx(50, abs=2)
    left, _ = await told(watch(agent, LiveSource(file, every=0.2), "tell me when the car leaves", {}))
    assert isinstance(left, Noticed) and (left.type, left.boxes) == ("left", ())
    assert left.seconds == pytest.approx(8.2, abs=0.25)
    assert not list((tmp_path / "home").rglob("*.ra*")) and not list((tmp_path / "home").rglob("*.png"))


async def test_a_stream_on_this_machine_is_watched_while_it_plays(agent: Agent, clip: bytes) -> None:
    with streaming(clip, seconds=2.0) as address:
        events = await told(watch(agent, LiveSource(address, every=0.01, allow_urls=True), "when a car appears", {}))
    assert [event.type for event in events] == ["entered", "ended"]


async def test_a_stream_that_stalls_is_told_once_and_given_up_in_oneline_of(agent: Agent, clip: bytes) -> None:
    with streaming(clip[: len(clip) // 2], seconds=0.2, then_silent=6.0) as address:
        source = LiveSource(address, every=0.01, patience=0.5, allow_urls=True)
        events: list[WatchEvent] = []
        with pytest.raises(MediaError) as refused:
            async for event in watch(agent, source, "when a car leaves", {}):
                events.append(event)
    # Once before the first picture, where this machine is slow to open it, and once after the last one.
    assert 1 <= [event.type for event in events].count("stalled") <= 2
    assert isinstance(events[-1], Stalled) and "\n" not in str(refused.value) and "live.ts" in str(refused.value)


async def test_pictures_that_are_put_into_a_folder_are_looked_at_each_once(agent: Agent, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    scene(5).save(folder / "before.png")
    events = watch(agent, LiveSource(folder), "when a car enters r1", R1)

    async def first() -> WatchEvent:
        return await anext(events)

    waiting = asyncio.create_task(first())
    await asyncio.sleep(0.2)
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    scene(1).save(folder / "nothing.png")
    scene(5).save(folder / "there.png")
    came = await asyncio.wait_for(waiting, 20)
    assert isinstance(came, Noticed) and came.name == "there.png"
    await events.aclose()  # type: ignore[attr-defined]


async def test_nobody_waits_for_what_the_detector_does_not_know(agent: Agent, tmp_path: Path) -> None:
    # Before: an empty folder was watched for a unicorn for ever.
    with pytest.raises(ToolError, match="no unicorn"):
        await asyncio.wait_for(told(watch(agent, LiveSource(tmp_path), "tell me when a unicorn appears", {})), 20)


async def test_what_the_detector_cannot_tell_apart_is_told_as_what_it_finds(agent: Agent, clip: bytes) -> None:
    @tool(serves="find")
    def detect(image: list[Crop], label: str) -> Boxes:
        """Find people, whoever is asked for."""
        box = Box(xyxy=(0, 0, 9, 9), label="person", confidence=0.9)
        return Boxes(media=image[0].media, boxes=(box,), notes=(Note(kind="broader", words=(label, "person")),))

    own = Agent(agent.profile, models={"controller": ScriptedModel("")}, tools=[detect], home=agent.home)
    with streaming(clip[: len(clip) // 3], seconds=0.2) as address:
        source = LiveSource(address, every=0.01, allow_urls=True)
        (came, *_) = await told(watch(own, source, "tell me when a woman appears", {}))
    assert isinstance(came, Noticed) and (came.label, came.broader) == ("woman", "person")
    assert line_of(came, "live").endswith("person appeared (1 there). Whether it is woman, the detector cannot tell.")


async def test_a_thing_that_no_detector_knows_or_a_region_outside_ends_it(
    agent: Agent, clip: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "clip.ts"
    file.write_bytes(clip)
    with pytest.raises(ToolError, match="no unicorn"):
        await told(watch(agent, LiveSource(file), "when a unicorn appears", {}))
    with pytest.raises(MediaError, match="does not lie in the picture"):
        await told(watch(agent, LiveSource(file), "when a car enters r1", {"r1": (0, 0, 999, 9)}))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("http://127.0.0.1:9/x.ts", "not opened unless"),
        ("file:///etc/passwd", "cannot be watched"),
        ("concat:/etc/passwd", "no such file"),
        ("rtsp://", "cannot be watched"),
        ("nowhere.mp4", "no such file"),
    ],
)
def test_a_source_that_cannot_be_watched_is_refused_before_anything_is_opened(source: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        LiveSource(source)


async def test_a_playlist_reads_no_file_of_this_machine(agent: Agent, clip: bytes, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(clip)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode()
    (tmp_path / "list.m3u8").write_bytes(playlist)
    with pytest.raises(MediaError):
        await told(watch(agent, LiveSource(tmp_path / "list.m3u8"), "when a car appears", {}))
    with streaming(playlist, seconds=0) as address, pytest.raises(MediaError):
        await told(watch(agent, LiveSource(address, allow_urls=True), "when a car appears", {}))


async def test_the_command_prints_a_line_for_each_event(clip: bytes, tmp_path: Path) -> None:
    (tmp_path / "clip.ts").write_bytes(clip)
    code = "from visagent_apps.cli import main; main()"
    arguments = ["watch", str(tmp_path / "clip.ts"), "when does it end?"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2 and b"no question to wait with" in said and b"Traceback" not in said
