"""What a segmenter is: a prompt in, outlines out. Each library has a module of its own (`segmenter` chooses)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from visagent.evidence.values import XYXY

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PromptKind = Literal["boxes", "points", "phrase"]


@dataclass(frozen=True)
class Prompt:
    """What to outline: one of the three is given.

    Attributes:
        boxes: One object in each; pixels of the region.
        points: One object at each; pixels of the region.
        phrase: What all objects are that are meant.
    """

    boxes: Sequence[XYXY] = ()
    points: Sequence[tuple[float, float]] = ()
    phrase: str = ""

    @property
    def kind(self) -> PromptKind:
        """Which of them is given."""
        return "boxes" if self.boxes else "points" if self.points else "phrase"


class Outline(NamedTuple):
    """One object as a segmenter sees it.

    Attributes:
        inside: Height x width of the region, true inside; all false where it found nothing.
        score: How sure it is, 0 to 1.
    """

    inside: NDArray[np.bool_]
    score: float


class Segmenter(Protocol):
    """What outlines objects in pixels; safe to call from several threads at once.

    Attributes:
        name: How a message calls it, for example "GrabCut".
        takes: The kinds of prompt that it understands.
        by_color: Whether it parts colours and knows nothing of objects.
    """

    name: str
    takes: frozenset[PromptKind]
    by_color: bool

    def outline(self, pixels: NDArray[np.uint8], prompt: Prompt) -> list[Outline]:
        """One outline for each box or point, in their order; for a phrase, one for each object that it finds.

        Args:
            pixels: Height x width x 3, uint8, RGB.
            prompt: Prompt of a kind that it takes.
        """
        ...
