"""Replies from a server whose dialect is learned on the way, and what its refusals mean. Opens no connection."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from visagent.core.errors import ContextOverflow, ModelError, ReplyMismatch
from visagent.models.chat_format import StreamedReply, describe_parts
from visagent.models.checks import context_overflow
from visagent.models.connection import Connection, NotAStream, StreamListener
from visagent.models.protocol import Message, Reply, TokenUsage
from visagent.models.reply_text import without_thoughts
from visagent.models.schema_replies import SchemaMismatch, asking_again, satisfying
from visagent.models.server_traits import ServerTraits, images, learn

if TYPE_CHECKING:
    import openai

_log = logging.getLogger(__name__)

BREAKS = 2
"""How often a reply whose stream broke off is asked for again."""

REPAIRS = 1
"""How often a reply that misses its schema is sent back, where the server does not hold the model to it."""

MOST_LEARNED = 10
"""Refusals of one call that teach something at most."""

CHECK = "Check base_url and model in the profile, and the server's own log."

_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|maximum.{0,20}context|max_model_len", re.IGNORECASE)


@dataclass(frozen=True)
class Server:
    """What messages about a server name.

    Attributes:
        name: Name of the model at its server.
        base_url: Its address.
        api_key_env: The environment variable with the key, if it has one.
        timeout: Seconds of silence after which it counts as gone.
        context_tokens: Size of its context, where that is known.
    """

    name: str
    base_url: str
    api_key_env: str | None
    timeout: float
    context_tokens: int | None


class _Broken(Exception):
    """The stream ended before the reply did; `said` is the server's reason, where it gave one."""

    def __init__(self, said: str = "") -> None:
        super().__init__(said)
        self.said = said


class _Refusal(Exception):
    """The server does not take a request as it was worded; `learned` says how it may."""

    def __init__(self, error: ModelError, learned: tuple[ServerTraits, str]) -> None:
        super().__init__(str(error))
        self.error, self.learned = error, learned


