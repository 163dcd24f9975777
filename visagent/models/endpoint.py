"""A model behind an OpenAI-compatible server: vLLM, SGLang, llama-server, transformers serve. Knows no prompt.

Replies are always streamed, so that a time-out means silence and not a long reply, and so that hanging up stops the
server. A stream that breaks off is asked for again from its beginning: part of a reply is never taken for one.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from visagent.core.errors import ConfigError, ModelError
from visagent.core.install import requiring
from visagent.models.chat_format import MediaEncoder
from visagent.models.checks import require_media, require_satisfiable
from visagent.models.configs import Grounding
from visagent.models.connection import Connection, StreamListener
from visagent.models.dialect import CHECK, Dialect, Server, refused
from visagent.models.grounding import chosen_convention
from visagent.models.protocol import Capabilities, Message, Reply
from visagent.models.reply_text import without_thoughts
from visagent.models.server_traits import ServerTraits
from visagent.models.text_stream import Relay

_JSON_BEGINS = '{["-0123456789tfn'


class Endpoint:
    """A model that a server holds; nothing is contacted before the first use.

    Connections are kept on an event loop of the model's own, so that they, the limit on concurrent calls and the key
    outlive the event loops of the callers.

    Args:
        base_url: The server's address up to and with its version, for example `http://localhost:8000/v1`.
        model: Model as the server calls it; None for the first that it names.
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
        grounding: How the model writes boxes; `auto` for the way of the family that its name tells.
        max_images: Pictures that a prompt may hold; None until the server refuses some.
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
        grounding: Grounding = "auto",
        max_images: int | None = None,
    ) -> None:
        self._base_url, self._model, self._api_key_env = base_url, model, api_key_env
        self._timeout, self._connect_timeout = timeout, connect_timeout
        self._concurrency, self._retries, self._extra = concurrency, retries, extra or {}
        self._given_context = context_tokens
        self._grounding = grounding
        self._dialect = Dialect(self._server, tuple(self._extra), ServerTraits(max_images=max_images), self._learned)
        self._capabilities = Capabilities(
            media=frozenset(media),
            context_tokens=context_tokens,
            parallel=concurrency,
            grounding=chosen_convention(grounding, model or "") if "image" in media else None,
            max_images=max_images,
        )
        self._media = MediaEncoder(ids=media_ids, video_frames=video_frames)
        self._changed = threading.Condition()
        self._calls = 0
        self._connection: Connection | None = None

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

    @property
    def traits(self) -> ServerTraits:
        """What the server was found not to take so far."""
        return self._dialect.traits

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
            call = self._call(connection, messages, schema, max_tokens, temperature, relay.push if on_text else None)
            return await relay.follow(asyncio.wrap_future(connection.run(call)), on_text)
        finally:
            self._end()

    # Everything below runs on the connection's own event loop.

    async def _models(self, connection: Connection) -> None:
        """Learn which model is meant, and its context."""
        import openai

        try:
            held = {model.id: model.to_dict() async for model in connection.client.models.list()}
        except openai.APIError as error:
            raise refused(self._server(), error, connection.clean) from None
        except (ValueError, TypeError, AttributeError):
            raise ModelError(f"{self.name}: the server's list of models is malformed.", CHECK) from None
        if not held or (self._model is not None and self._model not in held):
            raise ModelError(
                f"{self.name}: the server holds {', '.join(held) or 'no model'}.",
                "Name one of its models in the profile.",
            )
        self._model = self._model or next(iter(held))
        if "image" in self._capabilities.media:
            convention = chosen_convention(self._grounding, self._model)
            self._capabilities = self._capabilities.model_copy(update={"grounding": convention})
        about = held[self._model]
        # vLLM and SGLang say max_model_len, llama-server meta.n_ctx; others nothing.
        meta = about.get("meta")
        size = about.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
        if self._given_context is None and isinstance(size, int) and size > 0:
            self._capabilities = self._capabilities.model_copy(update={"context_tokens": size})

    async def _call(
        self,
        connection: Connection,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        max_tokens: int,
        temperature: float,
        push: Callable[[str], None] | None,
    ) -> Reply:
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
                **self._extra,
            }
            if schema is None:
                listener = StreamListener(self.name, push)
                reply = (await self._dialect.reply(connection, request, messages, listener)).reply(0)
                reply = reply.model_copy(update={"text": without_thoughts(reply.text)})
            else:
                request["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
                listener = StreamListener(self.name, push, opening=_JSON_BEGINS)
                reply = await self._dialect.reply_in_form(connection, request, messages, schema, listener)
            listener.finish(reply.text)
        usage = reply.usage.model_copy(update={"seconds": time.perf_counter() - started})
        return reply.model_copy(update={"usage": usage})

    def _server(self) -> Server:
        return Server(self.name, self._base_url, self._api_key_env, self._timeout, self._capabilities.context_tokens)

    def _learned(self, traits: ServerTraits) -> None:
        """Say by the capabilities what concerns those who ask."""
        update: dict[str, Any] = {"max_images": traits.max_images}
        if traits.max_images == 0:
            update |= {"media": self._capabilities.media - {"image", "video"}, "grounding": None}
        self._capabilities = self._capabilities.model_copy(update=update)

    # The connection.

    def _begin(self) -> Connection:
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

    def _open(self) -> Connection:
        with requiring("A model behind a server needs the package openai", "endpoint"):
            # openai looks for httpx among the loaded modules, where another thread may have it half loaded: this waits.
            import httpx  # noqa: F401
            import openai
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
            # Ours respect what is worth repeating: neither silence nor a quota that is used up is.
            max_retries=0,
            timeout=openai.Timeout(self._timeout, connect=self._connect_timeout),
        )
        return Connection(client, self._concurrency, self._retries, key)
