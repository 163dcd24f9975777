"""Video: single frames, and objects followed over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from visagent.core.errors import ConfigError, MediaError, ToolError
from visagent.evidence.overlap import lies_in, part_shared
from visagent.evidence.values import XYXY, Box, Crop, Note, Track, Tracks
from visagent.media.regions import whole_of
from visagent.tools.toolkit import Context, Video, tool

EVERY_SECONDS = 0.5
MOST_FRAMES = 60
LEAST_OVERLAP = 0.3
"""Intersection over union from which on two boxes in successive frames may be one object: SORT's own value."""
MOST_MISSED = 2
"""Successive frames in which an object may go unseen, behind another, before its track ends."""


@tool
def frame(video: Video, seconds: float) -> Crop:
    """Take the picture at one moment of a video.

    Args:
        video: The clip.
        seconds: From the start of the clip.
    """
    try:
        video.frame(seconds)
    except MediaError as error:
        raise ToolError(f"frame(seconds={seconds:g}): {error.fact}", error.remedy) from error
    return Crop.whole(video).model_copy(update={"seconds": None if video.kind == "image" else seconds})


@tool
def track(video: Video, label: str, context: Context) -> Tracks:
    """Follow every object of a kind through a video.

    Args:
        video: The clip.
        label: What to follow, in the singular.
    """
    from visagent_tools.engines.detector import detector_for
    from visagent_tools.engines.video_indexing import made_before
    from visagent_tools.wordnet import understand_kind

    options = context.options
    every, limit = _sampling(options)
    detector = detector_for(options)
    wanted = understand_kind(label, detector.labels, detector=detector.name, tool="track")
    # An index is used where there is one, and not made for this: it takes ten times as long, to hear and to read too.
    index = made_before(video, options, context.home)
    seen = _looked_at(video, every, limit, options, wanted.labels) if index is None else index.looks(every)
    seen = [(seconds, [box for box in boxes if box.label in wanted.labels]) for seconds, boxes in seen]
    notes = () if wanted.broader is None else (Note(kind="broader", words=(label, wanted.broader)),)
    return Tracks(media=video.hash, tracks=tuple(follow(seen)), notes=notes)


def _looked_at(
    video: Video, every: float, limit: int, options: Mapping[str, JsonValue], labels: Sequence[str]
) -> list[tuple[float, Sequence[Box]]]:
    """The objects in frames that are decoded now.

    A clip too long to be sampled so densely is sampled over its whole length, more thinly.
    """
    import numpy as np

    from visagent_tools.engines.detector import boxes_in

    seen: list[tuple[float, Sequence[Box]]] = []
    # A thing at the edge of a region is seen best in the whole picture.
    region, video = video.info.region, whole_of(video)
    for seconds, picture in video.iter_frames(max(every, (video.info.seconds or 0) / limit), limit):
        whole = Crop(media=video.hash, xyxy=(0, 0, *picture.size), seconds=seconds)
        boxes = boxes_in(whole, options, labels, pixels=np.asarray(picture))
        seen.append((seconds, [box for box in boxes if region is None or lies_in(box.xyxy, region)]))
    return seen


def follow(frames: Sequence[tuple[float, Sequence[Box]]], missed: int = MOST_MISSED) -> list[Track]:
    """Join the boxes of successive frames into tracks, in order of first sight.

    Frame by frame, a box goes on the track of its label whose last box it overlaps most, each at most once, best pairs
    first; a box left over starts a track, and a track unseen for too many frames ends. This is SORT
    (Bewley et al., 2016, arXiv:1602.00763) with greedy pairing and without its Kalman filter. Where there are three
    frames or more, an object must have been seen twice: one sighting alone is more often an error of the detector.

    supervision 0.31 has no tracker any more, and the package `trackers` needs supervision with scipy and matplotlib:
    180 MB for every install of the embedded profile, in place of these lines.

    Args:
        frames: Times, in seconds, and the boxes found.
        missed: Successive frames in which an object may go unseen before its track ends.
    """
    paths: list[_Path] = []
    for index, (seconds, boxes) in enumerate(frames):
        live = [path for path in paths if index - path.last_seen <= missed + 1]
        pairs = sorted(
            (
                (overlap, path_index, box_index)
                for path_index, path in enumerate(live)
                for box_index, box in enumerate(boxes)
                if box.label == path.label and (overlap := part_shared(path.xyxy[-1], box.xyxy)) >= LEAST_OVERLAP
            ),
            key=lambda pair: (-pair[0], pair[1], pair[2]),
        )
        followed: set[int] = set()
        placed: set[int] = set()
        for _, path_index, box_index in pairs:
            if path_index not in followed and box_index not in placed:
                followed.add(path_index)
                placed.add(box_index)
                live[path_index].add(index, seconds, boxes[box_index])
        for box_index, box in enumerate(boxes):
            if box_index not in placed:
                paths.append(_Path(box.label))
                paths[-1].add(index, seconds, box)
    least = 2 if len(frames) > 2 else 1
    kept = [path for path in paths if len(path.xyxy) >= least]
    return [
        Track(
            id=number,
            label=path.label,
            seconds=tuple(path.seconds),
            xyxy=tuple(path.xyxy),
            confidence=sum(path.confidences) / len(path.confidences),
        )
        for number, path in enumerate(kept, 1)
    ]


@dataclass
class _Path:
    """A track that grows."""

    label: str
    last_seen: int = 0
    seconds: list[float] = field(default_factory=list)
    xyxy: list[XYXY] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)

    def add(self, index: int, seconds: float, box: Box) -> None:
        self.last_seen = index
        self.seconds.append(seconds)
        self.xyxy.append(box.xyxy)
        self.confidences.append(box.confidence)


def _sampling(options: Mapping[str, JsonValue]) -> tuple[float, int]:
    every, limit = options.get("every_seconds", EVERY_SECONDS), options.get("max_frames", MOST_FRAMES)
    if isinstance(every, bool) or not isinstance(every, int | float) or not 0 < every < float("inf"):
        raise ConfigError(f"every_seconds = {every!r} is not a time.", "Give seconds above 0, such as 0.5.")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigError(f"max_frames = {limit!r} is not a number of frames.", "Give a whole number above 0.")
    return float(every), limit
