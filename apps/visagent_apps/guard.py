"""What stands before a server: who may ask, how much they may send, under which host name. Knows no agent."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from visagent_apps.openai_format import error_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PUBLIC = ("/health", "/openapi.json")
"""Paths that need no key."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that is bound to this host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(header: str) -> str:
    """The host name of a `Host` header, without its port; empty where it is none."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:  # such as a bracket that is not closed
        return ""


def _length(header: str) -> int:
    """The bytes that a request announces; 0 where it says none, and more than any limit where it says no number."""
    digits = header.strip()
    if not digits:
        return 0
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else sys.maxsize


class Keys:
    """API keys, of which only the digests are kept.

    Args:
        keys: Keys in clear text.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def owner(self, authorization: str) -> str | None:
        """Who a header `Authorization: Bearer KEY` speaks for; None for nobody, and empty where no key is wanted."""
        if not self._digests:
            return ""
        scheme, _, key = authorization.partition(" ")
        given = _digest(key.strip()) if scheme.lower() == "bearer" else ""
        # All are compared, so that the time taken tells nothing.
        matches = [hmac.compare_digest(given, known) for known in self._digests]
        return given if any(matches) else None


class Guard:
    """ASGI middleware that refuses before a request is read: a wrong key, too large a body, a foreign host name.

    Args:
        app: What it stands before; finds the caller in `scope["state"]["owner"]`.
        keys: Who may ask.
        max_body: Bytes of one request.
        loopback: Whether only requests for this machine's own names are served: a web page that someone here reads
            could otherwise call in through a name of its own (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, max_body: int, loopback: bool) -> None:
        self._app, self._keys, self._max_body, self._loopback = app, keys, max_body, loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        owner = self._keys.owner(headers.get("authorization", ""))
        if self._loopback and not is_loopback(_host(headers.get("host", ""))):
            await _refuse(send, 421, "The host name is not this machine's.", "invalid_host")
        elif owner is None and scope["path"] not in PUBLIC:
            await _refuse(send, 401, "The API key is missing or wrong.", "invalid_api_key")
        elif _length(headers.get("content-length", "")) > self._max_body:
            await _refuse(send, 413, self._too_large, "request_too_large")
        else:
            scope.setdefault("state", {})["owner"] = owner or ""
            await self._limited(scope, receive, send)

    @property
    def _too_large(self) -> str:
        return f"The request is larger than {self._max_body:,} bytes. Send fewer or smaller media."

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on, but count what comes: a body in chunks does not say its length."""
        read, begun = 0, False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            # For the application, a client that sends too much has gone.
            return message if read <= self._max_body else {"type": "http.disconnect"}

        async def watched(message: Message) -> None:
            nonlocal begun
            if begun or read <= self._max_body:
                begun = True
                await send(message)

        await self._app(scope, counted, watched)
        if read > self._max_body and not begun:
            await _refuse(send, 413, self._too_large, "request_too_large")


async def _refuse(send: Send, status: int, message: str, code: str) -> None:
    body = json.dumps(error_body(message, "invalid_request_error", code)).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
