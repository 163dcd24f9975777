"""What reaches Gradio: the few addresses that the page needs, and events whose inputs are of their declared types.

Gradio's addresses are many, and lead to files, to other servers and to other sessions. The gate stands before all of
them, knows those that the page uses, and answers every other one itself. What an event carries on to Gradio is not what
a visitor sent but what the gate has made of it: see `inputs`. Of a session's id the gate makes another, out of the
visitor's cookie too, so that a learned or guessed id leads only to a session of one's own.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlencode

import gradio as gr
from pydantic import BaseModel, ValidationError
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse

from visagent.core.errors import ConfigError, InputError
from visagent_apps.web.inputs import CLICKS, CancelBody, Event, EventBody, clicked
from visagent_apps.web.sessions import Sessions, visitor_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Body = TypeVar("Body", bound=BaseModel)
READ = frozenset({"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/gradio_api/info"})
"""Addresses that tell a visitor what the page is made of."""
PACKAGED = ("/assets/", "/static/")
"""Folders of Gradio's package with the page's scripts and styles."""
EVENTS = frozenset({"/gradio_api/queue/join", "/gradio_api/run/predict"})
"""Where an event is set off: in its turn, or at once."""
CANCEL, NEWS, ALIVE = "/gradio_api/cancel", "/gradio_api/queue/data", "/gradio_api/heartbeat/"
MOST_BYTES = 1 << 20
"""Bytes of an event at most; files are uploaded."""


class _Refused(Exception):
    """A request that does not reach Gradio: its status, and one line for the sender."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


class _Admitted(NamedTuple):
    """A request as it goes on."""

    scope: Scope
    body: bytes | None = None


class Gate:
    """Middleware of Gradio's own application, so that it stands before its routes wherever that is mounted.

    Args:
        app: What stands behind.
        blocks: The page.
        sessions: Sessions of its visitors.

    Raises:
        ConfigError: the page takes in something whose type is not described.
    """

    def __init__(self, app: ASGIApp, blocks: gr.Blocks, sessions: Sessions) -> None:
        self._app, self._uploads = app, sessions.uploads
        # What a browser does by itself has no function here.
        functions = {id_: function for id_, function in blocks.fns.items() if function.fn is not None}
        self._events = {id_: Event(function, sessions.limits.media) for id_, function in functions.items()}
        # What is sent along with a click matters for buttons made of HTML alone; nothing reads that of others.
        made_of_html = {id_ for id_, block in blocks.blocks.items() if isinstance(block, gr.HTML)}
        self._clicks = {
            id_: name
            for id_, function in functions.items()
            for target, name in function.targets
            if target in made_of_html
        }
        for name in self._clicks.values():
            if name not in CLICKS:
                raise ConfigError(
                    f"Nothing says what the event {name} carries.", "Describe it in visagent_apps.web.inputs."
                )
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through as it may go on, or answer it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008, "reason": "There is no such address."})
        try:
            admitted = await self._admit(scope, receive)
        except ClientDisconnect:
            return None
        except _Refused as refused:
            return await JSONResponse({"detail": refused.line}, refused.status)(scope, receive, send)
        body = admitted.body
        return await self._app(admitted.scope, receive if body is None else _replayed(body, receive), send)

    async def _admit(self, scope: Scope, receive: Receive) -> _Admitted:
        path, method, visitor = scope["path"], scope["method"], visitor_of(HTTPConnection(scope))
        if method == "POST" and path in EVENTS:
            return _with_body(scope, self._event(await _sent(EventBody, scope, receive), visitor))
        if method == "POST" and path == CANCEL:
            cancel = await _sent(CancelBody, scope, receive)
            return _with_body(scope, {**cancel.model_dump(), "session_hash": _own(visitor, cancel.session_hash)})
        if method == "GET" and path == NEWS:
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[-1]
            return _Admitted({**scope, "query_string": urlencode({"session_hash": _own(visitor, asked)}).encode()})
        if method == "GET" and path.startswith(ALIVE):
            alive = ALIVE + _own(visitor, path.removeprefix(ALIVE))
            return _Admitted({**scope, "path": alive, "raw_path": alive.encode()})
        if method in ("GET", "HEAD") and (path in READ or path.startswith(PACKAGED)):
            # No question can be asked of these that changes what they tell, such as another session's state.
            return _Admitted({**scope, "query_string": b""})
        raise _Refused(404, "There is no such address in this app.")

    def _event(self, body: EventBody, visitor: str) -> dict[str, Any]:
        """The event that Gradio gets to see."""
        event = self._events.get(body.fn_index)
        if event is None:
            raise _Refused(404, "The page has no such event. Load it again.")
        session_hash, click = _own(visitor, body.session_hash), self._clicks.get(body.fn_index)

        def offered(id_: int) -> list[Any]:
            return [value for _, value in self._blocks.state_holder[session_hash][id_].choices]

        try:
            data = event.values(body.data, lambda reference: self._uploads.path(visitor, reference), offered)
            event_data = None if click is None else clicked(click, body.event_data)
        except InputError as error:
            raise _Refused(422, str(error)) from error
        return {
            "fn_index": body.fn_index,
            "session_hash": session_hash,
            "data": data,
            "trigger_id": body.trigger_id,
            "event_data": event_data,
        }


def mount(server: FastAPI, blocks: gr.Blocks, sessions: Sessions, **options: Any) -> None:
    """Put the page on the server with the gate before it.

    Args:
        server: The server whose other addresses come first.
        blocks: The page.
        sessions: Sessions of its visitors.
        options: Options of `gradio.mount_gradio_app`.
    """
    # Gradio checks which files may be copied into its cache only for pages that were started by `launch`, and tells
    # those by this attribute. The gate lets no path in; this holds if something gets past it.
    blocks.has_launched = True
    gr.mount_gradio_app(
        server,
        blocks,
        path="/",
        app_kwargs={"middleware": [Middleware(Gate, blocks=blocks, sessions=sessions)]},
        allowed_paths=[],
        **options,
    )


def _own(visitor: str, session_hash: str) -> str:
    """The id of a visitor's session for Gradio, from the one that their page has chosen."""
    return hashlib.sha256(f"{visitor}\n{session_hash}".encode()).hexdigest()[:32]


async def _sent(kind: type[Body], scope: Scope, receive: Receive) -> Body:
    """What a request carries."""
    request = Request(scope, receive)
    # A page from elsewhere can send other types without being asked for its name.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refused(415, "This address takes JSON. Send it as application/json.")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise _Refused(413, f"The request is larger than {MOST_BYTES >> 20} MB. Upload files instead.")
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        fields = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        wrong = ", ".join(sorted(fields & set(kind.model_fields))) or "it has fields of its own, or is not JSON"
        raise _Refused(422, f"The request is not one that the page sends: {wrong}.") from error


def _with_body(scope: Scope, value: dict[str, Any]) -> _Admitted:
    body = json.dumps(value).encode()
    replaced = (b"content-length", b"content-type", b"transfer-encoding")
    headers = [(name, what) for name, what in scope["headers"] if name.lower() not in replaced]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return _Admitted({**scope, "headers": headers}, body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
