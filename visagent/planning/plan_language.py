"""Plans as nested calls, such as `count(left_of(detect("dog"), detect("cat")))`: what a small planner writes.

It is a third as long as the same plan in JSON, a planner need not number steps, and a grammar can hold it to the tools'
types. Media are left out where only one fits, a step that two places need is said twice, and several results are
separated by "; ". Knows no model.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from visagent.core.errors import PlanError, did_you_mean
from visagent.evidence.tree import REFERENCE
from visagent.media.media import MediaInfo
from visagent.planning.nested_calls import value_of
from visagent.planning.plan import REASONS, UNANSWERABLE, left_out, nameable
from visagent.planning.quotable import numbers, phrases
from visagent.planning.step_lists import Step
from visagent.tools.toolkit import Parameter, ToolSpec

Specs = Mapping[str, ToolSpec]


def positional(spec: ToolSpec) -> list[str]:
    """Parameters that are written without their name: the required ones that take no media, or else the first one."""
    plain = [parameter.name for parameter in spec.parameters if parameter.required and not parameter.media]
    return plain or [parameter.name for parameter in spec.parameters[:1]]


def write_plan(steps: Sequence[Mapping[str, JsonValue]], specs: Specs) -> str:
    """Steps of a plan as nested calls; the steps that no other one needs, in order.

    Args:
        steps: Steps as in `visagent.planning.plan.Plan`.
        specs: The tools, by name.
    """
    needed: set[int] = set()

    def value(item: JsonValue) -> str:
        if isinstance(item, list):
            return f"[{','.join(map(value, item))}]"
        if isinstance(item, str) and (match := REFERENCE.match(item)):
            needed.add(int(match[1][1:]))
            return call(steps[int(match[1][1:]) - 1])
        return json.dumps(item, ensure_ascii=False)

    def call(step: Mapping[str, JsonValue]) -> str:
        name = str(step["tool"])
        given = {key: item for key, item in step.items() if key != "tool"}
        plain = ["reason"] if name == UNANSWERABLE else positional(specs[name])
        words = [value(given[key]) for key in plain if key in given]
        words += [f"{key}={value(item)}" for key, item in given.items() if key not in plain]
        return f"{name}({','.join(words)})"

    written = [call(step) for step in steps]
    return "; ".join(text for number, text in enumerate(written, start=1) if number not in needed)


def read_plan(text: str, specs: Specs) -> list[Step]:
    """The steps of a plan of nested calls: arguments before the call that reads them, each distinct call once.

    Raises:
        PlanError: the text is not of that form, or calls a tool that is not there.
    """
    steps: list[Step] = []
    numbers: dict[str, int] = {}

    def call(name: str, arguments: list[JsonValue], named: dict[str, JsonValue]) -> str:
        if name == UNANSWERABLE:
            names = ["reason"]
        elif name in specs:
            names = positional(specs[name])
        else:
            raise PlanError(f"The plan calls {name!r}, which is no tool.", did_you_mean(name, specs))
        if len(arguments) > len(names):
            raise PlanError(f"{name} has too many arguments.", f"It takes: {', '.join(names)}.")
        step: Step = {"tool": name, **dict(zip(names, arguments, strict=False)), **named}
        key = json.dumps(step)
        if key not in numbers:
            steps.append(step)
            numbers[key] = len(steps)
        return f"$q{numbers[key]}"

    def word(name: str) -> bool:
        if name not in ("true", "false"):
            raise ValueError(f"{name} is no literal")
        return name == "true"

    for part in _parts(text):
        try:
            expression = ast.parse(part, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise PlanError(f"The plan cannot be read: {part[:80]!r}.", "Close every bracket and quote.") from error
        if not isinstance(expression, ast.Call):
            raise PlanError(f"The plan is no call: {part[:80]!r}.", "Write a call of a tool.")
        try:
            value_of(expression, call=call, name=word)
        except ValueError as error:
            raise PlanError("The plan is no nested call.", "Write calls, texts, numbers and lists only.") from error
        except RecursionError:
            raise PlanError("The plan is nested too deeply.", "Use fewer calls within calls.") from None
    return steps


def plan_json(text: str, specs: Specs) -> str:
    """A plan of nested calls as JSON text for `visagent.planning.plan.parse_plan`; text of another form as it is."""
    try:
        return json.dumps({"steps": read_plan(text, specs)}, ensure_ascii=False)
    except PlanError:
        return text


def _parts(text: str) -> list[str]:
    """The results of a plan, which "; " separates outside quotes."""
    parts, quoted, start = [], False, 0
    for place, letter in enumerate(text):
        if letter == '"' and text[place - 1 : place] != "\\":
            quoted = not quoted
        elif letter == ";" and not quoted:
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]


def plan_grammar(tools: Specs, media: Mapping[str, MediaInfo], question: str = "", *, together: bool = False) -> str:
    """The plans of nested calls that these tools and media admit, as a llama.cpp grammar (GBNF).

    Unlike a JSON schema it knows the tools' types: what it admits compiles, apart from numbers that are too large.
    Calls that could never end, such as `crop` where no image was given, are left out. Texts are phrases of the
    question, so that a small model cannot misspell what it is to look for, nor make it up.

    Args:
        tools: What a plan may call.
        media: What it may name.
        question: Question as the person put it; texts are free without one.
        together: Whether no picture is named where several can be taken: all of them are meant.
    """
    productive: dict[str, dict[str, str]] = {}
    """By type of evidence: the rules that make it, by tool."""
    while True:
        found = {
            (kind, spec.name): rule
            for spec in tools.values()
            for kind in spec.result
            if spec.name not in productive.get(kind, {})
            and (rule := _call_rule(spec, kind, media, frozenset(productive), together)) is not None
        }
        if not found:
            break
        for (kind, name), rule in found.items():
            productive.setdefault(kind, {})[name] = rule
    # Rules are written once more, now that all types that can be made are known.
    kinds = frozenset(productive)
    lines = [f'root ::= unanswerable | call ("; " call){{0,{MAX_RESULTS - 1}}} ("; " unanswerable)?']
    names = []
    for made_kind, calls in productive.items():
        made = []
        for name in calls:
            typed = f"{_rule_name(name)}-{made_kind}"
            lines.append(f"{typed} ::= {_call_rule(tools[name], made_kind, media, kinds, together)}")
            made.append(typed)
        names.append(made_kind)
        lines.append(f"{made_kind} ::= {' | '.join(made)}")
    given = {kind for info in media.values() for kind in (info.kind, "audio" if info.has_audio else info.kind)}
    # A video has pictures, but asking for an image that was not given is still answered so.
    absent = [reason for reason in REASONS if reason.removeprefix("no_") not in given]
    reasons = " | ".join(_quoted(json.dumps(reason)) for reason in absent)
    # Where nothing can be called, the one plan that is left is saying so.
    lines.append(f"call ::= {' | '.join(names) or 'unanswerable'}")
    lines.append(f'unanswerable ::= "{UNANSWERABLE}(" ({reasons}) ")"')
    quotable = [*phrases(question), *UNSAID] if question else []
    texts = " | ".join(_quoted(json.dumps(phrase, ensure_ascii=False)) for phrase in quotable)
    lines.append("text-literal ::= " + (texts or r'"\"" [^"\\\n]{1,80} "\""'))
    lines.append(r'expression-literal ::= "\"" [-+*/%(). a-c0-9]{1,40} "\""')
    written = numbers(question) if question else []
    whole = [number for number in written if "." not in number]
    free = '"-"? [0-9]{1,9}'
    lines.append("number-literal ::= " + (" | ".join(map(_quoted, written)) or f'{free} ("." [0-9]{{1,6}})?'))
    lines.append("integer-literal ::= " + (" | ".join(map(_quoted, whole)) or free))
    lines.append('boolean-literal ::= "true" | "false"')
    return "\n".join(lines)


UNSAID = ("person",)
"""Nouns that a plan may hold though no question says them: what "who" and "anybody" stand for."""
MAX_RESULTS = 4
"""Results of one plan at most: parts of a question."""


def _call_rule(
    spec: ToolSpec, kind: str, media: Mapping[str, MediaInfo], kinds: frozenset[str], together: bool
) -> str | None:
    """The right side of the rule for calls of a tool that make evidence of a kind; None where none can be made yet."""
    plain = positional(spec)
    parameters = sorted(spec.parameters, key=lambda parameter: parameter.name not in plain)
    items: list[tuple[str, bool]] = []
    for parameter in parameters:
        accepts = (kind,) if parameter.name == spec.same_as else parameter.accepts
        value = _value_rule(parameter, [name for name in accepts if name in kinds], media, together)
        optional = not parameter.required or left_out(parameter, media) is not None
        if value is not None:
            word = "" if parameter.name in plain else f'"{parameter.name}=" '
            items.append((f"{word}{value}", optional))
        elif not optional:
            return None

    def sequence(rest: list[tuple[str, bool]], first: bool) -> str:
        if not rest:
            return '""'
        (item, optional), later = rest[0], rest[1:]
        given = f"{item} {sequence(later, False)}" if first else f'"," {item} {sequence(later, False)}'
        return f"({given} | {sequence(later, first)})" if optional else given

    return f'"{spec.name}(" {sequence(items, True)} ")"'


def _value_rule(parameter: Parameter, kinds: list[str], media: Mapping[str, MediaInfo], together: bool) -> str | None:
    names = nameable(parameter, media, together)
    options = [_quoted(json.dumps(name)) for name in names]
    if parameter.several and len(names) > 2:
        # Some of the pictures: all of them are meant where none is named.
        options.append(f'"[" ({" | ".join(options)}) ("," ({" | ".join(options)})){{1,5}} "]"')
    if parameter.choices:
        options += [_quoted(json.dumps(choice)) for choice in parameter.choices]
    elif parameter.literal is not None:
        shown = str(parameter.literal["type"])
        # The one text that no question holds is a formula.
        text = "expression" if parameter.is_formula else "text"
        options.append(f"{text if shown == 'string' else shown}-literal")
    options += kinds
    if not options:
        return None
    value = f"({' | '.join(options)})"
    return f'"[" {value} ("," {value}){{0,5}} "]"' if parameter.many else value


def _rule_name(name: str) -> str:
    return name.replace("_", "-").lower()


def _quoted(text: str) -> str:
    """Text as a terminal of the grammar."""
    return json.dumps(text, ensure_ascii=False)
