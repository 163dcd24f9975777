"""From a controller's JSON to a checked question tree: the type checker of plans. Knows no model.

A plan is `{"steps": [...]}`, one flat object a step: the tool's name, then its arguments. The result of step k is
`$qk`; media go by name (`image1`), and an image, audio or video argument may be left out where only one medium fits::

    {"steps": [{"tool": "detect", "label": "dog"}, {"tool": "count", "items": "$q1"}]}

A question that no tool can answer is one step `{"tool": "unanswerable", "reason": ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from visagent.core.errors import PlanError, did_you_mean
from visagent.core.json_text import read_json
from visagent.core.text import one_line
from visagent.evidence.tree import REFERENCE, QuestionTree, SubQuestion, ToolCall, build_tree, renamed
from visagent.media.media import MediaInfo
from visagent.planning.regions import pointed_first
from visagent.tools.toolkit import Parameter, Tool, ToolSpec, TypeName

UNANSWERABLE = "unanswerable"
REASONS: dict[str, str] = {
    "no_image": "it asks about a picture, and none was given",
    "no_audio": "it asks about sound, and none was given",
    "no_video": "it asks about a video, and none was given",
    "no_tool": "no tool can find it out from what was given",
}
"""Why a question is unanswerable; the keys are what a controller may choose from."""

MAX_STEPS = 12
FINISH = "finish"
"""A step that says that a chain has all that it needs."""
Outline: TypeAlias = Sequence[Mapping[str, JsonValue] | None]
"""Steps that are given, in order, with None for each gap that a controller fills in."""
Phrase = Callable[[ToolCall, Mapping[str, SubQuestion]], str]
"""Words for a call, given the sub-questions before it."""


class Plan(BaseModel):
    """A controller's reply, before it is checked against the tools."""

    model_config = ConfigDict(extra="forbid")
    steps: list[dict[str, JsonValue]]


def name_media(media: list[MediaInfo]) -> dict[str, MediaInfo]:
    """The names by which a plan calls media: kind and number in the order given, for example `image2`."""
    names: dict[str, MediaInfo] = {}
    for info in media:
        number = 1 + sum(other.kind == info.kind for other in names.values())
        names[f"{info.kind}{number}"] = info
    return names


def fitting(parameter: Parameter, media: Mapping[str, MediaInfo]) -> list[str]:
    """Names of the media that a parameter takes."""
    return [
        name
        for name, info in media.items()
        if info.kind in parameter.media and (info.has_audio or parameter.silent or "audio" not in parameter.media)
    ]


def nameable(parameter: Parameter, media: Mapping[str, MediaInfo], together: bool) -> list[str]:
    """Names of the media that a plan may give for a parameter: no pictures where all of them are meant together."""
    names = fitting(parameter, media)
    return [name for name in names if media[name].kind != "image"] if together and parameter.several else names


def left_out(parameter: Parameter, media: Mapping[str, MediaInfo]) -> JsonValue:
    """What a left-out medium stands for: the only one that fits, or, where several are taken, all pictures.

    None where it has to be named.
    """
    if (name := only_fit(parameter, media)) is not None:
        return name
    if parameter.several and (
        pictures := pointed_first([name for name, info in media.items() if info.kind == "image"])
    ):
        return list(pictures) if len(pictures) > 1 else pictures[0]
    return None


def only_fit(parameter: Parameter, media: Mapping[str, MediaInfo]) -> str | None:
    """The one medium that a left-out argument stands for, if there is exactly one."""
    names = pointed_first(fitting(parameter, media))
    return names[0] if len(names) == 1 else None


