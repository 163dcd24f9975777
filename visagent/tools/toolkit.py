"""Tools: a type-hinted function becomes a `Tool` with a `ToolSpec`, and `Toolkit` finds them. Knows no concrete tool.

What a planner may wire to a parameter follows from its annotation:

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
`float`, `int`      a number, `$id` of a number                 `float`, `int`
`bool`              true or false, `$id` of a boolean           `bool`
`Literal[...]`      one of the values                           the value
`list[T]`           a list of what T takes                      a list
==================  ==========================================  =======================================

`X | Y` takes what either takes, `X | None = None` makes the parameter optional, and a parameter annotated `Context`
is filled in by the run and never shown to a planner.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, TypeVar, overload

from pydantic import JsonValue, TypeAdapter, ValidationError

from visagent.core.errors import AmbiguousInput, MissingInput, ToolDefinitionError, ToolError, did_you_mean
from visagent.core.validation import first_problem
from visagent.evidence.values import (
    Boolean,
    Boxes,
    Crop,
    Failure,
    Frozen,
    Label,
    Labels,
    Look,
    Number,
    Table,
    Text,
    Tracks,
    Transcript,
    Value,
)
from visagent.media.media import Media

TypeName = Literal["boxes", "crop", "labels", "text", "transcript", "look", "number", "boolean", "tracks", "table"]
MediaKind = Literal["image", "audio", "video"]

Audio = Annotated[Media, "audio"]
"""Annotation of a parameter that takes a clip with sound."""
Video = Annotated[Media, "video"]
"""Annotation of a parameter that takes a video."""
Clip = Annotated[Media, "clip"]
"""Annotation of a parameter that takes a recording or a video, whether there is sound in it or not."""

ENTRY_POINTS = "visagent.tools"

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
_PLAIN_RESULTS: dict[Any, TypeName] = {str: "text", float: "number", int: "number", bool: "boolean"}


@dataclass(frozen=True)
class Context:
    """What a run lends to a tool that asks for it by annotation.

    Attributes:
        options: The active profile's options for this tool, for example `{"detector": "nanodet"}`.
    """

    options: Mapping[str, JsonValue] = field(default_factory=dict)


class Parameter(Frozen):
    """What a plan may give for one argument.

    Attributes:
        name: As in the function.
        description: From the docstring.
        required: Whether a plan must give it. A medium may still be left out where only one fits.
        many: Whether it takes a list.
        accepts: Types of evidence that it takes by reference.
        media: Kinds of media that it takes by name.
        silent: Whether a clip without sound will do where one with sound is named by `media`.
        several: Whether it takes several pictures at once, and all of them where none is named.
        literal: JSON schema of the literals that it takes; None for none.
        default: JSON form of the default.
    """

    name: str
    description: str = ""
    required: bool = True
    many: bool = False
    accepts: tuple[TypeName, ...] = ()
    media: tuple[MediaKind, ...] = ()
    silent: bool = False
    several: bool = False
    literal: dict[str, JsonValue] | None = None
    default: JsonValue = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The closed set of strings that it takes; empty where the set is open."""
        return tuple(str(choice) for choice in typing.cast(list[str], (self.literal or {}).get("enum", [])))

    def signature(self) -> str:
        """As a planner is shown it, for example `by: left_to_right|size`; a name that says its type stands alone."""
        if self.choices:
            kind = "|".join(self.choices)
        elif self.media:
            kind = self.media[0]
        elif self.literal is not None:
            kind = {"string": "text", "integer": "number"}.get(shown := str(self.literal["type"]), shown)
        else:
            # What reads text reads transcripts and labels too: no need to say so each time.
            implied = {"transcript", "labels", "look"} if "text" in self.accepts else set()
            kind = "|".join(name for name in self.accepts if name not in implied)
        kind += "[]" if self.many else ""
        return f"{self.name}{'' if self.required else '?'}" + (f": {kind}" if kind != self.name else "")


