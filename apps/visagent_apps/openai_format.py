"""OpenAI's chat completions as far as visagent speaks them: what comes in, what goes out. Knows no server and no agent.

The extension field `visagent` carries what the protocol has no place for: the run's id, tree, evidence and claims.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from visagent.agent.events import Event
from visagent.core.encoding import decode_base64
from visagent.core.errors import InputError, MediaError, QuestionError
from visagent.evidence.answer import Answer

Chunk = dict[str, Any]
TRACED = frozenset({"run_id", "status", "reason", "result", "claims", "tree", "evidence", "media", "mode", "profile"})
"""Fields of an answer that a reply carries."""


class _Part(BaseModel):
    # Strict, so that a word is no truth value and a number no word: what is wrong is said, not guessed at.
    model_config = ConfigDict(extra="ignore", strict=True)


class TextPart(_Part):
    """Words."""

    type: Literal["text"]
    text: str


class _Url(_Part):
    url: str


class ImagePart(_Part):
    """A picture, as a `data:` URI or an address."""

    type: Literal["image_url"]
    image_url: _Url


class _Sound(_Part):
    data: str


class AudioPart(_Part):
    """Sound in base64; its format is detected from its content."""

    type: Literal["input_audio"]
    input_audio: _Sound


Part = Annotated[TextPart | ImagePart | AudioPart, Field(discriminator="type")]


class ChatMessage(_Part):
    """One turn; `visagent` is what an earlier reply carried, if the client sends it back."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None
    visagent: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """Its words."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or () if isinstance(part, TextPart))

    def media(self) -> list[str | bytes]:
        """Its pictures and sounds: bytes, or http(s) addresses.

        Raises:
            MediaError: one is neither base64 nor an address; a path of the server's machine is none.
        """
        parts = self.content if isinstance(self.content, list) else []
        return [_source(part) for part in parts if not isinstance(part, TextPart)]


class StreamOptions(_Part):
    """What a stream carries beside the reply."""

    include_usage: bool = False


class AskExtension(_Part):
    """What the protocol has no place for: regions that the question may name, as `Agent.ask` takes them."""

    regions: Annotated[dict[str, list[float]], Field(max_length=64)] = Field(default_factory=dict)


_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
_EXAMPLE: dict[str, Any] = {
    "model": "visagent",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Which color is it?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_DOT}"}},
            ],
        }
    ],
}


class ChatRequest(_Part):
    """A request; fields of OpenAI's that sampling models alone have are left unread."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=256)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = None
    tools: list[Any] | None = None
    response_format: dict[str, Any] | None = None
    visagent: AskExtension = AskExtension()

    def check(self) -> None:
        """Refuse what would change the reply's form, instead of leaving it out in silence.

        Raises:
            InputError: the request wants several replies or function calls.
        """
        if self.n not in (None, 1):
            raise InputError(f"n is {self.n}, and there is one answer.", "Leave n out.")
        if self.tools:
            raise InputError("tools cannot be given in a request.", "Start the server with --tool.")

    def form(self) -> dict[str, Any] | None:
        """The JSON schema of the answer that is wanted; None for sentences.

        Raises:
            InputError: the answer is wanted in another form.
        """
        wanted = self.response_format or {"type": "text"}
        if wanted.get("type") == "text":
            return None
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
            raise InputError("response_format can be text, or json_schema with a schema.", "Give an object's schema.")
        return schema

    def question(self) -> ChatMessage:
        """The last turn.

        Raises:
            QuestionError: it is not the person's, or has no words.
        """
        last = self.messages[-1]
        if last.role != "user" or not last.text.strip():
            raise QuestionError("There is no question.", "End the messages with a user message that holds text.")
        return last


def fingerprint(messages: list[ChatMessage]) -> str:
    """Tells one conversation from another: the turns' roles, words and media."""
    turns: list[Any] = []
    for message in messages:
        media = [
            hashlib.sha256(item.encode() if isinstance(item, str) else item).hexdigest() for item in message.media()
        ]
        turns.append([message.role, message.text, media])
    return hashlib.sha256(json.dumps(turns).encode()).hexdigest()


def trace(answer: Answer) -> dict[str, Any]:
    """The extension field of a whole reply."""
    return answer.model_dump(mode="json", include=set(TRACED))


def content(answer: Answer, as_json: bool) -> str | None:
    """What the reply says: sentences, or JSON in the form that was asked for; None where there is none."""
    if not as_json:
        return answer.text
    return None if answer.result is None else json.dumps(answer.result, ensure_ascii=False)


def completion(answer: Answer, model: str, as_json: bool) -> dict[str, Any]:
    """A reply in one piece."""
    said = content(answer, as_json)
    refusal = answer.text if said is None else None
    message = {"role": "assistant", "content": said, "refusal": refusal, "visagent": {"run_id": answer.run_id}}
    return {
        "id": f"chatcmpl-{answer.run_id}",
        "object": "chat.completion",
        "created": int(answer.created.timestamp()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(answer),
        "visagent": trace(answer),
    }


class Chunks:
    """The pieces of one streamed reply.

    Args:
        id_: Id of the reply.
        model: Model as the request names it.
        include_usage: Whether a last piece says what the reply cost.
        as_json: Whether the answer is wanted in a form of JSON.
    """

    def __init__(self, id_: str, model: str, *, include_usage: bool, as_json: bool) -> None:
        self._head = {"id": id_, "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        self._include_usage, self._as_json = include_usage, as_json

    def progress(self, event: Event) -> Chunk:
        """What happened, with no words of the answer yet."""
        return self._chunk({}) | {"visagent": {"event": event.model_dump(mode="json")}}

    def answer(self, answer: Answer) -> list[Chunk]:
        """The answer sentence by sentence, then the trace, then what it cost."""
        chunks = [self._chunk({"role": "assistant", "content": ""})]
        if (said := content(answer, self._as_json)) is None:
            chunks.append(self._chunk({"refusal": answer.text}))
        elif self._as_json or not answer.claims:
            chunks.append(self._chunk({"content": said}))
        else:
            # The claims, each after what parts it from the one before, are the text.
            pieces = [claim.before * bool(at) + claim.text for at, claim in enumerate(answer.claims)]
            chunks += [self._chunk({"content": piece}) for piece in pieces]
        chunks.append(self._chunk({}, "stop") | {"visagent": trace(answer)})
        if self._include_usage:
            chunks.append(self._head | {"choices": [], "usage": _usage(answer)})
        return chunks

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> Chunk:
        return self._head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]}


def error_body(message: str, kind: str, code: str) -> dict[str, Any]:
    """An error as OpenAI's clients read it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _source(part: ImagePart | AudioPart) -> str | bytes:
    if isinstance(part, AudioPart):
        return decode_base64(part.input_audio.data, "The sound")
    url = part.image_url.url
    if match := re.match(r"data:[^,]{0,200};base64,", url, re.IGNORECASE):
        return decode_base64(url[match.end() :], "The picture")
    if not url.lower().startswith(("http://", "https://")):
        raise MediaError("The picture is neither a data: URI in base64 nor an http(s) address.", "Send its bytes.")
    return url


def _usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.generated_tokens,
        "total_tokens": usage.prompt_tokens + usage.generated_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