class Dialect:
    """How a server is spoken to.

    Args:
        server: What messages name.
        extra: Names of fields that are no part of OpenAI's API.
        traits: What is known of the server.
        on_learned: Called with what is known from then on.
    """

    def __init__(
        self,
        server: Callable[[], Server],
        extra: Sequence[str],
        traits: ServerTraits,
        on_learned: Callable[[ServerTraits], None],
    ) -> None:
        self.traits = traits
        self._server, self._extra, self._on_learned = server, extra, on_learned
        self._about_images = ""

    def learn(self, traits: ServerTraits, what: str) -> None:
        """Keep what was learned, and say so once.

        Args:
            traits: What is known now.
            what: What is done from now on.
        """
        _log.warning("%s does not take everything that it is sent: %s from now on", self._server().name, what)
        self.traits = traits
        self._on_learned(traits)

    async def reply(
        self, connection: Connection, request: dict[str, Any], messages: Sequence[Message], listener: StreamListener
    ) -> StreamedReply:
        """A whole reply; one that breaks off is asked for again, and what is refused is worded otherwise.

        Args:
            connection: To the server.
            request: Request as for a server that takes everything.
            messages: What it was encoded from, for messages about its size.
            listener: Hears the text as it comes.

        Raises:
            ContextOverflow: the prompt does not fit.
            ModelError: the server cannot be reached, refuses for good, or sends what is no reply.
        """
        from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + BREAKS),
            wait=wait_random_exponential(multiplier=0.5, max=8),
            retry=retry_if_exception_type(_Broken),
            reraise=True,
        )
        name = self._server().name
        for _ in range(MOST_LEARNED):
            self._require_room(request)
            try:
                streamed: StreamedReply = await retrying(self._stream, connection, request, messages, listener)
                return streamed
            except _Refusal as refusal:
                traits, what = refusal.learned
                if traits.max_images != self.traits.max_images:
                    self._about_images = refusal.error.fact
                self.learn(traits, what)
            except _Broken as broken:
                if broken.said:
                    raise ModelError(
                        f"{name} failed: {broken.said}.", "Wait until it is ready, then ask again."
                    ) from None
                raise ModelError(
                    f"{name} broke off its reply {1 + BREAKS} times.",
                    "See the server's log for why, restart it, then ask again.",
                ) from None
        raise ModelError(f"{name} refused a request in {MOST_LEARNED} wordings.", CHECK)

    async def reply_in_form(
        self,
        connection: Connection,
        request: dict[str, Any],
        messages: Sequence[Message],
        schema: dict[str, Any],
        listener: StreamListener,
    ) -> Reply:
        """A reply that satisfies a schema, asked for again where the model was not held to it and missed it.

        Args:
            connection: To the server.
            request: Request as for a server that takes everything.
            messages: What it was encoded from.
            schema: What the reply is to satisfy.
            listener: Hears the text as it comes, where the server holds the model to the schema.

        Raises:
            ReplyMismatch: it does not, even then.
            ModelError: as `reply`.
        """
        name = self._server().name
        usage, asked, problem, found = TokenUsage(calls=0), request["messages"], "", ""
        for _ in range(1 + REPAIRS):
            held = self.traits.schema == "field"
            heard_by = listener if held else StreamListener(name, None)
            reply = (await self.reply(connection, request, messages, heard_by)).reply(0)
            usage += reply.usage
            if reply.truncated:
                return reply.model_copy(update={"usage": usage})
            try:
                text = satisfying(reply.text, schema)
            except SchemaMismatch as mismatch:
                problem, found = connection.clean(str(mismatch)), mismatch.found or without_thoughts(reply.text)
            else:
                return reply.model_copy(update={"text": text, "usage": usage})
            if listener.heard:
                # A listener has been shown what turned out to be wrong: it cannot be taken back.
                break
            if held and self.traits.schema == "field":
                self.learn(replace(self.traits, schema="both"), "JSON schemas stand in the prompt as well")
            again = [
                {"role": "assistant", "content": reply.text[:1000] or "…"},
                {"role": "user", "content": asking_again(problem)},
            ]
            request = request | {"messages": [*asked, *again]}
        raise ReplyMismatch(
            f"{name} ignored the JSON schema it was sent: {problem[:200]}.",
            "Use a larger model, or a server that honours response_format json_schema, such as vLLM, SGLang or "
            "llama-server.",
            found,
            usage,
        )

    async def _stream(
        self, connection: Connection, request: dict[str, Any], messages: Sequence[Message], listener: StreamListener
    ) -> StreamedReply:
        import httpx2
        import openai

        server = self._server()
        streamed = StreamedReply(server.name)
        sent = self.traits.request(request)
        call: dict[str, Any] = {key: value for key, value in sent.items() if key not in self._extra}
        call["extra_body"] = {key: value for key, value in sent.items() if key in self._extra} or None

        def hopeless(error: openai.APIError) -> bool:
            return not _worth_repeating(error) or learn(self.traits, _words(error), sent) is not None

        try:
            async with connection.stream(call, hopeless) as events:
                async for event in events:
                    if event is True:
                        streamed.end()
                    elif isinstance(event, dict) and event.get("error"):
                        raise self._said(event, connection, sent)
                    elif streamed.add(event):
                        listener.push(streamed.text)
        except NotAStream as other:
            if not isinstance(other.body, dict) or not other.body.get("choices"):
                raise self._said(other.body, connection, sent) from None
            streamed.add(other.body)
            streamed.end()
        except httpx2.ReadTimeout:
            raise _silent(server) from None
        except httpx2.TransportError:
            raise _Broken from None
        except openai.APIError as error:
            problem = refused(server, error, connection.clean, messages)
            learned = None if isinstance(problem, ContextOverflow) else learn(self.traits, _words(error), sent)
            raise (problem if learned is None else _Refusal(problem, learned)) from None
        except ValueError:
            raise ModelError(f"{server.name} sent a malformed reply: what should be JSON is not.", CHECK) from None
        if not streamed.finished:
            raise _Broken
        return streamed

    def _said(self, body: Any, connection: Connection, sent: dict[str, Any]) -> Exception:
        """The error for a body that is no reply: a refusal that came with status 200, or something else."""
        name = self._server().name
        if not isinstance(body, dict):
            return ModelError(f"{name} sent a malformed reply: it is no stream and not JSON.", CHECK)
        error = body.get("error") or body.get("detail") or body
        details = error if isinstance(error, dict) else {"message": error}
        said = connection.clean(str(details.get("message") or error))
        code = details.get("code")
        if isinstance(code, int) and (code == 429 or code >= 500):
            return _Broken(said)
        failed = ModelError(f"{name} failed: {said}.", CHECK)
        learned = learn(self.traits, json.dumps(body), sent)
        return failed if learned is None else _Refusal(failed, learned)

    def _require_room(self, request: dict[str, Any]) -> None:
        """Check that the pictures of the last message, which are no examples, fit into a prompt."""
        most, shown = self.traits.max_images, images(request["messages"][-1:])
        if most is not None and shown > most:
            name = self._server().name
            why = f" ({self._about_images.rstrip('.')})" if self._about_images else ""
            raise ModelError(
                f"{name} takes {most or 'no'} picture{'' if most == 1 else 's'} a prompt and was to be shown "
                f"{shown}{why}.",
                "Ask about fewer pictures at once, or raise the server's limit (vLLM: --limit-mm-per-prompt)."
                if most
                else "Serve a model that sees; llama-server needs its mmproj file too.",
            )


