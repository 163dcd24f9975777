"""What an evaluation of an agent found: scores, paired differences, cost and latency. Knows no benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AGENT, AgentBenchmark
from visagent.evaluation.agent_items import Attempt
from visagent.evaluation.agent_run import MASKED, AgentRun
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.paired import Difference, paired_difference
from visagent.evaluation.run_folder import RunFolder, RunInfo
from visagent.evidence.values import Frozen


class Cost(Frozen):
    """What attempts cost, an item on average where nothing else is said.

    Attributes:
        seconds: Wall-clock time.
        median_seconds: The same of the middle item.
        slow_seconds: The 95th percentile.
        tool_calls: Experts asked.
        cached_calls: Number of these calls that were answered from the cache.
        model_calls: Calls of language models.
        prompt_tokens: Read by them.
        generated_tokens: Written by them.
        errors: Items that ended in an error, in all.
    """

    seconds: float
    median_seconds: float
    slow_seconds: float
    tool_calls: float
    cached_calls: float
    model_calls: float
    prompt_tokens: float
    generated_tokens: float
    errors: int


class VariantScores(Frozen):
    """What one way of asking came to.

    Attributes:
        variant: Its name.
        asked: Items that were asked in this way; the others keep the measured run's attempt.
        scores: The benchmark's, by metric.
        gain: The measured run against this one, on the same items; None for the measured run itself.
        cost: Cost of the items that were asked in this way.
    """

    variant: str
    asked: int
    scores: dict[str, Estimate]
    gain: Difference | None = None
    cost: Cost


class AgentScores(Frozen):
    """What an evaluation found.

    Attributes:
        info: What was asked of whom.
        variants: The measured run first.
        unavailable: Baselines that could not be asked, with the reason.
    """

    info: RunInfo
    variants: tuple[VariantScores, ...] = Field(min_length=1)
    unavailable: dict[str, str] = Field(default_factory=dict)

    @property
    def measured(self) -> VariantScores:
        """The run that is measured."""
        return self.variants[0]


def agent_scores(benchmark: AgentBenchmark, run: AgentRun) -> AgentScores:
    """The scores of an evaluation that is complete."""
    measured = run.folder.of(AGENT)
    found = []
    for variant in run.folder.variants:
        own = {id_: attempt for id_, attempt in run.folder.of(variant).items() if id_ in measured}
        whole = measured | own if variant.startswith(MASKED) else own
        rows = [(item, whole[item.id]) for item in run.items if item.id in whole]
        if not rows:
            continue
        gain = None if variant == AGENT else difference(whole, measured)
        found.append(
            VariantScores(
                variant=variant,
                asked=len(own),
                scores=dict(benchmark.metrics(rows)),
                gain=gain,
                cost=cost(list(own.values())),
            )
        )
    return AgentScores(info=run.folder.info, variants=tuple(found), unavailable=run.unavailable)


def difference(first: dict[str, Attempt], second: dict[str, Attempt]) -> Difference | None:
    """The second attempts against the first ones, on the items of both."""
    return paired_difference(
        {id_: one.score for id_, one in first.items()},
        {id_: one.score for id_, one in second.items()},
        {id_: one.group for id_, one in first.items()},
    )


def cost(attempts: Sequence[Attempt]) -> Cost:
    """What attempts cost."""
    used = [one.usage for one in attempts]
    seconds = np.array([one.seconds for one in used])

    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in used]))

    return Cost(
        seconds=mean("seconds"),
        median_seconds=float(np.median(seconds)),
        slow_seconds=float(np.percentile(seconds, 95)),
        tool_calls=mean("tool_calls"),
        cached_calls=mean("cached_calls"),
        model_calls=mean("model_calls"),
        prompt_tokens=mean("prompt_tokens"),
        generated_tokens=mean("generated_tokens"),
        errors=sum(bool(one.error) for one in attempts),
    )


class RunComparison(Frozen):
    """Two evaluations of the same benchmark, on the items that both asked.

    Attributes:
        first: The one that is compared with.
        second: The one that may be better.
        gain: Second against first.
        first_score: Mean of the first one's items that both asked.
        second_score: The same of the second one's.
        first_only: Items that the first alone asked.
        second_only: Items that the second alone asked.
        changed: Items of both whose score differs, with the first and the second score.
        first_cost: On the shared items.
        second_cost: On the shared items.
    """

    first: RunInfo
    second: RunInfo
    gain: Difference
    first_score: float
    second_score: float
    first_only: int
    second_only: int
    changed: dict[str, tuple[float, float]]
    first_cost: Cost
    second_cost: Cost


def compare_runs(first: RunFolder, second: RunFolder) -> RunComparison:
    """Compare the measured runs of two evaluations.

    Raises:
        InputError: they are of two benchmarks, or share no item that was asked in the same words.
    """
    if first.info.benchmark != second.info.benchmark:
        raise InputError(
            f"{first.path} is an evaluation of {first.info.benchmark}, {second.path} one of {second.info.benchmark}.",
            "Compare two evaluations of one benchmark.",
        )
    one, two = first.of(AGENT), second.of(AGENT)
    shared = [
        id_ for id_ in one if id_ in two and (one[id_].question, one[id_].gold) == (two[id_].question, two[id_].gold)
    ]
    gain = difference({id_: one[id_] for id_ in shared}, two)
    if gain is None:
        raise InputError(
            f"{first.path} and {second.path} share no item.", "Evaluate both on the same data, with the same --limit."
        )
    return RunComparison(
        first=first.info,
        second=second.info,
        gain=gain,
        first_score=float(np.mean([one[id_].score for id_ in shared])),
        second_score=float(np.mean([two[id_].score for id_ in shared])),
        first_only=len(one) - len(shared),
        second_only=len(two) - len(shared),
        changed={id_: (one[id_].score, two[id_].score) for id_ in shared if one[id_].score != two[id_].score},
        first_cost=cost([one[id_] for id_ in shared]),
        second_cost=cost([two[id_] for id_ in shared]),
    )
