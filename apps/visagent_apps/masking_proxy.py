"""A proxy on loopback that hides tools from an agent and counts which it calls. Knows no agent and no question.

It stands between an agent and its model (OpenAI-compatible: the tool is taken out of `tools`), or between an agent and
its tools (MCP over streamable HTTP: it is taken out of `tools/list`, and calling it all the same is an error). All else
passes as it is, keys included; nothing is kept.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from visagent.core.addresses import host_of
from visagent.core.errors import ConfigError
from visagent.evaluation.credit import NO_TOOLS

MAX_BODY = 64 * 2**20
"""Bytes of a request: pictures come as base64."""
UNKNOWN_TOOL = -32602
"""JSON-RPC's code for a tool that there is not, as MCP has it."""
_NOT_PASSED = {"host", "content-length", "accept-encoding", "connection", "transfer-encoding", "content-encoding"}


class MaskingProxy:
    """The proxy, running as long as the `with` block.

    Args:
        upstream: Address of the model (up to and with its version) or of the MCP server.
        port: Port of 127.0.0.1; 0 for a free one.
        timeout: Seconds without a byte after which the upstream counts as gone.

    Attributes:
        masked: The tool that is hidden; empty for none, `*` for all.
        calls: How often each tool was called since `begin`.
        seconds: Seconds in each tool since `begin`; known of MCP alone.
        offered: Tools that were seen since the start.
    """

    def __init__(self, upstream: str, port: int = 0, timeout: float = 600.0) -> None:
        if not upstream.startswith(("http://", "https://")) or not host_of(upstream):
            raise ConfigError(f"{upstream[:200]!r} is no address.", "Begin it with http:// or https://.")
        parts = urlsplit(upstream)
        self._origin, self._path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        self._timeout = timeout
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"Port {port} cannot be used: {error.strerror}.", "Give another --proxy-port.") from error
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}{self._path}"
        self.offered: dict[str, None] = {}
        self.begin("")

    def begin(self, masked: str) -> None:
        """Hide this tool from now on, and reset the counts."""
        self.masked = masked
        self.calls: dict[str, int] = {}
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> MaskingProxy:
        methods = ["GET", "POST", "DELETE"]
        app = Starlette(routes=[Route("/{path:path}", self._pass_on, methods=methods)])
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    async def _serve(self) -> None:
        async with httpx.AsyncClient(timeout=self._timeout, follow_redirects=False) as self._client:
            await self._server.serve(sockets=[self._socket])

    async def _pass_on(self, request: Request) -> Response:
        if "origin" in request.headers or not request.url.path.startswith(self._path):
            # A page in a browser is no agent, and what is beside the upstream's path is not asked for.
            return JSONResponse({"error": {"message": "not passed on"}}, 403)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                return JSONResponse({"error": {"message": "the request is too large"}}, 413)
        said: Any = None
        if body:
            try:
                said = json.loads(body)
            except (ValueError, RecursionError):
                return JSONResponse({"error": {"message": "the request is no JSON"}}, 400)
        if isinstance(said, list):
            return JSONResponse({"error": {"message": "batches are not passed on"}}, 400)
        tool = ""
        if isinstance(said, dict):
            tool = self._called_by_mcp(said)
            if tool and self._hidden(tool):
                error = {"code": UNKNOWN_TOOL, "message": f"Unknown tool: {tool}"}
                return JSONResponse({"jsonrpc": "2.0", "id": said.get("id"), "error": error})
            if self._offer(said):
                body = json.dumps(said).encode()
        headers = [(name, value) for name, value in request.headers.items() if name not in _NOT_PASSED]
        address = f"{self._origin}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        asked = self._client.build_request(
            request.method, address, content=body, headers=[*headers, ("accept-encoding", "identity")]
        )
        started = time.monotonic()
        try:
            reply = await self._client.send(asked, stream=True)
            kind = reply.headers.get("content-type", "")
            kept = {name: value for name, value in reply.headers.items() if name not in _NOT_PASSED}
            if kind.startswith("text/event-stream"):
                return StreamingResponse(self._events(reply, tool, started), reply.status_code, kept)
            content = await reply.aread()
            await reply.aclose()
        except httpx.HTTPError as error:
            return JSONResponse({"error": {"message": f"{self._origin}: {type(error).__name__}"}}, 502)
        self._spent(tool, started)
        if kind.startswith("application/json"):
            content = self._read(content)
        return Response(content, reply.status_code, kept)

    async def _events(self, reply: httpx.Response, tool: str, started: float) -> AsyncIterator[bytes]:
        try:
            async for line in reply.aiter_lines():
                if line.startswith("data:"):
                    line = "data: " + self._read(line.removeprefix("data:").strip().encode()).decode()
                yield f"{line}\n".encode()
        except httpx.HTTPError:
            # The agent sees a stream that breaks off, as it would without the proxy.
            return
        finally:
            await reply.aclose()
            self._spent(tool, started)

    def _hidden(self, tool: str) -> bool:
        return self.masked in (tool, NO_TOOLS)

    def _spent(self, tool: str, started: float) -> None:
        if tool:
            self.seconds[tool] = self.seconds.get(tool, 0.0) + time.monotonic() - started

    def _count(self, tool: Any) -> None:
        if isinstance(tool, str) and tool:
            self.calls[tool] = self.calls.get(tool, 0) + 1

    def _called_by_mcp(self, said: dict[str, Any]) -> str:
        params = said.get("params")
        if said.get("method") != "tools/call" or not isinstance(params, dict):
            return ""
        tool = params.get("name")
        if not self._hidden(str(tool)):
            self._count(tool)
        return tool if isinstance(tool, str) else ""

    def _offer(self, said: dict[str, Any]) -> bool:
        """Take the hidden tool out of what a model is offered; whether anything was taken out."""
        changed = False
        for field, choice in (("tools", "tool_choice"), ("functions", "function_call")):
            if isinstance(said.get(field), list):
                kept = self._without(said[field])
                changed |= len(kept) < len(said[field])
                said[field] = kept
                if not kept:
                    for name in (field, choice, "parallel_tool_calls"):
                        said.pop(name, None)
                elif self._hidden(_name_of(said.get(choice))):
                    said[choice] = "auto"
        return changed

    def _without(self, tools: list[Any]) -> list[Any]:
        self.offered |= dict.fromkeys(name for one in tools if (name := _name_of(one)))
        return [one for one in tools if not self._hidden(_name_of(one))]

    def _read(self, content: bytes) -> bytes:
        """Count the calls that a reply holds, and take the hidden tool out of a list of tools."""
        try:
            said = json.loads(content)
        except (ValueError, RecursionError):
            return content
        if not isinstance(said, dict):
            return content
        result = said.get("result")
        if isinstance(result, dict) and isinstance(result.get("tools"), list):
            result["tools"] = self._without(result["tools"])
            return json.dumps(said, ensure_ascii=False).encode()
        for choice in said.get("choices") or ():
            message = choice.get("message") or choice.get("delta") or {} if isinstance(choice, dict) else {}
            calls = message.get("tool_calls") if isinstance(message, dict) else None
            for call in [*(calls or ()), {"function": message.get("function_call") or {}}]:
                self._count(_name_of(call))
        return content


def _name_of(tool: Any) -> str:
    """The name of a tool as chat completions (`function.name`), the Responses API, or MCP (`name`) write it."""
    if not isinstance(tool, dict):
        return ""
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else tool.get("name")
    return name if isinstance(name, str) else ""
