"""Any MCP server's tools as visagent tools, over stdio or streamable HTTP. Knows no concrete server.

A server is used only where the settings say `consent = true` and a person names it: it is other people's code, and it
reads what plans send it. Its names and descriptions are untrusted text (see `external`); a tool is called
`server__tool`, so that it cannot stand in for an installed one. A tool that does not promise to be read-only makes a
plan wait for approval.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import JsonValue

from visagent.core.encoding import decode_base64
from visagent.core.errors import (
    ConfigError,
    ToolDefinitionError,
    ToolError,
    ToolTimeout,
    VisagentError,
)
from visagent.core.forks import leave_behind
from visagent.core.install import requiring
from visagent.core.settings import McpServer, Settings
from visagent.core.text import cleaned
from visagent.evidence.values import Boolean, Number, Text, Value
from visagent.tools.external import Schema, foreign_tool, identifier, reply_value
from visagent.tools.mcp_pins import Agree, require_agreed
from visagent.tools.mcp_stream import WellFormedTools
from visagent.tools.toolkit import Tool

if TYPE_CHECKING:
    import mcp
    from mcp import types

_log = logging.getLogger(__name__)
T = TypeVar("T")
MAX_TOOLS = 128
"""Tools of one server at most; more would only hide each other from a planner."""


def mcp_tools(*names: str, settings: Settings | None = None, agree: Agree | None = None) -> list[Tool]:
    """The tools of MCP servers that the settings name and allow.

    Args:
        *names: Names as in the settings' section `mcp`.
        settings: None for this machine's.
        agree: Asks whether a server may be used whose tools have changed since they were agreed to, given its name and
            what changed; None to refuse.

    Raises:
        ConfigError: a server is unknown, lacks consent, has changed without consent, or cannot be reached.
        MissingDependency: the package `mcp` is not installed.
        StorageError: what is agreed to cannot be kept.
    """
    known = (Settings() if settings is None else settings).mcp
    tools: list[Tool] = []
    for name in names:
        if name not in known:
            raise ConfigError(
                f"There is no MCP server named {name!r} in the settings.",
                f"Known are: {', '.join(known)}."
                if known
                else f"Describe it in visagent.toml: [mcp.{name or 'name'}].",
            )
        config = known[name]
        tools += McpConnection(name, config).tools(partial(require_agreed, name, config, agree=agree))
    return tools


class McpConnection:
    """The line to one server, on an event loop of its own: it outlives the runs that call over it.

    Nothing is started before the first use; a server that is gone is started again at the next use.

    Args:
        name: Stands before its tools' names.
        config: Where it is.

    Raises:
        ConfigError: there is no consent to use it.
        MissingDependency: the package `mcp` is not installed.
    """

    def __init__(self, name: str, config: McpServer) -> None:
        if not config.consent:
            raise ConfigError(
                f"There is no consent to use the MCP server {name}.",
                f"If you trust it with what you ask about, set consent = true under [mcp.{name}] in visagent.toml.",
            )
        with requiring("Using an MCP server needs the package mcp", "mcp"):
            import mcp  # noqa: F401
        self.name, self._config = name, config
        self._begin()
        atexit.register(self.close)

    def __reduce__(self) -> tuple[type[McpConnection], tuple[str, McpServer]]:
        return type(self), (self.name, self._config)

    def _begin(self) -> None:
        """A connection that is not open yet; a forked process starts over, as the old one's thread is not there."""
        self._process, self._closed = os.getpid(), False
        self._changing = threading.Lock()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=_serve, args=(self._loop,), daemon=True, name=f"visagent-mcp-{self.name}").start()
        self._opening = asyncio.Lock()
        self._session: asyncio.Task[None] | None = None
        self._client: mcp.Client | None = None
        self._stop = asyncio.Event()

    def tools(self, check: Callable[[Sequence[types.Tool]], None] = lambda offered: None) -> list[Tool]:
        """What the server offers.

        Args:
            check: Raises what keeps the tools from being used.

        Raises:
            ConfigError: it cannot be reached, or lacks a tool that the settings name.
        """
        try:
            offered = self._submit(self._list()).result()
        except VisagentError as error:
            raise ConfigError(
                f"mcp.{self.name}: {error.fact}", f"Check command or url under [mcp.{self.name}]."
            ) from error
        wanted = self._config.tools
        if wanted is not None and (missing := sorted(set(wanted) - {tool.name for tool in offered})):
            raise ConfigError(
                f"mcp.{self.name}: the server has no tool {missing[0]!r}.",
                f"It offers: {', '.join(cleaned(tool.name, 64) for tool in offered)}.",
            )
        chosen = [item for item in offered if wanted is None or item.name in wanted]
        check(chosen)
        names: list[str] = []
        tools = []
        for item in chosen:
            name = identifier(item.name, taken=names)
            try:
                tools.append(self._tool(f"{self.name}__{name}", item))
            except ToolDefinitionError as error:
                self._left_out(item.name, error.fact)
                continue
            names.append(name)
        return tools

    async def call(self, tool: str, arguments: dict[str, JsonValue]) -> Value:
        """What a tool replies, from any event loop.

        Raises:
            ToolError: the tool failed, the server is gone, or the reply holds no evidence.
            ToolTimeout: there was no reply in time.
        """
        return await asyncio.wrap_future(self._submit(self._call(tool, arguments)))

    def close(self) -> None:
        """Hang up; a program that was started is ended. The next use opens the line again."""
        atexit.unregister(self.close)
        if self._process != os.getpid():
            return
        with self._changing:
            if self._closed:
                return
            self._closed = True
            ending = asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop)
            # A server that does not end is left behind: at the end of a program nobody is there to be told of it.
            with suppress(Exception):
                ending.result(timeout=15)
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._process != os.getpid():
            # Before the lock, which a thread of the parent may have held.
            leave_behind((self._loop, self._session, self._client))
            self._begin()
        with self._changing:
            if self._closed:
                self._begin()
                atexit.register(self.close)
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _tool(self, name: str, item: types.Tool) -> Tool:
        async def call(arguments: dict[str, JsonValue]) -> Value:
            return await self.call(item.name, arguments)

        hints = item.annotations
        return foreign_tool(
            name,
            item.description or item.title or "",
            item.input_schema,
            call,
            origin=f"mcp:{self.name}",
            result=_result_type(item.output_schema),
            read_only=hints is not None and hints.read_only_hint is True,
            # The connection's own time-out is first and says more.
            timeout=self._config.timeout + 15,
        )

    # On the connection's event loop.

    async def _list(self) -> list[types.Tool]:
        found: list[types.Tool] = []
        cursor: str | None = None
        wanted = self._config.tools
        # Those that the settings name may stand on any page.
        limit = MAX_TOOLS if wanted is None else 10 * MAX_TOOLS
        while True:
            page = await self._guarded(lambda client, at=cursor: client.list_tools(cursor=at))
            found += page.tools
            cursor = page.next_cursor
            if cursor is None or len(found) > limit:
                break
        if wanted is not None:
            # Those that are named go first, wherever in the list they stand.
            found.sort(key=lambda tool: tool.name not in wanted)
        elif len(found) > MAX_TOOLS:
            _log.warning(
                "mcp.%s: the server has more than %d tools; %s and those after it are left out. "
                "Name those that you need: tools = [...] under [mcp.%s].",
                self.name,
                MAX_TOOLS,
                cleaned(found[MAX_TOOLS].name, 64),
                self.name,
            )
        return found[:MAX_TOOLS]

    def _left_out(self, tool: str, why: str) -> None:
        _log.warning(
            "mcp.%s: the tool %s is left out: %s.", self.name, cleaned(tool, 64), cleaned(why, 160).rstrip(".")
        )

    async def _call(self, tool: str, arguments: dict[str, JsonValue]) -> Value:
        import mcp_types

        reply = await self._guarded(lambda client: client.call_tool(tool, arguments))
        texts, pictures = [], []
        for block in reply.content:
            match block:
                case mcp_types.TextContent(text=text):
                    texts.append(text)
                case mcp_types.EmbeddedResource(resource=mcp_types.TextResourceContents(text=text)):
                    texts.append(text)
                case mcp_types.ImageContent(data=data):
                    pictures.append(decode_base64(data, "A picture in the reply", ToolError))
                case mcp_types.EmbeddedResource(resource=mcp_types.BlobResourceContents(blob=data, mime_type=mime)):
                    if (mime or "").startswith("image/"):
                        pictures.append(decode_base64(data, "A picture in the reply", ToolError))
        if reply.is_error:
            raise ToolError(
                f"{self.name}: {cleaned(' '.join(texts)) or 'the tool failed'}", "Give arguments that the tool takes."
            )
        return reply_value(texts, pictures, reply.structured_content)

    async def _guarded(self, work: Any) -> Any:
        """Work with the client, with every way in which a server can fail as one of visagent's errors."""
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT

        limit = self._config.timeout
        try:
            async with asyncio.timeout(limit):
                client = await self._connected()
                return await work(client)
        except TimeoutError as error:
            await self._hang_up()
            raise ToolTimeout(
                f"{self.name}: the server did not answer within {limit:g} seconds.",
                "Ask again, or raise the server's timeout in the settings.",
            ) from error
        except VisagentError:
            raise
        except Exception as error:
            if isinstance(error, MCPError) and error.code not in (CONNECTION_CLOSED, REQUEST_TIMEOUT):
                raise ToolError(
                    f"{self.name}: {cleaned(error.message) or 'the server refused'}",
                    "Give arguments that the server takes.",
                ) from error
            await self._hang_up()
            raise ToolError(
                f"{self.name}: the server cannot be reached ({cleaned(_reason(error))}).", "See that it runs."
            ) from error

    async def _connected(self) -> mcp.Client:
        async with self._opening:
            if self._client is None or self._session is None or self._session.done():
                ready: asyncio.Future[mcp.Client] = self._loop.create_future()
                self._stop = asyncio.Event()
                # Client and transport have to be left by the task that entered them.
                self._session = self._loop.create_task(self._hold(ready, self._stop))
                self._client = await ready
            return self._client

    async def _hold(self, ready: asyncio.Future[mcp.Client], stop: asyncio.Event) -> None:
        """Keep the connection open until it is asked to stop."""
        try:
            async with AsyncExitStack() as stack:
                ready.set_result(
                    await stack.enter_async_context(await _new_client(self._config, stack, self._left_out))
                )
                await stop.wait()
        except Exception as error:
            # What breaks once the line was open is met by the call that uses it.
            if not ready.done():
                ready.set_exception(error)

    async def _hang_up(self) -> None:
        session, client, self._session, self._client = self._session, self._client, None, None
        self._stop.set()
        if session is not None:
            if client is not None:
                await asyncio.wait([session], timeout=10)
            session.cancel()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped; then what it still had to do is cancelled, and its files are closed."""
    loop.run_forever()
    for task in (left := asyncio.all_tasks(loop)):
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _new_client(config: McpServer, stack: AsyncExitStack, left_out: Callable[[str, str], None]) -> mcp.Client:
    """A client that has not been entered; what it needs until it is left is on the stack."""
    import httpx2
    import mcp
    from mcp.client.streamable_http import streamable_http_client

    from visagent import __version__

    about = mcp.Implementation(name="visagent", version=__version__)
    transport: Any
    if config.command is not None:
        parameters = mcp.StdioServerParameters(
            command=config.command, args=list(config.args), env={name: _variable(name) for name in config.env}
        )
        # What it logs is no part of our output.
        log = stack.enter_context(tempfile.TemporaryFile("w"))  # noqa: SIM115
        transport = mcp.stdio_client(parameters, errlog=log)
    else:
        assert config.url is not None
        headers = {"Authorization": f"Bearer {_variable(config.token_env)}"} if config.token_env else None
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=config.timeout))
        transport = streamable_http_client(config.url, http_client=http)
    transport = WellFormedTools(transport, left_out)
    return mcp.Client(transport, read_timeout_seconds=config.timeout, client_info=about)


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"The environment variable {name} is not set.", f"Set it, for example: export {name}=….")
    return value


def _result_type(schema: Schema | None) -> Any:
    """The annotation of a result that the server declares; None where only the reply shows it."""
    if schema is not None and isinstance(fields := schema.get("properties"), dict) and len(fields) == 1:
        (schema,) = fields.values()
    kind = schema.get("type") if isinstance(schema, dict) else None
    return {"integer": Number, "number": Number, "boolean": Boolean, "string": Text}.get(str(kind))


def _reason(error: BaseException) -> str:
    """The first cause inside groups of errors, in words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
