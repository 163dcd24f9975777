"""Stretches of time in a clip, as evidence. Knows no tool and no clip; times are seconds from the start of the clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from visagent.evidence.notes import Note
from visagent.evidence.record import Confidence, Frozen

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Span(Frozen):
    """One stretch of time in which something happens, and how sure its finder is."""

    start: Seconds
    end: Seconds
    label: str = ""
    """What happens: a detector's label, or the words that are said or shown, which are data."""
    source: Literal["seen", "heard", "written"] = "seen"
    """Whether it is a thing in the picture, speech, or text in the picture."""
    confidence: Confidence = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start > self.end:
            raise ValueError(f"a span ends after it starts, got {self.start} to {self.end} s")
        return self

    @property
    def middle(self) -> float:
        """Seconds at which half of it is over."""
        return (self.start + self.end) / 2


class Spans(Frozen):
    """When something happens in one clip, in order of time; an empty tuple: the finder looked and found none."""

    type: Literal["spans"] = "spans"
    media: str
    """Content hash of the clip."""
    spans: tuple[Span, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def confidence(self) -> float | None:
        """Confidence of the least sure span; None when there is none."""
        return min((span.confidence for span in self.spans), default=None)

    @property
    def seconds(self) -> float:
        """How long it happens altogether; time in which several spans overlap counts once."""
        return sum(end - start for start, end in united((span.start, span.end) for span in self.spans))

    def replace(self, spans: Sequence[Span]) -> Spans:
        """The same clip with other spans."""
        return self.model_copy(update={"spans": tuple(spans)})


def moment(name: str, start: float, end: float | None = None) -> str:
    """A place in a clip as answers write it: `video1@12.3-15.0s`, or `video1@12.3s` where it is a moment.

    Args:
        name: Name of the clip, as plans use it.
        start: Seconds from the start of the clip.
        end: End, measured like `start`; None for a moment.
    """
    shown = f"{start:.1f}"
    until = shown if end is None else f"{end:.1f}"
    return f"{name}@{shown}s" if until == shown else f"{name}@{shown}-{until}s"


def united(stretches: Iterable[tuple[float, float]], gap: float = 0.0) -> list[tuple[float, float]]:
    """Stretches of time, in order, those that overlap or stand close together made one.

    Args:
        stretches: Start and end, seconds.
        gap: Seconds between two that still count as one.
    """
    joined: list[tuple[float, float]] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
