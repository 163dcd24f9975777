"""Pictures of a source that goes on: a camera, an address, a file played as a stream, a folder. Knows no question.

Of what a camera or an address shows, the newest picture is given, and what came while the last one was looked at is
passed over; of a file nothing is. Nothing is kept.
"""

from __future__ import annotations

import asyncio
import importlib
import io
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from visagent.core.addresses import host_of
from visagent.core.errors import InputError, MediaError
from visagent.core.install import requiring
from visagent.core.text import cleaned
from visagent.media.clips import CONTAINERS, decoder_limit, upright_frame
from visagent.media.limits import DEFAULT_LIMITS, MediaLimits
from visagent.media.media import Media

_log = logging.getLogger(__name__)
SCHEMES = {"rtsp": "rtsp,rtp,udp,tcp", "rtsps": "rtsp,rtp,udp,tcp,tls", "http": "http,tcp", "https": "https,tls,tcp"}
"""Addresses that can be watched, and the protocols that ffmpeg may speak for each: none that reads a file."""
GIVEN_UP = 6
"""Times the patience after which a stream that stalls is given up."""
LONGEST = 86_400.0
"""Seconds between two pictures, or of patience: a day."""
POLL_SECONDS = 0.5
"""Seconds between two looks into a folder."""


class LivePicture(NamedTuple):
    """A picture as it came.

    Attributes:
        picture: Upright, RGB.
        seconds: Seconds from the first picture on.
        name: Name of its file, in a folder; empty for a stream.
    """

    picture: Image.Image
    seconds: float
    name: str = ""


@dataclass(frozen=True)
class Silence:
    """Nothing has come for so long.

    Attributes:
        seconds: Since the last picture, or since the source was opened.
    """

    seconds: float


@dataclass(frozen=True)
class Over:
    """The source is over.

    Attributes:
        problem: Why a stream broke off, in a sentence; empty where it has come to its end.
    """

    problem: str = ""


