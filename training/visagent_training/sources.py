"""Where training examples come from: runs of the agent, a person's own questions, the grammar, and other examples.

Each function gives examples, and `Refused` for each item from which nothing can be learned.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from pydantic import JsonValue, ValidationError

from visagent.agent.runs import RunRecord
from visagent.core.errors import InputError, PlanError
from visagent.core.validation import first_problem
from visagent.evaluation.benchmark import numbered_lines
from visagent.evidence.answer import Answer
from visagent.evidence.values import Boolean, Number, Text
from visagent.planning.plan import UNANSWERABLE, left_out
from visagent.planning.plan_language import read_plan
from visagent.planning.steps import plan_steps
from visagent.tools.toolkit import ToolSpec
from visagent_training.data_source import Drawn, Refused
from visagent_training.examples import Split, TrainingExample, plan_example
from visagent_training.expressions import Specs
from visagent_training.plan_scores import media_named
from visagent_training.synthetic import groups

# Runs of the agent.


def trace_example(
    trace: Answer | RunRecord, specs: Specs, *, known: Sequence[str] = (), good: bool | None = None
) -> Drawn:
    """The example that a run is.

    A run is learned from if a person rated it up, or if it was answered, every claim of it is supported, and nobody
    rated it down.

    Args:
        trace: Trace as `Agent` writes it: a line of `--trace`, or the record in a run's folder.
        specs: What the planner may call, in the order shown.
        known: Names of tools that the planner has memorised.
        good: What a person thinks of it, where the trace does not say.
    """
    asked = ""
    if isinstance(trace, RunRecord):
        asked, where, answer = trace.asked, trace.id, trace.answer
        good = {"up": True, "down": False, None: good}[trace.rating]
        if answer is None:
            return Refused(where, f"the run is {trace.status}, it has no answer")
    else:
        where, answer = trace.run_id, trace
    if good is False:
        return Refused(where, "a person rated it down")
    if answer.tree.unanswerable is None and not answer.tree.nodes:
        return Refused(where, "it has no plan")
    if not good:
        if answer.status != "answered":
            return Refused(where, "it was not answered, and nobody rated it up")
        if any(claim.verdict != "supported" for claim in answer.claims):
            return Refused(where, "not every claim is supported, and nobody rated it up")
    if missing := next((node.solver.tool for node in answer.tree.nodes if node.solver.tool not in specs), None):
        return Refused(where, f"it calls {missing}, which is not among the tools")
    try:
        return plan_example(
            f"traces/{where}",
            "traces",
            asked or answer.question,
            _short(plan_steps(answer.tree), specs, list(answer.media)),
            list(specs.values()),
            {name: info.hash for name, info in answer.media.items()},
            known=known,
            answer=_found(answer),
        )
    except PlanError as error:
        return Refused(where, error.fact.rstrip("."))


def _short(steps: list[dict[str, JsonValue]], specs: Specs, media: Sequence[str]) -> list[dict[str, JsonValue]]:
    """Steps without the media that the checker fills in by itself: what a planner need not write."""
    infos = media_named(media)
    for step in steps:
        for parameter in specs[str(step["tool"])].parameters if step["tool"] in specs else ():
            if parameter.required and step.get(parameter.name) == left_out(parameter, infos):
                step.pop(parameter.name, None)
    return steps


def _found(answer: Answer) -> JsonValue:
    """What the plan's one result was, where it is a number, a truth value or a text."""
    if len(answer.tree.sinks) != 1 or (evidence := answer.evidence.get(answer.tree.sinks[0])) is None:
        return None
    match evidence.value:
        case Number(value=value) | Boolean(value=value):
            return value
        case Text(text=text):
            return text
    return None


def read_traces(path: Path) -> Iterator[Answer | RunRecord | Refused]:
    """The runs in a file of `--trace`, or in a folder of runs.

    Raises:
        InputError: there is nothing at the path.
    """
    if path.is_dir():
        for file in sorted(path.glob("*/run.json")):
            try:
                yield RunRecord.model_validate_json(file.read_bytes())
            except ValidationError as error:
                yield Refused(file.parent.name, f"it cannot be read: {first_problem(error)}")
        return
    for number, line in numbered_lines(path):
        try:
            yield Answer.from_json(line)
        except InputError as error:
            yield Refused(f"{path.name}, line {number}", error.fact.rstrip("."))


