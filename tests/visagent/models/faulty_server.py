"""A stand-in for OpenAI-compatible servers of every dialect and with every fault, on loopback; the path chooses which.

It plays a model that does as it is asked: where a schema is sent, or stands in the prompt, the reply satisfies it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote

from local_servers import Quiet, serving

PLAN = {"steps": [{"tool": "find", "label": "cat"}, {"tool": "how_many", "boxes": "$q1"}]}
MARK = "JSON schema:\n"


class Refusal(Exception):
    """An HTTP error with these words."""

    def __init__(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.status, self.content, self.headers = status, content, headers or {}


def said(status: int, message: str, **more: Any) -> Refusal:
    return Refusal(status, {"error": {"message": message, "type": "invalid_request_error", **more}})


def pictures(body: dict[str, Any]) -> int:
    parts = [
        part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]
    ]
    return sum(part["type"] == "image_url" for part in parts)


def system(body: dict[str, Any]) -> bool:
    return any(message["role"] == "system" for message in body["messages"])


def asked_schema(body: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the reply, from its field or from the words of the prompt."""
    if form := body.get("response_format"):
        return form["json_schema"]["schema"]
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            content = message["content"]
            text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
            if MARK in text:
                return json.JSONDecoder().raw_decode(text, text.index(MARK) + len(MARK))[0]
    return None


