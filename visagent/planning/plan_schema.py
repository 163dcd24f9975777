"""The JSON schema that a controller's plans are held to. Knows no model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached

from visagent.media.media import MediaInfo
from visagent.planning.plan import MAX_STEPS, REASONS, UNANSWERABLE, fitting, left_out, nameable
from visagent.tools.toolkit import Parameter, Tool

_LONG_SCHEMA = 40
"""Characters of an argument's schema from which a reference to a shared one is shorter."""


def plan_schema(
    tools: Mapping[str, Tool],
    media: Mapping[str, MediaInfo],
    *,
    questions: bool = False,
    max_steps: int = MAX_STEPS,
    together: bool = False,
) -> dict[str, Any]:
    """JSON schema of the plans for these tools and media: a union discriminated by `tool`.

    Tools that need a medium which was not given are left out, so that no constrained model can call them.

    Args:
        tools: What a plan may call.
        media: What it may name.
        questions: Whether each step also puts its sub-question in words; the embedded planner is spared that.
        max_steps: Steps at most.
        together: Whether no picture is named where several can be taken: all of them are meant.

    Returns:
        A new dictionary, the caller's own.
    """
    # Read anew for each caller, who may change it: that takes a tenth of the time that building it takes.
    schema: dict[str, Any] = json.loads(_schema_text(tools, media, questions, max_steps, together))
    return schema


def _all_it_depends_on(tools: Mapping[str, Tool], media: Mapping[str, MediaInfo], *options: int) -> tuple[Any, ...]:
    specs = tuple(tool.spec.fingerprint for tool in tools.values())
    return specs, tuple((name, info.kind, info.has_audio) for name, info in media.items()), options


@cached(LRUCache(64), key=_all_it_depends_on, lock=Lock())
def _schema_text(
    tools: Mapping[str, Tool], media: Mapping[str, MediaInfo], questions: bool, max_steps: int, together: bool
) -> str:
    """`plan_schema` as JSON: each plan wants one, and most questions the same one."""
    definitions: dict[str, Any] = {
        "ref": {"type": "string", "enum": [f"$q{number}" for number in range(1, max_steps)]},
        "words": {"type": "string", "minLength": 1, "maxLength": 120},
    }
    # A crop needs a picture to be cut from.
    pictures = any(info.kind != "audio" for info in media.values())
    steps = []
    for tool in tools.values():
        properties: dict[str, Any] = {"tool": {"const": tool.spec.name}}
        required = ["tool"]
        if questions:
            properties["question"] = {"$ref": "#/$defs/words"}
            required.append("question")
        for parameter in tool.spec.parameters:
            names = nameable(parameter, media, together)
            schema = _argument_schema(parameter, names, pictures, all_meant=together and parameter.several)
            if schema is None:
                break
            properties[parameter.name] = schema
            if parameter.required and left_out(parameter, media) is None:
                required.append(parameter.name)
        else:
            steps.append(_object(properties, required))
    unanswerable = {"tool": {"const": UNANSWERABLE}, "reason": {"enum": list(REASONS)}}
    steps.append(_object(unanswerable, list(unanswerable)))
    _share(steps, definitions)
    schema = {"type": "array", "minItems": 1, "maxItems": max_steps, "items": {"anyOf": steps}}
    return json.dumps({**_object({"steps": schema}, ["steps"]), "$defs": definitions})


def _share(steps: Sequence[Mapping[str, Any]], definitions: dict[str, Any]) -> None:
    """Give arguments that are alike one definition: a server that gets the schema in the prompt reads all of it."""
    alike: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for step in steps:
        for name, schema in step["properties"].items():
            alike.setdefault(json.dumps(schema, sort_keys=True), []).append((step["properties"], name))
    for text, places in alike.items():
        if len(places) > 1 and len(text) > _LONG_SCHEMA:
            shared = f"a{len(definitions)}"
            definitions[shared] = json.loads(text)
            for properties, name in places:
                properties[name] = {"$ref": f"#/$defs/{shared}"}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def offered(tools: Mapping[str, Tool], media: Mapping[str, MediaInfo]) -> dict[str, Tool]:
    """The tools that a plan about these media can call: those that need a medium which was not given are left out."""
    pictures = any(info.kind != "audio" for info in media.values())

    def possible(parameter: Parameter) -> bool:
        return _argument_schema(parameter, fitting(parameter, media), pictures) is not None

    return {
        name: tool
        for name, tool in tools.items()
        if all(possible(parameter) for parameter in tool.spec.parameters if parameter.required)
    }


def _argument_schema(
    parameter: Parameter, names: list[str], pictures: bool, all_meant: bool = False
) -> dict[str, Any] | None:
    """JSON schema of one argument; None where nothing could be given."""
    options: list[dict[str, Any]] = []
    if names:
        options.append({"enum": names})
    if parameter.literal is not None:
        literal = dict(parameter.literal)
        if literal.get("type") == "string" and "enum" not in literal:
            # A string may also be a reference, which any string schema admits.
            return {"$ref": "#/$defs/words"}
        options.append(literal)
    if parameter.accepts:
        options.append({"$ref": "#/$defs/ref"})
    if not options or (parameter.media and not (names or all_meant) and not (pictures and "crop" in parameter.accepts)):
        return None
    schema = options[0] if len(options) == 1 else {"anyOf": options}
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": 6} if parameter.many else schema