class ToolSpec(Frozen):
    """What a controller is shown of a tool, and what a plan is checked against.

    Attributes:
        name: Unique in a toolkit.
        purpose: One line.
        parameters: In order, without those that the run fills in.
        result: Types of evidence that the tool may return.
        same_as: Name of the parameter whose type the result has; None where the type does not depend on one.
        version: Part of the cache key; changes when the results do.
        read_only: Whether running it changes nothing outside; what is planned after reading may use only such tools.
        remote: Whether a call leaves this machine; what is planned after reading may not.
        limits: What it is bad at, in a few words, for a planner and for whoever weighs what it found.
        timeout: Seconds after which a call is given up; None for as long as the run has.
        retries: How often a call that raised an error that is not visagent's own is tried again.
        cache: Whether results are kept on disk.
    """

    name: str
    purpose: str
    parameters: tuple[Parameter, ...]
    result: tuple[TypeName, ...]
    same_as: str | None = None
    version: str = "1"
    read_only: bool = True
    remote: bool = False
    limits: str = ""
    timeout: float | None = 120.0
    retries: int = 1
    cache: bool = True

    def signature(self) -> str:
        """As a planner is shown it: one line with parameters, result and purpose."""
        shown = ", ".join(parameter.signature() for parameter in self.parameters)
        return f"{self.name}({shown}) -> {'|'.join(self.result)}: {self.purpose}"

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all of it: two specs that have the same one accept and reject the same plans."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, if there is one."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


