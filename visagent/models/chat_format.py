"""Messages and replies in the format of OpenAI's chat completions, which llama.cpp, vLLM and SGLang speak too.

Media travel as `data:` URIs: a server that is handed a URL would fetch it. Knows no server.
"""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cachetools import LRUCache
from pydantic import BaseModel, ValidationError

from visagent.core.encoding import data_uri, encode_base64
from visagent.core.errors import ModelError
from visagent.core.validation import first_problem
from visagent.evidence.values import Crop
from visagent.media.media import Media
from visagent.media.pictures import encode_picture
from visagent.models.image_sizes import sent_size
from visagent.models.protocol import Message, Reply, TokenUsage

LOSSLESS_IMAGE = 1_000_000
"""Pixels up to which an image is sent as PNG; a larger one goes as JPEG of quality 95."""

KEPT_BYTES = 64 << 20
"""Bytes of encoded media that an encoder keeps; the ones unused for longest go first."""


class MediaEncoder:
    """Encodes messages; each medium and region once, however often it is shown.

    Args:
        ids: Whether each medium carries its `uuid`, by which vLLM knows it again without hashing it. Others may refuse.
        video_frames: Frames that stand for a video, spread over its length, each with its time before it.
    """

    def __init__(self, *, ids: bool = False, video_frames: int = 8) -> None:
        self._ids, self._video_frames = ids, video_frames
        # A medium larger than all of it is encoded again each time.
        self._kept: LRUCache[str, str] = LRUCache(KEPT_BYTES, getsizeof=len)
        self._lock = threading.Lock()

    def encode(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The messages of a request, parts in their order; the same messages give the same bytes.

        Raises:
            MediaError: a medium cannot be decoded.
            MissingInput: a region's picture is not loaded.
        """
        return [{"role": message.role, "content": self._content(message)} for message in messages]

    def _content(self, message: Message) -> str | list[dict[str, Any]]:
        if isinstance(message.content, str) or all(isinstance(part, str) for part in message.content):
            return message.text
        return [item for part in message.content for item in self._parts(part)]

    def _parts(self, part: str | Crop | Media) -> list[dict[str, Any]]:
        if isinstance(part, str):
            return [{"type": "text", "text": part}]
        if isinstance(part, Crop):
            return [self._image(part)]
        if part.kind == "image":
            return [self._image(Crop.whole(part))]
        if part.kind == "audio":
            data = self._once(f"{part.hash}-audio", lambda: _wav(part))
            return [self._with_id({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}, part.hash)]
        return [item for crop in _frames(part, self._video_frames) for item in self._timed(crop)]

    def _timed(self, crop: Crop) -> list[dict[str, Any]]:
        return [{"type": "text", "text": f"[{crop.seconds:.1f} s]"}, self._image(crop)]

    def _image(self, crop: Crop) -> dict[str, Any]:
        where = ",".join(f"{edge:g}" for edge in crop.xyxy)
        key = f"{crop.media}-{where}-{crop.scale:g}" + ("" if crop.seconds is None else f"-{crop.seconds:g}s")
        url = self._once(key, lambda: _data_uri(crop))
        return self._with_id({"type": "image_url", "image_url": {"url": url}}, key)

    def _with_id(self, part: dict[str, Any], key: str) -> dict[str, Any]:
        return part | {"uuid": key} if self._ids else part

    def _once(self, key: str, encode: Any) -> str:
        with self._lock:
            if (kept := self._kept.get(key)) is not None:
                return kept
        encoded: str = encode()
        with self._lock, suppress(ValueError):
            self._kept[key] = encoded
        return encoded


def _data_uri(crop: Crop) -> str:
    picture = crop.image()
    pixels = picture.width * picture.height
    if (size := sent_size(picture.size)) != picture.size:
        from PIL.Image import Resampling

        picture = picture.resize(size, Resampling.LANCZOS)
    if pixels <= LOSSLESS_IMAGE:
        return data_uri("image/png", encode_picture(picture, "PNG"))
    return data_uri("image/jpeg", encode_picture(picture, "JPEG", quality=95, subsampling=0))


def _wav(media: Media) -> str:
    """The sound as base64 of a WAV file: 16 kHz, mono, 16 bit."""
    import numpy as np

    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes((np.clip(media.audio(), -1, 1) * 32_767).astype("<i2").tobytes())
    return encode_base64(file.getvalue())


def _frames(media: Media, limit: int) -> list[Crop]:
    """Whole frames spread evenly over a video."""
    whole = Crop.whole(media)
    length = media.info.seconds or 0.0
    count = limit if length else 1
    return [whole.model_copy(update={"seconds": round(step * length / count, 3)}) for step in range(count)]


class _TextPart(BaseModel):
    text: str = ""


class _Function(BaseModel):
    arguments: str | None = None


class _ToolCall(BaseModel):
    function: _Function = _Function()


class _Delta(BaseModel):
    content: str | list[_TextPart] | None = None
    # vLLM and llama-server call thoughts reasoning_content, OpenRouter and newer servers reasoning.
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None

    @property
    def text(self) -> str:
        """What it adds to the reply."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Choice(BaseModel):
    delta: _Delta | None = None
    # The reply of a server that does not stream.
    message: _Delta | None = None
    finish_reason: str | None = None


class _CachedTokens(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _CachedTokens | None = None


class _Chunk(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


class StreamedReply:
    """A reply that grows chunk by chunk.

    Args:
        name: Name of the model, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pieces: list[str] = []
        self._elsewhere: list[str] = []
        self._usage: _Usage | None = None
        self._finish: str | None = None

    @property
    def text(self) -> str:
        """The text so far; not what the model thinks aloud in a field of its own."""
        return "".join(self._pieces)

    def end(self) -> None:
        """Take it that the reply is whole: the server said that it is done, and gave no reason."""
        self._finish = self._finish or "stop"

    @property
    def finished(self) -> bool:
        """Whether the model said that it ended; a stream that breaks off before that is no reply."""
        return self._finish is not None

    def add(self, chunk: object) -> str:
        """Take in a chunk of the stream; gives the text that it adds.

        Raises:
            ModelError: it is no chunk, or the server withheld the reply.
        """
        try:
            parsed = _Chunk.model_validate(chunk)
        except ValidationError as error:
            raise ModelError(
                f"{self._name} sent a malformed reply: {first_problem(error, 'the whole')}.",
                "Check that the address is that of a server with OpenAI's chat completions.",
            ) from error
        self._usage = parsed.usage or self._usage
        piece = ""
        for choice in parsed.choices[:1]:
            delta = choice.delta or choice.message or _Delta()
            piece = delta.text
            called = "".join(call.function.arguments or "" for call in delta.tool_calls or ())
            self._elsewhere.append(called or delta.reasoning_content or delta.reasoning or "")
            self._finish = choice.finish_reason or self._finish
        if self._finish == "content_filter":
            raise ModelError(f"{self._name} withheld its reply: the server's filter stopped it.", "Ask otherwise.")
        if piece:
            self._pieces.append(piece)
        return piece

    def reply(self, seconds: float) -> Reply:
        """The whole reply.

        Args:
            seconds: How long it took.
        """
        # Where a server does not count, each piece is about a token.
        usage = self._usage or _Usage(prompt_tokens=0, completion_tokens=len(self._pieces))
        cached = (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
        return Reply(
            # A server that takes a reply for thoughts or for a call of a tool puts it there, and leaves the text empty.
            text=self.text or ("" if self._finish == "length" else "".join(self._elsewhere)),
            usage=TokenUsage(
                prompt=usage.prompt_tokens,
                cached=min(cached, usage.prompt_tokens),
                generated=usage.completion_tokens,
                seconds=seconds,
            ),
            truncated=self._finish == "length",
        )


def describe_parts(messages: Sequence[Message]) -> dict[str, str]:
    """How much of what a prompt holds, for a person: characters of text by role, and how many media of each kind."""
    characters: dict[str, int] = {}
    media: dict[str, int] = {}
    for message in messages:
        characters[message.role] = characters.get(message.role, 0) + len(message.text)
        for part in () if isinstance(message.content, str) else message.content:
            if not isinstance(part, str):
                kind = "image" if isinstance(part, Crop) else part.kind
                media[kind] = media.get(kind, 0) + 1
    return {role: f"{count:,} characters" for role, count in characters.items()} | {
        kind: f"{count:,} of them" for kind, count in media.items()
    }