def refused(
    server: Server, error: openai.APIError, clean: Callable[[str], str], messages: Sequence[Message] = ()
) -> ModelError:
    """The error to raise for one of the client's, without the key and without what was sent.

    Args:
        server: The server whose model it is.
        error: The client's.
        clean: Makes one safe line of the server's words.
        messages: What was asked, for its size.
    """
    import httpx2
    import openai

    said = clean(_message(error))
    if isinstance(error, openai.APITimeoutError) and not isinstance(error.__cause__, httpx2.ConnectTimeout):
        return _silent(server)
    if isinstance(error, openai.APIConnectionError):
        return ModelError(
            f"{server.name} cannot be reached at {server.base_url}: {clean(str(error.__cause__ or said))}.",
            "Start the server, or correct base_url in the profile.",
        )
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    if status in (401, 403):
        key = f"the key in {server.api_key_env}" if server.api_key_env else "a call without a key"
        return ModelError(
            f"{server.name} refuses {key}: {said}.",
            "Set api_key_env in the profile to the environment variable that holds a valid key.",
        )
    if _too_long(error, said):
        words = said.replace(",", "")
        held = re.search(r"context\D{0,40}(\d+)", words)
        limit = server.context_tokens or int(held[1] if held else 0)
        total = max(map(int, re.findall(r"\d+", words)), default=0)
        return context_overflow(server.name, limit, total, describe_parts(messages))
    which = "" if status is None else f" ({status})"
    if status == 413:
        return ModelError(
            f"{server.name} failed{which}: {said}.",
            "Show fewer or smaller pictures, or raise the largest request that the proxy before the server takes.",
        )
    return ModelError(f"{server.name} failed{which}: {said}.", CHECK)


def _silent(server: Server) -> ModelError:
    return ModelError(
        f"{server.name} was silent for {server.timeout:g} seconds.", "Raise timeout in the profile, or ask for less."
    )


def _message(error: openai.APIError) -> str:
    """What a server says of itself in a refusal: OpenAI's form, FastAPI's, or a page of a proxy."""
    body = error.body
    if isinstance(body, str) and body.strip():
        return body
    if isinstance(body, dict):
        if isinstance(detail := body.get("detail"), list):
            parts = [item for item in detail if isinstance(item, dict)]
            return "; ".join(f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('msg')}" for item in parts)
        return str(body.get("message") or detail or error.message)
    return error.message


def _words(error: openai.APIError) -> str:
    """All that a server says in a refusal, with the names of fields that it points at; nothing for other errors."""
    import openai

    status = error.status_code if isinstance(error, openai.APIStatusError) else 0
    if status < 400 or status in (401, 403, 413, 429):
        return ""
    return f"{error.message} {json.dumps(error.body, default=str)}"


def _too_long(error: openai.APIError, said: str) -> bool:
    import openai

    body = error.body if isinstance(error.body, dict) else {}
    code = f"{body.get('code')} {body.get('type')}"
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    return "context_length" in code or "exceed_context" in code or (status == 400 and bool(_TOO_LONG.search(said)))


def _worth_repeating(error: openai.APIError) -> bool:
    """Whether time alone may fix it: a quota that is used up or a prompt that is too long stays so."""
    body = error.body if isinstance(error.body, dict) else {}
    return "quota" not in f"{body.get('code')} {body.get('type')}" and not _too_long(error, error.message)