@dataclass(frozen=True)
class Tool:
    """An expert: what a controller is shown (`spec`), and what runs (`function`)."""

    spec: ToolSpec
    function: Callable[..., Any]
    _hints: Mapping[str, Any] = field(repr=False)
    _context: str | None = field(default=None, repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, so that a decorated tool stays usable as plain Python."""
        return self.function(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)

    def bind(
        self, arguments: Mapping[str, JsonValue | Value | Media | Sequence[Value]], context: Context | None = None
    ) -> dict[str, Any]:
        """The function's keyword arguments, from literals, evidence values and media.

        Raises:
            MissingInput: a value that is needed is a failure, or there is no box where one is needed.
            AmbiguousInput: there are several boxes where one is meant.
            ToolError: a value has a type that the parameter does not take.
        """
        bound = {}
        for name, given in arguments.items():
            bound[name] = _convert(self.spec.name, name, given, self._hints[name])
        if self._context:
            bound[self._context] = context or Context()
        return bound

    def result(self, returned: Any) -> Value:
        """The evidence value that the function's return value stands for.

        Raises:
            ToolError: it is not of a type that the tool declares.
        """
        value: Any = returned
        if isinstance(returned, bool):
            value = Boolean(value=returned)
        elif isinstance(returned, int | float):
            value = Number(value=returned)
        elif isinstance(returned, str):
            value = Text(text=returned)
        elif isinstance(returned, list | tuple) and all(isinstance(item, str) for item in returned):
            value = Labels(labels=tuple(Label(name=item) for item in returned))
        if isinstance(value, Failure) or getattr(value, "type", None) in self.spec.result:
            return typing.cast(Value, value)
        raise ToolError(
            f"{self.spec.name} returned {type(returned).__name__}, but declares {' or '.join(self.spec.result)}.",
            "Mend the tool: return what its annotation says.",
        )


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
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Turn a type-hinted, documented function into a tool.

    The docstring's first line is what a planner is shown; its `Args` section describes the parameters.

    Args:
        function: Sync or async. Its annotations say what a plan may wire to it: see this module's table.
        **options: Fields of `ToolSpec`: name, version, read_only, remote, limits, timeout (seconds), retries, cache.

    Raises:
        ToolDefinitionError: names the tool and the parameter that cannot be used, and why.
    """
    if function is None:
        return lambda function: _define(function, **options)
    return _define(function)


def _define(function: Callable[..., Any], **options: Any) -> Tool:
    from docstring_parser import parse

    name = options.pop("name", None) or function.__name__
    if not name.isidentifier():
        raise ToolDefinitionError(f"The tool name {name!r} is not a Python identifier.", "Give another name.")
    doc = parse(inspect.getdoc(function) or "")
    if not doc.short_description:
        raise ToolDefinitionError(f"{name} has no docstring.", "Say in its first line what the tool is for.")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolDefinitionError(f"{name}: an annotation cannot be resolved: {error}.", "Import the type.") from error
    described = {parameter.arg_name: parameter.description or "" for parameter in doc.params}
    parameters, context = [], None
    for parameter in inspect.signature(function).parameters.values():
        where = f"{name}({parameter.name})"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ToolDefinitionError(f"{where}: a plan gives arguments by name.", "Use plain named parameters.")
        if parameter.name not in hints:
            raise ToolDefinitionError(f"{where} has no annotation.", "Annotate it, for example `image: Crop`.")
        if hints[parameter.name] is Context:
            context = parameter.name
            continue
        parameters.append(_parameter(where, parameter, hints[parameter.name], described.get(parameter.name, "")))
    if "return" not in hints:
        raise ToolDefinitionError(f"{name} has no return annotation.", "Annotate it, for example `-> Boxes`.")
    result, same_as = _result(name, hints)
    purpose = " ".join(doc.short_description.split())
    spec = ToolSpec(name=name, purpose=purpose, parameters=tuple(parameters), result=result, same_as=same_as, **options)
    return Tool(spec=spec, function=function, _hints=hints, _context=context)


def _members(annotation: Any) -> list[Any]:
    """The alternatives of an annotation: a union's members, a type variable's constraints, or itself."""
    if isinstance(annotation, TypeVar):
        return list(annotation.__constraints__)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [part for member in typing.get_args(annotation) for part in _members(member)]
    return [annotation]


def _parameter(where: str, parameter: inspect.Parameter, annotation: Any, description: str) -> Parameter:
    members = [member for member in _members(annotation) if member is not type(None)]
    many = any(typing.get_origin(member) is list for member in members)
    accepts: list[TypeName] = []
    media: list[MediaKind] = []
    literals = []
    silent = False
    for member in members:
        inner = typing.get_args(member)[0] if typing.get_origin(member) is list else member
        for part in _members(inner):
            if typing.get_origin(part) is Literal:
                literals.append(part)
            elif part in (Audio, Video, Clip):
                media += ["video"] if part == Video else ["audio", "video"]
                silent = silent or part == Clip
            elif part in _ACCEPTS:
                accepts += _ACCEPTS[part]
                media += ["image"] if part is Crop else []
                literals += [_LITERALS[part]] if part in _LITERALS else []
            else:
                shown = getattr(part, "__name__", str(part))
                raise ToolDefinitionError(
                    f"{where}: a plan cannot give a {shown}.",
                    "Use Crop, Audio, Video, an evidence type, str, float, int, bool, Literal or a list of one.",
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
        default=None if empty else parameter.default,
    )


def _result(name: str, hints: Mapping[str, Any]) -> tuple[tuple[TypeName, ...], str | None]:
    annotation = hints["return"]
    types_: list[TypeName] = []
    for member in _members(annotation):
        if member is Failure:
            continue
        if member in _VALUES or member in _PLAIN_RESULTS:
            types_.append((_VALUES | _PLAIN_RESULTS)[member])
        elif member == list[str]:
            types_.append("labels")
        else:
            shown = getattr(member, "__name__", str(member))
            raise ToolDefinitionError(
                f"{name} returns {shown}, which is no evidence.",
                f"Return one of {', '.join(value.__name__ for value in _VALUES)}, str, float, bool or list[str].",
            )
    same_as = None
    if isinstance(annotation, TypeVar):
        same_as = next((param for param, hint in hints.items() if param != "return" and hint is annotation), None)
    return tuple(dict.fromkeys(types_)), same_as


def _convert(tool_name: str, name: str, given: Any, annotation: Any) -> Any:
    """One argument as the annotation wants it."""
    if isinstance(given, Failure):
        raise MissingInput(f"{tool_name}({name}): there is no value, because: {given.message}", given.remedy)
    members = _members(annotation)
    if type(given) in members:
        return given
    if isinstance(given, Media):
        if any(member in (Audio, Video, Clip) for member in members):
            return given
        return [Crop.whole(given)] if list[Crop] in members else Crop.whole(given)
    if isinstance(given, Boxes | Crop):
        crops = given.crops() if isinstance(given, Boxes) else [given]
        if list[Crop] in members or Crop in members:
            if not crops:
                raise MissingInput(f"{tool_name}({name}): nothing was found to look at.", "Look at the whole picture.")
            if list[Crop] in members:
                return crops
            if len(crops) > 1:
                raise AmbiguousInput(
                    f"{tool_name}({name}): {len(crops)} objects were found where one is meant.",
                    "Ask for one of them: the largest, the leftmost, the nearest to something.",
                )
            return crops[0]
    if isinstance(given, Transcript | Labels | Look) and Text in members:
        return Text(text=plain(given), media=getattr(given, "media", None), lines=getattr(given, "lines", ()))
    if isinstance(given, Boxes | Labels | Text | Transcript | Look | Number | Boolean | Tracks | Table | Crop):
        given = plain(given)
    elif isinstance(given, list):
        inner = next((typing.get_args(member)[0] for member in members if typing.get_origin(member) is list), None)
        if inner is not None:
            return [_convert(tool_name, name, item, inner) for item in given]
    if Number in members and isinstance(given, int | float):
        return Number(value=given)
    if Boolean in members and isinstance(given, bool):
        return Boolean(value=given)
    try:
        return TypeAdapter(annotation).validate_python(given)
    except ValidationError as error:
        raise ToolError(
            f"{tool_name}({name}): {given!r} cannot be used: {first_problem(error)}.",
            "Give a value of the parameter's type.",
        ) from error


def plain(value: Value) -> Any:
    """A value as plain Python, where it has such a form: str, float, bool; otherwise the value itself."""
    match value:
        case Number(value=number):
            return number
        case Boolean(value=truth):
            return truth
        case Text(text=text) | Transcript(text=text) | Look(text=text):
            return text
        case Labels(labels=labels):
            return ", ".join(label.name for label in labels)
    return value


class Toolkit(Mapping[str, Tool]):
    """Tools by name, in the order in which they were added; a planner is shown them in that order."""

    def __init__(self, tools: Iterable[Tool | Callable[..., Any] | str | types.ModuleType] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for item in tools:
            self.add(item)

    @classmethod
    def installed(cls) -> Toolkit:
        """The tools that installed packages offer in the entry-point group `visagent.tools`, by package, then name.

        Raises:
            ToolDefinitionError: a package cannot be loaded, or offers what is no tool.
        """
        toolkit = cls()
        found = entry_points(group=ENTRY_POINTS)
        for entry in sorted(found, key=lambda entry: (entry.value.split(".")[0], entry.name)):
            try:
                loaded = entry.load()
            except Exception as error:
                # Other people's code: one broken package must be nameable, whatever it raises.
                package = entry.dist.name if entry.dist else entry.value
                raise ToolDefinitionError(
                    f"The tools of the package {package} cannot be loaded: {type(error).__name__}: {error}.",
                    f"Mend it, or remove it: pip uninstall {package}.",
                ) from error
            toolkit.add(loaded)
        return toolkit

    def add(self, item: Tool | Callable[..., Any] | str | types.ModuleType) -> None:
        """Add a tool, a function, every tool of a module, or what an import path such as `package.module:name` names.

        Raises:
            ToolDefinitionError: the path leads nowhere, the function cannot become a tool, or the name is taken.
        """
        for tool_ in _tools_of(item):
            known = self._tools.get(tool_.spec.name)
            if known is not None and known.function is not tool_.function:
                raise ToolDefinitionError(f"Two tools are named {tool_.spec.name}.", "Rename one: @tool(name=...).")
            self._tools[tool_.spec.name] = tool_

    def only(self, names: Iterable[str]) -> Toolkit:
        """The toolkit with these tools alone, in this order.

        Raises:
            ToolDefinitionError: a name is unknown.
        """
        return Toolkit([self[name] for name in names])

    def without(self, names: Iterable[str]) -> Toolkit:
        """The toolkit less these tools; names that it lacks are no matter."""
        dropped = set(names)
        return Toolkit([tool for name, tool in self._tools.items() if name not in dropped])

    def __getitem__(self, name: str) -> Tool:
        try:
            return self._tools[name]
        except KeyError:
            raise ToolDefinitionError(
                f"There is no tool named {name!r}.", did_you_mean(name, sorted(self._tools))
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


def _tools_of(item: Tool | Callable[..., Any] | str | types.ModuleType) -> list[Tool]:
    if isinstance(item, Tool):
        return [item]
    if isinstance(item, str):
        module_name, _, name = item.partition(":")
        try:
            module = importlib.import_module(module_name)
            return _tools_of(getattr(module, name) if name else module)
        except (ImportError, AttributeError) as error:
            raise ToolDefinitionError(
                f"{item} cannot be imported: {error}.", "Give package.module or package.module:tool."
            ) from error
    if isinstance(item, types.ModuleType):
        found = [value for value in vars(item).values() if isinstance(value, Tool)]
        if not found:
            raise ToolDefinitionError(f"The module {item.__name__} holds no tool.", "Decorate a function with @tool.")
        return found
    return [_define(item)]


def _never_called(**_: Any) -> None:
    raise NotImplementedError("an invented tool exists in prompts alone")


def as_tool(spec: ToolSpec) -> Tool:
    """A tool of that spec, for schemas and for checking plans; it cannot run."""
    return Tool(spec=spec, function=_never_called, _hints={})
