"""Makes the index of a video: decodes its picture once and its sound once, and looks, reads and listens on the way.

What is written down stays when the work is cut off, and the next call goes on from there; one process at a time works
on a video, and others wait for it. Memory is that of a few frames and two minutes of sound. Knows no tool.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from pydantic import JsonValue

from visagent.core import config_files
from visagent.core.errors import ConfigError, MediaError, MissingDependency, ModelError, ToolError
from visagent.core.files import private_folder
from visagent.evidence.overlap import lies_in
from visagent.evidence.values import XYXY, Crop, Line
from visagent.media.clip_files import ClipFile
from visagent.media.indexes import index_file
from visagent.media.limits import DEFAULT_LIMITS
from visagent.media.media import Media
from visagent.media.regions import whole_of
from visagent_tools.engines.describing import Describe, Describer, describer_for
from visagent_tools.engines.detector import Detector, detector_for
from visagent_tools.engines.frame_looks import Looks, look, sightings
from visagent_tools.engines.memo import Memo
from visagent_tools.engines.video_index import Description, IndexedFrame, IndexFile, IndexWriter, Sighting, VideoIndex
from visagent_tools.engines.video_scan import TEXT_DIFFERS, Scanner

if TYPE_CHECKING:
    from PIL.Image import Image

EVERY_SECONDS = 0.5
"""Seconds between two frames that are searched for objects."""
READ_EVERY, READ_SELDOM = 1.0, 6.0
"""Seconds between two readings of text, at least, of short videos and of long ones: one takes as long as six looks."""
READINGS = 240
"""Frames of a long video in which text is read; more where one in `READ_SELDOM` seconds is more."""
DESCRIBE_EVERY = 10.0
"""Seconds of a shot for which one description stands, about."""
COMMIT_SECONDS = 5.0
"""Work that is lost at most where the process is killed."""

_MADE_WITH = (
    "detector", "weights", "model", "threshold", "tiles", "every_seconds", "speech", "text", "speech_model",
    "speech_engine", "captioner", "embedder",
)  # fmt: skip

_log = logging.getLogger(__name__)

Progress = Callable[[float], None]
"""Called from time to time with the part of the work that is done, 0 to 1."""


@dataclass(frozen=True)
class Indexing:
    """How videos are indexed.

    Attributes:
        options: Options of a tool: `detector` and its options, as for `detector_for`; `every_seconds` between two
            looks; `speech` and `text`: whether to listen and to read, yes if left out; `speech_model` and
            `speech_engine`: as `model` and `engine` of the tool `transcribe`; `captioner` and `embedder`: see
            `describer_for`.
        home: The folder of runs, media and evidence; None for the one that settings name.
    """

    options: Mapping[str, JsonValue]
    home: Path | None = None

    @property
    def every(self) -> float:
        """Seconds between two looks.

        Raises:
            ConfigError: the option is no time.
        """
        every = self.options.get("every_seconds", EVERY_SECONDS)
        if isinstance(every, bool) or not isinstance(every, int | float) or not 0 < every < float("inf"):
            raise ConfigError(f"every_seconds = {every!r} is not a time.", "Give seconds above 0, such as 0.5.")
        return float(every)

    @property
    def detector(self) -> Detector:
        """What looks for objects: one that knows all it can find, since it cannot be asked again later.

        Raises:
            VisagentError: as `detector_for`.
        """
        return detector_for(self.looks)

    @property
    def looks(self) -> Mapping[str, JsonValue]:
        """The detector's options; the packaged one stands in where the named one has to be told what to look for."""
        return self.options if detector_for(self.options).labels is not None else {"detector": "nanodet"}

    def file(self, video: Media) -> IndexFile:
        """Where the index of a video is, or will be."""
        # Only what the index depends on: tools that differ in other options share it.
        made_with = repr([(name, repr(self.options.get(name))) for name in _MADE_WITH])
        home = config_files.home() if self.home is None else self.home
        return IndexFile(index_file(home, video.hash, made_with), video.hash)


_kept: Memo[tuple[Path, str], VideoIndex] = Memo(limit=4)


