"""Decodes video and audio within limits, with PyAV, in this process. Knows nothing of where their bytes come from.

What somebody else made is read through `visagent.media.clip_files`, which calls these functions in a process that may
be killed: a file of 656 bytes can make ffmpeg take gigabytes. Every function takes a name, for messages only. PyAV is
imported when first needed. Times are seconds from the start of the clip, which is the first moment of picture or sound.
"""

from __future__ import annotations

import importlib
import io
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from visagent.core.errors import MediaError, MissingDependency
from visagent.core.install import requiring
from visagent.media.pictures import check_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = [
    "SAMPLE_RATE", "ClipHeader", "ScannedFrame", "decode_sound", "is_clip", "read_clip_header", "sample_frames",
    "scan_frames", "sound_pieces",
]  # fmt: skip

SAMPLE_RATE = 16_000
"""Samples per second of all decoded sound."""

_log = logging.getLogger(__name__)
# ffmpeg also opens playlists (HLS, concat, DASH), which make it read other files and addresses: name those we mean.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,wav,w64,mp3,flac,aac,amr,aiff,caf,au"
# Of any recorder; from rates beyond, ffmpeg computes a filter for seconds, and takes hundreds of megabytes for it.
_MOST_RATE = 2_000_000
FRAME_COPIES = 4
"""How many times fewer pixels a frame may have than a still picture: decoders keep up to 16 frames to refer to."""
_MOST_THREADS = 4
# Further ahead than this, seeking to a key frame beats decoding all frames between.
_SEEK_SECONDS = 10.0


class ClipHeader(NamedTuple):
    """What is known of a clip after its first frame: upright size in pixels, length in seconds."""

    kind: Literal["video", "audio"]
    width: int | None
    height: int | None
    seconds: float | None
    has_audio: bool


class ScannedFrame(NamedTuple):
    """One frame of a clip that is decoded in order.

    Attributes:
        seconds: When it comes on screen.
        until: When it goes, as far as the clip says; the same where it does not.
        small: The frame at `SCANNED` pixels, as it lies in the file: height x width x 3, uint8, BGR.
        picture: Gives the upright RGB frame at full size.
    """

    seconds: float
    until: float
    small: NDArray[np.uint8]
    picture: Callable[[], Image.Image]


SCANNED = (160, 90)
"""Width and height to which scanned frames are scaled: enough to tell scenes apart, and cheap beside decoding."""


def is_clip(data: bytes, max_pixels: int) -> bool:
    """Tell whether these bytes are a clip that ffmpeg knows; False without PyAV."""
    try:
        with _open_clip(data, "", max_pixels):
            return True
    except (MediaError, MissingDependency):
        return False


def read_clip_header(data: bytes, name: str, max_pixels: int, max_seconds: float) -> ClipHeader:
    """Measure a clip, check it against the limits and decode its first frame.

    Raises:
        MediaError: It is damaged, holds neither picture nor sound, or is over a limit.
        MissingDependency: PyAV is not installed.
    """
    seconds = _measure(data, name, max_pixels)
    if seconds is not None and seconds > max_seconds:
        raise MediaError(
            f"{name}: the clip is {seconds:.0f} s long; the limit is {max_seconds:.0f} s.",
            "Cut it, or raise MediaLimits(seconds=...).",
        )
    with _open_clip(data, name, max_pixels) as container:
        video, audio = _video_stream(container), _audio_stream(container)
        stream = video or audio
        if stream is None:
            raise MediaError(f"{name}: the clip holds neither picture nor sound.", "Pass another file.")
        if video is not None:
            _limit_frames(video, name, max_pixels)
        first = next(decoded_frames(container, stream, name), None)
        if first is None:
            what = "frame" if video is not None else "sound"
            raise MediaError(f"{name}: the clip holds no {what} that can be decoded.", "Record or export it again.")
        if video is None:
            return ClipHeader("audio", None, None, seconds, True)
        width, height = (first.height, first.width) if first.rotation % 180 else (first.width, first.height)
        return ClipHeader("video", width, height, seconds, audio is not None)


