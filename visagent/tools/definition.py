"""From a type-hinted function to a `Tool`: what a planner may wire to a parameter follows from its annotation.

==================  ==========================================  =======================================
annotation          a plan may give                             the function receives
==================  ==========================================  =======================================
`Crop`              an image's name, `$id` of a crop or a box   `Crop` (all of the image, or the region)
`list[Crop]`        the same, `$id` of many boxes               one `Crop` a box
`Audio`, `Video`    a clip's name (`Audio`: or of a video)      `Media`
`Clip`              the name of a recording or a video          `Media`
`Boxes` … `Tracks`  `$id` of such evidence                      the value
`Text`              `$id` of a text, transcript or labels       `Text`
`str`               a string, `$id` of a text or labels         `str`
`Formula`           arithmetic, such as `(a - b) / 2`           `str`
`float`, `int`      a number, `$id` of a number                 `float`, `int`
`bool`              true or false, `$id` of a boolean           `bool`
`Literal[...]`      one of the values                           the value
an `Enum`           one of its values (or names, see below)     its member
`PIL.Image.Image`   as `Crop`                                   the pixels, RGB
`numpy.ndarray`     as `Crop`                                   height x width x 3, uint8, RGB
`list[T]`           a list of what T takes                      a list
==================  ==========================================  =======================================

An enum whose values are not all texts is chosen by its members' names. `Annotated[X, ...]` takes what `X` takes, within
pydantic's bounds; numpy's scalars are given as what they are. `X | Y` takes what either takes, `X | None = None` makes
the parameter optional, and a parameter annotated `Context` is filled in by the run and never shown to a planner.
"""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal, TypeVar, overload

from pydantic import JsonValue, TypeAdapter, ValidationError

from visagent.core.errors import ToolDefinitionError
from visagent.evidence.values import (
    Boolean,
    Boxes,
    Crop,
    Failure,
    Labels,
    Look,
    Number,
    Spans,
    Table,
    Text,
    Tracks,
    Transcript,
)
from visagent.tools.annotations import (
    adapter,
    alternatives,
    bare,
    choices_of,
    named,
    numpy_scalar,
    plain_type,
    stands_for,
    way_out,
)
from visagent.tools.binding import Context, Tool
from visagent.tools.phrases import ToolPhrases, register_phrases, register_words
from visagent.tools.services import check_service
from visagent.tools.spec import Audio, Clip, Formula, MediaKind, Parameter, Service, ToolSpec, TypeName, Video

_VALUES: dict[Any, TypeName] = {
    Boxes: "boxes",
    Crop: "crop",
    Labels: "labels",
    Text: "text",
    Transcript: "transcript",
    Look: "look",
    Number: "number",
    Boolean: "boolean",
    Tracks: "tracks",
    Spans: "spans",
    Table: "table",
}
_ACCEPTS: dict[Any, tuple[TypeName, ...]] = {
    Crop: ("crop", "boxes"),
    Text: ("text", "transcript", "labels", "look"),
    str: ("text", "transcript", "labels", "look", "number"),
    float: ("number",),
    int: ("number",),
    bool: ("boolean",),
} | {value: (name,) for value, name in _VALUES.items() if value not in (Crop, Text)}
_LITERALS: dict[Any, Any] = {str: str, float: float, int: int, bool: bool, Number: float, Boolean: bool}
_PLAIN_RESULTS: dict[type, TypeName] = {str: "text", float: "number", bool: "boolean"}
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)

