"""An MCP server on stdio that says what no SDK would let it say.

Run as `python raw_mcp_server.py (malformed | many | FILE)`; the file holds a list of tools as JSON.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

READ_ONLY = {"readOnlyHint": True}
TEXT = {"type": "string"}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": f"Do {name}.", "inputSchema": schema, "annotations": READ_ONLY}


TOOLS: dict[str, list[Any]] = {
    "malformed": [
        {"name": "no_schema"},
        {"name": "schema_of_a_list", "inputSchema": {"type": "array"}},
        {"name": 7, "inputSchema": {"type": "object"}},
        "no tool at all",
        tool("echo", text=TEXT),
        tool("show", image_base64={**TEXT, "description": "The image, in base64."}),
        tool("open_picture", picture=TEXT),
        tool("two"),
    ],
    "many": [tool(f"tool_{number}") for number in range(140)],
}


def picture(color: str) -> dict[str, str]:
    file = io.BytesIO()
    Image.new("RGB", (4, 3), color).save(file, "PNG")
    return {"type": "image", "mimeType": "image/png", "data": base64.b64encode(file.getvalue()).decode()}


def called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if name == "two":
        return {"content": [{"type": "text", "text": "both"}, picture("red"), picture("blue")]}
    return {"content": [{"type": "text", "text": json.dumps(arguments)}]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    match method:
        case "initialize":
            about = {"serverInfo": {"name": "raw", "version": "1"}, "capabilities": {"tools": {}}}
            return {"result": {**about, "protocolVersion": params["protocolVersion"]}}
        case "tools/list":
            what = sys.argv[1]
            return {"result": {"tools": TOOLS[what] if what in TOOLS else json.loads(Path(what).read_text("utf-8"))}}
        case "tools/call":
            return {"result": called(params["name"], params.get("arguments") or {})}
        case "ping":
            return {"result": {}}
    return {"error": {"code": -32601, "message": f"There is no {method}."}}


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            said = answer(message["method"], message.get("params") or {})
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}), flush=True)
