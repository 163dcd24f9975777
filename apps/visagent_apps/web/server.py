"""The web server around the page: who a visitor is, their media and runs by address, and what a browser may load.

Every address below `session/` answers for the visitor's own folder alone, and uploads are kept and given back here, not
by Gradio, only to the sender. The page's content policy lets a browser load nothing from anywhere else.
"""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.datastructures import UploadFile
from starlette.middleware.trustedhost import TrustedHostMiddleware

from visagent.core.errors import InputError, MediaError, StorageError, VisagentError
from visagent_apps.web.pictures import as_detected, as_frame, as_loaded, as_thumbnail, detector_side, shown_as_is
from visagent_apps.web.sessions import COOKIE, Session, Sessions, visitor_of

if TYPE_CHECKING:
    from starlette.types import Message, Receive

    from visagent.evidence.answer import Answer

LOCAL = ("127.0.0.1", "localhost", "::1")
MOST_HOURS = 9600.0
"""For which browsers keep a cookie at most."""
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""What the page may load: this server's own files, and what it makes itself."""
ALONE = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; sandbox"
"""What a file of a visitor may load, were it opened as a page: nothing."""
_PRIVATE = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": ALONE,
    "X-Content-Type-Options": "nosniff",
}
Moment = Annotated[float | None, Query(ge=0, le=86_400, allow_inf_nan=False)]
"""Seconds from the start of a clip."""
Next = Callable[[Request], Awaitable[Response]]


