"""A model that answers from a recording: what a strong multimodal model, played by hand, once replied to each request.

A reply is found by a digest of what was asked: the texts, and which picture, region or clip stood between them, told
by its file's hash and its pixels. How a picture is compressed on its way to a server does not enter it, so that a
recording holds on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from visagent.core.config import Profile
from visagent.evidence.values import Crop
from visagent.models.grounding import Convention
from visagent.models.protocol import MLLM, Capabilities, Message, Part, Reply

HERE = Path(__file__).parent
REPLIES = HERE / "replies.json"
ANEW = (
    "python tests/recorded/record.py ADDRESS, the address of a server with a strong model, or of somebody who plays one"
)
PROFILE = Profile.model_validate(
    {
        "name": "recorded",
        "models": {"main": {"backend": "object"}},
        "roles": dict.fromkeys(("controller", "observer", "verifier"), "main"),
        "hidden_tools": ["locate"],
        "demonstrations": {"k": 0},
    }
)


class Unrecorded(AssertionError):
    """A request that no reply was recorded for: it, and the prompt behind it, are new."""


def questions() -> list[dict[str, Any]]:
    """What was asked: `id`, `question`, `media`, what a right answer `says`, and its model `calls` in the recording."""
    found: list[dict[str, Any]] = yaml.safe_load((HERE / "questions.yaml").read_text("utf-8"))
    return found


def digest(messages: Sequence[Message]) -> str:
    """What tells a request from every other one."""
    told = [
        [message.role, *map(_told, [message.content] if isinstance(message.content, str) else message.content)]
        for message in messages
    ]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:20]


def _told(part: Part) -> Any:
    if isinstance(part, str):
        return part
    if isinstance(part, Crop):
        return [part.media, [round(edge, 1) for edge in part.xyxy], part.seconds, round(part.scale, 3)]
    # What was drawn on a picture: letters are drawn otherwise on another machine.
    return ["drawn", *part.size]


class RecordedModel:
    """Replies as recorded.

    Args:
        replies: By the digest of their requests.

    Attributes:
        unknown: Texts of requests that have no reply; the run that made one may have gone on without it.
    """

    name = "recorded"
    capabilities = Capabilities(media=frozenset({"image", "video"}), grounding=Convention.RELATIVE_1000)

    def __init__(self, replies: dict[str, str]) -> None:
        self._replies = replies
        self.unknown: list[str] = []

    def load(self) -> None: ...

    def close(self) -> None: ...

    async def chat(self, messages: Sequence[Message], **_: Any) -> Reply:
        """The reply to a request.

        Raises:
            Unrecorded: there is none; says how to record anew.
        """
        reply = self._replies.get(digest(messages))
        if reply is None:
            text = messages[-1].text
            self.unknown.append(text)
            raise Unrecorded(f"No reply is recorded for this request. Record anew: {ANEW}.\n{text}")
        return Reply(text=reply)


class RecordingModel:
    """Another model whose replies are kept, by the digests of their requests.

    Args:
        model: Who replies.
    """

    def __init__(self, model: MLLM) -> None:
        self.name, self.capabilities = model.name, RecordedModel.capabilities
        self._model = model
        self.replies: dict[str, str] = {}

    def load(self) -> None:
        self._model.load()

    def close(self) -> None:
        self._model.close()

    async def chat(self, messages: Sequence[Message], **options: Any) -> Reply:
        reply = await self._model.chat(messages, **options)
        self.replies[digest(messages)] = reply.text
        return reply