# A person's own questions.


def question_examples(path: Path, specs: Specs, *, known: Sequence[str] = ()) -> Iterator[Drawn]:
    """Questions with the plans that a person wrote for them, as nested calls or as steps.

    A line is `{"question": "How bright is the dog?", "plan": "brightness(detect(\\"dog\\"))"}`; `media` names what the
    question is about where that is not one image (`["audio1"]`), `answer` says what the plan gives, if known, and
    `tools` lists specs of tools that this question alone may call, beside the others.

    Args:
        path: A JSON-lines file.
        specs: What a plan may call, in the order shown.
        known: Names of tools that the planner has memorised.
    """
    for number, line in numbered_lines(path):
        where = f"{path.name}, line {number}"
        try:
            row = json.loads(line)
            question, plan = str(row["question"]), row["plan"]
            media = row.get("media", ["image1"])
            more = [ToolSpec.model_validate(tool) for tool in row.get("tools", ())]
            offered = {**specs, **{spec.name: spec for spec in more}}
            steps = read_plan(plan, offered) if isinstance(plan, str) else [dict(step) for step in plan]
            names = media if isinstance(media, dict) else dict.fromkeys(map(str, media))
            example = plan_example(
                f"questions/{number}",
                "questions",
                question,
                steps,
                list(offered.values()),
                names,
                known=known,
                answer=row.get("answer"),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            yield Refused(where, f"it is no object with question and plan: {error!r}")
            continue
        except PlanError as error:
            yield Refused(where, error.fact.rstrip("."))
            continue
        reason = example.problem()
        yield example if reason is None else Refused(where, reason)


# The grammar of questions over the first-party tools.


def synthetic_examples(
    specs: Specs, split: Split, seed: int, count: int, *, also: Sequence[ToolSpec] = (), known: Sequence[str] = ()
) -> Iterator[TrainingExample]:
    """Questions of the grammar, many with tools that exist in prompts alone, some that no tool can answer.

    Args:
        specs: The first-party tools, all of which the grammar may call.
        split: The split whose wordings, nouns and invented tools to use.
        seed: Decides everything.
        count: How many.
        also: Tools that are shown as well and needed by none of the questions, so that a planner leaves them alone.
        known: Names of tools that the planner has memorised.
    """
    made = 0
    for group in groups(specs, split, seed):
        tools = [*specs.values(), *also, *group.tools]
        for example in group.examples:
            if made == count:
                return
            made += 1
            yield plan_example(
                f"synthetic/{split}/{seed}/{made}",
                "synthetic",
                example.question,
                example.steps,
                tools,
                dict.fromkeys(example.media),
                known=known,
                split=split,
            )


# Questions that no tool can answer.


def unanswerable_examples(
    asked: Iterable[TrainingExample], seed: int, count: int, *, keep: Sequence[str] = ()
) -> Iterator[TrainingExample]:
    """Negatives, made of answerable questions: the tool that the plan needs is not there, or the medium is not.

    Args:
        asked: Questions with plans; those that need none of the tools that may be missing lose their medium instead.
        seed: Decides everything.
        count: How many at most.
        keep: Names of tools that are always there, so that only others go missing.
    """
    rng = Random(f"unanswerable-{seed}")
    pool = [example for example in asked if example.steps and example.steps[0].get("tool") != UNANSWERABLE]
    rng.shuffle(pool)
    always = {*keep}
    for example in pool[:count]:
        # What the answer comes from is the last step; without its tool nothing else will do.
        needed = str((example.steps or ({},))[-1].get("tool"))
        kinds = {name.rstrip("0123456789") for name in example.media}
        media: Mapping[str, str | None] = example.media
        if needed not in always and needed not in example.known and rng.random() < 0.5:
            tools, reason = [spec for spec in example.tools if spec.name != needed], "no_tool"
        elif len(kinds) == 1:
            (kind,) = kinds
            tools, reason = list(example.tools), f"no_{kind}"
            media = {"audio1": None} if kind == "image" and rng.random() < 0.5 else {}
        else:
            continue
        yield plan_example(
            f"unanswerable/{example.id}",
            "unanswerable",
            example.question,
            [{"tool": UNANSWERABLE, "reason": reason}],
            tools,
            media,
            known=example.known,
            # The same words stand in the same split.
            split=example.split,
        )
