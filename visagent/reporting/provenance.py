"""Where in its media a piece of evidence stands: boxes in pictures, seconds in clips. Draws nothing, knows no page.

What has no place of its own, such as a count, stands where the evidence that it was computed from stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from visagent.core.text import cleaned
from visagent.evidence.spans import moment
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import (
    XYXY,
    Boxes,
    Crop,
    Evidence,
    Line,
    Look,
    Mask,
    Spans,
    Table,
    Text,
    Tracks,
    Transcript,
)
from visagent.media.media import MediaInfo
from visagent.media.regions import picture_of

LABEL_LIMIT = 40
"""Characters of a label, which may be text that was read."""


@dataclass(frozen=True)
class Ground:
    """One place that evidence stands on.

    Attributes:
        id: Id of the sub-question that found it.
        media: Name of the medium, such as `image1`.
        xyxy: Pixels of the original picture or frame; None for all of it, and for sound.
        start: Seconds from the start of the clip; None for pictures and whole clips.
        end: End, measured like `start`; None where it is a moment.
        label: What it is, for a person: untrusted text, on one line, without markup.
        mask: Which pixels it covers; None where that is not known.
    """

    id: str
    media: str
    xyxy: XYXY | None = None
    start: float | None = None
    end: float | None = None
    label: str = ""
    mask: Mask | None = None

    @property
    def time(self) -> str:
        """Where in its clip it stands, as answers write it, such as `video1@12.3-15.0s`; empty for what has no time."""
        return "" if self.start is None else moment(self.media, self.start, self.end)


def own_grounds(evidence: Evidence, media: Mapping[str, MediaInfo]) -> tuple[Ground, ...]:
    """The places that a value itself names; empty for one without a place, such as a number.

    Args:
        evidence: Evidence of one sub-question.
        media: Media by the names that plans use; a value that stands on another medium has no place.
    """
    return tuple(_own(evidence, {info.hash: name for name, info in reversed(list(media.items()))}))


def grounds(
    id_: str, tree: QuestionTree, evidence: Mapping[str, Evidence], media: Mapping[str, MediaInfo]
) -> tuple[Ground, ...]:
    """What a citation points at: the nearest places on the way down from a sub-question, each once.

    Args:
        id_: What is cited; one that is not in the tree points nowhere.
        tree: The run's tree.
        evidence: What was found so far.
        media: Media by the names that plans use.
    """
    found: dict[Ground, None] = {}
    seen: set[str] = set()

    def descend(at: str) -> None:
        if at in seen or at not in tree.graph:
            return
        seen.add(at)
        here = own_grounds(evidence[at], media) if at in evidence else ()
        node = tree[at]
        if not here and not node.needs:
            # Neither a place nor anything below: it was looked for in the whole medium.
            given = (item for value in node.solver.arguments.values() for item in _listed(value))
            here = tuple(Ground(at, picture_of(name), media[name].region) for name in given if name in media)
        found.update(dict.fromkeys(here))
        if not here:
            for need in node.needs:
                descend(need)

    descend(id_)
    return tuple(found)


def _listed(argument: JsonValue) -> list[str]:
    """An argument's texts: several pictures are a list."""
    items = argument if isinstance(argument, list) else [argument]
    return [item for item in items if isinstance(item, str)]


def _own(evidence: Evidence, names: Mapping[str, str]) -> Iterator[Ground]:
    value = evidence.value
    if isinstance(value, Look):
        for region in value.regions:
            if region.media in names:
                label = cleaned(region.label, LABEL_LIMIT)
                yield Ground(evidence.id, names[region.media], region.xyxy, region.seconds, label=label)
        return
    of_value = getattr(value, "media", None) or ""

    def name_of(own: str | None) -> str | None:
        """The medium that a part names, of those of several pictures, else the one of the whole value."""
        return names.get(own or of_value)

    name = name_of(None)
    match value:
        case Boxes(boxes=boxes, seconds=seconds):
            for box in boxes:
                if (place := name_of(box.media)) is not None:
                    label = f"{cleaned(box.label, LABEL_LIMIT)} {box.confidence:.0%}".strip()
                    yield Ground(evidence.id, place, box.xyxy, seconds, label=label, mask=box.mask)
        case Text(lines=lines) | Transcript(lines=lines):
            for line in lines:
                if (place := name_of(line.media)) is not None:
                    yield _of_line(evidence.id, place, line)
        case Table(cells=cells) if name is not None:
            for cell in cells:
                if cell.xyxy is not None:
                    yield Ground(evidence.id, name, cell.xyxy, label=cleaned(cell.text, LABEL_LIMIT))
        case Tracks(tracks=tracks) if name is not None:
            for track in tracks:
                label = f"{cleaned(track.label, LABEL_LIMIT)} {track.id}"
                for seconds, xyxy in zip(track.seconds, track.xyxy, strict=True):
                    yield Ground(evidence.id, name, xyxy, seconds, label=label)
        case Spans(spans=spans) if name is not None:
            for span in spans:
                label = cleaned(span.label, LABEL_LIMIT)
                yield Ground(evidence.id, name, start=span.start, end=span.end, label=label)
        case Crop(xyxy=xyxy, seconds=seconds, label=label) if name is not None:
            yield Ground(evidence.id, name, xyxy, seconds, label=cleaned(label, LABEL_LIMIT))


def _of_line(id_: str, name: str, line: Line) -> Ground:
    return Ground(id_, name, line.xyxy, line.start, line.end, cleaned(line.text, LABEL_LIMIT))
