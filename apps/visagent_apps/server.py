"""An OpenAI-compatible server, so that any OpenAI client can ask visagent about pictures and sound.

Answers are composed from evidence: sampling parameters and system messages do not change them. The trace stands in the
field `visagent` of a reply. A further turn of a conversation follows the run of the turn before.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from visagent.agent.agent import Agent
from visagent.agent.events import Answered, ApprovalNeeded, Event
from visagent.core.errors import ConfigError, InputError, MediaError, VisagentError
from visagent.core.terminal import printable
from visagent.core.validation import first_problem
from visagent.media.media import Media, load_media
from visagent_apps.conversations import Conversations
from visagent_apps.guard import Guard, Keys, is_loopback
from visagent_apps.listening import address, serve_until_stopped
from visagent_apps.metrics import Metrics
from visagent_apps.model_server import require_free_port
from visagent_apps.openai_format import (
    ChatMessage,
    ChatRequest,
    Chunks,
    completion,
    content,
    error_body,
    fingerprint,
)
from visagent_apps.openapi import Completion, Health, ModelCard, ModelList, describe, errors
from visagent_apps.sweeping import sweeping
from visagent_apps.waiting_line import LineFull, WaitingLine

_log = logging.getLogger(__name__)
WAITING = 64
"""Questions that may wait for a place."""


def build_app(
    agent: Agent,
    *,
    keys: Keys,
    concurrency: int = 2,
    waiting: int = WAITING,
    max_body: int = 32 * 2**20,
    allow_urls: bool = False,
    loopback: bool = True,
) -> FastAPI:
    """The server's application.

    Args:
        agent: Answers.
        keys: Who may ask; none for everybody.
        concurrency: Questions at once.
        waiting: Questions that wait for a place, in order of arrival and with a share for each key; a further one is
            refused with 429.
        max_body: Bytes of one request.
        allow_urls: Whether pictures may be http(s) addresses; they are fetched as `visagent.media.fetch` allows.
        loopback: Whether requests for other host names than this machine's own are refused.
    """
    service = _Service(agent, WaitingLine(concurrency, waiting), allow_urls)

    # The pages of documentation would load scripts from elsewhere.
    app = FastAPI(title="visagent", docs_url=None, redoc_url=None, lifespan=lambda _: sweeping(agent.home))
    describe(app)
    app.add_middleware(Guard, keys=keys, max_body=max_body, loopback=loopback)
    metrics = service.metrics
    # For the description alone: the guard has looked at the key before.
    keyed = [Depends(HTTPBearer(auto_error=False))] if keys else []

    @app.get("/health", responses=errors())
    async def health() -> Health:
        return Health(status="ok")

    @app.get("/metrics", responses=errors(), response_class=_MetricsText, dependencies=keyed)
    async def tell_metrics() -> Response:
        return _MetricsText(metrics.text())

    @app.get("/v1/models", responses=errors(), dependencies=keyed)
    async def models() -> ModelList:
        return ModelList(object="list", data=[service.model_card()])

    @app.get("/v1/models/{name}", responses=errors(404), dependencies=keyed)
    async def model(name: Annotated[str, Path(examples=["visagent"])]) -> ModelCard:
        service.check_model(name)
        return service.model_card()

    pieces = {"schema": {"description": "With stream: true, the reply piece by piece as server-sent events."}}
    whole = {"model": Completion, "content": {"text/event-stream": pieces}}

    @app.post(
        "/v1/chat/completions",
        responses={200: whole, **errors(400, 404, 429, 500)},
        response_class=JSONResponse,
        dependencies=keyed,
    )
    async def chat(asked: ChatRequest, request: Request) -> Response:
        reply = await service.chat(asked, request.scope["state"]["owner"])
        metrics.request(200)
        return reply

    def refuse(
        request: Request, status: int, message: str, code: str, headers: Mapping[str, str] | None = None
    ) -> JSONResponse:
        if request.url.path == "/v1/chat/completions":
            metrics.request(status)
        kind = "invalid_request_error" if status < 429 else "server_error"
        # What a client sent may hold what no reply can: half of a character.
        return JSONResponse(error_body(printable(message), kind, code), status, headers)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        first = {**error.errors()[0]}
        first["loc"] = [part for part in first["loc"] if part != "body"]
        return refuse(request, 400, first_problem([first], "the body"), "invalid_request")

    @app.exception_handler(_UnknownModel)
    async def unknown_model(request: Request, error: _UnknownModel) -> Response:
        return refuse(request, 404, str(error), "model_not_found")

    @app.exception_handler(InputError)
    async def bad_input(request: Request, error: InputError) -> Response:
        return refuse(request, 400, str(error), type(error).__name__)

    @app.exception_handler(VisagentError)
    async def failed(request: Request, error: VisagentError) -> Response:
        return refuse(request, 500, str(error), type(error).__name__)

    @app.exception_handler(LineFull)
    async def full(request: Request, error: LineFull) -> Response:
        message = f"All places are taken, and the line is full. Ask again in {error.retry_after} s."
        return refuse(request, 429, message, "busy", {"Retry-After": str(error.retry_after)})

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> Response:
        return refuse(request, error.status_code, f"{error.detail}.", "invalid_request", error.headers)

    return app


def serve(
    agent: Agent, *, host: str, port: int, concurrency: int, max_body: int, allow_urls: bool, keys_variable: str
) -> None:
    """Serve until stopped.

    Args:
        host: To bind to.
        port: To bind to.
        keys_variable: Name of the environment variable with the keys.

    See `build_app` for the rest.

    Raises:
        ConfigError: other machines could reach the server, and there is no key; or the port is taken.
        ModelError: the planner cannot be loaded.
    """
    keys = Keys([key for part in os.environ.get(keys_variable, "").split(",") if (key := part.strip())])
    if not keys and not is_loopback(host):
        raise ConfigError(
            f"Other machines could reach {host}, and there is no API key.",
            f"Set one: export {keys_variable}=…, or bind to 127.0.0.1.",
        )
    app = build_app(
        agent,
        keys=keys,
        concurrency=concurrency,
        max_body=max_body,
        allow_urls=allow_urls,
        loopback=is_loopback(host),
    )
    # Before the model is loaded, which takes longer than to say that the port is taken.
    require_free_port(host, port)
    asyncio.run(agent.warm_up())
    line = f"OpenAI clients reach this server with base_url={address(host, port, '/v1')}; Ctrl+C ends it."
    serve_until_stopped(app, line, host=host, port=port, server_header=False, timeout_keep_alive=5)


class _UnknownModel(InputError):
    pass


class _MetricsText(Response):
    media_type = "text/plain; version=0.0.4; charset=utf-8"


class _Service:
    """Answers requests; one a server."""

    def __init__(self, agent: Agent, line: WaitingLine, allow_urls: bool) -> None:
        self._agent, self._line, self._allow_urls = agent, line, allow_urls
        self._conversations = Conversations()
        self.metrics = Metrics()
        self._model = f"visagent-{agent.profile.name}"

    def model_card(self) -> ModelCard:
        return ModelCard(id=self._model, object="model", created=0, owned_by="visagent")

    def check_model(self, name: str) -> None:
        if name not in (self._model, "visagent"):
            raise _UnknownModel(f"There is no model {name[:80]!r}.", f"Use {self._model}.")

    async def chat(self, asked: ChatRequest, owner: str) -> Response:
        self.check_model(asked.model)
        asked.check()
        asked.question()
        events = self._answer(asked, owner)
        # Until the first event, an error can still be reported as a status.
        first = await anext(events)
        if asked.stream:
            return _Stream(self._streamed(asked, first, events))
        async with aclosing(events):
            last = first
            async for event in events:
                last = event
        assert isinstance(last, Answered)
        return JSONResponse(completion(last.answer, asked.model, asked.form() is not None))

    async def _streamed(self, asked: ChatRequest, first: Event, events: AsyncGenerator[Event]) -> AsyncGenerator[str]:
        usage = asked.stream_options is not None and asked.stream_options.include_usage
        id_ = f"chatcmpl-{os.urandom(8).hex()}"
        chunks = Chunks(id_, asked.model, include_usage=usage, as_json=asked.form() is not None)
        event = first
        try:
            async with aclosing(events):
                while not isinstance(event, Answered):
                    yield _sse(chunks.progress(event))
                    event = await anext(events)
                # Lets the run end before the client does.
                async for _ in events:
                    pass
            for chunk in chunks.answer(event.answer):
                yield _sse(chunk)
        except VisagentError as error:
            yield _sse(error_body(str(error), "server_error", type(error).__name__))
        yield "data: [DONE]\n\n"

    async def _answer(self, asked: ChatRequest, owner: str) -> AsyncGenerator[Event]:
        """The run's events; the last one is `Answered`."""
        async with self._line.place(owner), aclosing(self._answer_now(asked, owner)) as events:
            async for event in events:
                yield event

    async def _answer_now(self, asked: ChatRequest, owner: str) -> AsyncGenerator[Event]:
        self.metrics.in_flight.inc()
        try:
            question, follows = asked.question(), self._earlier_run(asked, owner)
            # Where the run before is unknown, the conversation's media are looked at again.
            turns = [question] if follows else [message for message in asked.messages if message.role == "user"]
            media = [medium for turn in turns for source in turn.media() for medium in await self._load(source)]
            form = asked.form()
            regions = asked.visagent.regions
            async for event in self._agent.stream(question.text, *media, follows=follows, form=form, regions=regions):
                if isinstance(event, ApprovalNeeded):
                    raise ConfigError(
                        "The plan changes something outside, and nobody can approve it here.",
                        f"On the server: visagent resume {event.run_id}.",
                    )
                if isinstance(event, Answered):
                    self.metrics.answer(event.answer)
                    reply = ChatMessage(role="assistant", content=content(event.answer, form is not None))
                    self._conversations.remember(owner, fingerprint([*asked.messages, reply]), event.answer.run_id)
                yield event
        finally:
            self.metrics.in_flight.dec()

    def _earlier_run(self, asked: ChatRequest, owner: str) -> str | None:
        """The run of the turn before: as the client kept its id, or else by what was said."""
        before = asked.messages[:-1]
        if not before or before[-1].role != "assistant":
            return None
        kept = (before[-1].visagent or {}).get("run_id")
        # Nobody follows another's run: an id counts only if this server gave it to the same caller.
        known = self._conversations.find(owner, kept) if isinstance(kept, str) else None
        known = known or self._conversations.find(owner, fingerprint(before))
        # Its time may be over: then the conversation starts over.
        return known if known and self._agent.runs.folder(known).is_dir() else None

    async def _load(self, source: str | bytes) -> list[Media]:
        if isinstance(source, str) and not self._allow_urls:
            raise MediaError("The picture is an address, and this server fetches none.", "Send it as a data: URI.")
        # Fetching and decoding would hold up every other request.
        return await asyncio.to_thread(load_media, source, allow_urls=self._allow_urls)


class _Stream(StreamingResponse):
    """Ends its run when the client hangs up."""

    def __init__(self, pieces: AsyncGenerator[str]) -> None:
        super().__init__(pieces, media_type="text/event-stream")
        self._pieces = pieces

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._pieces.aclose()


def _sse(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