def decode_sound(data: bytes, name: str, max_pixels: int, max_seconds: float) -> list[NDArray[np.int16]]:
    """Decode the sound of a clip: 16-bit samples, mono, 16 kHz, in pieces; the first sample is the start of the clip.

    Where two channels cancel each other out, as where one was plugged in the wrong way round, the first one is taken.

    Raises:
        MediaError: It has no sound, cannot be decoded, or turns out longer than the limit.
        MissingDependency: PyAV is not installed.
    """
    mixed = _decode_channel(data, name, max_pixels, max_seconds, "mono")
    if _loudest(mixed) < CANCELLED:
        first = _decode_channel(data, name, max_pixels, max_seconds, "stereo")
        if _loudest(first) >= CANCELLED:
            return first
    return mixed


CANCELLED = 100
"""Loudest sample, of 32768, of a mix that may have cancelled itself out: -50 dB."""


def _loudest(pieces: list[NDArray[np.int16]]) -> int:
    return max((max(int(piece.max()), -int(piece.min())) for piece in pieces if piece.size), default=0)


def _decode_channel(
    data: bytes, name: str, max_pixels: int, max_seconds: float, layout: Literal["mono", "stereo"]
) -> list[NDArray[np.int16]]:
    """The sound of a clip as one channel: all of them mixed, or the left one of two."""
    import numpy as np

    av = _import_av()
    step = 2 if layout == "stereo" else 1
    with _open_clip(data, name, max_pixels) as container:
        stream = _audio_stream(container)
        if stream is None:
            raise MediaError(f"{name}: the clip has no sound track.", "Pass audio, or a video with sound.")
        # In 16-bit integers, because only for these ffmpeg averages the channels so that the sum stays in range.
        resampler = av.AudioResampler(format="s16", layout=layout, rate=SAMPLE_RATE)
        chunks: list[NDArray[np.int16]] = []
        total = 0
        # One second of grace, because encoders pad.
        most = math.ceil((max_seconds + 1) * SAMPLE_RATE)
        for time, frame in _timed(container, stream, name):
            if not chunks and time > 0:
                chunks.append(np.zeros(min(round(time * SAMPLE_RATE), most), np.int16))
            chunks += [_channel(part, step) for part in resampler.resample(frame)]
            total += frame.samples * SAMPLE_RATE // max(frame.sample_rate, 1)
            if total > most:
                raise MediaError(
                    f"{name}: the sound is longer than the limit of {max_seconds:.0f} s, whatever its header says.",
                    "Cut it, or raise MediaLimits(seconds=...).",
                )
        if not chunks:
            raise MediaError(f"{name}: the sound track cannot be decoded.", "Record or export it again.")
        return chunks + [_channel(part, step) for part in resampler.resample(None)]


def _channel(part: Any, step: int) -> NDArray[np.int16]:
    import numpy as np

    # A copy: a view would keep all channels of the frame.
    return np.ascontiguousarray(part.to_ndarray()[0][::step])


def sample_frames(
    data: bytes, name: str, max_pixels: int, times: Iterable[float], length: float | None
) -> Iterator[tuple[float, Image.Image]]:
    """Give the upright RGB frame on screen at each of the rising times, in seconds, until the clip ends.

    Args:
        data: The clip.
        name: Its name, for messages.
        max_pixels: Most pixels of one frame.
        times: Rising times, in seconds from the start of the clip.
        length: Length of the clip in seconds; None when unknown, then the last frame ends it.

    Raises:
        MediaError: It has no picture, or cannot be decoded.
        MissingDependency: PyAV is not installed.
    """
    with _open_clip(data, name, max_pixels) as container:
        stream = _frames_of(container, name, max_pixels)
        frames = _timed(container, stream, name)
        shown, following = None, next(frames, None)
        for time in times:
            if following and time - following[0] > _SEEK_SECONDS:
                _seek(container, time)
                frames = _timed(container, stream, name)
                shown, following = None, next(frames, None)
            while following and following[0] <= time + 1e-6:
                shown, following = following, next(frames, None)
            on_screen = shown or following
            if on_screen is None:
                return
            if following is None and time > (on_screen[0] if length is None else length):
                return
            yield time, upright_frame(on_screen[1])