class LiveSource:
    """A source that is watched.

    Args:
        source: A folder, a video file, a camera such as `/dev/video0`, or an address that begins with one of `SCHEMES`.
        every: Seconds between two pictures, as the stream tells them.
        patience: Seconds without a picture after which a stream stalls.
        allow_urls: Whether the source may be an address.
        limits: What is refused.

    Raises:
        InputError: there is no such source, or it is an address and none is allowed.
        MediaError: the folder cannot be read.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        every: float = 0.5,
        patience: float = 10.0,
        allow_urls: bool = False,
        limits: MediaLimits = DEFAULT_LIMITS,
    ) -> None:
        for seconds in (every, patience):
            if not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST:
                raise InputError(
                    f"Seconds between pictures, and of patience, are above 0 and at most {LONGEST:.0f}.",
                    "Give, for example, 0.5 and 10.",
                )
        self.every, self.patience, self._limits = every, patience, limits
        try:
            self._source = os.fsdecode(source)
        except TypeError as error:
            raise InputError(f"A source of type {type(source).__name__} cannot be watched.", "Name it.") from error
        public = self._source.rpartition("@")[2]  # a password may stand before it
        self.name = cleaned(public.rstrip("/").rpartition("/")[2] or public, 60)
        scheme = self._source.partition("://")[0].lower() if "://" in self._source else ""
        self._protocols = SCHEMES.get(scheme)
        path = Path(self._source)
        if scheme:
            if self._protocols is None or not host_of(self._source):
                raise InputError(f"{self.name}: this address cannot be watched.", f"Use {', '.join(SCHEMES)}.")
            if not allow_urls:
                raise InputError(f"{self.name}: addresses are not opened unless you allow it.", "Add --allow-urls.")
        elif not _is_there(path):
            raise InputError(f"{self.name}: there is no such file, folder or camera.", "Check how it is written.")
        self.is_folder = not scheme and path.is_dir()
        # Pictures that are put into it while a detector is loaded are new.
        self._before = {entry: _stamp(entry) for entry in _entries(path)} if self.is_folder else {}
        self._is_camera = not scheme and path.is_char_device()
        self._live = self._is_camera or bool(scheme)

    async def pictures(self) -> AsyncIterator[LivePicture | Silence | Over]:
        """Pictures as they come, and that it is over; once a silence is longer than the patience, that it is.

        A folder is never over.

        Raises:
            MediaError: the source cannot be decoded, or has been silent for `GIVEN_UP` times the patience.
            MissingDependency: PyAV is not installed.
        """
        if self.is_folder:
            async for shown in self._of_folder():
                yield shown
            return
        box = _Box(self._live)
        threading.Thread(target=self._read, args=(box,), daemon=True, name="visagent-live").start()
        since, reported = time.monotonic(), False
        try:
            while True:
                found = await asyncio.to_thread(box.take, POLL_SECONDS)
                if found is None:
                    silent = time.monotonic() - since
                    if silent > GIVEN_UP * self.patience:
                        raise MediaError(f"{self.name}: nothing came for {silent:.0f} seconds.", "Check the source.")
                    if silent > self.patience and not reported:
                        reported = True
                        yield Silence(silent)
                    continue
                if isinstance(found, BaseException):
                    raise found
                yield found
                if isinstance(found, Over):
                    return
                since, reported = time.monotonic(), False
        finally:
            box.close()

    def _read(self, box: _Box) -> None:
        """Decode in a thread, which a source that hangs may hold for ever."""
        first, last = None, -1e9
        try:
            for seconds, frame in self._frames():
                first = seconds if first is None else first
                if seconds - first - last < self.every - 1e-3:
                    continue
                last = seconds - first
                if not box.put(LivePicture(upright_frame(frame), last)):
                    return
            box.put(Over())
        except MediaError as error:
            # ffmpeg calls it an error, too, when who sends a stream ends it.
            box.put(Over(error.fact) if self._live and first is not None else error)
        except Exception as error:
            box.put(error)

    def _frames(self) -> Iterator[tuple[float, Any]]:
        with requiring("Watching a stream", "embedded"):
            av = importlib.import_module("av")
        options = {"format_whitelist": CONTAINERS, **decoder_limit(self._limits.pixels)}
        given: dict[str, Any] = {"options": options}
        source: Any = self._source
        if self._protocols is not None:
            options |= {"format_whitelist": f"{CONTAINERS},rtsp,sdp,mpjpeg", "protocol_whitelist": self._protocols}
            # ffmpeg would ask a server of a live stream for its end, to tell its length.
            options |= {"rtsp_transport": "tcp"} if "rtp" in self._protocols else {"seekable": "0"}
            # Later than who waits for the pictures gives up, and says so.
            given["timeout"] = (GIVEN_UP * self.patience, (GIVEN_UP + 1) * self.patience)
        elif self._is_camera:
            given |= {"format": "v4l2", "options": {}}
        else:
            # A file object, since ffmpeg would open what a file by name refers to.
            try:
                source = io.BytesIO(Path(self._source).read_bytes())
            except OSError as error:
                raise MediaError(f"{self.name}: it cannot be read ({error.strerror}).", "Check the source.") from error
        try:
            with av.open(source, metadata_errors="ignore", **given) as container:
                if not container.streams.video:
                    raise MediaError(f"{self.name}: there is no picture in this stream.", "Name one with a picture.")
                began = time.monotonic()
                for frame in container.decode(container.streams.video[0]):
                    yield (time.monotonic() - began if self._live or frame.time is None else frame.time), frame
        except (av.error.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is none that ffmpeg knows"
            raise MediaError(f"{self.name}: the stream cannot be read ({reason}).", "Check the source.") from error

    async def _of_folder(self) -> AsyncIterator[LivePicture | Silence]:
        """Pictures that are put into a folder once this source is made, each once it is whole."""
        folder, began = Path(self._source), time.monotonic()
        known = dict(self._before)
        growing: dict[Path, tuple[int, int]] = {}
        while True:
            await asyncio.sleep(POLL_SECONDS)
            for path in await asyncio.to_thread(_entries, folder):
                stamp = _stamp(path)
                if path.name.startswith(".") or not path.is_file() or known.get(path) == stamp:
                    continue
                if growing.get(path) != stamp:
                    # Somebody may still be writing it.
                    growing[path] = stamp
                    continue
                known[path] = stamp
                try:
                    medium = await asyncio.to_thread(Media.load, path, limits=self._limits)
                except MediaError as error:
                    _log.warning("%s", error)
                    continue
                if medium.kind == "image":
                    yield LivePicture(medium.image(), time.monotonic() - began, medium.name)


class _Box:
    """Where a thread leaves pictures for who looks at them: the newest one of a live source, each one of a file."""

    def __init__(self, newest: bool) -> None:
        self._newest, self._held, self._closed = newest, None, False
        self._changed = threading.Condition()

    def put(self, found: Any) -> bool:
        """Leave something; whether anybody still wants more."""
        with self._changed:
            replace = self._newest and isinstance(self._held, LivePicture) and isinstance(found, LivePicture)
            while self._held is not None and not replace and not self._closed:
                self._changed.wait()
            self._held = found
            self._changed.notify_all()
            return not self._closed

    def take(self, seconds: float) -> Any:
        """What was left; None where nothing was within so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._held is not None, seconds)
            found, self._held = self._held, None
            self._changed.notify_all()
            return found

    def close(self) -> None:
        """Nobody wants more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no file can have this name, or nobody may look
        return False


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        name = cleaned(folder.name, 60)
        raise MediaError(f"{name}: the folder cannot be read ({error.strerror}).", "Check it.") from error


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns)
