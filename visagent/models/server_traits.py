"""What a server was found not to take: learned from its own words once, then no request of the kind is sent again.

OpenAI's chat completions are spoken in dialects; servers say what they do not know only when they meet it. Sends
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

LEFT_OUT = "[a picture that this server cannot be shown]"
"""Stands for a picture of an example that does not fit."""


@dataclass(frozen=True)
class ServerTraits:
    """How requests to a server are worded.

    Attributes:
        schema: Where a JSON schema goes: into `response_format`, into the prompt, or, where the server takes the field
            and does not obey it, into both.
        completion_tokens: Whether the limit is called `max_completion_tokens`.
        temperature: Whether a temperature may be named.
        stream_options: Whether usage may be asked for.
        system: Whether a conversation may have a system message; otherwise the first user message begins with it.
        max_images: Pictures that a prompt may hold; None for no limit of the server's own.
        refused: Further fields that it does not know.
    """

    schema: Literal["field", "prompt", "both"] = "field"
    completion_tokens: bool = False
    temperature: bool = True
    stream_options: bool = True
    system: bool = True
    max_images: int | None = None
    refused: frozenset[str] = frozenset()

    def request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A request in the server's dialect.

        Args:
            request: Request as for a server that takes everything.
        """
        shaped = {key: value for key, value in request.items() if key not in self.refused}
        if self.completion_tokens:
            shaped["max_completion_tokens"] = shaped.pop("max_tokens")
        if not self.temperature:
            shaped.pop("temperature", None)
        if not self.stream_options:
            shaped.pop("stream_options", None)
        form = shaped.get("response_format")
        if form is not None and self.schema != "field":
            shaped["messages"] = _with_schema(shaped["messages"], form["json_schema"]["schema"])
            if self.schema == "prompt":
                del shaped["response_format"]
        if not self.system:
            shaped["messages"] = _without_system(shaped["messages"])
        if self.max_images is not None:
            shaped["messages"] = _with_images(shaped["messages"], self.max_images)
        return shaped


def images(messages: list[dict[str, Any]]) -> int:
    """How many pictures an encoded conversation shows."""
    return sum(part.get("type") == "image_url" for message in messages for part in _parts(message))


_RESPONSE_FORMAT = re.compile(r"response_format|json.?schema|structured.?output|guided|grammar")
_SYSTEM = re.compile(r"system.{0,20}(role|message|prompt|instruction)|roles?\b.{0,30}system|roles must alternate")
_MOST_IMAGES = re.compile(r"(?:at most|up to|maximum of|no more than|only) (\d+|one) ?\w* ?(?:image|picture)")
_NO_IMAGES = re.compile(
    r"not.{0,20}(multi-?modal|vision)|image_url|image input|mmproj|(not|n't) (support|accept|take).{0,20}(image|vision)"
    r"|images? (is|are) not|(unknown|invalid|unsupported).{0,30}image|(expected a|valid) string"
)


def learn(traits: ServerTraits, said: str, request: Mapping[str, Any]) -> tuple[ServerTraits, str] | None:
    """What a refusal teaches.

    Args:
        traits: What is known of the server.
        said: Its words, with the names of fields where it gives them.
        request: Request as it was sent.

    Returns:
        What is known now, and what is done from now on, in words for the log; None where the refusal is about nothing
        that could be left out.
    """
    words = said.lower()
    for rule in (_field, _schema, _system, _images):
        if (learned := rule(traits, words, request)) is not None:
            return learned
    return None


_Rule = Callable[[ServerTraits, str, Mapping[str, Any]], tuple[ServerTraits, str] | None]


def _field(traits: ServerTraits, words: str, request: Mapping[str, Any]) -> tuple[ServerTraits, str] | None:
    if "max_tokens" in request and "max_completion_tokens" in words:
        return replace(traits, completion_tokens=True), "max_completion_tokens is sent instead of max_tokens"
    if "stream_options" in request and "stream_options" in words:
        return replace(traits, stream_options=False), "stream_options is left out"
    if "temperature" in request and "temperature" in words:
        return replace(traits, temperature=False), "temperature is left out"
    known = ("model", "messages", "max_tokens", "max_completion_tokens", "response_format", "stream_options")
    for name in request:
        if name not in (*known, "temperature") and name.lower() in words:
            return replace(traits, refused=traits.refused | {name}), f"{name} is left out"
    return None


def _schema(traits: ServerTraits, words: str, request: Mapping[str, Any]) -> tuple[ServerTraits, str] | None:
    if "response_format" in request and _RESPONSE_FORMAT.search(words):
        return replace(traits, schema="prompt"), "JSON schemas stand in the prompt, and replies are checked"
    return None


def _system(traits: ServerTraits, words: str, request: Mapping[str, Any]) -> tuple[ServerTraits, str] | None:
    if any(message["role"] == "system" for message in request["messages"]) and _SYSTEM.search(words):
        return replace(traits, system=False), "the system message stands at the beginning of the user's"
    return None


def _images(traits: ServerTraits, words: str, request: Mapping[str, Any]) -> tuple[ServerTraits, str] | None:
    shown = images(request["messages"])
    if shown and (match := _MOST_IMAGES.search(words)):
        most = 1 if match[1] == "one" else int(match[1])
        if most < shown:
            return replace(traits, max_images=most), f"at most {most} pictures are shown in a prompt"
    elif shown and _NO_IMAGES.search(words):
        return replace(traits, max_images=0), "no pictures are shown"
    return None


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _joined(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Content that says both, as one text where all of it is text."""
    parts = [*first, {"type": "text", "text": "\n\n"}, *second]
    return "".join(part["text"] for part in parts) if all(part["type"] == "text" for part in parts) else parts


def _with_schema(messages: list[dict[str, Any]], schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    from visagent.models.schema_replies import asking_for

    # At the end, so that what stands before stays the same for every schema, and the server's cache serves it.
    asked = {"type": "text", "text": asking_for(schema)}
    return [*messages[:-1], {**messages[-1], "content": _joined(_parts(messages[-1]), [asked])}]


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    system = [message for message in messages if message["role"] == "system"]
    others = [message for message in messages if message["role"] != "system"]
    for message in reversed(system):
        others[0] = {**others[0], "content": _joined(_parts(message), _parts(others[0]))}
    return others


def _with_images(messages: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The conversation with pictures of earlier turns, which are examples, left out until the rest fits."""
    left = max(0, most - images(messages[-1:]))
    shaped = [messages[-1]]
    for message in reversed(messages[:-1]):
        parts = []
        for part in reversed(_parts(message)):
            if part["type"] == "image_url":
                if left <= 0:
                    part = {"type": "text", "text": LEFT_OUT}
                left -= 1
            parts.append(part)
        content = message["content"] if isinstance(message["content"], str) else parts[::-1]
        shaped.append({**message, "content": content})
    return shaped[::-1]
