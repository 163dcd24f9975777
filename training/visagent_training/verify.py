"""Whether a plan is right: it compiles, it means what the gold plan means, or running it gives the right answer.

Also what is learned from wrong ones: a reward for plans, and plans that are wrong in one place. Knows no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from visagent.core.config import Budget
from visagent.core.errors import PlanError, VisagentError
from visagent.evidence.tree import REFERENCE, QuestionTree, references, renamed
from visagent.evidence.values import Boolean, Evidence, Number, Text
from visagent.media.media import Media
from visagent.media.store import MediaStore
from visagent.planning.plan import UNANSWERABLE
from visagent.planning.plan_language import plan_json
from visagent.planning.quotable import phrases
from visagent.planning.step_lists import Step
from visagent.tools.executor import ToolExecutor, solve
from visagent.tools.toolkit import Tool
from visagent_training.examples import TrainingExample
from visagent_training.expressions import compact
from visagent_training.plan_scores import Comparison, compare_plans

NEAR_NUMBERS = 1e-6
"""Relative difference up to which two numbers are the same answer."""


class Verdict(NamedTuple):
    """What a reply is worth.

    Attributes:
        valid: Whether it is a plan whose tools, arguments and types are right.
        executes: Whether every call of it gave evidence; None where it was not run.
        right: Whether it verifiably answers the question.
        steps: How many it takes.
    """

    valid: bool
    executes: bool | None
    right: bool
    steps: int


class Runner:
    """Runs plans on the media of examples.

    Args:
        tools: The real ones.
        media: Where the bytes are.
        seconds: Seconds for one plan.
    """

    def __init__(self, tools: Mapping[str, Tool], media: Path, seconds: float = 60.0) -> None:
        self._tools, self._store, self._seconds = tools, MediaStore(media), seconds
        self._loaded: dict[str, Media] = {}

    def can_run(self, example: TrainingExample) -> bool:
        """Whether an example says what the right answer is and all of its media and tools are here."""
        return (
            example.answer is not None
            and all(digest is not None and self._medium(name, digest) for name, digest in example.media.items())
            and all(spec.name in self._tools for spec in example.tools)
        )

    def run(self, tree: QuestionTree, example: TrainingExample) -> dict[str, Evidence]:
        """What each sub-question finds."""
        media = {name: self._loaded[digest] for name, digest in example.media.items() if digest is not None}
        expert = ToolExecutor(self._tools, media, Budget(seconds=self._seconds))
        return asyncio.run(solve(tree, {}, expert.answer))

    def _medium(self, name: str, digest: str) -> bool:
        if digest not in self._loaded:
            from visagent.media.media import MediaInfo

            kind: Any = name.rstrip("0123456789")
            try:
                self._loaded[digest] = self._store.get(MediaInfo(hash=digest, kind=kind, name=name))
            except VisagentError:
                return False
        return True


def judge(reply: str, example: TrainingExample, runner: Runner | None = None) -> Verdict:
    """Whether a reply is right.

    A task with a known answer whose media are here is judged by running the plan; any other by whether the plan comes
    to the same as the gold one (`visagent_training.plan_scores`); a reply that is no plan by being the target.

    Args:
        reply: A planner's words.
        example: What it was asked.
        runner: Runs plans; None to judge by the gold plan alone.
    """
    if example.steps is None and example.answer is None:
        same = " ".join(reply.split()) == " ".join(example.target.split())
        return Verdict(same, None, same, 1)
    try:
        steps = example.read(reply)
        tree = example.tree(steps)
    except PlanError:
        return Verdict(False, None, False, 0)
    if runner is not None and runner.can_run(example) and tree.unanswerable is None:
        found = runner.run(tree, example)
        sinks = [found[id_] for id_ in tree.sinks]
        executes = not any(evidence.failed for evidence in found.values())
        right = executes and len(sinks) == 1 and _same_answer(sinks[0], example.answer)
        return Verdict(True, executes, right, len(tree))
    if example.steps is None:
        return Verdict(True, None, False, len(steps))
    return Verdict(True, None, same_plan(steps, example), len(steps))


def same_plan(steps: Sequence[Mapping[str, JsonValue]], example: TrainingExample) -> bool:
    """Whether steps come to the same as the example's own."""
    return compare_plans(compact(steps), example.steps or (), example.toolkit, list(example.media)).equivalent


def compare(reply: str, example: TrainingExample, *, own: Collection[str] = ()) -> Comparison:
    """A reply measured against the example's own plan, figure by figure.

    Args:
        reply: A planner's words: nested calls where it has memorised tools, else JSON.
        example: What it was asked; one with steps.
        own: Names of the tools that `Comparison.own_tools` is about.
    """
    said = plan_json(reply, example.specs) if example.known else reply
    return compare_plans(said, example.steps or (), example.toolkit, list(example.media), own=own)


def _same_answer(evidence: Evidence, answer: JsonValue) -> bool:
    match evidence.value, answer:
        case (Boolean(value=found), bool(gold)):
            return found == gold
        case (Number(value=number), int(gold) | float(gold)) if not isinstance(gold, bool):
            return abs(number - gold) <= NEAR_NUMBERS * max(1.0, abs(gold))
        case (Text(text=text), str(gold)):
            return " ".join(text.lower().split()) == " ".join(gold.lower().split())
    return False