def make_server(sessions: Sessions, host: str) -> FastAPI:
    """The server, on which the page is mounted afterwards.

    Args:
        sessions: Sessions of its visitors.
        host: What it listens on: a local one answers requests to local names alone, so that no page from elsewhere
            reaches it under a name of its own (DNS rebinding).
    """
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if host in LOCAL:
        server.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL, "[::1]"])

    @server.middleware("http")
    async def guard(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        if request.url.path == "/":
            response.headers["Content-Security-Policy"] = POLICY
            response.headers["Referrer-Policy"] = "no-referrer"
            if COOKIE not in request.cookies:
                response.set_cookie(
                    COOKIE,
                    secrets.token_urlsafe(32),
                    max_age=int(min(sessions.limits.hours, MOST_HOURS) * 3600),
                    httponly=True,
                    samesite="strict",
                    secure=request.url.scheme == "https",
                )
        return response

    def session_of(request: Request) -> Session:
        try:
            return sessions.of(request)
        except StorageError as error:
            raise HTTPException(507, str(error)) from error
        except InputError as error:
            raise HTTPException(403, str(error)) from error

    @server.get("/session/media/{digest}")
    async def medium(
        request: Request, digest: str, seen: bool = False, small: bool = False, at: Moment = None
    ) -> Response:
        session = session_of(request)
        try:
            return await asyncio.to_thread(_medium, session, digest, seen, small, at)
        except VisagentError as error:
            raise HTTPException(404, str(error)) from error

    @server.get("/session/runs/{run_id}/{form}")
    async def export(
        request: Request, run_id: str, form: Literal["json", "html", "mermaid", "png"], language: str = "en"
    ) -> Response:
        session = session_of(request)
        try:
            answer = answer_of(session, run_id)
            return await asyncio.to_thread(_exported, session, answer, form, language)
        except VisagentError as error:
            raise HTTPException(404, str(error)) from error

    @server.post("/gradio_api/upload")
    async def upload(request: Request) -> list[str]:
        most = sessions.limits.media
        room = min(most * sessions.limits.media_bytes, sessions.limits.stored_bytes) + (1 << 16)
        owner, references = visitor_of(request), []
        carried = Request(request.scope, _at_most(room, request.receive))
        async with carried.form(max_files=most, max_fields=0) as form:
            files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
            if not files:
                raise HTTPException(422, "There is no file. Send files as a form does, each by the name files.")
            for file in files:
                try:
                    name = await asyncio.to_thread(sessions.uploads.put, owner, file.filename or "", file.file)
                except StorageError as error:
                    raise HTTPException(507, str(error)) from error
                except InputError as error:
                    raise HTTPException(413, str(error)) from error
                references.append(name)
        return references

    @server.get("/gradio_api/upload_progress")
    async def progress() -> Response:
        # The page asks, and manages without an answer; an error it would put into the browser's console.
        return Response(media_type="text/event-stream")

    @server.get("/gradio_api/file={reference:path}")
    async def uploaded(request: Request, reference: str) -> Response:
        try:
            path = sessions.uploads.path(visitor_of(request), reference)
        except InputError as error:
            raise HTTPException(404, str(error)) from error
        return FileResponse(path, media_type=_mime(path) or "application/octet-stream", headers=_PRIVATE)

    return server


def fetch_nothing() -> None:
    """Keep Gradio from downloading a file that a request names by address instead of uploading it."""
    from gradio import processing_utils

    async def refuse(url: str) -> NoReturn:
        raise MediaError(f"{url[:80]}: this server fetches nothing.", "Upload the file.")

    processing_utils.async_ssrf_protected_get = refuse


def answer_of(session: Session, run_id: str) -> Answer:
    """The answer of a visitor's run.

    Raises:
        RunNotFound: this visitor has no such run.
        InputError: it has no answer yet.
    """
    record = session.agent.runs.load(run_id)
    if record.answer is None:
        raise InputError(f"Run {run_id} has no answer.", "Let it go on first.")
    return record.answer


def _at_most(room: int, receive: Receive) -> Receive:
    """What a request carries, up to so many bytes."""

    async def counted() -> Message:
        nonlocal room
        message = await receive()
        room -= len(message.get("body", b""))
        if room < 0:
            raise HTTPException(413, "These files are too many or too large to be sent at once. Send fewer.")
        return message

    return counted


def _mime(path: Path) -> str | None:
    """What a file is by its first bytes, whatever it is called."""
    import filetype  # type: ignore[import-untyped]

    kind: str | None = filetype.guess_mime(str(path))
    return kind


def _medium(session: Session, digest: str, seen: bool, small: bool, at: float | None) -> Response:
    info = session.info(digest)
    if info.kind == "video" and at is not None:
        return Response(as_frame(session.medium(digest), at), media_type="image/jpeg", headers=_PRIVATE)
    if info.kind == "image" and small:
        return Response(as_thumbnail(session.medium(digest)), media_type="image/jpeg", headers=_PRIVATE)
    side = detector_side(session.agent.profile)
    if info.kind == "image" and seen and side is not None:
        return Response(as_detected(session.medium(digest), side), media_type="image/png", headers=_PRIVATE)
    path = None if info.document is not None else session.media.path(digest)
    if path is None or (info.kind == "image" and not shown_as_is(path)):
        return Response(as_loaded(session.medium(digest)), media_type="image/png", headers=_PRIVATE)
    return FileResponse(path, media_type=_mime(path) or f"{info.kind}/mpeg", headers=_PRIVATE)


def _exported(session: Session, answer: Answer, form: str, language: str) -> Response:
    from visagent.reporting.report import html_report

    if form in ("html", "png"):
        answer.hold(session.load(answer.media).values())
    match form:
        case "json":
            content, kind, suffix = answer.to_json(indent=1).encode(), "application/json", "json"
        case "html":
            content, kind, suffix = html_report(answer, language).encode(), "text/html; charset=utf-8", "html"
        case "mermaid":
            content, kind, suffix = answer.tree.to_mermaid().encode(), "text/plain; charset=utf-8", "mmd"
        case _:
            file = io.BytesIO()
            answer.annotate().save(file, "PNG")
            content, kind, suffix = file.getvalue(), "image/png", "png"
    headers = {
        "Content-Disposition": f'attachment; filename="visagent-{answer.run_id}.{suffix}"',
        "Content-Security-Policy": ALONE,
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=kind, headers=headers)