def indexed(
    video: Media,
    options: Mapping[str, JsonValue],
    home: Path | None = None,
    *,
    seconds: float | None = None,
    progress: Progress = lambda done: None,
    describe: Describe | None = None,
) -> VideoIndex:
    """The index of a video, made now as far as it is not there yet.

    Args:
        video: The clip; a recording without picture has words alone. Of a region of a clip, what of the clip's index
            lies in it.
        options: See `Indexing`.
        home: See `Indexing`.
        seconds: Work for so long at most, and give what is indexed by then; None for as long as it takes.
        progress: Called with how much is done.
        describe: The profile's own model that sees, for the option `captioner = "profile"`.

    Raises:
        ConfigError: an option is unusable.
        MediaError: nothing of the clip can be decoded.
        MissingDependency: a package is not installed.
        StorageError: the index cannot be written.
        VisagentError: as `detector_for`.
    """
    region, video = video.info.region, whole_of(video)
    how = Indexing(options, home)
    file = how.file(video)
    known = _known(file, video)
    describer = None if known.described else describer_for(options, describe)
    if known.complete and describer is None:
        return known.within(region)
    deadline = None if seconds is None else time.monotonic() + seconds
    private_folder(file.path.parent)
    try:
        with FileLock(f"{file.path}.lock", timeout=-1 if seconds is None else seconds, mode=0o600):
            known = file.read()
            if not known.complete:
                with file.writing() as writer:
                    _Work(video, how, writer, known, deadline, progress).run()
                known = file.read()
            if describer is not None and known.complete and not known.described and video.kind == "video":
                with file.writing() as writer:
                    _describe(video, known, describer, writer, deadline)
    except Timeout:
        # Somebody else is at it; what they have written down by now is what there is.
        pass
    return _known(file, video).within(region)


def made_before(video: Media, options: Mapping[str, JsonValue], home: Path | None = None) -> VideoIndex | None:
    """The index of a video where all of the video is indexed already; decodes nothing.

    None as well where another detector than the one that the options name has looked, since that one has to be told
    what to look for.

    Args:
        video: The clip.
        options: See `Indexing`.
        home: See `Indexing`.

    Raises:
        VisagentError: as `detector_for`.
    """
    how = Indexing(options, home)
    known = _known(how.file(video), video)
    return known.within(video.info.region) if known.complete and not known.problem and how.looks is options else None


def _known(file: IndexFile, video: Media) -> VideoIndex:
    """What the file holds; read again only where it has grown."""
    try:
        changed = f"{file.path.stat().st_mtime_ns}"
    except OSError:
        return VideoIndex(video.hash)
    return _kept.get((file.path, changed), file.read)


