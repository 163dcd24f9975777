"""Which frames of a video stand for it when a model is shown it: those that bear on the question. Decodes nothing.

Who knows what is in a video offers to choose, under the entry-point group `visagent.video_moments`; where nobody does,
frames are spread evenly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from visagent.core.errors import VisagentError
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.models.protocol import Part

ENTRY_POINTS = "visagent.video_moments"
MOST_FRAMES = 8
"""Frames that stand for a video: each costs as much of a model's context as a picture does."""

_log = logging.getLogger(__name__)

Moments = Callable[[Media, str, int], Sequence[float]]
"""Gives the times, in seconds, at which a video is worth a look for a question, so many at most."""


class MomentChooser(Protocol):
    """What a package offers that knows what is in a video."""

    def __call__(
        self, video: Media, question: str, most: int, /, *, options: Mapping[str, JsonValue], home: Path
    ) -> Sequence[float]:
        """Rising times within the video, in seconds from its start.

        Args:
            video: The clip.
            question: Question as the person put it.
            most: How many times at most.
            options: The profile's options for the tool `when`.
            home: The folder of runs, media and evidence.

        Raises:
            VisagentError: nothing is known of the video.
        """
        ...


def chooser(options: Mapping[str, JsonValue], home: Path) -> Moments:
    """What an installed package offers to choose frames with, the first by name; else frames are spread evenly.

    Args:
        options: The profile's options for the tool `when`.
        home: The folder of runs, media and evidence.
    """
    found = _installed_chooser()
    return evenly if found is None else partial(found, options=options, home=home)


@cache
def _installed_chooser() -> MomentChooser | None:
    """What the first package by name offers; looked up once, since that takes longer than the rest of a question."""
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        found: MomentChooser = entry.load()
        return found
    return None


def evenly(video: Media, question: str, most: int) -> list[float]:
    """Times spread over a video, each in the middle of its share."""
    length = video.info.seconds or 0.0
    return [round((place + 0.5) * length / most, 3) for place in range(most)] if length else [0.0]


async def chosen(video: Media, question: str, most: int, moments: Moments) -> tuple[float, ...]:
    """The times at which a model is shown a video; evenly spread where what chooses them cannot.

    Args:
        video: The clip.
        question: Question as the person put it.
        most: Frames at most.
        moments: What chooses; it may decode for a while, so it runs in a thread of its own.
    """
    try:
        times = await asyncio.to_thread(moments, video, question, most)
    except VisagentError as error:
        _log.warning("%s: frames are spread evenly: %s", video.name, error)
        times = []
    return tuple(times[:most]) or tuple(evenly(video, question, most))


class VideoFrames:
    """The frames that stand for the videos of one run: chosen once, by the first question, so all looks see the same.

    Args:
        moments: What chooses them.
    """

    def __init__(self, moments: Moments = evenly) -> None:
        self._moments = moments
        self._times: dict[str, tuple[float, ...]] = {}

    async def choose(self, media: Mapping[str, Media], question: str, most: int | None) -> None:
        """Choose the frames of each video that has none yet.

        Args:
            media: What the model is shown, by name.
            question: Question as the person put it.
            most: Pictures and frames that the model takes at once; None for no limit.
        """
        videos = {name: medium for name, medium in media.items() if medium.kind == "video"}
        pictures = sum(medium.kind == "image" for medium in media.values())
        room = MOST_FRAMES if most is None else min(MOST_FRAMES, (most - pictures) // max(len(videos), 1))
        for name, video in videos.items():
            if name not in self._times:
                self._times[name] = await chosen(video, question, max(1, room), self._moments)

    def parts(self, name: str, medium: Media) -> list[Part]:
        """What stands for a medium in a prompt: a picture, a video's chosen frames with their times, or itself."""
        if name in self._times:
            return frames(medium, self._times[name])
        return [Crop.whole(medium) if medium.kind == "image" else medium]


def frames(video: Media, times: Sequence[float]) -> list[Part]:
    """The frames at these times, each with its time before it."""
    whole = Crop.whole(video)
    parts: list[Part] = []
    for seconds in times:
        parts += [f"[{seconds:.1f} s]", whole.model_copy(update={"seconds": seconds})]
    return parts
