"""Objects followed frame by frame through the parts of a video in which they are seen."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from visagent.core.errors import ConfigError, did_you_mean
from visagent.core.install import install_line
from visagent.evidence.spans import united
from visagent.evidence.values import Box, Note, Span, Spans, Track, Tracks
from visagent.tools.toolkit import Context, Video, tool
from visagent_tools.engines.detector import detector_for
from visagent_tools.engines.video_index import Sighting
from visagent_tools.engines.video_indexing import Indexing, indexed, search_frames
from visagent_tools.moments import seen_spans
from visagent_tools.video import MOST_MISSED
from visagent_tools.video import follow as join_boxes
from visagent_tools.wordnet import understand_kind

TRACKERS = ("bytetrack", "sort")
"""ByteTrack (Zhang et al., 2022, arXiv:2110.06864) of the package `trackers`, in the extra `local`; and our own."""
MARGIN = 0.5
"""Seconds that are searched before and after a thing is seen: twice a second is too seldom to tell when it comes."""
LOST = 1.0
"""Seconds for which a track goes on unseen: ByteTrack's own value, of 30 frames at 30 a second."""


@tool(timeout=None, retries=0)
def follow(video: Video, label: str, context: Context, during: Spans | None = None) -> Tracks:
    """Follow every object of a kind through a video frame by frame, wherever such things are seen.

    Args:
        video: The clip.
        label: What to follow, in the singular.
        during: When to follow; where it is left out, all of the time at which such things are seen.
    """
    how = Indexing(context.options, context.home)
    detector = detector_for(how.looks)
    wanted = understand_kind(label, detector.labels, detector=detector.name, tool="follow")
    length = video.info.seconds or float("inf")
    spans: Sequence[Span]
    if during is None:
        index = indexed(video, context.options, context.home, progress=context.progress)
        spans = seen_spans(index, label, how, tool_name="follow")
    else:
        spans = during.spans
    found: list[Track] = []
    for start, end in united((max(0.0, span.start - MARGIN), min(length, span.end + MARGIN)) for span in spans):
        frames = search_frames(video, context.options, context.home, round(start, 3), round(end, 3))
        kept = [
            Sighting(at, *(tuple(box for box in found if box.label in wanted.labels) for found in (boxes, weak)))
            for at, boxes, weak in frames
        ]
        found += tracks_of(kept, _tracker(context))
    numbered = tuple(track.model_copy(update={"id": number}) for number, track in enumerate(found, 1))
    notes = () if wanted.broader is None else (Note(kind="broader", words=(label, wanted.broader)),)
    return Tracks(media=video.hash, tracks=numbered, notes=notes)


def tracks_of(frames: Sequence[Sighting], tracker: str) -> list[Track]:
    """Join the boxes of all frames of a stretch into tracks, in order of first sight.

    Args:
        frames: Frames of the stretch, in order.
        tracker: One of `TRACKERS`.
    """
    rate = _rate(frames)
    if tracker == "sort" or len(frames) < 2:
        return join_boxes([(at, boxes) for at, boxes, _ in frames], missed=max(MOST_MISSED, round(LOST * rate)))
    labels = sorted({box.label for _, boxes, _ in frames for box in boxes})
    tracks = [track for label in labels for track in _by_bytetrack(frames, label, rate)]
    return sorted(tracks, key=lambda track: track.seconds[0])


def _rate(frames: Sequence[Sighting]) -> float:
    """Frames a second, for the most part."""
    steps = sorted(later.seconds - earlier.seconds for earlier, later in pairwise(frames))
    return 1 / max(steps[len(steps) // 2], 1e-3) if steps else 1.0


def _by_bytetrack(frames: Sequence[Sighting], label: str, rate: float) -> list[Track]:
    import numpy as np

    supervision: Any = importlib.import_module("supervision")
    # A track begins with what the detector is sure of, and goes on with what it is less sure of as well. The package
    # sets its thresholds for a detector that gives most objects 0.7 and more, and would start no others.
    least = min((box.confidence for _, boxes, _ in frames for box in boxes), default=0.0)
    made: Any = importlib.import_module("trackers").ByteTrackTracker(
        frame_rate=rate, track_activation_threshold=least, high_conf_det_threshold=least, lost_track_buffer=LOST * 30
    )
    paths: dict[int, list[tuple[float, Box]]] = {}
    for seconds, boxes, weak in frames:
        here = [box for box in (*boxes, *weak) if box.label == label]
        detections = supervision.Detections(
            xyxy=np.array([box.xyxy for box in here], float).reshape(-1, 4),
            confidence=np.array([box.confidence for box in here], float),
            # So that each box is found again, whatever order the tracker gives them in.
            data={"place": np.arange(len(here))},
        )
        seen = made.update(detections)
        for place, id_ in zip(seen.data.get("place", ()), seen.tracker_id if len(seen) else (), strict=True):
            if id_ >= 0:
                paths.setdefault(int(id_), []).append((seconds, here[int(place)]))
    return [
        Track(
            id=id_,
            label=label,
            seconds=tuple(seconds for seconds, _ in path),
            xyxy=tuple(box.xyxy for _, box in path),
            confidence=sum(box.confidence for _, box in path) / len(path),
        )
        for id_, path in paths.items()
    ]


def _tracker(context: Context) -> str:
    """The tracker that the options name, or the best that is installed.

    Raises:
        ConfigError: there is none of that name, or it is not installed.
    """
    asked = context.options.get("tracker")
    installed = importlib.util.find_spec("trackers") is not None
    if asked is None:
        return "bytetrack" if installed else "sort"
    if asked not in TRACKERS:
        raise ConfigError(f"tracker = {asked!r} is no tracker.", did_you_mean(str(asked), TRACKERS))
    if asked == "bytetrack" and not installed:
        raise ConfigError(
            'tracker = "bytetrack" needs the package trackers, which is not installed.',
            f'Run: {install_line("local")}, or use tracker = "sort".',
        )
    return str(asked)
