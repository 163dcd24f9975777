"""A connection to an OpenAI-compatible server: its event loop, its key, its retries. Knows no prompt and no dialect."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ModelError

if TYPE_CHECKING:
    import openai
    from tenacity import RetryCallState

LONGEST_WAIT = 60.0
"""Seconds that a server's `Retry-After` may ask for at most."""

_MOST_OTHER = 100_000
"""Characters of a reply that is no stream; beyond, it is none of a chat server's."""


class NotAStream(Exception):
    """The server answered with one body instead of a stream; `body` is its JSON, None where it is not JSON."""

    def __init__(self, body: Any) -> None:
        super().__init__("not a stream")
        self.body = body


class Connection:
    """A client and the event loop, in a thread of its own, that its connections belong to.

    Args:
        client: Makes no retries of its own.
        concurrency: Calls at once.
        retries: How often a call is repeated that failed for a passing reason.
        key: Is kept out of every message.
    """

    def __init__(self, client: openai.AsyncOpenAI, concurrency: int, retries: int, key: str) -> None:
        self.client = client
        self.places = asyncio.Semaphore(concurrency)
        self._retries, self._key = retries, key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="visagent-endpoint")
        self._thread.start()

    def run(self, work: Any) -> Any:
        """Start a coroutine; gives a `concurrent.futures.Future`."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def clean(self, text: str) -> str:
        """A server's words in one line, without markup, and without the key, should the server repeat it."""
        if re.match(r"\s*<(!doctype|html)", text, re.IGNORECASE):
            text = re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
        line = "".join(char if char.isprintable() else " " for char in " ".join(text.split())).rstrip(". ")
        return (line.replace(self._key, "***") if self._key else line)[:400]

    @asynccontextmanager
    async def stream(
        self, request: Mapping[str, Any], hopeless: Callable[[openai.APIError], bool]
    ) -> AsyncIterator[AsyncIterator[Any]]:
        """The events of a streamed reply as JSON, up to `[DONE]`; leaving the context hangs up.

        Args:
            request: Request in the server's dialect.
            hopeless: Whether repeating a call that was refused so is of no use.

        Raises:
            openai.APIError: the server cannot be reached or refuses, after all retries.
        """
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + self._retries),
            wait=_pause,
            retry=retry_if_exception(lambda error: _passing(error) and not hopeless(error)),  # type: ignore[arg-type]
            reraise=True,
        )
        opened: Any = await retrying(self._open, request)
        try:
            yield _events(opened)
        finally:
            await opened.close()

    async def _open(self, request: Mapping[str, Any]) -> Any:
        # The context that it gives is entered here and left by `stream`: a retry needs the status, not the body.
        opening = self.client.chat.completions.with_streaming_response.create(**request, stream=True)
        return await opening.__aenter__()

    def close(self) -> None:
        """Hang up, and wait for the end of the thread."""
        self.abandon()
        self._thread.join()

    def abandon(self) -> None:
        """Hang up without waiting; harmless when that was done before."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _hang_up(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.client.close()
        await asyncio.get_running_loop().shutdown_default_executor()


async def _events(response: Any) -> AsyncIterator[Any]:
    """The data of server-sent events, read until `[DONE]` or the end.

    Ends with True where the server said that it was done.

    Raises:
        NotAStream: the body is something else.
    """
    other: list[str] = []
    some, pending = False, ""
    async for line in response.iter_lines():
        if pending:
            yield json.loads(pending)
            pending = ""
        field, _, data = line.partition(":")
        if field == "data":
            some, pending = True, data.strip()
            if pending == "[DONE]":
                yield True
                return
        elif field not in ("", "event", "id", "retry") and not some and sum(map(len, other)) < _MOST_OTHER:
            other.append(line)
    # A line that nothing follows may have been cut: then the stream broke off, and nothing is malformed.
    with suppress(ValueError):
        if pending:
            yield json.loads(pending)
    if other and not some:
        try:
            body = json.loads("\n".join(other))
        except ValueError:
            body = None
        raise NotAStream(body)


def _passing(error: BaseException) -> bool:
    """Whether an error may be gone the next time: no connection, a busy or a broken server; never silence."""
    import httpx2
    import openai

    if isinstance(error, openai.APITimeoutError):
        return isinstance(error.__cause__, httpx2.ConnectTimeout)
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, openai.APIConnectionError)


def _pause(state: RetryCallState) -> float:
    """Seconds before the next attempt: what the server asks for, or longer and longer ones with jitter."""
    import openai
    from tenacity import wait_random_exponential

    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, openai.APIStatusError):
        try:
            return min(max(0.0, float(error.response.headers["retry-after"])), LONGEST_WAIT)
        except (KeyError, ValueError):
            pass
    return wait_random_exponential(multiplier=0.5, max=8)(state)


class StreamListener:
    """Passes text on to a listener, who must not hear the beginning again when a broken reply is repeated.

    Args:
        name: Name of the model, for messages.
        push: The listener; None where nobody listens.
        opening: Characters one of which the text begins with; text that begins otherwise is kept back.
    """

    def __init__(self, name: str, push: Callable[[str], None] | None, opening: str = "") -> None:
        self._name, self._push, self._opening, self.heard = name, push, opening, ""

    def push(self, text: str) -> None:
        """Pass on what is new in the text so far.

        Raises:
            ModelError: the text begins otherwise than what was passed on.
        """
        if self._push is None:
            return
        begins = text.lstrip()[:1]
        if not self.heard and (begins not in self._opening if self._opening else begins == "<"):
            return
        known = min(len(text), len(self.heard))
        if text[:known] != self.heard[:known]:
            raise ModelError(
                f"{self._name} broke off its reply, and its second reply begins otherwise than the part already shown.",
                "Ask again.",
            )
        if len(text) > known:
            self._push(text[known:])
            self.heard = text

    def finish(self, text: str) -> None:
        """Pass on what is left of the reply, thoughts and wrapping removed."""
        if self._push is not None and text.startswith(self.heard) and text != self.heard:
            self._push(text[len(self.heard) :])
            self.heard = text
