"""What the OpenAI-compatible server says of itself at /openapi.json: what it replies, errors included.

The requests' schemas are those of `openai_format`. Knows no agent.
"""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, create_model

from visagent import __version__
from visagent.evidence.answer import Answer
from visagent_apps.openai_format import TRACED

Trace = create_model("Trace", **{name: (Answer.model_fields[name].annotation, ...) for name in sorted(TRACED)})  # type: ignore[call-overload]
"""The extension field of a whole reply: the answer with its claims, tree and evidence."""


class Health(BaseModel):
    """Says that the server is up."""

    status: Literal["ok"]


class ModelCard(BaseModel):
    """The one model that there is."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"]
    data: list[ModelCard]


class RunId(BaseModel):
    """Names the run, so that a further turn can follow it."""

    run_id: str


class ReplyMessage(BaseModel):
    """The answer; `refusal` says why there is none in the form that was asked for."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    visagent: RunId


class Choice(BaseModel):
    """The only one."""

    index: Literal[0]
    message: ReplyMessage
    finish_reason: Literal["stop"]
    logprobs: None


class CachedTokens(BaseModel):
    """Of the prompts' tokens, those that were read before."""

    cached_tokens: int


class CompletionUsage(BaseModel):
    """Tokens of all models that had a part in it."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class Completion(BaseModel):
    """A reply in one piece."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage
    visagent: Trace


class ErrorFields(BaseModel):
    """What is wrong, in words and by a name for programs."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: None
    code: str


class Error(BaseModel):
    """An error, as OpenAI's clients read it."""

    error: ErrorFields


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The replies to a request that is refused with one of these statuses.

    Args:
        *statuses: Beside those with which whatever stands before the server may refuse any request.
    """
    said = {
        400: "The body is none, or what it asks for cannot be done.",
        401: "The API key is missing or wrong.",
        404: "There is no such model.",
        413: "The request is too large.",
        421: "The host name is not this machine's.",
        429: "All places are taken, and the line is full; Retry-After says when to come again.",
        500: "The run failed.",
    }
    replies: dict[int | str, dict[str, Any]] = {
        status: {"model": Error, "description": said[status]} for status in sorted({401, 413, 421, *statuses})
    }
    if 429 in replies:
        replies[429]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return replies


def describe(app: FastAPI) -> None:
    """Have the application document what it really replies.

    FastAPI supposes a 422 of its own wherever there is a body, and errors of the type that a route's good reply has.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=__version__, routes=app.routes)
            for path in schema["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    for status, reply in operation["responses"].items():
                        if status >= "400":
                            reply["content"] = {"application/json": next(iter(reply["content"].values()))}
            for unused in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(unused, None)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
