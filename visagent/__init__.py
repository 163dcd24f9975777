"""visagent: ask multi-step questions about pictures, video and sound, and see how the answer came about.

Names are imported on first use, so that `import visagent` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visagent.agent.agent import Agent as Agent
    from visagent.core.config import Budget as Budget
    from visagent.core.config import Profile as Profile
    from visagent.evidence.answer import Answer as Answer
    from visagent.evidence.answer import Claim as Claim
    from visagent.evidence.masks import Mask as Mask
    from visagent.evidence.spans import Span as Span
    from visagent.evidence.spans import Spans as Spans
    from visagent.evidence.tree import QuestionTree as QuestionTree
    from visagent.evidence.tree import SubQuestion as SubQuestion
    from visagent.evidence.tree import ToolCall as ToolCall
    from visagent.evidence.values import Boolean as Boolean
    from visagent.evidence.values import Box as Box
    from visagent.evidence.values import Boxes as Boxes
    from visagent.evidence.values import Crop as Crop
    from visagent.evidence.values import Evidence as Evidence
    from visagent.evidence.values import Failure as Failure
    from visagent.evidence.values import Label as Label
    from visagent.evidence.values import Labels as Labels
    from visagent.evidence.values import Line as Line
    from visagent.evidence.values import Look as Look
    from visagent.evidence.values import Number as Number
    from visagent.evidence.values import Text as Text
    from visagent.evidence.values import Tracks as Tracks
    from visagent.evidence.values import Transcript as Transcript
    from visagent.media.media import Media as Media
    from visagent.media.media import load_media as load_media
    from visagent.tools.toolkit import Audio as Audio
    from visagent.tools.toolkit import Context as Context
    from visagent.tools.toolkit import Toolkit as Toolkit
    from visagent.tools.toolkit import Video as Video
    from visagent.tools.toolkit import tool as tool

HOMES = {
    "agent.agent": ["Agent"],
    "core.config": ["Budget", "Profile"],
    "evidence.answer": ["Answer", "Claim"],
    "evidence.masks": ["Mask"],
    "evidence.spans": ["Span", "Spans"],
    "evidence.tree": ["QuestionTree", "SubQuestion", "ToolCall"],
    "evidence.values": [
        "Boolean", "Box", "Boxes", "Crop", "Evidence", "Failure", "Label", "Labels", "Line", "Look", "Number", "Text",
        "Tracks", "Transcript",
    ],
    "media.media": ["Media", "load_media"],
    "tools.toolkit": ["Audio", "Context", "Toolkit", "Video", "tool"],
}  # fmt: skip
_HOME_OF = {name: module for module, names in HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [*sorted(_HOME_OF), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'visagent' has no attribute {name!r}")
    return getattr(import_module(f"visagent.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