F = TypeVar("F", bound=Callable[..., Any])


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    version: str = "1",
    read_only: bool = True,
    remote: bool = False,
    limits: str = "",
    timeout: float | None = 120.0,
    retries: int = 1,
    cache: bool = True,
    each: bool = False,
    by_sight: bool = False,
    serves: Service | None = None,
    part_of: str | None = None,
    phrases: Mapping[str, ToolPhrases] | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Turn a type-hinted, documented function into a tool.

    The docstring's first line is what a planner is shown; its `Args` section describes the parameters.

    Args:
        function: Sync or async. Its annotations say what a plan may wire to it: see this module's table.
        **options: Fields of `ToolSpec`: name, version, read_only, remote, limits, timeout (seconds), retries, cache,
            each, by_sight, serves, part_of; and `phrases`: what is said of the tool, by language (`en`, `zh`).

    Raises:
        ToolDefinitionError: names the tool and the parameter that cannot be used, and why.
    """
    if function is None:
        return lambda function: define(function, **options)
    return define(function)


def define(function: Callable[..., Any], **options: Any) -> Tool:
    from docstring_parser import parse

    name = options.pop("name", None) or getattr(function, "__name__", type(function).__name__)
    phrases = options.pop("phrases", None)
    if not (inspect.isroutine(function) and hasattr(function, "__annotations__")):
        raise ToolDefinitionError(
            f"{name} is of type {type(function).__name__}, which is no function.", "Define a function that calls it."
        )
    if not name.isidentifier():
        raise ToolDefinitionError(f"The tool name {name!r} is not a Python identifier.", "Give another name.")
    doc = parse(inspect.getdoc(function) or "")
    if not doc.short_description:
        raise ToolDefinitionError(f"{name} has no docstring.", "Say in its first line what the tool is for.")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError) as error:
        raise ToolDefinitionError(f"{name}: an annotation cannot be resolved: {error}.", "Import the type.") from error
    described = {parameter.arg_name: parameter.description or "" for parameter in doc.params}
    parameters, context = [], None
    adapters = {}
    for parameter in inspect.signature(function).parameters.values():
        where = f"{name}({parameter.name})"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ToolDefinitionError(f"{where}: a plan gives arguments by name.", "Use plain named parameters.")
        if parameter.name not in hints:
            raise ToolDefinitionError(f"{where} has no annotation.", "Annotate it, for example `image: Crop`.")
        if hints[parameter.name] is Context:
            context = parameter.name
            continue
        annotation = hints[parameter.name]
        hints[parameter.name] = stands_for(annotation)
        if (adapt := adapter(annotation)) is not None:
            adapters[parameter.name] = adapt
        about = described.get(parameter.name, "")
        parameters.append(_parameter(where, parameter, hints[parameter.name], about))
    if "return" not in hints:
        raise ToolDefinitionError(f"{name} has no return annotation.", "Annotate it, for example `-> Boxes`.")
    result, same_as = _result(name, hints)
    purpose = " ".join(doc.short_description.split())
    spec = ToolSpec(name=name, purpose=purpose, parameters=tuple(parameters), result=result, same_as=same_as, **options)
    check_service(spec)
    if spec.part_of is not None and spec.parameter(spec.part_of) is None:
        raise ToolDefinitionError(
            f"{name}: part_of={spec.part_of!r} is no parameter.", "Name the one that holds boxes."
        )
    register_words(name, frozenset(parameter.name for parameter in parameters if not parameter.media))
    if phrases is not None:
        register_phrases(name, phrases)
    return Tool(spec=spec, function=function, _hints=hints, _adapters=adapters, _context=context)


def _parameter(where: str, parameter: inspect.Parameter, annotation: Any, description: str) -> Parameter:
    members = [bare(member) for member in alternatives(annotation) if member is not type(None)]
    many = any(typing.get_origin(member) is list for member in members)
    accepts: list[TypeName] = []
    media: list[MediaKind] = []
    literals = []
    silent = formula = False
    for member in members:
        inner = typing.get_args(member)[0] if typing.get_origin(member) is list else member
        for part in map(bare, alternatives(inner)):
            if typing.get_origin(part) is Literal:
                literals.append(part)
            elif part in (Audio, Video, Clip):
                media += ["video"] if part == Video else ["audio", "video"]
                silent = silent or part == Clip
            elif part == Formula:
                accepts += _ACCEPTS[str]
                literals.append(str)
                formula = True
            elif isinstance(part, Hashable) and part in _ACCEPTS:
                accepts += _ACCEPTS[part]
                media += ["image"] if part is Crop else []
                literals += [_LITERALS[part]] if part in _LITERALS else []
            else:
                raise ToolDefinitionError(
                    f"{where}: a plan cannot give a {named(part)}.",
                    way_out(part, result=False)
                    or "Use Crop, Audio, Video, an evidence type, str, float, int, bool, Literal, an Enum or a list of "
                    "one.",
                )
    # A list of crops is "all boxes of one reference", not a list that a plan spells out.
    many_pictures = many and bool(media)
    if many_pictures:
        many = False
    literal = None
    if literals:
        union: Any = typing.Union[tuple(literals)]  # noqa: UP007
        literal = TypeAdapter(union).json_schema()
        if "const" in literal:
            literal = {"type": "string", "enum": [literal["const"]]}
        if "anyOf" in literal:
            raise ToolDefinitionError(f"{where}: literals of more than one type.", "Choose one of them.")
        if formula:
            literal["format"] = "formula"
    empty = parameter.default is inspect.Parameter.empty
    return Parameter(
        name=parameter.name,
        description=" ".join(description.split()),
        required=empty,
        many=many,
        accepts=tuple(dict.fromkeys(accepts)),
        media=tuple(dict.fromkeys(media)),
        silent=silent,
        several=many_pictures,
        literal=literal,
        default=None if empty else _default(where, parameter.default),
    )


def _default(where: str, value: Any) -> Any:
    """A default as JSON."""
    if isinstance(value, enum.Enum):
        value = next(name for name, member in choices_of(type(value)).items() if member is value)
    elif isinstance(value, tuple):
        value = list(value)
    elif numpy_scalar(type(value)):
        value = value.item()
    try:
        return _JSON.validate_python(value)
    except ValidationError as error:
        raise ToolDefinitionError(
            f"{where}: the default, a {type(value).__name__}, is nothing that a plan could give.",
            f"Let it be None: {where.rpartition('(')[2][:-1]}: ... | None = None.",
        ) from error


def _result(name: str, hints: Mapping[str, Any]) -> tuple[tuple[TypeName, ...], str | None]:
    annotation = hints["return"]
    types_: list[TypeName] = []
    for member in map(bare, alternatives(annotation)):
        if member is Failure:
            continue
        known = stands_for(member)
        of = typing.get_args(member)
        if isinstance(known, Hashable) and known in _VALUES:
            types_.append(_VALUES[known])
        elif (plain := plain_type(member)) is not None:
            types_.append(_PLAIN_RESULTS[plain])
        elif typing.get_origin(member) in (list, tuple) and of[-1:] in ((Ellipsis,), of) and plain_type(of[0]) is str:
            types_.append("labels")
        else:
            raise ToolDefinitionError(
                f"{name} returns {named(member)}, which is no evidence.",
                way_out(member, result=True)
                or f"Return one of {', '.join(value.__name__ for value in _VALUES)}, str, float, bool, list[str], a "
                "PIL picture or an array of pixels.",
            )
    same_as = None
    if isinstance(annotation, TypeVar):
        same_as = next((param for param, hint in hints.items() if param != "return" and hint is annotation), None)
    return tuple(dict.fromkeys(types_)), same_as