class _Work:
    """One go at a video."""

    def __init__(
        self,
        video: Media,
        how: Indexing,
        writer: IndexWriter,
        known: VideoIndex,
        deadline: float | None,
        progress: Progress,
    ) -> None:
        self._video, self._how, self._writer, self._known = video, how, writer, known
        self._deadline, self._progress = deadline, progress
        self._length = max(video.info.seconds or 0.0, 0.001)
        self._committed = time.monotonic()
        self._clip = _clip_of(video)

    def run(self) -> None:
        done = self._see() if self._video.kind == "video" else True
        done = done and (self._hear() if self._video.info.has_audio and self._wants("speech") else True)
        if done:
            self._writer.tell(complete="yes")
            self._progress(1.0)

    def _see(self) -> bool:
        """Look at the picture from where it was left; whether the end was reached."""
        known, every = self._known, self._how.every
        if known.problem or (known.shown_until and known.shown_until >= self._length - every / 2):
            return True
        detector_options = self._how.looks
        scanner = Scanner(every)
        read_every = min(max(READ_EVERY, self._length / READINGS), READ_SELDOM) if self._wants("text") else None
        last_read: NDArray[np.int16] | None = None
        read_at = -1e9
        start = known.frames[-1].seconds if known.frames else 0.0
        reached = start
        with Looks[IndexedFrame]() as looks:
            try:
                for frame in self._clip.scan(start, frame_pixels=_pixels_of(self._video)):
                    for seen in scanner.look(frame):
                        fields = seen.frame.small.astype(np.int16)
                        fresh = last_read is None or _differs(fields, last_read) >= TEXT_DIFFERS
                        reads = read_every is not None and fresh and frame.seconds - read_at >= read_every
                        if reads:
                            last_read, read_at = fields, frame.seconds
                        # The frame at which work goes on has been looked at before.
                        again = known.frames and frame.seconds == start
                        previous = known.frames[-1].previous if again else seen.previous
                        given = (self._video.hash, frame.seconds, previous, frame.picture(), detector_options)
                        looks.put(frame.seconds, partial(look, *given, reads=reads))
                    for cut in scanner.cuts:
                        self._writer.cut(cut)
                    scanner.cuts.clear()
                    reached = max(reached, frame.until)
                    late = self._late()
                    for found in looks.results(rest=late):
                        self._writer.frame(found)
                    self._step(looks.until(reached), 0.0)
                    if late:
                        self._writer.tell(shown_until=reached)
                        return False
            except MediaError as error:
                if not reached and not known.frames:
                    raise
                self._writer.tell(problem=error.fact)
            for found in looks.results(rest=True):
                self._writer.frame(found)
        self._writer.tell(shown_until=reached)
        return True

    def _hear(self) -> bool:
        """Write down what is said from where it was left; whether the end was reached."""
        from visagent_tools.transcribe import recognizer_for

        try:
            given = self._how.options
            named = {"engine": given.get("speech_engine"), "model": given.get("speech_model")}
            recognizer = recognizer_for({**named, "device": given.get("device")})
            for start, samples in self._clip.sound_pieces(self._known.heard_until):
                heard = recognizer.hear(samples, None, words=True)
                self._writer.heard(_later(heard.lines, start), _later(heard.words, start))
                if heard.language is not None:
                    self._writer.tell(language=heard.language)
                until = start + len(samples) / 16_000
                self._writer.tell(heard_until=until)
                self._writer.commit()
                self._step(until, 1.0)
                if self._late():
                    return False
        except (MediaError, MissingDependency, ModelError, ToolError) as error:
            # A video whose speech cannot be written down can still be looked at.
            self._writer.tell(deaf=error.fact)
        return True

    def _step(self, reached: float, phase: float) -> None:
        """Tell of progress, and commit now and then."""
        now = time.monotonic()
        if now - self._committed >= COMMIT_SECONDS:
            if not phase:
                self._writer.tell(shown_until=reached)
            self._writer.commit()
            self._committed = now
        # Listening takes about as long as looking.
        both = self._video.info.has_audio and self._video.kind == "video"
        done = min(1.0, reached / self._length)
        self._progress((done + phase) / 2 if both else done)

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _wants(self, what: str) -> bool:
        return self._how.options.get(what, True) is not False


def _pixels_of(video: Media) -> int:
    """Pixels of a frame."""
    return (video.info.width or 0) * (video.info.height or 0)


def _clip_of(video: Media) -> ClipFile:
    """Its file, with room for frames of the size that it was let in with."""
    pixels = max(DEFAULT_LIMITS.pixels, _pixels_of(video))
    return ClipFile(video.encoded(), video.name, pixels, video.info.animated)