def example(schema: dict[str, Any]) -> Any:
    """A value that satisfies a schema of the kind that visagent sends."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return example(schema[key][0])
    if schema.get("type") == "object":
        return {name: example(part) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    return {"boolean": True, "number": 1, "integer": 1}.get(schema.get("type", ""), "One cat.")


def honest(body: dict[str, Any]) -> str:
    """What the model says to a request."""
    schema = asked_schema(body)
    if schema is None:
        return "There is one cat."
    return json.dumps(PLAN if "steps" in schema.get("properties", {}) else example(schema))


# What a server takes: each raises where the request has what it does not take.

UNSUPPORTED = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
EXTRA = [{"type": "extra_forbidden", "loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]
TEMPERATURE = "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) is supported."

REFUSES: dict[str, tuple[Callable[[dict[str, Any]], bool], Refusal]] = {
    "no response_format": (
        lambda body: "response_format" in body,
        said(400, "This response_format type is unavailable now"),
    ),
    "response_format 422": (lambda body: "response_format" in body, Refusal(422, {"detail": EXTRA})),
    "max_completion_tokens": (lambda body: "max_tokens" in body, said(400, UNSUPPORTED, param="max_tokens")),
    "no temperature": (lambda body: body.get("temperature", 1) != 1, said(400, TEMPERATURE, param="temperature")),
    "no stream_options": (
        lambda body: "stream_options" in body,
        said(400, "Unrecognized request argument supplied: stream_options"),
    ),
    "no system role": (system, said(400, "System role not supported")),
    "system role 500": (system, said(500, "Conversation roles must alternate user/assistant/user/assistant/...")),
    "unknown field": (
        lambda body: "chat_template_kwargs" in body,
        said(400, "Unrecognized request argument supplied: chat_template_kwargs"),
    ),
    "nothing at all": (
        lambda body: bool({"response_format", "stream_options", "chat_template_kwargs"} & body.keys()) or system(body),
        said(400, "unsupported: stream_options, chat_template_kwargs, response_format, system role"),
    ),
    "one picture": (
        lambda body: pictures(body) > 1,
        said(400, "At most 1 image(s) may be provided in one prompt."),
    ),
    "no pictures": (lambda body: pictures(body) > 0, said(400, "fake is not a multimodal model")),
    "no pictures 500": (
        lambda body: pictures(body) > 0,
        said(500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
    ),
    "context": (
        lambda body: True,
        said(400, "This model's maximum context length is 2048 tokens. However, you requested 3512 tokens."),
    ),
    "too large": (lambda body: True, Refusal(413, "<html><h1>413 Request Entity Too Large</h1></html>")),
    "bad gateway": (lambda body: True, Refusal(502, "<html><h1>502 Bad Gateway</h1></html>")),
    "quota": (
        lambda body: True,
        Refusal(429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}),
    ),
    "key": (lambda body: True, said(401, "Incorrect API key provided")),
}


def reworded(mode: str, text: str, body: dict[str, Any]) -> dict[str, Any]:
    """The message of a reply, as a server of this kind puts it."""
    thoughts = "The user wants cats. Perhaps [7] of them, {so} I count."
    match mode:
        case "think":
            return {"content": f"<think>\n{thoughts}\n</think>\n\n{text}"}
        case "open think":
            return {"content": f"{thoughts}\n</think>\n\n{text}"}
        case "reasoning":
            return {"reasoning_content": thoughts, "content": text}
        case "reasoning field":
            return {"reasoning": thoughts, "content": text}
        case "only reasoning":
            return {"reasoning_content": text, "content": None}
        case "fences":
            return {"content": f"```json\n{text}\n```"}
        case "prose around":
            return {"content": f"Sure! Here it is:\n```json\n{text}\n```\nDo you need more?"}
        case "tool call" if asked_schema(body):
            call = {"index": 0, "id": "c", "type": "function", "function": {"name": "reply", "arguments": text}}
            return {"content": None, "tool_calls": [call]}
        case "list content":
            return {"content": [{"type": "text", "text": text}]}
        case "prose":
            return {"content": "I see one cat in the picture."}
        case "prose until asked" if MARK not in json.dumps(body).replace("\\n", "\n"):
            return {"content": "I see one cat in the picture."}
        case "prose but plans" if "steps" not in (asked_schema(body) or {}).get("properties", {}):
            return {"content": "I see one cat in the picture."}
        case "empty":
            return {"content": ""}
        case "unknown tool" if "steps" in (asked_schema(body) or {}).get("properties", {}):
            repaired = "find_cats" in json.dumps(body["messages"])
            return {"content": text if repaired else text.replace('"find"', '"find_cats"')}
        case "stubborn tool" if "steps" in (asked_schema(body) or {}).get("properties", {}):
            # Does not heed a schema, but the words of the planner's own repair prompt.
            heeds = "is no tool" in json.dumps(body["messages"])
            return {"content": text if heeds else text.replace('"find"', '"find_cats"')}
    return {"content": text}


class FaultyServer:
    """What the server was sent, and where it is."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.bodies: list[dict[str, Any]] = []
        self.refused: Counter[str] = Counter()

    def url(self, mode: str) -> str:
        return f"{self.address}/{quote(mode)}/v1"


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """Run one; gives what it was sent."""

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        @property
        def mode(self) -> str:
            return unquote(self.path.split("/")[1])

        def do_GET(self) -> None:
            self.answer({"object": "list", "data": [{"id": "fake", "object": "model", "max_model_len": 32768}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.bodies.append(body)
            number = len(state.bodies)
            applies, refusal = REFUSES.get(self.mode, (lambda body: False, said(400, "")))
            if applies(body):
                state.refused[self.mode] += 1
                self.answer(refusal.content, refusal.status)
            elif self.mode == "flaky" and number % 2:
                self.answer("<html>502</html>", 502)
            elif self.mode == "busy" and number == 1:
                self.answer({"error": {"message": "Rate limit"}}, 429, {"Retry-After": "0.2"})
            elif self.mode == "loading" or (self.mode == "loading once" and number == 1):
                self.answer({"error": {"message": "model is loading", "code": 503}})
            elif self.mode == "error in 200":
                self.answer({"error": {"message": "the adapter is broken"}})
            elif self.mode == "silent":
                time.sleep(3)
            else:
                message = reworded(self.mode, honest(body), body)
                if self.mode == "no stream":
                    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
                    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
                    self.answer({"object": "chat.completion", "choices": [choice], "usage": usage})
                else:
                    self.stream(message, number)

        def stream(self, message: dict[str, Any], number: int) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            mode = self.mode
            self.event({"role": "assistant", "content": None if mode == "null content" else ""})
            if mode == "comment":
                self.wfile.write(b": keep-alive\n\n")
            content = message.pop("content")
            if message:
                self.event(message)
            if mode == "error in stream":
                self.event({"content": content[:4]})
                self.wfile.write(b'data: {"error": {"message": "CUDA out of memory", "code": 400}}\n\n')
                return
            if isinstance(content, list):
                self.event({"content": content})
            else:
                for at in range(0, len(content or ""), 7):
                    if at > len(content) / 2 and (mode == "cut always" or (mode == "cut once" and number == 1)):
                        return
                    self.event({"content": content[at : at + 7]})
            if mode != "no finish":
                self.event({}, "stop")
            if mode == "null usage":
                self.wfile.write(b'data: {"choices": [], "usage": null}\n\n')
            if mode != "no done":
                self.wfile.write(b"data: [DONE]\n\n")

        def event(self, delta: dict[str, Any], finish: str | None = None) -> None:
            chunk = {
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

        def answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
            html = isinstance(content, str)
            sent = (content if html else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if html else "application/json")
            self.send_header("Content-Length", str(len(sent)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

    with serving(Handler) as address:
        state = FaultyServer(address)
        yield state
