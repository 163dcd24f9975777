"""What an event of the page may carry: each input checked against the type that its component declares.

Gradio looks into every value of an event, whichever component it is meant for, and takes a dictionary of a certain
shape for a file to be copied. So an event is taken apart here first, and what goes on to Gradio is made anew from the
parts: a file is one that this visitor uploaded, and nothing else is a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import gradio as gr
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from visagent.core.errors import ConfigError, InputError

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction

Find = Callable[[str], Path]
"""The file behind a reference to an upload; raises InputError."""
Offered = Callable[[int], Collection[Any]]
"""What a visitor's page offers to choose from now, by the id of the component."""
CLICKS = {
    "compare": "id", "drop": "name", "edit": "id", "example": "number", "open": "id",
    "point": "region", "remove": "id", "try": "name",
}  # fmt: skip
"""Events of buttons that are made of HTML alone, and which of the button's data each carries."""
Scalar = Annotated[str, Field(max_length=4000)] | bool | int | float | None
_FILE = "gradio.FileData"
_EMPTY = BeforeValidator(lambda value: "" if value is None else value)
"""A field that nobody has written in."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class _Meta(_Strict):
    type: Literal["gradio.FileData"] = Field(alias="_type")


class _Upload(_Strict):
    """An upload as Gradio's clients name it. Only `path` is read: the rest is what a client says of it."""

    path: str = Field(max_length=400)
    meta: _Meta
    url: str | None = None
    orig_name: str | None = None
    size: int | None = None
    mime_type: str | None = None
    is_stream: Literal[False] = False


class EventBody(_Strict):
    """A request that sets off an event."""

    fn_index: int
    session_hash: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    data: list[Any]
    trigger_id: int | None = None
    event_data: Scalar | dict[str, Scalar] = None


class CancelBody(_Strict):
    """A request that ends an event."""

    fn_index: int
    session_hash: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    event_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Event:
    """An event of the page as it is declared.

    Args:
        function: Gradio's, with the components that it takes.
        most_files: That one input may name.

    Raises:
        ConfigError: a component is of a kind whose values nothing here describes.
    """

    def __init__(self, function: BlockFunction, most_files: int) -> None:
        self._inputs = [_declared(component, most_files) for component in function.inputs]
        untyped: Any = function
        ids: list[int] = untyped.get_config()["inputs"]
        self._choices = [
            id_ if isinstance(component, gr.Radio | gr.Dropdown) else None
            for id_, component in zip(ids, function.inputs, strict=True)
        ]

    def values(self, data: list[Any], find: Find, offered: Offered) -> list[Any]:
        """The event's inputs, rebuilt from what a visitor sent.

        Raises:
            InputError: one is not of its component's type or not among what it offers, or names a file that this
                visitor has not uploaded.
        """
        if len(data) != len(self._inputs):
            raise InputError(
                f"This event takes {len(self._inputs)} inputs, not {len(data)}.", "Send one for each, in their order."
            )
        values = []
        for at, ((kind, adapter), chooser, value) in enumerate(zip(self._inputs, self._choices, data, strict=True), 1):
            try:
                known = adapter.validate_python(value)
            except ValidationError as error:
                raise InputError(f"Input {at} of this event is not {kind}.", "Send one of that type.") from error
            # Gradio would check this too, and answer with a fault of the server's.
            if chooser is not None and known not in offered(chooser):
                raise InputError(f"Input {at} of this event is none of those offered.", "Choose one that the page has.")
            values.append(_with_files(known, find))
        return values


def clicked(name: str, sent: Any) -> dict[str, str]:
    """What a click on a button of HTML carries on.

    Raises:
        InputError: the button's data is not there, or no short text.
    """
    key = CLICKS[name]
    value = sent.get(key) if isinstance(sent, dict) else None
    if not isinstance(value, str) or len(value) > 400:
        raise InputError(f"The event {name} carries no {key}.", "Load the page again.")
    return {key: value}


def _with_files(value: Any, find: Find) -> Any:
    if isinstance(value, list):
        return [_with_files(one, find) for one in value]
    if not isinstance(value, _Upload):
        return value
    path = find(value.path)
    return {"path": str(path), "orig_name": path.name, "size": path.stat().st_size, "meta": {"_type": _FILE}}


def _declared(component: Any, most_files: int) -> tuple[str, TypeAdapter[Any]]:
    """What a component's values are, in words and as a type."""
    strict = ConfigDict(strict=True, allow_inf_nan=False)
    match component:
        case gr.State():
            # Of the server alone: a visitor's copy of it is never read.
            return "nothing", TypeAdapter(None)
        case gr.Textbox(max_length=int(most)):
            return f"a text of at most {most} characters", TypeAdapter(
                Annotated[str, _EMPTY, Field(max_length=most)], config=strict
            )
        case gr.Textbox() | gr.Code():
            return "a text", TypeAdapter(Annotated[str, _EMPTY], config=strict)
        case gr.Radio() | gr.Dropdown(multiselect=None | False):
            return "a text", TypeAdapter(str, config=strict)
        case gr.Checkbox():
            return "true or false", TypeAdapter(bool, config=strict)
        case gr.Slider(minimum=least, maximum=most):
            return f"a number from {least:g} to {most:g}", TypeAdapter(
                Annotated[float, Field(ge=least, le=most)], config=strict
            )
        case gr.File(file_count="multiple"):
            uploads = Annotated[list[_Upload], Field(max_length=most_files)]
            return f"at most {most_files} uploaded files", TypeAdapter(uploads | None)
        case gr.Audio(streaming=False):
            return "an uploaded file", TypeAdapter(_Upload | None)
    raise ConfigError(
        f"Nothing says what a value of {type(component).__name__} is, so the page cannot take one in.",
        "Describe it in visagent_apps.web.inputs.",
    )
