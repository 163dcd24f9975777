"""Tools by purpose: code that needs objects found in a picture need not know which tool does that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from visagent.core.errors import PlanError, ToolDefinitionError
from visagent.tools.binding import Tool
from visagent.tools.spec import MediaKind, Parameter, Service, ToolSpec, TypeName


class Terms(NamedTuple):
    """What a tool that serves a purpose takes and gives.

    Attributes:
        does: What it does, in words for a person.
        medium: Kind of the medium that it is given.
        words: Whether it is given a word or phrase as well.
        result: Type of evidence that it gives.
    """

    does: str
    medium: MediaKind
    words: bool
    result: TypeName


SERVICES: dict[Service, Terms] = {
    "find": Terms("finds things of a kind", "image", True, "boxes"),
    "read": Terms("reads what is written", "image", False, "text"),
    "describe": Terms("says what a picture shows", "image", False, "text"),
    "tell_colors": Terms("tells the colors of things", "image", False, "labels"),
    "hear": Terms("writes down what is said", "audio", False, "transcript"),
}


def serving(tools: Mapping[str, Tool], service: Service) -> ToolSpec | None:
    """The tool that serves a purpose; the one that was added last where several do: a person's own goes first."""
    return next((tool.spec for tool in reversed([*tools.values()]) if tool.spec.serves == service), None)


def step_for(tools: Mapping[str, Tool], service: Service, medium: str, words: JsonValue = None) -> dict[str, JsonValue]:
    """The step of a plan that asks the tool for its purpose.

    Args:
        tools: Tools by name.
        service: What is wanted.
        medium: Name of a medium, or a reference to evidence of things in it.
        words: What to look for, where the purpose takes words.

    Raises:
        PlanError: no tool serves that purpose.
    """
    spec = serving(tools, service)
    if spec is None:
        raise PlanError(
            f"There is no tool that {SERVICES[service].does}.", f'Add one, @tool(serves="{service}"), or hide none.'
        )
    shown, said = _medium_of(spec), _words_of(spec)
    assert shown is not None
    return {"tool": spec.name, shown.name: medium, **({said.name: words} if said is not None and words else {})}


def check_service(spec: ToolSpec) -> None:
    """Check that a tool takes and gives what the purpose wants that it says it serves.

    Raises:
        ToolDefinitionError: it does not.
    """
    if spec.serves is None:
        return
    terms, said = SERVICES[spec.serves], _words_of(spec)
    shown = _medium_of(spec)
    known = {shown and shown.name, terms.words and said and said.name}
    if (
        shown is None
        or (terms.words and said is None)
        or terms.result not in spec.result
        or any(parameter.required and parameter.name not in known for parameter in spec.parameters)
    ):
        takes = f"{'an image' if terms.medium == 'image' else 'audio'}{' and a str' if terms.words else ' alone'}"
        raise ToolDefinitionError(
            f'{spec.name} serves "{spec.serves}", and is not called as such tools are.',
            f"One that {terms.does} takes {takes} and gives {terms.result}; what else it takes has defaults.",
        )


def _medium_of(spec: ToolSpec) -> Parameter | None:
    assert spec.serves is not None
    kind = SERVICES[spec.serves].medium
    return next((parameter for parameter in spec.parameters if kind in parameter.media), None)


def _words_of(spec: ToolSpec) -> Parameter | None:
    """The first argument that takes any words."""
    return next(
        (
            parameter
            for parameter in spec.parameters
            if (parameter.literal or {}).get("type") == "string" and not parameter.choices and not parameter.media
        ),
        None,
    )
