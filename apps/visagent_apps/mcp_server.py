"""Serves an agent's experts, and `ask`, to MCP clients: over stdio, or over streamable HTTP on loopback.

A medium comes as image or audio content (base64), or as the path of a file below one folder that whoever starts the
server allows. What one expert found can be given to another: the structured content of its reply, as it came.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import mcp_types as types
from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from pydantic import JsonValue, TypeAdapter, ValidationError

from visagent import __version__
from visagent.agent.agent import Agent
from visagent.agent.events import Answered, ApprovalNeeded, Found, Planned
from visagent.core.config import Mode
from visagent.core.encoding import decode_base64, encode_base64
from visagent.core.errors import InputError, MediaError, VisagentError
from visagent.core.validation import first_problem
from visagent.evidence.contents import summary
from visagent.evidence.tree import SubQuestion, ToolCall
from visagent.evidence.values import Crop, Evidence, Failure, Value
from visagent.media.media import Media, load_media
from visagent.media.pictures import encode_picture
from visagent.planning.prompts import LANGUAGES
from visagent.tools.executor import ToolExecutor
from visagent.tools.toolkit import Parameter, ToolSpec
from visagent_apps.sweeping import sweeping

_log = logging.getLogger(__name__)
MAX_BODY = 64 * 2**20
"""Bytes of one HTTP request."""

_VALUE: TypeAdapter[Value] = TypeAdapter(Value)
_READ_ONLY = types.ToolAnnotations(read_only_hint=True, open_world_hint=False)


class ExpertServer:
    """What MCP clients may call.

    Args:
        agent: The agent whose tools are offered, and which answers `ask`.
        root: The folder below which clients may name files; None for none.
        concurrency: Calls at once; further ones wait.
    """

    def __init__(self, agent: Agent, *, root: Path | None = None, concurrency: int = 2) -> None:
        self._agent, self._root = agent, root.resolve() if root else None
        self._places = asyncio.Semaphore(concurrency)
        # Evidence names a medium by its hash: the last ones stay loaded, so that a later call can look at them.
        self._recent: deque[Media] = deque(maxlen=8)

    def mcp(self) -> Server[Any]:
        """The server, ready for a transport."""
        return Server(
            "visagent",
            version=__version__,
            instructions="Answers questions about pictures, video and sound, with evidence: call ask, or one expert.",
            lifespan=lambda _: sweeping(self._agent.home),
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def _list(self, _: Any, __: Any) -> types.ListToolsResult:
        experts = [
            types.Tool(
                name=tool.spec.name,
                description=f"{tool.spec.purpose} Gives {' or '.join(tool.spec.result)}.",
                input_schema=self._expert_schema(tool.spec),
                annotations=_READ_ONLY.model_copy(update={"read_only_hint": tool.spec.read_only}),
            )
            for tool in self._agent.tools.values()
        ]
        ask = types.Tool(
            name="ask",
            description="Answer a multi-step question about pictures, video or sound; every sentence cites evidence.",
            input_schema=self._ask_schema(),
            annotations=_READ_ONLY,
        )
        return types.ListToolsResult(tools=[ask, *experts])

    async def _call(
        self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        given = params.arguments or {}
        if params.name != "ask" and params.name not in self._agent.tools:
            raise MCPError(types.INVALID_PARAMS, f"There is no tool named {params.name[:80]!r}.")
        try:
            async with self._places:
                if params.name == "ask":
                    return await self._ask(context, given)
                return await self._expert(self._agent.tools[params.name].spec, given)
        except VisagentError as error:
            return _failed(Failure.of(error))
        except Exception:
            # The library would send the words of whatever broke here to the client.
            _log.exception("the call of %s failed", params.name)
            broken = f"{params.name} could not be called: something broke inside the server."
            return _failed(Failure(error="InternalError", message=broken, remedy="The server's log says what."))

    # One expert.

    async def _expert(self, spec: ToolSpec, given: Mapping[str, JsonValue]) -> types.CallToolResult:
        known = [parameter.name for parameter in spec.parameters]
        if unknown := [name for name in given if name not in known]:
            raise InputError(f"{spec.name} has no argument {unknown[0][:80]!r}.", f"It takes: {', '.join(known)}.")
        media: dict[str, Media] = {}
        needs: dict[str, Evidence] = {}
        arguments: dict[str, JsonValue] = {}
        for parameter in spec.parameters:
            if parameter.name in given:
                arguments[parameter.name] = await self._argument(parameter, given[parameter.name], media, needs)
            elif parameter.required:
                raise InputError(f"{spec.name} lacks {parameter.name!r}.", f"It takes {parameter.signature()}.")
        node = SubQuestion(id="q1", question=spec.purpose, solver=ToolCall(tool=spec.name, arguments=arguments))
        profile = self._agent.profile
        expert = ToolExecutor(self._agent.tools, media, profile.budget, options=profile.tools, home=self._agent.home)
        value = (await expert.answer(node, needs)).value
        if isinstance(value, Failure):
            return _failed(value)
        content: list[types.ContentBlock] = [types.TextContent(text=value.model_dump_json())]
        if isinstance(value, Crop):
            content.append(_picture(value.image()))
        return types.CallToolResult(content=content, structured_content=value.model_dump(mode="json"))

    async def _argument(
        self, parameter: Parameter, given: JsonValue, media: dict[str, Media], needs: dict[str, Evidence]
    ) -> JsonValue:
        """An argument as a plan would have it: a literal, a medium's name, or a reference to evidence."""
        if isinstance(given, list):
            items = [await self._argument(parameter, item, media, needs) for item in given]
            # The pages of a document among them are so many pictures.
            return [one for item in items for one in (item if isinstance(item, list) else [item])]
        if isinstance(given, dict) and given.get("type") in parameter.accepts:
            try:
                value = _VALUE.validate_python(given)
            except ValidationError as error:
                raise InputError(
                    f"{parameter.name} is no {given['type']}: {first_problem(error)}.",
                    "Give the structured content of an earlier reply as it came.",
                ) from error
            id_ = f"q{len(needs) + 2}"
            needs[id_] = Evidence(id=id_, tool="client", value=value)
            return f"${id_}"
        if parameter.media:
            loaded = await self._load(given)
            if len(loaded) > 1 and not parameter.several:
                raise MediaError(
                    f"{parameter.name}: this document has {len(loaded)} pages, and one picture is taken.",
                    "Send the page that is meant, as a document or picture of its own.",
                )
            names = [f"{parameter.media[0]}{len(media) + at}" for at in range(1, len(loaded) + 1)]
            media.update(zip(names, loaded, strict=True))
            return names[0] if len(names) == 1 else [*names]
        if isinstance(given, str) and given.startswith("$q"):
            raise InputError(f"{parameter.name} cannot be {given[:80]!r}.", "Give the evidence itself.")
        return given

    # A question.

    async def _ask(
        self, context: ServerRequestContext[Any, Any], given: Mapping[str, JsonValue]
    ) -> types.CallToolResult:
        question, mode, language = given.get("question"), given.get("mode", "auto"), given.get("language")
        sources = given.get("media", [])
        if not isinstance(question, str) or not isinstance(sources, list) or mode not in get_args(Mode):
            raise InputError("ask takes a question and a list of media.", f"Its modes: {', '.join(get_args(Mode))}.")
        media = [medium for source in sources for medium in await self._load(source)]
        # The agent checks the language.
        options: dict[str, Any] = {"mode": mode, "language": language}
        done, total = 0, None
        async for event in self._agent.stream(question, *media, **options):
            match event:
                case Planned(tree=tree):
                    total = len(tree)
                    await context.session.report_progress(0, total, "planned")
                case Found(evidence=found):
                    done += 1
                    shown = f"{found.id} {found.tool}: {summary(found.value)}"
                    await context.session.report_progress(done, total, shown)
                case ApprovalNeeded(run_id=run_id):
                    fact = "The plan changes something outside, and nobody can approve it here."
                    raise InputError(fact, f"On the server: visagent resume {run_id}.")
                case Answered(answer=answer):
                    content: list[types.ContentBlock] = [types.TextContent(text=answer.text)]
                    if given.get("annotate") is True and any(item.kind == "image" for item in media):
                        content.append(_picture(await asyncio.to_thread(answer.annotate)))
                    return types.CallToolResult(content=content, structured_content=answer.model_dump(mode="json"))
        raise AssertionError("a run ends with an answer or a wait for approval")

    # Media.

    async def _load(self, given: JsonValue) -> list[Media]:
        """The media of content or a path; a PDF gives one a page."""
        source: bytes | Path
        if isinstance(given, dict) and isinstance(given.get("data"), str):
            source = decode_base64(str(given["data"]), "The medium's data")
        elif isinstance(given, str):
            source = self._below_root(given)
        else:
            raise MediaError("A medium is content with data, or a path.", 'Give {"type": "image", "data": …}.')
        media = await asyncio.to_thread(load_media, source)
        self._recent.extend(media)
        return media

    def _below_root(self, given: str) -> Path:
        if self._root is None:
            raise MediaError(
                "This server reads no files.", "Send the medium as content, or start it with --root FOLDER."
            )
        try:
            path = (self._root / given).resolve()
            inside = path.is_relative_to(self._root) and path.is_file()
        except (OSError, ValueError) as error:
            raise MediaError(f"There is no file {given[:80]!r}.", "Name one below the server's folder.") from error
        # Outside and absent look the same, so that nobody learns what files there are.
        if not inside:
            raise MediaError(f"There is no file {given[:80]!r} below the server's folder.", "Name one that is there.")
        return path

    # Schemas.

    def _medium_schema(self) -> dict[str, Any]:
        content = {
            "type": "object",
            "description": "Image or audio content.",
            "properties": {
                "type": {"enum": ["image", "audio"]},
                "data": {"type": "string", "description": "The file's bytes in base64."},
                "mimeType": {"type": "string"},
            },
            "required": ["data"],
        }
        path = {"type": "string", "description": "Path of a file below the server's folder."}
        return {"anyOf": [content, path]} if self._root else content

    def _expert_schema(self, spec: ToolSpec) -> dict[str, Any]:
        properties = {parameter.name: self._parameter_schema(parameter) for parameter in spec.parameters}
        required = [parameter.name for parameter in spec.parameters if parameter.required]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _parameter_schema(self, parameter: Parameter) -> dict[str, Any]:
        options: list[dict[str, Any]] = [self._medium_schema()] if parameter.media else []
        if parameter.literal is not None:
            options.append(dict(parameter.literal))
        if parameter.accepts:
            options.append(
                {
                    "type": "object",
                    "description": "The structured content of another expert's reply.",
                    "properties": {"type": {"enum": list(parameter.accepts)}},
                    "required": ["type"],
                }
            )
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        if parameter.many:
            schema = {"type": "array", "items": schema}
        return {**schema, "description": parameter.description} if parameter.description else schema

    def _ask_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                "question": {"type": "string", "minLength": 1},
                "media": {"type": "array", "items": self._medium_schema(), "minItems": 1},
                "mode": {"enum": list(get_args(Mode))},
                "language": {"enum": list(LANGUAGES), "description": "Of the answer; by default the question's."},
                "annotate": {"type": "boolean", "description": "Whether to add the picture with the evidence in it."},
            },
            "required": ["question", "media"],
            "additionalProperties": False,
        }