class Reward(BaseModel):
    """What a plan is worth to GRPO; a right one without a needless step is worth 1.

    Attributes:
        valid: Reward of a plan that compiles.
        executes: Reward of a plan whose calls all give evidence; given with `valid` where nothing can be run.
        right: Reward of a right plan.
        step_cost: Taken off for each step beyond the gold plan's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    valid: float = Field(default=0.1, ge=0)
    executes: float = Field(default=0.1, ge=0)
    right: float = Field(default=0.8, ge=0)
    step_cost: float = Field(default=0.05, ge=0)

    def of(self, verdict: Verdict, example: TrainingExample) -> float:
        """The reward of a judged reply."""
        if not verdict.valid:
            return 0.0
        extra = max(0, verdict.steps - len(example.steps)) if example.steps else 0
        worth = self.valid + (self.executes if verdict.executes is not False else 0.0)
        return max(0.0, worth + (self.right if verdict.right else 0.0) - self.step_cost * extra)


# Plans that are wrong in one place.

Mistake = Literal["wrong reference", "redundant call", "wrong label", "dropped step"]


def hard_negatives(example: TrainingExample, rng: Random) -> Iterator[tuple[Mistake, list[Step]]]:
    """Plans that compile and are one mistake away from the right one, each mistake at most once.

    Args:
        example: One with steps.
        rng: Where every choice comes from.
    """
    gold: list[Step] = [dict(step) for step in example.steps or ()]
    if not gold or gold[0].get("tool") == UNANSWERABLE:
        return
    makers = {
        "wrong reference": _wrong_references,
        "redundant call": _redundant_calls,
        "wrong label": _wrong_labels,
        "dropped step": _dropped_steps,
    }
    for mistake, make in makers.items():
        candidates = list(make(gold, example))
        rng.shuffle(candidates)
        for steps in candidates:
            if _compiles(steps, example) and not same_plan(steps, example):
                yield mistake, steps  # type: ignore[misc]
                break


def _compiles(steps: list[Step], example: TrainingExample) -> bool:
    try:
        example.tree(steps)
        # What a planner would say, so that steps which nothing reads are gone where it writes nested calls.
        example.tree(example.read(example.say(steps)))
    except PlanError:
        return False
    return True


def _wrong_references(gold: list[Step], example: TrainingExample) -> Iterator[list[Step]]:
    for place, step in enumerate(gold):
        for name, value in step.items():
            if isinstance(value, str) and REFERENCE.match(value):
                for other in range(1, place + 1):
                    if f"$q{other}" != value:
                        yield [*gold[:place], {**step, name: f"$q{other}"}, *gold[place + 1 :]]


def _redundant_calls(gold: list[Step], example: TrainingExample) -> Iterator[list[Step]]:
    words = [phrase for phrase in phrases(example.question, 2) if len(phrase) > 2]
    for step in gold:
        for name, value in step.items():
            if name != "tool" and isinstance(value, str) and not REFERENCE.match(value):
                yield from ([*gold, {**step, name: word}] for word in words if word != value)
    for spec in example.tools:
        # A call of another tool on what the plan has found already.
        plain = [parameter for parameter in spec.parameters if parameter.required]
        if len(plain) == 1 and plain[0].accepts:
            for place in range(1, len(gold) + 1):
                call: Step = {"tool": spec.name, plain[0].name: f"$q{place}"}
                yield [*gold, call]


def _wrong_labels(gold: list[Step], example: TrainingExample) -> Iterator[list[Step]]:
    words = [phrase for phrase in phrases(example.question, 2) if len(phrase) > 2]
    for place, step in enumerate(gold):
        spec = example.specs.get(str(step["tool"]))
        for name, value in step.items():
            parameter = spec.parameter(name) if spec and name != "tool" else None
            if parameter is None or not isinstance(value, str) or REFERENCE.match(value) or value in example.media:
                continue
            for word in parameter.choices or words:
                if word.lower() != value.lower():
                    yield [*gold[:place], {**step, name: word}, *gold[place + 1 :]]


def _dropped_steps(gold: list[Step], example: TrainingExample) -> Iterator[list[Step]]:
    """Without one step: what read it reads instead what it read, or nothing does."""
    for place, step in enumerate(gold):
        if len(gold) == 1:
            return
        instead = next((id_ for value in step.values() for id_ in references(value)), None)
        dropped = f"q{place + 1}"
        if instead is None and any(dropped in list(references(value)) for later in gold for value in later.values()):
            continue

        names = {f"q{number}": f"q{number - (number > place + 1)}" for number in range(1, len(gold) + 1)}
        names[dropped] = names[instead or dropped]
        yield [
            {name: value if name == "tool" else renamed(value, names) for name, value in other.items()}
            for other in [*gold[:place], *gold[place + 1 :]]
        ]


class Pair(NamedTuple):
    """Two replies to one prompt, the right one first, and what is wrong with the other."""

    example: TrainingExample
    chosen: str
    rejected: str
    mistake: str


def pairs_of(
    example: TrainingExample, sampled: Sequence[str], rng: Random, *, negatives: int, runner: Runner | None = None
) -> list[Pair]:
    """Preference pairs of one example: its target against sampled replies that fail, rejected ones, hard negatives.

    Args:
        example: One with a target.
        sampled: Replies of the planner as it is.
        rng: Where every choice comes from.
        negatives: Hard negatives at most.
        runner: See `judge`.
    """
    failing = [reply for reply in dict.fromkeys(sampled) if not judge(reply, example, runner).right]
    pairs = [Pair(example, example.target, reply, "sampled") for reply in failing]
    pairs += [Pair(example, example.target, reply, "rejected") for reply in example.rejected]
    made = [(mistake, example.say(steps)) for mistake, steps in hard_negatives(example, rng)] if example.steps else []
    rng.shuffle(made)
    pairs += [Pair(example, example.target, reply, mistake) for mistake, reply in made[:negatives]]
    return list({pair.rejected: pair for pair in pairs if pair.rejected != pair.chosen}.values())
