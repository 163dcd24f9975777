"""What a plan is checked against: a tool's name, purpose, parameters and results. Knows no function."""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import JsonValue

from visagent.evidence.values import Frozen
from visagent.media.media import Media

TypeName = Literal[
    "boxes", "crop", "labels", "text", "transcript", "look", "number", "boolean", "tracks", "spans", "table"
]
MediaKind = Literal["image", "audio", "video"]

Audio = Annotated[Media, "audio"]
"""Annotation of a parameter that takes a clip with sound."""
Video = Annotated[Media, "video"]
"""Annotation of a parameter that takes a video."""
Formula = Annotated[str, "formula"]
"""Annotation of a parameter that takes an arithmetic formula in the names of the other parameters."""
Service = Literal["find", "read", "describe", "tell_colors", "hear"]
"""What visagent itself asks tools for, whatever their names; `services` has what each takes and gives."""
Clip = Annotated[Media, "clip"]
"""Annotation of a parameter that takes a recording or a video, whether there is sound in it or not."""


class Parameter(Frozen):
    """What a plan may give for one argument.

    Attributes:
        name: Name as in the function.
        description: Description from the docstring.
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
    def is_formula(self) -> bool:
        """Whether it takes a formula, so that a literal need not be words of the question."""
        return (self.literal or {}).get("format") == "formula"

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
        parameters: Parameters in order, without those that the run fills in.
        result: Types of evidence that the tool may return.
        same_as: Name of the parameter whose type the result has; None where the type does not depend on one.
        part_of: Name of the parameter of whose boxes the result holds some: where there are none, there are none in the
            result, whatever could not be found beside them. None where the result depends on more.
        version: Part of the cache key; changes when the results do.
        read_only: Whether running it changes nothing outside; what is planned after reading may use only such tools.
        remote: Whether a call leaves this machine; what is planned after reading may not.
        limits: What it is bad at, in a few words, for a planner and for the model that weighs its result.
        timeout: Seconds after which a call is given up; None for as long as the run has.
        retries: How often a call that raised an error that is not visagent's own is tried again.
        cache: Whether results are kept on disk.
        each: Whether several pictures are looked at one by one, and what was found in them is joined: for a tool whose
            result for many pictures is no more than its results for each. It returns boxes or text.
        by_sight: Whether a model that sees tells as much by looking, so that no look needs this tool to check it.
        serves: What it may be asked for by its purpose, as for checking a text; None for nothing.
    """

    name: str
    purpose: str
    parameters: tuple[Parameter, ...]
    result: tuple[TypeName, ...]
    same_as: str | None = None
    part_of: str | None = None
    version: str = "1"
    read_only: bool = True
    remote: bool = False
    limits: str = ""
    timeout: float | None = 120.0
    retries: int = 1
    cache: bool = True
    each: bool = False
    by_sight: bool = False
    serves: Service | None = None

    def signature(self) -> str:
        """As a planner is shown it: one line with parameters, result and purpose."""
        shown = ", ".join(parameter.signature() for parameter in self.parameters)
        return f"{self.name}({shown}) -> {'|'.join(self.result)}: {self.purpose}"

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all of it: two specs that have the same one accept and reject the same plans."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=16).hexdigest()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, some fields changed; its fingerprint is computed again."""
        copied = super().model_copy(update=update, deep=deep)
        vars(copied).pop("fingerprint", None)
        return copied

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, if there is one."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)
