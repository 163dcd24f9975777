"""The one protocol that all models satisfy. Knows no backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, TypeAlias, runtime_checkable

from pydantic import Field

from visagent.evidence.values import Crop, Frozen
from visagent.media.media import Media
from visagent.models.grounding import Convention

Part: TypeAlias = str | Crop | Media
"""A piece of a message: text, an image or a region of one, or a clip of sound or video."""


@dataclass(frozen=True)
class Message:
    """One turn of a chat; text and media stand in the order in which the model is to read them."""

    role: Literal["system", "user", "assistant"]
    content: str | tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return self.content if isinstance(self.content, str) else "".join(p for p in self.content if isinstance(p, str))


class Capabilities(Frozen):
    """What a model can do.

    Attributes:
        media: Kinds of media that it can be shown.
        constrained: Whether it can be held to a JSON schema.
        context_tokens: Size of its context; None where unknown.
        parallel: Calls that it works on at once; further ones wait their turn.
        max_images: Pictures that one conversation may show; None for no limit of its own. Frames of a video count.
        grounding: How it writes boxes; None where it cannot locate things.
    """

    media: frozenset[Literal["image", "audio", "video"]] = frozenset()
    constrained: bool = True
    context_tokens: int | None = None
    parallel: Annotated[int, Field(ge=1)] = 1
    max_images: Annotated[int, Field(ge=0)] | None = None
    grounding: Convention | None = None


class TokenUsage(Frozen):
    """What one reply cost.

    Attributes:
        prompt: Tokens of the prompt, with the cached ones.
        cached: Tokens of the prompt whose key-value cache was reused.
        generated: Tokens of the reply.
        seconds: Wall-clock time.
        calls: Calls of the model that it took: more than one where it was asked again for the form of its reply.
    """

    prompt: Annotated[int, Field(ge=0)] = 0
    cached: Annotated[int, Field(ge=0)] = 0
    generated: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=0)] = 0.0
    calls: Annotated[int, Field(ge=0)] = 1

    def __add__(self, other: TokenUsage) -> TokenUsage:
        """What both cost together."""
        return TokenUsage(
            prompt=self.prompt + other.prompt,
            cached=self.cached + other.cached,
            generated=self.generated + other.generated,
            seconds=self.seconds + other.seconds,
            calls=self.calls + other.calls,
        )


class Reply(Frozen):
    """A model's reply.

    Attributes:
        text: Without special tokens.
        usage: What it cost.
        truncated: Whether it ran into `max_tokens`.
    """

    text: str
    usage: TokenUsage = TokenUsage()
    truncated: bool = False


@runtime_checkable
class MLLM(Protocol):
    """A language model, multimodal or not. Concurrent calls of `chat` are batched where the backend can."""

    @property
    def name(self) -> str:
        """What a person knows it by."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def load(self) -> None:
        """Load it now rather than on first use; blocking, safe to call from another thread, and more than once.

        Raises:
            ModelError: it cannot be loaded.
        """
        ...

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Reply to a conversation. Cancelling the call stops the generation, so `asyncio.timeout` limits its time.

        Any event loop may call, and several at once.

        Args:
            messages: The conversation; the last one is the user's. Stable parts come first, so that the key-value
                cache of a shared prefix can be reused.
            schema: JSON schema that the reply satisfies.
            max_tokens: Tokens to generate at most.
            temperature: 0 for greedy.
            on_text: Called with each new piece of text as it is generated, in the event loop's thread; the pieces join
                to the reply's text. What it raises ends the call.

        Raises:
            ContextOverflow: the prompt does not fit; says how many tokens it has, and of what.
            ModelError: the model failed, cannot be shown a medium, or no text satisfies the schema.
        """
        ...

    def close(self) -> None:
        """Free the memory; the next call loads again."""
        ...
