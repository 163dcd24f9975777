"""Tools that another program describes with a JSON schema, as visagent tools. Knows no protocol and no concrete tool.

What a foreign program says is untrusted text: a name is reduced to an identifier, a description to one short line
between quotation marks, and what a tool replies is evidence, never an instruction.

====================================================  ============  =========================================
JSON schema of a parameter                            annotation    what is sent
====================================================  ============  =========================================
`string`, `integer`, `number`, `boolean`              as it says    the value
`enum` of at most 20 short plain words                `Literal`     the value
`array` of these                                      `list[...]`   the values
an object with `data` and `mimeType`                  `Crop`        MCP's image content (`audio/*`: `Audio`)
`string` with `contentMediaType: image/*`             `Crop`        PNG in base64 (`audio/*`: `Audio`)
anything else                                         `str`         JSON that a plan writes as text
====================================================  ============  =========================================
"""

from __future__ import annotations

import inspect
import json
import keyword
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import JsonValue

from visagent.core.encoding import encode_base64
from visagent.core.errors import ToolError
from visagent.core.json_text import json_or_text
from visagent.core.text import cleaned
from visagent.evidence.values import Boolean, Crop, Number, Text, Value
from visagent.media.media import Media
from visagent.media.pictures import encode_picture
from visagent.tools.results import picture_evidence
from visagent.tools.toolkit import Audio, Tool, tool

NAME_LIMIT = 64
PURPOSE_LIMIT = 160
TEXT_LIMIT = 20_000
"""Characters of a reply that are kept."""
MAX_CHOICES = 20

Schema = Mapping[str, Any]
Call = Callable[[dict[str, JsonValue]], Awaitable[Value]]
"""Calls the foreign tool with JSON arguments."""

_log = logging.getLogger(__name__)
_PICTURE_WORDS = re.compile(r"(?i)\b(?:image|img|picture|photo|screenshot|png|jpe?g)s?\b")
_DATA_URI = re.compile(r"(?i)\bdata[ -]?ur[il]\b|data:image")
_MEDIUM = re.compile(r"(?:image|video|audio)[1-9]\d*")
_CHOICE = re.compile(r"[\w+./-][\w +./-]{0,39}")
_SCALARS: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}


class _Slot(NamedTuple):
    """One parameter: its annotation, and how a value becomes the JSON that is sent."""

    annotation: Any
    send: Callable[[Any], JsonValue]


def foreign_tool(
    name: str,
    description: str,
    schema: Schema,
    call: Call,
    *,
    origin: str,
    result: Any = None,
    read_only: bool = False,
    timeout: float = 60.0,
) -> Tool:
    """A visagent tool that calls a foreign one; its results are never cached and it is never called twice for one step.

    Args:
        name: An identifier; see `identifier`.
        description: Description as the foreign program gives it; a planner is shown the first paragraph.
        schema: JSON schema of the arguments, an object.
        call: Does the work.
        origin: Where the tool comes from, for a person, for example `mcp:weather`.
        result: Annotation of the result; None for a text, picture, number or truth.
        read_only: Whether the foreign program promises to change nothing; plans that call others need approval.
        timeout: Seconds.
    """
    required = {name for name in _list(schema.get("required")) if isinstance(name, str)}
    slots: dict[str, _Slot] = {}
    originals: dict[str, str] = {}
    parameters, lines = [], []
    # A parameter with a default must not stand before one without.
    for original, raw in sorted(_mapping(schema.get("properties")).items(), key=lambda item: item[0] not in required):
        # A plan's step says its tool's name under "tool".
        own = identifier(original, taken=[*slots, "tool"])
        slot = slots[own] = _slot(raw, schema, name=original)
        originals[own] = original
        optional = {} if original in required else {"default": None}
        annotation = slot.annotation if original in required else slot.annotation | None
        parameters.append(inspect.Parameter(own, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, **optional))
        described = raw.get("description") if isinstance(raw, Mapping) else None
        lines.append(f"    {own}: {cleaned(str(described or original))}")

    async def function(**given: Any) -> Value:
        sent = {originals[key]: slots[key].send(value) for key, value in given.items() if value is not None}
        return await call(sent)

    returned = Text | Crop | Number | Boolean if result is None else result
    function.__name__, function.__module__ = name, origin
    purpose = cleaned(description.strip().partition("\n\n")[0], PURPOSE_LIMIT)
    function.__doc__ = "\n".join([f"“{purpose or name}”", "", "Args:", *lines])
    function.__annotations__ = {item.name: item.annotation for item in parameters} | {"return": returned}
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return tool(read_only=read_only, remote=True, timeout=timeout, retries=0, cache=False)(function)


def identifier(name: str, *, taken: Sequence[str] = ()) -> str:
    """A name as a Python identifier that is not taken yet.

    >>> identifier("user-id", taken=["user_id"])
    'user_id_2'
    """
    plain = re.sub(r"[^0-9A-Za-z_]+", "_", name)[:NAME_LIMIT].strip("_") or "unnamed"
    if plain[0].isdigit() or keyword.iskeyword(plain):
        plain = f"n_{plain}"
    found, number = plain, 1
    while found in taken:
        number += 1
        found = f"{plain}_{number}"
    return found


