"""The moments of a video that bear on a question: the times it names, and when the things and words it names occur."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from visagent.core.errors import MissingInput, UnknownLabel
from visagent.evidence.values import Span
from visagent.media.media import Media
from visagent_tools.engines.describing import embedder_for
from visagent_tools.engines.detector import detector_for
from visagent_tools.engines.video_index import VideoIndex
from visagent_tools.engines.video_indexing import Indexing, indexed
from visagent_tools.labels import resolve
from visagent_tools.labels_zh import english
from visagent_tools.moments import heard_spans, seen_spans, written_spans
from visagent_tools.text import mentioned

PATIENCE = 20.0
"""Seconds that a first look waits for the index; what is indexed by then is used, and the rest looked at evenly."""
EVERYWHERE = 0.8
"""Part of a video from which on a thing that is there tells nothing of where to look."""
NEAREST = 3
"""Frames that are looked at because their vectors are the nearest to the question's."""
APART = 0.2
"""Seconds between two frames, at least."""
SHORTEST = 4
"""Letters of a word that is looked for in speech and text: shorter ones are said all the time."""

_CLOCK = re.compile(r"\b(?:(\d{1,2}):)?(\d{1,2}):(\d{2})\b")
_SECONDS = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*(?:s|sec|secs|seconds?|秒)(?![a-z])", re.IGNORECASE)
_COMMON = frozenset({
    "what", "when", "where", "which", "while", "does", "there", "this", "that", "these", "those", "have",
    "with", "from", "into", "about", "long", "many", "much", "first", "last", "video", "clip", "before",
    "after", "between", "during", "happens", "happen", "time", "second", "seconds", "minute", "shown", "show",
    "shows", "seen", "said", "says", "written", "appear", "appears", "picture", "frame", "they", "them",
    "their", "would", "could", "being", "were", "will", "just", "some", "than", "then",
})  # fmt: skip


def choose(video: Media, question: str, most: int, /, *, options: Mapping[str, JsonValue], home: Path) -> list[float]:
    """The times at which a video should be looked at for a question; see `visagent.answering.frames.MomentChooser`."""
    length = video.info.seconds or 0.0
    index = indexed(video, options, home, seconds=PATIENCE)
    # How far an index that is being made has come says nothing of where the video ends.
    ends = index.shown_until if index.complete or index.problem else length
    end = max(0.0, ends - 0.05)
    picked: list[float] = []

    def add(seconds: float) -> None:
        at = round(min(max(seconds, 0.0), end), 3)
        if len(picked) < most and all(abs(at - other) >= APART for other in picked):
            picked.append(at)

    for seconds in _named(question):
        if seconds <= length:
            add(seconds)
    spans = [span for span in _spans(index, question, Indexing(options, home)) if _tells(span, length)]
    # The middle of each first, then what leads to it and what comes of it; a fourth of the frames shows the rest.
    told = _described(index, question, options)
    room = max(len(picked), most - most // 4) if spans or told else len(picked)
    for place in ("middle", "start", "end"):
        for span in spans:
            if len(picked) < room:
                add({"middle": span.middle, "start": span.start - APART, "end": span.end + APART}[place])
    for seconds in told:
        if len(picked) < room:
            add(seconds)
    for seconds in _rest(index, length, most - len(picked)):
        add(seconds)
    return sorted(picked)


def _named(question: str) -> Iterator[float]:
    """Times that a question names, seconds."""
    for match in _CLOCK.finditer(question):
        yield int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
    for match in _SECONDS.finditer(question):
        yield float(match[1])


def _spans(index: VideoIndex, question: str, how: Indexing) -> list[Span]:
    """When things and words of the question occur, the rarest first."""
    detector = detector_for(how.looks)
    words = re.findall(r"[^\W\d_]+", question.lower())
    phrases = [*(f"{one} {other}" for one, other in pairwise(words)), *words]
    found: dict[str, list[Span]] = {}
    for phrase in dict.fromkeys(phrases):
        try:
            labels = resolve(english(phrase), detector.labels, detector=detector.name, tool="when")
        except (UnknownLabel, MissingInput):
            labels = ()
        # "Things" are all that there is, and tell nothing.
        if labels and len(labels) < len(detector.labels or ()):
            found[phrase] = seen_spans(index, phrase, how, tool_name="when")
        elif len(phrase) >= SHORTEST and phrase not in _COMMON and " " not in phrase:
            found[phrase] = [*heard_spans(index, phrase), *written_spans(index, phrase)]
    kept = sorted((spans for spans in found.values() if spans), key=lambda spans: sum(s.end - s.start for s in spans))
    return [span for spans in kept for span in spans]


def _described(index: VideoIndex, question: str, options: Mapping[str, JsonValue]) -> list[float]:
    """Times of the frames whose descriptions fit a question best: by words that both have, then by their vectors."""
    words = {word for word in re.findall(r"[^\W\d_]+", question.lower()) if len(word) >= SHORTEST} - _COMMON
    shared = {one.seconds: sum(mentioned(one.caption, word) for word in words) for one in index.descriptions}
    found = [seconds for seconds in sorted(shared, key=lambda at: -shared[at]) if shared[seconds]]
    embedder = embedder_for(options) if any(one.vector for one in index.descriptions) else None
    if embedder is not None:
        asked = embedder.words(question)
        near = {
            one.seconds: float(np.frombuffer(one.vector, np.float16).astype(np.float32) @ asked)
            for one in index.descriptions
            if len(one.vector) == 2 * len(asked)
        }
        found += sorted(near, key=lambda at: -near[at])[:NEAREST]
    return list(dict.fromkeys(found))


def _tells(span: Span, length: float) -> bool:
    return span.end - span.start < EVERYWHERE * length


def _rest(index: VideoIndex, length: float, number: int) -> Sequence[float]:
    """Times all over a video, best first: the middle of its longest shots where these are many, else spread evenly.

    More than are wanted, for some stand beside those that were picked before.
    """
    if number < 1:
        return ()
    shots = sorted(index.shots, key=lambda shot: shot[0] - shot[1])[:number]
    middles = [(start + end) / 2 for start, end in shots] if len(shots) > number // 2 and index.complete else []
    spread = [(place + 0.5) * length / parts for parts in (number, 2 * number, 4 * number) for place in range(parts)]
    return [*middles, *spread]
