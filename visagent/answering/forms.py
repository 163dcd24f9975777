"""Answers in a plain form that a program wants: a number, yes or no, a list, a choice, JSON by a schema.

Read from the evidence of the root's children, never from the sentences; what the evidence does not give is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from pydantic import JsonValue

from visagent.core.errors import QuestionError
from visagent.core.words import numbers_in_digits, numbers_in_words
from visagent.evidence.contents import items_of
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import (
    Boolean,
    Boxes,
    Evidence,
    Labels,
    Look,
    Number,
    Spans,
    Text,
    Tracks,
    Transcript,
    Value,
)

Form: TypeAlias = Literal["number", "yes/no", "list"] | tuple[str, ...] | dict[str, JsonValue]
"""`number`; `yes/no`; `list`; a choice, as its options; or an object, as its JSON schema."""

_YES_OR_NO = re.compile(r"(?i)\s*(?:probably\s+)?(?:(?P<yes>yes\b|是|对|有)|no\b|not\b|不|否|没有)")
_TYPES = ("number", "integer", "boolean", "string", "array")


def check_form(form: str | Sequence[str] | Mapping[str, Any] | None) -> Form | None:
    """A form as a caller gives it.

    Raises:
        QuestionError: it is none of those that there are, or a schema that evidence cannot fill.
    """
    way_out = 'Use "number", "yes/no", "list", a list of choices, or the JSON schema of an object.'
    if isinstance(form, type):
        meant = {int: '"number"', float: '"number"', bool: '"yes/no"', list: '"list"', tuple: '"list"'}.get(form)
        schema = hasattr(form, "model_json_schema") and f"{form.__name__}.model_json_schema()"
        raise QuestionError(
            f"The answer's form is the type {form.__name__}.",
            f"Use form={meant or schema}." if meant or schema else way_out,
        )
    match form:
        case None | "number" | "yes/no" | "list":
            return form
        case str():
            raise QuestionError(f"There is no answer form {form!r}.", way_out)
        case Mapping():
            properties = form.get("properties")
            if form.get("type") != "object" or not isinstance(properties, Mapping) or not properties:
                raise QuestionError("The answer's schema is not that of an object with properties.", way_out)
            for name, schema in properties.items():
                if not isinstance(schema, Mapping) or not (_enum(schema) or _typed(schema)):
                    raise QuestionError(
                        f"The answer's schema gives {name} no type that evidence has.",
                        f"Use one of: {', '.join(_TYPES)}, or an enum of texts.",
                    )
            required = form.get("required", [])
            if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
                raise QuestionError("The answer's schema requires what is no list of names.", way_out)
            return dict(form)
    if not isinstance(form, Sequence) or not all(isinstance(option, str) for option in form):
        raise QuestionError("The answer's form is no list of texts.", way_out)
    choices = tuple(form)
    if len(choices) < 2:
        raise QuestionError("A choice needs at least two options.", way_out)
    return choices


def _enum(schema: Mapping[str, Any]) -> bool:
    options = schema.get("enum")
    return isinstance(options, list) and bool(options) and all(isinstance(option, str) for option in options)


def _typed(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return "enum" not in schema and isinstance(kind, str) and kind in _TYPES


def result(form: Form, tree: QuestionTree, evidence: Mapping[str, Evidence]) -> JsonValue:
    """The answer in a form; None where the evidence gives none.

    An object's properties are filled in their order, each from the next of the question's parts.

    Args:
        form: Form as `check_form` gives it.
        tree: The plan.
        evidence: Evidence by sub-question id.
    """
    values = [evidence[sink].value for sink in tree.sinks if sink in evidence and not evidence[sink].failed]
    if isinstance(form, dict):
        properties: Any = form["properties"]
        if len(values) < len(properties):
            return None
        filled = {name: _as(schema, value) for (name, schema), value in zip(properties.items(), values, strict=False)}
        required: Any = form.get("required", [])
        return None if any(filled[name] is None for name in required if name in filled) else filled
    return _as({"type": form} if isinstance(form, str) else {"enum": list(form)}, values[0]) if values else None


def _as(schema: Mapping[str, Any], value: Value) -> JsonValue:
    """A value in the form that a schema, or a name of `Form`, asks for."""
    if "enum" in schema:
        return _choice([str(option) for option in schema["enum"]], value)
    match schema["type"]:
        case "number":
            return number_of(value)
        case "integer":
            number = number_of(value)
            return int(number) if number is not None and number == int(number) else None
        case "boolean" | "yes/no":
            return truth_of(value)
        case "array" | "list":
            return list(words_of(value))
    return ", ".join(words_of(value)) or None


def number_of(value: Value) -> float | None:
    """The number that a value is, or how many it holds; a text's where it has just one."""
    match value:
        case Number(value=number):
            return number
        case Boxes() | Tracks() | Spans():
            return len(items_of(value) or ())
        case Text(text=text) | Transcript(text=text) | Look(text=text):
            found = [written.value for find in (numbers_in_digits, numbers_in_words) for written in find(text)]
            return found[0] if len(found) == 1 else None
    return None


def truth_of(value: Value) -> bool | None:
    """Whether a value says yes: it is true, or something was found."""
    match value:
        case Boolean(value=truth):
            return truth
        case Boxes() | Tracks() | Spans():
            return bool(items_of(value))
        case Number(value=number):
            return number > 0
        case Look(text=text):
            return yes_or_no(text)
    return None


def yes_or_no(text: str) -> bool | None:
    """Whether a sentence begins with a yes (true) or a no (false); None where it begins with neither."""
    match = _YES_OR_NO.match(text)
    return None if match is None else bool(match["yes"])


def words_of(value: Value) -> Sequence[str]:
    """The items that a value lists, in words."""
    match value:
        case Labels(labels=labels):
            return [label.name for label in labels]
        case Boxes(boxes=placed) | Tracks(tracks=placed):
            return [one.label for one in placed]
        case Spans(spans=spans):
            return [f"{span.start:.1f}-{span.end:.1f} s" for span in spans]
        case Look(text=text):
            return [text]
        case Text(text=text, lines=lines) | Transcript(text=text, lines=lines):
            return [line.text for line in lines] or ([text] if text else [])
        case Number():
            return [str(value)]
        case Boolean(value=truth):
            return ["yes" if truth else "no"]
    return []


def _choice(options: Sequence[str], value: Value) -> str | None:
    """The option that a value names: word for word, as a number, as yes or no, or else the only one it mentions."""
    words = [word.casefold().strip(" .") for word in words_of(value)]
    by_name = {option.casefold().strip(" ."): option for option in options}
    for word in words:
        if word in by_name:
            return by_name[word]
    if (number := number_of(value)) is not None:
        for option in options:
            said = [written.value for find in (numbers_in_digits, numbers_in_words) for written in find(option)]
            if said == [number]:
                return option
    text = " ".join(words)
    mentioned = [option for name, option in by_name.items() if name and name in text]
    return mentioned[0] if len(mentioned) == 1 else None
