"""What the annotations of a person's function mean: which of them stand for evidence, and how values come back as them.

A function may ask for a `PIL.Image.Image`, a numpy array, an `Enum` or numpy's scalars, and may wrap any annotation in
`Annotated`. Plans know none of these: they are checked and bound as what stands for them (`stands_for`), and the value
is turned into what the function asked for at the very end (`adapter`). Knows no tool.
"""

from __future__ import annotations

import enum
import sys
import types
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel

from visagent.evidence.values import Crop
from visagent.tools.spec import Audio, Clip, Formula, Video

MARKED: tuple[Any, ...] = (Audio, Video, Clip, Formula)
"""Annotations that are `Annotated` themselves, and mean what their mark says."""


def alternatives(annotation: Any) -> list[Any]:
    """The alternatives of an annotation: a union's members, a type variable's constraints, or itself."""
    if isinstance(annotation, TypeVar):
        return list(annotation.__constraints__)
    if annotation not in MARKED and typing.get_origin(annotation) is Annotated:
        inner = typing.get_args(annotation)[0]
        return alternatives(inner) if isinstance(inner, TypeVar) or _is_union(inner) else [annotation]
    if _is_union(annotation):
        return [part for member in typing.get_args(annotation) for part in alternatives(member)]
    return [annotation]


def bare(annotation: Any) -> Any:
    """An annotation without what `Annotated` adds, such as the bounds of a number."""
    if annotation in MARKED or typing.get_origin(annotation) is not Annotated:
        return annotation
    return bare(typing.get_args(annotation)[0])


def stands_for(annotation: Any) -> Any:
    """The annotation that evidence has: `Crop` for pictures and arrays, `Literal` for an enum, `float` for numpy's."""
    if annotation in MARKED or isinstance(annotation, TypeVar):
        return annotation
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        inner = typing.get_args(annotation)[0]
        other = stands_for(inner)
        # Bounds and the like hold for the very type that they were written for.
        return annotation if other is inner or other == inner else other
    if _is_union(annotation):
        return typing.Union[tuple(stands_for(member) for member in typing.get_args(annotation))]  # noqa: UP007
    if origin is list:
        return list[stands_for(typing.get_args(annotation)[0])]  # type: ignore[misc]
    if is_picture(annotation) or is_array(annotation):
        return Crop
    if _is_enum(annotation):
        return Literal[tuple(choices_of(annotation))]
    return numpy_scalar(annotation) or annotation


def adapter(annotation: Any) -> Callable[[Any], Any] | None:
    """Turns what stands for an annotation into what the annotation says; None where that is the same."""
    members = [bare(member) for member in alternatives(annotation)]
    members += [bare(typing.get_args(member)[0]) for member in members if typing.get_origin(member) is list]
    parts = [bare(part) for member in members for part in alternatives(member)]
    enums = [part for part in parts if _is_enum(part)]
    scalars = [part for part in parts if numpy_scalar(part)]
    # A parameter that takes both a crop and its pixels is given the crop, which knows more.
    pixels = Crop not in parts and next((part for part in parts if is_picture(part) or is_array(part)), None)
    if not (enums or scalars or pixels):
        return None

    def adapted(value: Any) -> Any:
        if isinstance(value, list):
            return [adapted(item) for item in value]
        if isinstance(value, Crop) and pixels:
            return value.image() if is_picture(pixels) else value.array().copy()
        if isinstance(value, str) and enums:
            return next(member for kind in enums for name, member in choices_of(kind).items() if name == value)
        if isinstance(value, bool | int | float | str) and scalars:
            return scalars[0](value)
        return value

    return adapted


def choices_of(kind: type[enum.Enum]) -> dict[str, enum.Enum]:
    """An enum's members by what a plan writes for them: their values where these are all texts, otherwise their names.

    >>> list(choices_of(enum.Enum("Size", {"SMALL": "s", "LARGE": "l"})))
    ['s', 'l']
    """
    members = dict(kind.__members__)
    if all(isinstance(member.value, str) for member in members.values()):
        return {str(member.value): member for member in members.values()}
    return members


def is_picture(annotation: Any) -> bool:
    """Whether it is PIL's class of pictures."""
    module = sys.modules.get("PIL.Image")
    return module is not None and annotation is module.Image


def is_array(annotation: Any) -> bool:
    """Whether it is a numpy array, of any or of a certain type of elements."""
    module = sys.modules.get("numpy")
    return module is not None and (annotation is module.ndarray or typing.get_origin(annotation) is module.ndarray)


def numpy_scalar(annotation: Any) -> type | None:
    """Python's type for a class of numpy's scalars, such as `float` for `numpy.float32`; None for anything else."""
    module = sys.modules.get("numpy")
    if module is None or not (isinstance(annotation, type) and issubclass(annotation, module.generic)):
        return None
    pairs = ((module.bool_, bool), (module.integer, int), (module.floating, float), (module.str_, str))
    return next((plain for kind, plain in pairs if issubclass(annotation, kind)), None)


def plain_type(annotation: Any) -> type | None:
    """`str`, `bool` or `float`, where a result of this annotation is such a value; None for anything else."""
    annotation = bare(annotation)
    values: list[Any] = []
    if typing.get_origin(annotation) is Literal:
        values = list(typing.get_args(annotation))
    elif _is_enum(annotation):
        values = [member.value for member in annotation]
        if not all(isinstance(value, str | bool | int | float) for value in values):
            return str
    kinds = {type(value) for value in values} or {numpy_scalar(annotation) or annotation}
    for plain, ways in ((str, {str}), (bool, {bool}), (float, {int, float, Decimal, Fraction})):
        if kinds <= ways:
            return plain
    return None


def named(annotation: Any) -> str:
    """An annotation as its author wrote it, nearly: `dict[str, int]`, `Order`."""
    if isinstance(annotation, types.ModuleType):
        return f"module {annotation.__name__}"
    if typing.get_origin(annotation) is None:
        return "None" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))
    return str(annotation).replace("typing.", "")


def way_out(annotation: Any, *, result: bool) -> str:
    """A sentence on what to write instead of an annotation that stands for no evidence; empty where none is known.

    Args:
        annotation: Annotation of a parameter or a result.
        result: Whether of a result.
    """
    kind, inner = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if isinstance(annotation, types.ModuleType):
        return f"Annotate a class of it: {annotation.__name__.rpartition('.')[2]}.…"
    if kind is type(None):
        return "Where there is none, raise a ToolError that says why."
    if not isinstance(kind, type):
        return ""
    if issubclass(kind, Mapping):
        return (
            "Return Labels for names with how sure they are, or one Number or str of it."
            if result
            else "Take each of its values as a parameter of its own."
        )
    if issubclass(kind, list | tuple | set | frozenset) and (not inner or not result or inner[0] is not str):
        if result:
            return "Return list[str], or one evidence value that holds all of it, such as Boxes or Table."
        return "Say of what it is a list, as in list[str]." if kind is list else "Take a list, as in list[str]."
    if issubclass(kind, BaseModel) or hasattr(kind, "__dataclass_fields__"):
        return (
            "Return one of its fields, or all of it as text."
            if result
            else "Take each of its fields as a parameter of its own."
        )
    return ""


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, enum.Enum)