def stretches_to_describe(index: VideoIndex) -> list[tuple[float, float]]:
    """Stretches of a video of which each shows one thing, about: its shots, long ones in parts.

    >>> stretches_to_describe(VideoIndex("0", cuts=(4.0,), shown_until=25.0))
    [(0.0, 4.0), (4.0, 14.5), (14.5, 25.0)]
    """
    found: list[tuple[float, float]] = []
    for start, end in index.shots:
        parts = max(1, round((end - start) / DESCRIBE_EVERY))
        edges = [start + place * (end - start) / parts for place in range(parts + 1)]
        found += pairwise(edges)
    # Of quick cuts not every one is described: each costs a model a second or more.
    most = max(1, round(2 * index.shown_until / DESCRIBE_EVERY))
    return found[:: -(-len(found) // most)] if len(found) > most else found


def _describe(
    video: Media, known: VideoIndex, describer: Describer, writer: IndexWriter, deadline: float | None
) -> None:
    """Let models say what stretches of the picture show; goes on after those that are described already."""
    done = {one.start for one in known.descriptions}
    left = [(start, until) for start, until in stretches_to_describe(known) if start not in done]
    try:
        for start, until in left:
            seconds = round((start + until) / 2, 3)
            frame = Crop.whole(video).model_copy(update={"seconds": seconds})
            caption = "" if describer.caption is None else describer.caption(frame)
            vector = b"" if describer.embed is None else describer.embed(frame.image()).astype(np.float16).tobytes()
            writer.described(Description(start, until, seconds, caption, vector))
            writer.commit()
            if deadline is not None and time.monotonic() >= deadline:
                return
    except (MediaError, MissingDependency, ModelError, ToolError) as error:
        # A video that cannot be described can still be searched for things and words.
        _log.warning("%s: not described: %s", video.name, error)
        return
    writer.tell(described="yes")


def _differs(one: NDArray[np.int16], other: NDArray[np.int16]) -> float:
    """Largest difference of grey levels of two small frames, of any field."""
    return float(np.abs(one - other).mean(axis=2)[:88].reshape(22, 4, 40, 4).mean(axis=(1, 3)).max())


def _later(lines: tuple[Line, ...], start: float) -> list[Line]:
    """Lines of a piece, in the time of the whole clip."""
    return [
        line.model_copy(
            update={
                "start": round((line.start or 0.0) + start, 3),
                "end": round((line.end or line.start or 0.0) + start, 3),
            }
        )
        for line in lines
    ]


def sound_of(clip: Media) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """The sound of a clip in pieces of two minutes: when each starts, and its samples; see `ClipFile`."""
    return _clip_of(whole_of(clip)).sound_pieces()


def search_frames(
    video: Media, options: Mapping[str, JsonValue], home: Path | None, start: float, end: float
) -> list[Sighting]:
    """The objects in every frame of a stretch; what was searched once is remembered on disk.

    Args:
        video: The clip, or a region of it: then those of which at least half lies in it.
        options: See `Indexing`.
        home: See `Indexing`.
        start: Seconds from the start of the clip.
        end: End, measured like `start`.

    Raises:
        MediaError: the clip cannot be decoded.
        VisagentError: as `indexed`.
    """
    region, video = video.info.region, whole_of(video)
    how = Indexing(options, home)
    file = how.file(video)
    if any(known_start <= start + 1e-6 and end <= known_end + 1e-6 for known_start, known_end in file.stretches()):
        return _within(file.followed(start, end), region)
    private_folder(file.path.parent)
    with FileLock(f"{file.path}.lock", mode=0o600), file.writing() as writer:
        for seen in _searched(video, start, end, how.looks):
            writer.followed(seen)
        writer.tell(stretches=_with(file.stretches(), start, end))
    return _within(file.followed(start, end), region)


def _within(frames: list[Sighting], region: XYXY | None) -> list[Sighting]:
    if region is None:
        return frames
    return [
        Sighting(at, *(tuple(box for box in found if lies_in(box.xyxy, region)) for found in (boxes, weak)))
        for at, boxes, weak in frames
    ]


def _searched(video: Media, start: float, end: float, options: Mapping[str, JsonValue]) -> Iterator[Sighting]:
    """The objects in every frame of a stretch."""

    def search(seconds: float, picture: Image) -> Sighting:
        return Sighting(seconds, *map(tuple, sightings(video.hash, seconds, picture, options)))

    with Looks[Sighting]() as looks:
        for frame in _clip_of(video).scan(start, end, _pixels_of(video)):
            looks.put(frame.seconds, partial(search, frame.seconds, frame.picture()))
            yield from looks.results()
        yield from looks.results(rest=True)


def _with(stretches: list[tuple[float, float]], start: float, end: float) -> str:
    """Stretches and one more, as JSON."""
    return json.dumps([*stretches, (start, end)])
