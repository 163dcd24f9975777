"""A model behind an OpenAI-compatible server: vLLM, SGLang, llama-server, transformers serve. Knows no prompt.

Replies are always streamed, so that a time-out means silence and not a long reply, and so that hanging up stops the
server. A stream that breaks off is asked for again from its beginning: part of a reply is never taken for one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from visagent.core.errors import ConfigError, MissingDependency, ModelError
from visagent.models.chat_format import MediaEncoder, StreamedReply, describe_parts
from visagent.models.checks import context_overflow, require_media, require_satisfiable
from visagent.models.protocol import Capabilities, Message, Reply
from visagent.models.text_stream import Relay

if TYPE_CHECKING:
    import openai

BREAKS = 2
"""How often a reply whose stream broke off is asked for again."""

_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|maximum.{0,20}context|max_model_len", re.IGNORECASE)
_LOOK = "Check base_url and model in the profile, and the server's own log."


class _Broken(Exception):
    """The stream ended before the reply did."""


class Endpoint:
    """A model that a server holds; nothing is contacted before the first use.

    Connections are kept on an event loop of the model's own, so that they, the limit on concurrent calls and the key
    outlive the event loops of the callers.

    Args:
        base_url: The server's address up to and with its version, for example `http://localhost:8000/v1`.
        model: As the server calls it; None for the first that it names.
        api_key_env: The environment variable that holds the key; None where the server wants none.
        media: What the model can be shown; servers do not tell. A video is shown as frames.
        context_tokens: Size of the context; None to ask the server.
        timeout: Seconds without a byte after which the server counts as gone.
        connect_timeout: Seconds for opening a connection.
        concurrency: Calls at once; further ones wait here.
        retries: How often a call is repeated that found no connection, too many requests (429) or a broken server
            (5xx): after the time that the server names in `Retry-After`, or after longer and longer ones with jitter.
        video_frames: Frames that stand for a video.
        media_ids: Whether media carry the `uuid` by which vLLM knows them again. Other servers may refuse it.
        extra: Further fields of every request, for example `{"chat_template_kwargs": {"enable_thinking": False}}`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str | None = None,
        api_key_env: str | None = None,
        media: Sequence[Literal["image", "audio", "video"]] = ("image", "video"),
        context_tokens: int | None = None,
        timeout: float = 120.0,
        connect_timeout: float = 10.0,
        concurrency: int = 8,
        retries: int = 5,
        video_frames: int = 8,
        media_ids: bool = False,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self._base_url, self._model, self._api_key_env = base_url, model, api_key_env
        self._timeout, self._connect_timeout = timeout, connect_timeout
        self._concurrency, self._retries, self._extra = concurrency, retries, extra or {}
        self._given_context = context_tokens
        self._capabilities = Capabilities(media=frozenset(media), context_tokens=context_tokens, parallel=concurrency)
        self._media = MediaEncoder(ids=media_ids, video_frames=video_frames)
        self._changed = threading.Condition()
        self._calls = 0
        self._connection: _Connection | None = None

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    @property
    def name(self) -> str:
        """The model's name at its server."""
        address = urlsplit(self._base_url)
        return f"{self._model or 'model'}@{address.netloc.rpartition('@')[2]}"

    @property
    def capabilities(self) -> Capabilities:
        """See `MLLM.capabilities`; the size of the context is known once the server was asked for it, by `load`."""
        return self._capabilities

    def load(self) -> None:
        """Ask the server which models it holds, and how large their context is.

        Raises:
            ConfigError: the key's environment variable is not set.
            ModelError: the server cannot be reached, refuses the key, or lacks the model.
            MissingDependency: openai is not installed.
        """
        connection = self._begin()
        try:
            connection.run(self._models(connection)).result()
        finally:
            self._end()

    def close(self) -> None:
        """See `MLLM.close`: hangs up; calls that are running are waited for."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls == 0)
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """See `MLLM.chat`.

        Raises:
            ConfigError: the key's environment variable is not set.
            ContextOverflow: the prompt does not fit.
            ModelError: the server cannot be reached, refuses, ignores the schema or sends what is no reply.
            MissingDependency: openai is not installed.
        """
        require_media(self.name, self.capabilities, messages)
        if schema is not None:
            require_satisfiable(self.name, schema)
        relay = Relay()
        connection = self._begin()
        try:
            call = self._call(connection, messages, schema, max_tokens, temperature, relay.tell if on_text else None)
            return await relay.follow(asyncio.wrap_future(connection.run(call)), on_text)
        finally:
            self._end()

    # Everything below runs on the connection's own event loop.

    async def _models(self, connection: _Connection) -> None:
        """Learn which model is meant, and its context."""
        import openai

        try:
            held = {model.id: model.to_dict() async for model in connection.client.models.list()}
        except openai.APIError as error:
            raise self._refused(connection, error) from None
        except (ValueError, TypeError, AttributeError):
            raise ModelError(f"{self.name}: the server's list of models is malformed.", _LOOK) from None
        if not held or (self._model is not None and self._model not in held):
            raise ModelError(
                f"{self.name}: the server holds {', '.join(held) or 'no model'}.",
                "Name one of its models in the profile.",
            )
        self._model = self._model or next(iter(held))
        about = held[self._model]
        # vLLM and SGLang say max_model_len, llama-server meta.n_ctx; others nothing.
        meta = about.get("meta")
        size = about.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
        if self._given_context is None and isinstance(size, int) and size > 0:
            self._capabilities = self._capabilities.model_copy(update={"context_tokens": size})

    async def _call(
        self,
        connection: _Connection,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        max_tokens: int,
        temperature: float,
        tell: Callable[[str], None] | None,
    ) -> Reply:
        from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        started = time.perf_counter()
        async with connection.places:
            if self._model is None:
                await self._models(connection)
            request: dict[str, Any] = {
                "model": self._model,
                # Encoding pictures takes a while: other calls go on meanwhile.
                "messages": await asyncio.to_thread(self._media.encode, messages),
                "max_tokens": max_tokens,
                "temperature": temperature,
                "stream_options": {"include_usage": True},
                "extra_body": self._extra or None,
            }
            if schema is not None:
                request["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
            told = _Told(self.name, tell)
            retrying = AsyncRetrying(
                stop=stop_after_attempt(1 + BREAKS),
                wait=wait_random_exponential(multiplier=0.5, max=8),
                retry=retry_if_exception_type(_Broken),
                reraise=True,
            )
            try:
                streamed: StreamedReply = await retrying(self._stream, connection, request, messages, told)
            except _Broken:
                raise ModelError(
                    f"{self.name} broke off its reply {1 + BREAKS} times.",
                    "See the server's log for why, restart it, then ask again.",
                ) from None
        reply = streamed.reply(time.perf_counter() - started)
        if schema is not None and not reply.truncated:
            self._require_schema(reply.text, schema)
        return reply

    async def _stream(
        self, connection: _Connection, request: dict[str, Any], messages: Sequence[Message], told: _Told
    ) -> StreamedReply:
        import openai

        streamed = StreamedReply(self.name)
        try:
            stream = await connection.client.chat.completions.create(**request, stream=True)
        except openai.APIError as error:
            raise self._refused(connection, error, messages) from None
        try:
            async with stream:
                async for chunk in stream:
                    if streamed.add(chunk.to_dict(warnings=False) if hasattr(chunk, "to_dict") else chunk):
                        told.tell(streamed.text)
        except openai.APIConnectionError:
            raise _Broken from None
        except openai.APIError as error:
            raise self._refused(connection, error, messages) from None
        except ValueError:
            raise ModelError(f"{self.name} sent a malformed reply: what should be JSON is not.", _LOOK) from None
        if not streamed.finished:
            raise _Broken
        return streamed

    def _refused(self, connection: _Connection, error: openai.APIError, messages: Sequence[Message] = ()) -> ModelError:
        """The error to raise for one of the client's, without the key and without what was sent."""
        import openai

        body = error.body if isinstance(error.body, dict) else {}
        said = connection.clean(str(body.get("message") or error.message))
        if isinstance(error, openai.APITimeoutError):
            return ModelError(
                f"{self.name} was silent for {self._timeout:g} seconds.",
                "Raise timeout in the profile, or ask for less.",
            )
        if isinstance(error, openai.APIConnectionError):
            return ModelError(
                f"{self.name} cannot be reached at {self._base_url}: {connection.clean(str(error.__cause__ or said))}.",
                "Start the server, or correct base_url in the profile.",
            )
        status = error.status_code if isinstance(error, openai.APIStatusError) else None
        if status in (401, 403):
            key = f"the key in {self._api_key_env}" if self._api_key_env else "a call without a key"
            return ModelError(
                f"{self.name} refuses {key}: {said}.",
                "Set api_key_env in the profile to the environment variable that holds a valid key.",
            )
        code = f"{body.get('code')} {body.get('type')}"
        if "context_length" in code or "exceed_context" in code or (status == 400 and _TOO_LONG.search(said)):
            words = said.replace(",", "")
            held = re.search(r"context\D{0,40}(\d+)", words)
            limit = self._capabilities.context_tokens or int(held[1] if held else 0)
            total = max(map(int, re.findall(r"\d+", words)), default=0)
            return context_overflow(self.name, limit, total, describe_parts(messages))
        which = "" if status is None else f" ({status})"
        return ModelError(f"{self.name} failed{which}: {said}.", _LOOK)

    def _require_schema(self, text: str, schema: dict[str, Any]) -> None:
        from jsonschema import ValidationError, validate

        try:
            validate(json.loads(text), schema)
        except (ValueError, ValidationError) as error:
            problem = error.message if isinstance(error, ValidationError) else "it is not JSON"
            raise ModelError(
                f"{self.name} ignored the JSON schema it was sent: {problem[:200]}.",
                "Use a server that honours response_format json_schema, such as vLLM, SGLang or llama-server.",
            ) from None

    # The connection.

    def _begin(self) -> _Connection:
        """The connection, opened if it is not; nobody closes it before `_end`."""
        with self._changed:
            if self._connection is None:
                self._connection = self._open()
                weakref.finalize(self, self._connection.abandon)
            self._calls += 1
            return self._connection

    def _end(self) -> None:
        with self._changed:
            self._calls -= 1
            self._changed.notify_all()

    def _open(self) -> _Connection:
        try:
            import openai
        except ImportError as error:
            raise MissingDependency(
                "A model behind a server needs the openai package, which is not installed.",
                'pip install "visagent[endpoint]"',
            ) from error
        key = os.environ.get(self._api_key_env, "") if self._api_key_env else ""
        if self._api_key_env and not key:
            raise ConfigError(
                f"{self.name} wants a key, and the environment variable {self._api_key_env} is not set.",
                f"Set {self._api_key_env}, or api_key_env in the profile to the variable that holds the key.",
            )
        client = openai.AsyncOpenAI(
            # Never the key of OPENAI_API_KEY by default: it would be sent to whatever server the profile names.
            api_key=key or "none",
            base_url=self._base_url,
            max_retries=self._retries,
            timeout=openai.Timeout(self._timeout, connect=self._connect_timeout),
        )
        return _Connection(client, self._concurrency, key)