def scan_frames(
    data: bytes, name: str, max_pixels: int, start: float = 0.0, end: float | None = None
) -> Iterator[ScannedFrame]:
    """Give every frame of a stretch of a clip, each decoded once, in order of time.

    Args:
        data: The clip.
        name: Its name, for messages.
        max_pixels: Most pixels of one frame.
        start: Seconds from the start of the clip; the frame that is on screen then is the first one.
        end: End, measured like `start`, where it stops; None for the end of the clip.

    Raises:
        MediaError: It has no picture, or cannot be decoded; also half-way, after what could be decoded was given.
        MissingDependency: PyAV is not installed.
    """
    with _open_clip(data, name, max_pixels) as container:
        stream = _frames_of(container, name, max_pixels)
        reformatter = importlib.import_module("av.video.reformatter").VideoReformatter()
        # A clip without key frames but the first one is decoded from there, as any player has to.
        if start > 0:
            _seek(container, start)

        def scanned(seconds: float, until: float, frame: Any) -> ScannedFrame:
            small = reformatter.reformat(frame, *SCANNED, "bgr24", interpolation="AREA").to_ndarray()
            return ScannedFrame(seconds, until, small, lambda: upright_frame(frame))

        shown: tuple[float, Any] | None = None
        for seconds, frame in _timed(container, stream, name):
            if shown is not None and seconds > start + 1e-6:
                yield scanned(shown[0], seconds, shown[1])
            if end is not None and seconds >= end:
                return
            shown = (seconds, frame)
        if shown is not None:
            step = shown[1].duration
            length = float(step * shown[1].time_base) if step and shown[1].time_base else 0.0
            yield scanned(shown[0], shown[0] + length, shown[1])


def sound_pieces(
    data: bytes, name: str, max_pixels: int, start: float = 0.0, seconds: float = 120.0
) -> Iterator[tuple[float, NDArray[np.int16]]]:
    """Give the sound of a clip in pieces, so that a long one need not be in memory as a whole.

    A piece ends where its last seconds are quietest, so that few words are cut.

    Args:
        data: The clip.
        name: Its name, for messages.
        max_pixels: Most pixels of one frame, for the decoder.
        start: Where to begin, seconds from the start of the clip.
        seconds: Length of a piece.

    Yields:
        When the piece starts, in seconds, and its samples: 16 bits, mono, 16 kHz.

    Raises:
        MediaError: It has no sound, or cannot be decoded; also half-way, after what could be decoded was given.
        MissingDependency: PyAV is not installed.
    """
    import numpy as np

    with _open_clip(data, name, max_pixels) as container:
        stream = _audio_stream(container)
        if stream is None:
            raise MediaError(f"{name}: the clip has no sound track.", "Pass audio, or a video with sound.")
        if start > 0:
            _seek(container, start)
        resampler = _import_av().AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        most = round(seconds * SAMPLE_RATE)
        waiting: list[NDArray[np.int16]] = []
        begins = start
        held = 0
        for time, frame in _timed(container, stream, name):
            if not waiting and held == 0 and begins == start:
                begins = time
            for part in resampler.resample(frame):
                waiting.append(part.to_ndarray()[0])
                held += len(waiting[-1])
            while held >= most:
                samples = np.concatenate(waiting)
                cut = _quietest(samples, most)
                yield begins, samples[:cut]
                begins += cut / SAMPLE_RATE
                waiting, held = [samples[cut:]], len(samples) - cut
        waiting += [part.to_ndarray()[0] for part in resampler.resample(None)]
        if waiting and (samples := np.concatenate(waiting)).size:
            yield begins, samples