def reply_value(texts: Sequence[str], pictures: Sequence[bytes] = (), structured: JsonValue = None) -> Value:
    """The evidence that a foreign tool's reply stands for.

    A structured number or truth goes before a picture, and a picture, labelled with the text, before text.

    Args:
        texts: Parts of text, in order.
        pictures: Encoded pictures; only the first can be shown.
        structured: The result as JSON, also within an object of one field.

    Raises:
        ToolError: there is nothing in the reply that evidence can hold, or its picture is damaged.
    """
    value = structured
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    if isinstance(value, bool):
        return Boolean(value=value)
    if isinstance(value, int | float) and abs(value) <= sys.float_info.max:
        return Number(value=value)
    text = "\n".join(part for part in texts if part.strip())
    if pictures:
        picture = picture_evidence(pictures[0], "The picture in the reply")
        label = cleaned(text, 80)
        if len(pictures) > 1:
            # Evidence is one value: that there was more is said where the picture is named.
            label = f"{label} (the first of {len(pictures)} pictures)".strip()
            _log.warning("A tool replied with %d pictures; the first is used.", len(pictures))
        return picture.model_copy(update={"label": label})
    if not text and isinstance(structured, str):
        text = structured
    elif not text and structured is not None:
        text = json.dumps(structured, ensure_ascii=False)
    if not text:
        raise ToolError("The reply holds no text, number, truth or picture.", "Ask another tool.")
    return Text(text=text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} …")


def _slot(schema: Any, root: Schema, *, name: str = "", in_list: bool = False) -> _Slot:
    schema = _plain(schema, root)
    choices = _list(schema.get("enum")) or ([schema["const"]] if "const" in schema else [])
    kind = schema.get("type")
    # A planner is shown the choices: words alone, or none.
    if 0 < len(choices) <= MAX_CHOICES and all(isinstance(item, str) and _CHOICE.fullmatch(item) for item in choices):
        return _Slot(Literal[tuple(choices)], _as_it_is)
    if medium := _medium(schema, root):
        return medium
    if kind == "string" and (picture := _written_picture(schema, name)):
        return picture
    if isinstance(kind, str) and kind in _SCALARS:
        return _Slot(_SCALARS[kind], _as_it_is)
    if kind == "array" and not in_list:
        item = _slot(schema.get("items"), root, name=name, in_list=True)
        if item.send is not json_or_text:
            return _Slot(list[item.annotation], lambda values: [item.send(value) for value in values])  # type: ignore[name-defined]
    return _Slot(str, json_or_text)


def _plain(schema: Any, root: Schema, depth: int = 0) -> dict[str, Any]:
    """A schema with references followed and null taken out of a union; an empty one where that leaves several kinds."""
    if not isinstance(schema, Mapping) or depth > 8:
        return {}
    if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#/"):
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part) if isinstance(target, Mapping) else None
        return _plain(target, root, depth + 1)
    options = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if isinstance(kinds := schema.get("type"), list):
        options = [{**schema, "type": kind} for kind in kinds]
    if isinstance(options, list):
        rest = [option for option in options if not (isinstance(option, Mapping) and option.get("type") == "null")]
        return _plain(rest[0], root, depth + 1) if len(rest) == 1 else {}
    return dict(schema)


def _medium(schema: Schema, root: Schema) -> _Slot | None:
    """The slot of a parameter that takes a picture or a sound; None where it takes neither."""
    fields = _mapping(schema.get("properties"))
    if schema.get("type") == "object" and {"data", "mimeType"} <= set(fields):
        kind = _plain(fields.get("type"), root).get("const", "image")
        return _Slot(Crop, _picture_content) if kind == "image" else _Slot(Audio, _sound_content)
    mime = str(schema.get("contentMediaType", ""))
    if schema.get("type") == "string" and mime.startswith("image/"):
        return _Slot(Crop, lambda crop: _picture_content(crop)["data"])
    if schema.get("type") == "string" and mime.startswith("audio/"):
        return _Slot(Audio, lambda sound: _sound_content(sound)["data"])
    return None


def _written_picture(schema: Schema, name: str) -> _Slot | None:
    """The slot of a text that is to be a picture in base64; of one that is to be a picture and does not say how, a slot
    that refuses a medium's name, which means nothing to another program. None for any other text."""
    about = f"{name} {schema.get('title', '')} {schema.get('description', '')}"
    if not _PICTURE_WORDS.search(re.sub(r"[_-]|(?<=[a-z])(?=[A-Z])", " ", about)):
        return None
    in_base64 = schema.get("contentEncoding") == "base64" or schema.get("format") in ("base64", "byte", "binary")
    if _DATA_URI.search(about):
        return _Slot(Crop, lambda crop: f"data:image/png;base64,{_picture_content(crop)['data']}")
    if in_base64 or "base64" in about.lower():
        return _Slot(Crop, lambda crop: _picture_content(crop)["data"])

    def send(text: str) -> JsonValue:
        if _MEDIUM.fullmatch(text):
            raise ToolError(
                f"{name} takes a text, and {text} is a picture.", "Use a tool that takes pictures, or pass its address."
            )
        return text

    return _Slot(str, send)


def _mapping(value: Any) -> Mapping[str, Any]:
    """A part of a foreign schema that should be an object; an empty one where it is not."""
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    """A part of a foreign schema that should be an array; an empty one where it is not."""
    return value if isinstance(value, list) else []


def _as_it_is(value: Any) -> JsonValue:
    return value  # type: ignore[no-any-return]


def _picture_content(crop: Crop) -> dict[str, JsonValue]:
    # Upright pixels, never the original file: its orientation tag and its other tags are nobody's business.
    return {"type": "image", "data": encode_base64(encode_picture(crop.image(), "PNG")), "mimeType": "image/png"}


def _sound_content(sound: Media) -> dict[str, JsonValue]:
    import filetype  # type: ignore[import-untyped]

    data = sound.encoded()
    mime = filetype.guess_mime(data) or "application/octet-stream"
    return {"type": "audio", "data": encode_base64(data), "mimeType": mime}