def serve(agent: Agent, *, port: int | None, root: Path | None, concurrency: int) -> None:
    """Serve until the client hangs up (stdio), or until stopped (HTTP).

    Args:
        agent: The agent whose tools are offered.
        port: Port of 127.0.0.1 for streamable HTTP under /mcp; None for stdio.
        root: Root as for `ExpertServer`.
        concurrency: Concurrency as for `ExpertServer`.
    """
    server = ExpertServer(agent, root=root, concurrency=concurrency).mcp()
    if port is None:
        # Ctrl-C ends it like SIGTERM: the library waits for a line that nobody writes, which nothing else interrupts.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            asyncio.run(_serve_stdio(server))
        except* BrokenPipeError:
            # The client is gone, and nobody is left to be told; what is still to be written goes nowhere.
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return
    from visagent_apps.listening import address, serve_until_stopped

    # The SDK refuses foreign Host and Origin headers on a loopback address, so that no web page can call in.
    app = server.streamable_http_app(host="127.0.0.1", max_request_body_size=MAX_BODY)
    host = "127.0.0.1"
    line = f"MCP clients reach this server at {address(host, port, '/mcp')}; Ctrl+C ends it."
    serve_until_stopped(app, line, host=host, port=port)


async def _serve_stdio(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def _failed(why: Failure) -> types.CallToolResult:
    """An error with its type, in words for a model and in fields for a program."""
    text = f"{why.error}: {why.message} {why.remedy}".strip()
    content: list[types.ContentBlock] = [types.TextContent(text=text)]
    return types.CallToolResult(content=content, structured_content=why.model_dump(mode="json"), is_error=True)


def _picture(image: Any) -> types.ImageContent:
    return types.ImageContent(data=encode_base64(encode_picture(image, "PNG")), mime_type="image/png")