def parse_plan(text: str) -> Plan:
    """A controller's reply as a plan.

    Raises:
        PlanError: it is not JSON of the plan's form.
    """
    try:
        return Plan.model_validate(read_json(text))
    except ValueError as error:
        detail = error.errors(include_input=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
        reason = one_line(detail)
        raise PlanError(f"The reply is not a plan: {reason}.", 'Reply with {"steps": [...]} alone.') from error


def check_outline(plan: Plan, outline: Outline) -> None:
    """Check that a plan keeps the steps that were given, in their order; where no gap is said, nothing comes between.

    Only what a given step says is compared: `{"tool": "count"}` is kept by any call of `count`.

    Raises:
        PlanError: names the step that is missing.
    """
    place, gap = 0, False
    for given in outline:
        if given is None:
            gap = True
            continue
        matching = [number for number in range(place, len(plan.steps)) if given.items() <= plan.steps[number].items()]
        if not matching or (matching[0] != place and not gap):
            raise PlanError(
                f"The plan lacks the given step {json.dumps(dict(given))}.", "Keep the given steps in order."
            )
        # The last given step ends the plan if no gap follows it.
        ends = given is outline[-1]
        place, gap = (matching[-1] if ends else matching[0]) + 1, False
    if outline and outline[-1] is not None and place != len(plan.steps):
        raise PlanError("The plan goes on after the last given step.", "End with the last given step.")


def compile_plan(
    question: str,
    plan: Plan,
    tools: Mapping[str, Tool],
    media: Mapping[str, MediaInfo],
    phrase: Phrase,
    *,
    max_steps: int = MAX_STEPS,
) -> QuestionTree:
    """Check a plan and turn it into a tree: every tool, argument, reference and type.

    Steps that repeat an earlier one are merged into it.

    Args:
        question: The person's question, the tree's root.
        plan: What the controller replied.
        tools: What it may call.
        media: What it may name.
        phrase: Words for steps that bring none of their own.
        max_steps: Steps at most.

    Raises:
        PlanError: names the step and the argument; written so that a controller can repair the plan from it.
    """
    if not plan.steps:
        raise PlanError("The plan has no step.", "Give at least one step.")
    if len(plan.steps) > max_steps:
        raise PlanError(f"The plan has {len(plan.steps)} steps.", f"Use at most {max_steps}.")
    steps = list(plan.steps)
    reasons: list[str] = []
    # The last steps may say which parts of the question no tool can answer.
    while steps and steps[-1].get("tool") == UNANSWERABLE:
        reason = one_line(str(steps.pop().get("reason")))
        reasons.insert(0, REASONS.get(reason, reason))
    if not steps:
        return QuestionTree(question=question, nodes=(), unanswerable=reasons[0])
    nodes: dict[str, SubQuestion] = {}
    alias: dict[str, str] = {}
    types: dict[str, tuple[TypeName, ...]] = {}
    calls: dict[str, str] = {}
    for number, step in enumerate(steps, start=1):
        id_ = f"q{number}"
        name = step.get("tool")
        if not isinstance(name, str) or name not in tools:
            raise PlanError(f"Step {number} calls {_abbreviated(name)}, which is no tool.", did_you_mean(name, tools))
        spec = tools[name].spec
        words = step.get("question") if spec.parameter("question") is None else None
        if words is not None and not isinstance(words, str):
            raise PlanError(
                f"Step {number}: question cannot be {_abbreviated(words)}.", "Put it in words, as a string."
            )
        given = {key: value for key, value in step.items() if key != "tool" and not (key == "question" and words)}
        given = {key: renamed(value, alias) for key, value in given.items()}
        arguments = _check_step(f"Step {number} ({spec.name})", spec, given, types, media)
        call = ToolCall(tool=name, arguments=arguments)
        if (same := calls.get(call.model_dump_json())) is not None:
            alias[id_] = same
            continue
        calls[call.model_dump_json()] = id_
        types[id_] = _result_types(spec, arguments, types)
        nodes[id_] = SubQuestion(id=id_, question=one_line(words or "", 300) or phrase(call, nodes), solver=call)
    tree = build_tree(question, list(nodes.values()))
    return tree.model_copy(update={"left_out": tuple(dict.fromkeys(reasons))}) if reasons else tree


def check_tree(
    tree: QuestionTree,
    tools: Mapping[str, Tool],
    media: Mapping[str, MediaInfo],
    phrase: Phrase,
    *,
    max_steps: int = MAX_STEPS,
) -> QuestionTree:
    """Check a tree that was changed by hand or by an expansion, as `compile_plan` checks a controller's plan.

    Args:
        tree: Any valid tree; its sub-questions keep their ids.
        tools: What it may call.
        media: What it may name.
        phrase: Words for sub-questions that have none.
        max_steps: Sub-questions at most.

    Returns:
        The tree with left-out media filled in, its sub-questions in topological order, and words for those without.

    Raises:
        PlanError: names the sub-question and the argument.
    """
    if len(tree) > max_steps:
        raise PlanError(f"The plan has {len(tree)} steps.", f"Use at most {max_steps}.")
    nodes: dict[str, SubQuestion] = {}
    types: dict[str, tuple[TypeName, ...]] = {}
    for id_ in tree.order:
        call = tree[id_].solver
        if call.tool not in tools:
            raise PlanError(f"{id_} calls {call.tool!r}, which is no tool.", did_you_mean(call.tool, tools))
        spec = tools[call.tool].spec
        arguments = _check_step(f"{id_} ({spec.name})", spec, dict(call.arguments), types, media)
        call = ToolCall(tool=call.tool, arguments=arguments)
        types[id_] = _result_types(spec, arguments, types)
        nodes[id_] = SubQuestion(id=id_, question=tree[id_].question or phrase(call, nodes), solver=call)
    return tree.kept_on(build_tree(tree.question, list(nodes.values())))


def _result_types(
    spec: ToolSpec, arguments: Mapping[str, JsonValue], types: Mapping[str, tuple[TypeName, ...]]
) -> tuple[TypeName, ...]:
    """What a call may result in; a tool that gives what it was given narrows it down."""
    if spec.same_as and isinstance(source := arguments.get(spec.same_as), str) and REFERENCE.match(source):
        return tuple(kind for kind in types[source[1:]] if kind in spec.result)
    return spec.result


def _check_step(
    where: str,
    spec: ToolSpec,
    given: dict[str, JsonValue],
    types: Mapping[str, tuple[TypeName, ...]],
    media: Mapping[str, MediaInfo],
) -> dict[str, JsonValue]:
    """The step's arguments, with left-out media filled in.

    Raises:
        PlanError: an argument is unknown, missing or of the wrong type.
    """
    known = [parameter.name for parameter in spec.parameters]
    if unknown := [name for name in given if name not in known]:
        raise PlanError(
            f"{where} has no argument {_abbreviated(unknown[0])}.", f"It takes: {', '.join(known) or 'none'}."
        )
    arguments: dict[str, JsonValue] = {}
    for parameter in spec.parameters:
        if parameter.name in given and given[parameter.name] is not None:
            _check_argument(where, parameter, given[parameter.name], types, media)
            arguments[parameter.name] = given[parameter.name]
        elif parameter.required and (medium := left_out(parameter, media)) is not None:
            arguments[parameter.name] = medium
        elif parameter.required:
            names = fitting(parameter, media)
            way_out = f"Give one of: {', '.join(names)}." if names else f"Give {parameter.signature()}."
            raise PlanError(f"{where} lacks {parameter.name!r}.", way_out)
    return arguments


def _check_argument(
    where: str,
    parameter: Parameter,
    argument: JsonValue,
    types: Mapping[str, tuple[TypeName, ...]],
    media: Mapping[str, MediaInfo],
) -> None:
    wanted = f"It takes {parameter.signature()}."
    if isinstance(argument, list) and (parameter.many or parameter.several):
        if not argument:
            raise PlanError(f"{where}: {parameter.name} is an empty list.", wanted)
        for item in argument:
            if isinstance(item, list):
                raise PlanError(f"{where}: {parameter.name} is a list in a list.", wanted)
            _check_item(where, parameter, item, types, media)
    elif parameter.many:
        raise PlanError(f"{where}: {parameter.name} cannot be {_abbreviated(argument)}.", f"{wanted[:-1]}, a list.")
    else:
        _check_item(where, parameter, argument, types, media)


def _check_item(
    where: str,
    parameter: Parameter,
    argument: JsonValue,
    types: Mapping[str, tuple[TypeName, ...]],
    media: Mapping[str, MediaInfo],
) -> None:
    wanted = f"It takes {parameter.signature()}."
    if isinstance(argument, str) and (match := REFERENCE.match(argument)):
        id_ = match[1]
        if id_ not in types:
            raise PlanError(f"{where}: {parameter.name} refers to ${id_[:20]}, which no earlier step is.", wanted)
        if not set(types[id_]) & set(parameter.accepts):
            raise PlanError(f"{where}: {parameter.name} cannot be ${id_}, a {'|'.join(types[id_])}.", wanted)
        return
    if parameter.media and isinstance(argument, str):
        names = fitting(parameter, media)
        if argument not in names:
            way_out = f"Give one of: {', '.join(names)}." if names else "No such medium was given."
            raise PlanError(f"{where}: {parameter.name} cannot be {_abbreviated(argument)}.", way_out)
        return
    if parameter.literal is None:
        raise PlanError(f"{where}: {parameter.name} cannot be {_abbreviated(argument)}.", wanted)
    if not _fits(argument, parameter):
        raise PlanError(f"{where}: {parameter.name} cannot be {_abbreviated(argument)}.", wanted)


def _abbreviated(item: JsonValue) -> str:
    """What a controller wrote, short enough for a message."""
    return one_line(repr(item), 80)


_LITERAL_TYPES: dict[str, Any] = {"string": str, "number": float, "integer": int, "boolean": bool}


def _fits(argument: JsonValue, parameter: Parameter) -> bool:
    """Whether a literal is of the parameter's type and among its choices."""
    assert parameter.literal is not None
    if parameter.choices:
        return argument in parameter.choices
    try:
        TypeAdapter(_LITERAL_TYPES[str(parameter.literal["type"])]).validate_python(argument, strict=True)
    except (ValidationError, OverflowError):
        return False
    return argument != ""