class _Told:
    """Passes text on to a listener, who must not hear the beginning again when a broken reply is repeated."""

    def __init__(self, name: str, tell: Callable[[str], None] | None) -> None:
        self._name, self._tell, self._heard = name, tell, ""

    def tell(self, text: str) -> None:
        """Pass on what is new in the text so far."""
        if self._tell is None:
            return
        known = min(len(text), len(self._heard))
        if text[:known] != self._heard[:known]:
            raise ModelError(
                f"{self._name} broke off its reply, and its second reply begins otherwise than the part already shown.",
                "Ask again.",
            )
        if len(text) > known:
            self._tell(text[known:])
            self._heard = text


class _Connection:
    """A client and the event loop, in a thread of its own, that its connections belong to."""

    def __init__(self, client: openai.AsyncOpenAI, concurrency: int, key: str) -> None:
        self.client = client
        self.places = asyncio.Semaphore(concurrency)
        self._key = key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="visagent-endpoint")
        self._thread.start()

    def run(self, work: Any) -> Any:
        """Start a coroutine; gives a `concurrent.futures.Future`."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def clean(self, text: str) -> str:
        """A server's words in one line, without the key, should the server repeat it."""
        line = " ".join(text.split()).rstrip(".")
        return (line.replace(self._key, "***") if self._key else line)[:400]

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
