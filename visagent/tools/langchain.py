"""LangChain's tools as visagent tools. Knows no concrete tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from visagent.core.encoding import decode_base64
from visagent.core.errors import ToolError
from visagent.core.text import cleaned
from visagent.evidence.values import Value
from visagent.tools.external import foreign_tool, identifier, reply_value
from visagent.tools.toolkit import Tool

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def from_langchain(tool: BaseTool, *, name: str | None = None, read_only: bool = False, timeout: float = 120.0) -> Tool:
    """A visagent tool that calls a LangChain tool.

    Args:
        tool: A tool of langchain-core; its arguments' schema becomes the parameters.
        name: Name of the new tool; None for the tool's own, as an identifier.
        read_only: Whether it changes nothing. LangChain's tools do not say: unless you do, plans need approval.
        timeout: Seconds.

    Raises:
        ToolDefinitionError: the name cannot be used.
    """
    schema: Any = tool.tool_call_schema

    async def call(arguments: dict[str, JsonValue]) -> Value:
        from langchain_core.tools import ToolException

        try:
            reply = await tool.ainvoke(arguments)
        except (ToolException, ValidationError) as error:
            raise ToolError(
                f"{tool.name}: {cleaned(str(error)) or 'the tool failed'}", "Give arguments that the tool takes."
            ) from error
        return _value(reply)

    return foreign_tool(
        name or identifier(tool.name),
        tool.description,
        schema if isinstance(schema, Mapping) else schema.model_json_schema(),
        call,
        origin=f"langchain:{tool.name}",
        read_only=read_only,
        timeout=timeout,
    )


def _value(reply: Any) -> Value:
    """The evidence in a reply: plain Python, or a list of LangChain's content blocks."""
    if isinstance(reply, str):
        return reply_value([reply])
    if isinstance(reply, list) and reply and all(isinstance(part, str | dict) for part in reply):
        from langchain_core.messages import ToolMessage

        blocks: list[Any] = ToolMessage(content=reply, tool_call_id="").content_blocks
        texts = [str(block["text"]) for block in blocks if block["type"] == "text"]
        pictures = [
            decode_base64(block["base64"], "A picture in the reply", ToolError)
            for block in blocks
            if block["type"] == "image" and "base64" in block
        ]
        if texts or pictures:
            return reply_value(texts, pictures)
    try:
        return reply_value([], structured=_JSON.validate_python(reply))
    except ValidationError:
        # An object of the tool's own: what it says of itself is all that is known of it.
        return reply_value([str(reply)])
