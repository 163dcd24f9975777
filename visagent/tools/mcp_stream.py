"""A line to an MCP server on which one malformed tool does not hide the others. Knows no server and no tool.

The client library takes a list of tools whole or not at all. So each tool of a list is looked at on its way in, and one
that is invalid is left out and reported.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from pydantic import ValidationError

from visagent.core.validation import first_problem


class WellFormedTools:
    """A transport whose lists of tools hold well-formed ones alone.

    Args:
        transport: Transport of the client library: a context manager that gives a stream to read and one to write.
        left_out: Called with the name of each tool that is left out, untrusted text, and why.
    """

    def __init__(self, transport: Any, left_out: Callable[[str, str], None]) -> None:
        self._transport, self._left_out = transport, left_out

    async def __aenter__(self) -> tuple[_Stream, Any]:
        read, write, *_ = await self._transport.__aenter__()
        return _Stream(read, self._left_out), write

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        stops: bool | None = await self._transport.__aexit__(kind, error, trace)
        return stops


class _Stream:
    """What a server sends, message by message."""

    def __init__(self, stream: Any, left_out: Callable[[str, str], None]) -> None:
        self._stream, self._left_out = stream, left_out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> _Stream:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *reason: Any) -> Any:
        return await self._stream.__aexit__(*reason)

    def __aiter__(self) -> _Stream:
        return self

    async def __anext__(self) -> Any:
        return self._looked_at(await anext(self._stream))

    async def receive(self) -> Any:
        return self._looked_at(await self._stream.receive())

    def _looked_at(self, item: Any) -> Any:
        result = getattr(getattr(item, "message", None), "result", None)
        tools = result.get("tools") if isinstance(result, dict) else None
        if isinstance(result, dict) and isinstance(tools, list):
            result["tools"] = [tool for tool in tools if self._is_tool(tool)]
        return item

    def _is_tool(self, tool: Any) -> bool:
        import mcp_types

        try:
            mcp_types.ListToolsResult.model_validate({"tools": [tool]}, by_name=False)
            if tool["inputSchema"].get("type") != "object":
                raise TypeError("inputSchema is no schema of an object")
        except ValidationError as error:
            why = first_problem(error)
        except TypeError as error:
            why = str(error)
        else:
            return True
        name = tool.get("name") if isinstance(tool, dict) else None
        self._left_out(str(name), why)
        return False
