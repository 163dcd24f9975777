"""From evidence and literals to a function's arguments. Knows no plan."""

from __future__ import annotations

import importlib
import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from visagent.core.errors import AmbiguousInput, MissingInput, ToolDefinitionError, ToolError
from visagent.core.text import one_line
from visagent.core.validation import first_problem
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
    Value,
)
from visagent.media.media import Media
from visagent.tools.annotations import alternatives, bare
from visagent.tools.results import as_evidence
from visagent.tools.spec import Audio, Clip, ToolSpec, Video


@dataclass(frozen=True)
class Context:
    """What a run lends to a tool that asks for it by annotation.

    Attributes:
        options: The active profile's options for this tool, for example `{"detector": "nanodet"}`.
        home: The folder of runs, media and evidence; None for the one that settings name.
        progress: Called by a slow tool with the part of its work that is done, from 0 to 1.
        describe: Says in a sentence or two what a picture shows: the profile's own model that sees, where it has one.
    """

    options: Mapping[str, JsonValue] = field(default_factory=dict)
    home: Path | None = None
    progress: Callable[[float], None] = lambda part: None
    describe: Callable[[Crop], str] | None = None


@dataclass(frozen=True)
class Tool:
    """An expert: what a controller is shown (`spec`), and what runs (`function`)."""

    spec: ToolSpec
    function: Callable[..., Any]
    _hints: Mapping[str, Any] = field(repr=False)
    _adapters: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict, repr=False)
    _context: str | None = field(default=None, repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself, so that a decorated tool stays usable as plain Python."""
        return self.function(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        """By its name, as functions are; of the main program's, by its content where that is how functions go.

        cloudpickle, which joblib and Ray use, sends the functions of a main program by their content, since the other
        process has another one.
        """
        module, name = self.function.__module__, self.function.__qualname__
        if _named(module, name) is not self or (module == "__main__" and _by_content()):
            return Tool, (self.spec, self.function, self._hints, self._adapters, self._context)
        return _tool_of, (module, name)

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
            value = _convert(self.spec.name, name, given, self._hints[name])
            adapt = self._adapters.get(name)
            bound[name] = value if adapt is None else adapt(value)
        if self._context:
            bound[self._context] = context or Context()
        return bound

    def result(self, returned: Any) -> Value:
        """The evidence value that the function's return value stands for.

        Raises:
            ToolError: it is not of a type that the tool declares.
        """
        return as_evidence(returned, self.spec.name, self.spec.result)


def _named(module: str, name: str) -> Any:
    """What stands under a name in a module that is imported; None where nothing does."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _tool_of(module: str, name: str) -> Tool:
    """A tool that another process sent by its name.

    Raises:
        ToolDefinitionError: there is none of that name here.
    """
    try:
        importlib.import_module(module)
    except ImportError:
        found = None
    else:
        found = _named(module, name)
    if not isinstance(found, Tool):
        raise ToolDefinitionError(
            f"The tool {name} of {module} is not known in this process.",
            "Put it into a module that every process can import, or make the agent in the process that asks.",
        )
    return found


def _by_content() -> bool:
    """Whether cloudpickle, by whatever name it was packed in, is what pickles now."""
    frame = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        if frame.f_globals.get("__name__", "").endswith("cloudpickle.cloudpickle"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _convert(tool_name: str, name: str, given: Any, annotation: Any) -> Any:
    """One argument as the annotation wants it."""
    if isinstance(given, Failure):
        raise MissingInput(f"{tool_name}({name}): there is no value, because: {given.message}", given.remedy)
    written = alternatives(annotation)
    members = [bare(member) for member in written]
    if type(given) in written:
        return given
    if isinstance(given, Media):
        # A tool that takes pictures and clips is given a picture as what it takes of pictures.
        as_picture = given.kind == "image" and (Crop in members or list[Crop] in members)
        if any(member in (Audio, Video, Clip) for member in members) and not as_picture:
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
    if isinstance(given, Boxes | Labels | Text | Transcript | Look | Number | Boolean | Tracks | Spans | Table | Crop):
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
            f"{tool_name}({name}): {one_line(repr(given))} cannot be used: {first_problem(error)}.",
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


def _never_called(**_: Any) -> None:
    raise NotImplementedError("an invented tool exists in prompts alone")


def as_tool(spec: ToolSpec) -> Tool:
    """A tool of that spec, for schemas and for checking plans; it cannot run."""
    return Tool(spec=spec, function=_never_called, _hints={})
