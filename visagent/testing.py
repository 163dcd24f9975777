"""For tests of your own: a model with scripted replies, and tools that count their calls. No weights, no network.

    from visagent import Agent
    from visagent.testing import ScriptedModel

    model = ScriptedModel([{"tool": "detect", "label": "cup"}, {"tool": "count", "items": "$q1"}])
    agent = Agent("embedded", models={"controller": model}, home=tmp_path)
    assert agent.ask("How many cups are there?", "coffee.png").tree.nodes[1].solver.tool == "count"
    assert "How many cups" in model.prompts[0]

Where a program makes the agent itself (the command line, a server), a profile can name the backend `scripted`:
`models: {main: {backend: scripted, replies: ['{"steps": [...]}']}}`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import JsonValue

from visagent.core.backends import ModelConfig
from visagent.evidence.values import Crop
from visagent.models.backends import Backend
from visagent.models.protocol import Capabilities, Message, Reply, TokenUsage
from visagent.tools.toolkit import Tool, tool

Scripted: TypeAlias = str | Mapping[str, Any] | Sequence[Mapping[str, Any]] | Exception
"""A reply: text as it is, an object as its JSON, a plan as its steps, or an error that the call raises."""
ReplyTo: TypeAlias = Callable[[Sequence[Message], dict[str, Any] | None], Scripted]
"""Makes a reply of the messages of a call, and of the JSON schema that the reply is to satisfy."""


class ScriptedModel:
    """A model (see `visagent.models.protocol.MLLM`) that gives the replies of its script, one a call.

    Args:
        *replies: What it replies, in order, or what makes the reply; the last one is repeated for ever.
        name: What the model calls itself.
        media: Kinds of media that it may be shown; with some, it can look and listen itself.
        tokens: Generated tokens that each reply counts for.
        keep: Calls of which the record is kept, the last ones; None for all.

    Attributes:
        prompts: The text of the last message of each call, oldest first.
        conversations: All messages of each call, oldest first.
        schemas: The JSON schema of each call, None for a call without one.
    """

    def __init__(
        self,
        *replies: Scripted | ReplyTo,
        name: str = "scripted",
        media: Iterable[Literal["image", "audio", "video"]] = (),
        tokens: int = 0,
        keep: int | None = None,
    ) -> None:
        if not replies:
            raise ValueError("a scripted model needs at least one reply")
        self.name = name
        self.capabilities = Capabilities(media=frozenset(media))
        self.prompts: list[str] = []
        self.conversations: list[Sequence[Message]] = []
        self.schemas: list[dict[str, Any] | None] = []
        self._replies, self._keep, self._calls = replies, keep, 0
        self._usage = TokenUsage(generated=tokens)

    def load(self) -> None:
        """Do nothing: there is nothing to load."""

    def close(self) -> None:
        """Do nothing: there is nothing to free."""

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """The next reply of the script; the limit is not looked at."""
        self.prompts.append(messages[-1].text)
        self.conversations.append(messages)
        self.schemas.append(schema)
        self._calls += 1
        if self._keep is not None:
            for record in (self.prompts, self.conversations, self.schemas):
                del record[: -self._keep]
        reply = self._replies[min(self._calls, len(self._replies)) - 1]
        text = _text(reply(messages, schema) if callable(reply) else reply)
        if on_text is not None:
            on_text(text)
        return Reply(text=text, usage=self._usage)


def _text(reply: Scripted) -> str:
    if isinstance(reply, Exception):
        raise reply
    if isinstance(reply, str):
        return reply
    return json.dumps(reply if isinstance(reply, Mapping) else {"steps": list(reply)})


class ScriptedConfig(ModelConfig):
    """The options of a `ScriptedModel` in a profile.

    Attributes:
        backend: `scripted`.
        replies: See `ScriptedModel`.
        media: See `ScriptedModel`.
    """

    backend: Literal["scripted"] = "scripted"
    replies: tuple[str | dict[str, JsonValue] | list[dict[str, JsonValue]], ...]
    media: tuple[Literal["image", "audio", "video"], ...] = ()


scripted = Backend(ScriptedConfig, lambda config, home: ScriptedModel(*config.replies, media=config.media, keep=1))
"""The backend `scripted`."""


def slow_tools(log: Path, delays: Mapping[str, float]) -> list[Tool]:
    """The tools `look(image, name)`, which gives the name, and `join(a, b)`, which gives "a+b".

    Args:
        log: A file to which each call adds one line, the name or the joined text, when it is done.
        delays: Seconds that a call takes, by the name that is looked for, and for `join`; none where not given.
    """

    @tool(cache=False)
    def look(image: Crop, name: str) -> str:
        """Look for a name."""
        time.sleep(delays.get(name, 0.0))
        with log.open("a") as file:
            file.write(f"{name}\n")
        return name

    @tool(cache=False)
    def join(a: str, b: str) -> str:
        """Join two texts."""
        time.sleep(delays.get("join", 0.0))
        with log.open("a") as file:
            file.write(f"{a}+{b}\n")
        return f"{a}+{b}"

    return [look, join]
