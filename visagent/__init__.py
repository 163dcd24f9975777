"""visagent: ask multi-step questions about pictures, video and sound, and see how the answer came about.

Names are imported on first use, so that `import visagent` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visagent.agent import Agent as Agent
    from visagent.answer import Answer as Answer
    from visagent.answer import Claim as Claim
    from visagent.config import Budget as Budget
    from visagent.config import Profile as Profile
    from visagent.evidence import Boolean as Boolean
    from visagent.evidence import Box as Box
    from visagent.evidence import Boxes as Boxes
    from visagent.evidence import Crop as Crop
    from visagent.evidence import Evidence as Evidence
    from visagent.evidence import Failure as Failure
    from visagent.evidence import Label as Label
    from visagent.evidence import Labels as Labels
    from visagent.evidence import Line as Line
    from visagent.evidence import Number as Number
    from visagent.evidence import Text as Text
    from visagent.evidence import Tracks as Tracks
    from visagent.evidence import Transcript as Transcript
    from visagent.media import Media as Media
    from visagent.media import load_media as load_media
    from visagent.toolkit import Audio as Audio
    from visagent.toolkit import Context as Context
    from visagent.toolkit import Toolkit as Toolkit
    from visagent.toolkit import Video as Video
    from visagent.toolkit import tool as tool
    from visagent.tree import QuestionTree as QuestionTree
    from visagent.tree import SubQuestion as SubQuestion
    from visagent.tree import ToolCall as ToolCall

_HOMES = {
    "agent": ["Agent"],
    "answer": ["Answer", "Claim"],
    "config": ["Budget", "Profile"],
    "evidence": [
        "Boolean", "Box", "Boxes", "Crop", "Evidence", "Failure", "Label", "Labels", "Line", "Number", "Text",
        "Tracks", "Transcript",
    ],
    "media": ["Media", "load_media"],
    "toolkit": ["Audio", "Context", "Toolkit", "Video", "tool"],
    "tree": ["QuestionTree", "SubQuestion", "ToolCall"],
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [*sorted(_HOME_OF), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'visagent' has no attribute {name!r}")
    return getattr(import_module(f"visagent.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