def _quietest(samples: NDArray[np.int16], most: int) -> int:
    """Where to cut: the middle of the quietest tenth of a second among the last tenth of so many samples."""
    import numpy as np

    width = SAMPLE_RATE // 10
    tail = samples[most - most // 10 : most].astype(np.float32)
    blocks = tail[: len(tail) // width * width].reshape(-1, width)
    if not len(blocks):
        return most
    return most - most // 10 + int((blocks**2).mean(axis=1).argmin()) * width + width // 2


def _import_av() -> Any:
    with requiring("Opening video and audio needs PyAV", "embedded"):
        return importlib.import_module("av")


@contextmanager
def _open_clip(data: bytes, name: str, max_pixels: int) -> Iterator[Any]:
    av = _import_av()
    # ffmpeg decodes a little while it looks for the streams, so it has to know the limit too.
    options = {"format_whitelist": CONTAINERS, **decoder_limit(max_pixels)}
    try:
        with av.open(io.BytesIO(data), options=options, metadata_errors="ignore") as container:
            yield container
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"{name}: the clip cannot be decoded ({reason}).", "Record or export it again.") from error


def _video_stream(container: Any) -> Any:
    # The cover of a song is a video stream of one frame, marked as an attached picture.
    cover = importlib.import_module("av.stream").Disposition.attached_pic
    streams = (s for s in container.streams.video if s.codec_context is not None and not s.disposition & cover)
    return next(streams, None)


def _audio_stream(container: Any) -> Any:
    streams = (s for s in container.streams.audio if s.codec_context is not None)
    return next((s for s in streams if (s.codec_context.sample_rate or 0) <= _MOST_RATE), None)


def _frames_of(container: Any, name: str, max_pixels: int) -> Any:
    """The stream of pictures, ready to be decoded within the limit.

    Raises:
        MediaError: There is none, or its frames are too large.
    """
    stream = _video_stream(container)
    if stream is None:
        raise MediaError(f"{name}: the clip has no picture.", "Pass an image or a video.")
    _limit_frames(stream, name, max_pixels)
    stream.thread_type = "AUTO"
    # Each thread holds frames of its own.
    stream.codec_context.thread_count = min(_MOST_THREADS, os.cpu_count() or 1)
    return stream


def _start(container: Any) -> float:
    return (container.start_time or 0) / 1_000_000


def _seek(container: Any, seconds: float) -> None:
    """Go to the last key frame at or before a time, in seconds from the start of the clip."""
    container.seek(max(0, round((seconds + _start(container)) * 1_000_000)))


def _measure(data: bytes, name: str, max_pixels: int) -> float | None:
    # By its packets, which is cheap beside decoding: browsers record WebM without a length, and the header of a file
    # that was cut short still promises the whole.
    with _open_clip(data, name, max_pixels) as container:
        streams = [stream for stream in (_video_stream(container), _audio_stream(container)) if stream is not None]
        end = None
        for packet in container.demux(streams) if streams else ():
            time = packet.dts if packet.pts is None else packet.pts
            if time is not None:
                end = max(end or 0.0, float((time + (packet.duration or 0)) * packet.time_base) - _start(container))
        return end


def _limit_frames(stream: Any, name: str, max_pixels: int) -> None:
    most = max_pixels // FRAME_COPIES
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height == 0:
        raise MediaError(
            f"{name}: its frames are of unknown size, or larger than {most / 1e6:.4g} megapixels.",
            "Scale it down, or raise MediaLimits(pixels=...).",
        )
    check_size(name, width, height, most)
    # For frames later in the clip that are larger than the header said.
    stream.codec_context.options = decoder_limit(max_pixels)


def decoder_limit(max_pixels: int) -> dict[str, str]:
    """The decoder's option that refuses frames that are too large for this limit of still pictures."""
    # With room to spare, because decoders round a frame up to whole blocks and count those.
    return {"max_pixels": str(max_pixels // FRAME_COPIES * 5 // 4 + 2**16)}


def decoded_frames(container: Any, stream: Any, name: str) -> Iterator[Any]:
    invalid = importlib.import_module("av.error").InvalidDataError
    skipped = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except invalid:
            # Tags at the end of a song and cut last packets are common; players skip them, and so must we.
            skipped += 1
            continue
        yield from frames
    if skipped:
        _log.warning("%s: skipped %d damaged packets.", name, skipped)


def _timed(container: Any, stream: Any, name: str) -> Iterator[tuple[float, Any]]:
    start, time = _start(container), 0.0
    for frame in decoded_frames(container, stream, name):
        time = time if frame.time is None else frame.time - start
        yield time, frame


def upright_frame(frame: Any) -> Image.Image:
    from PIL import Image

    # A frame would keep the means to convert it, threads among them, for as long as it is held itself.
    reformatter = importlib.import_module("av.video.reformatter").VideoReformatter()
    picture: Image.Image = reformatter.reformat(frame, format="rgb24").to_image()
    # ffmpeg gives the turn that sets the frame upright, counter-clockwise, in degrees.
    turn = {90: "ROTATE_90", 180: "ROTATE_180", 270: "ROTATE_270"}.get(frame.rotation % 360)
    return picture.transpose(Image.Transpose[turn]) if turn else picture
