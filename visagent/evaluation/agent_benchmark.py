"""A benchmark whose questions are put to a whole agent: a loader and, where equality is not enough, a grade.

    class Mine(AgentBenchmark):
        name = "mine"

        def load(self, path: Path) -> list[AgentItem]:
            ...

is a whole one; see `examples/third_party_benchmark`. It is registered in the entry-point group `visagent.benchmarks`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from visagent.core.config import Mode
from visagent.core.errors import ConfigError, VisagentError
from visagent.evaluation.agent_items import AgentItem, Attempt, Embedded, as_attempt
from visagent.evaluation.benchmark import PROFILE, Predictor, Source
from visagent.evaluation.bootstrap import Estimate, ratio

if TYPE_CHECKING:
    from visagent.agent.agent import Agent
    from visagent.evidence.answer import Answer
    from visagent.models.protocol import MLLM
    from visagent.tools.toolkit import Tool

AGENT = "agent"
"""The variant that is measured."""
Row: TypeAlias = tuple[AgentItem, Attempt]


class AgentBenchmark(ABC):
    """Questions that are put to a whole agent; also a `Benchmark`, whose predictor `profile` asks the agent."""

    name: ClassVar[str]
    predictors: ClassVar[tuple[str, ...]] = (PROFILE,)

    @abstractmethod
    def load(self, path: Path) -> Sequence[AgentItem]:
        """All items, in the file's order.

        Raises:
            InputError: a file is missing, or a line of it is not in the format; names the line.
        """

    def grade(self, item: AgentItem, reply: str) -> float:
        """How right a reply is, from 0 to 1: whether it is one of the gold ones but for case and a full stop.

        Args:
            item: What was asked.
            reply: See `Attempt.reply`; empty where nothing was understood.
        """
        return float(plain(reply) in {plain(gold) for gold in item.gold})

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """The benchmark's scores of one variant: accuracy, of all and of each category where there are several."""
        return by_category(rows)

    def tools(self) -> Iterable[Tool]:
        """Tools that the agent is given beside its own."""
        return ()

    def models(self) -> Mapping[str, MLLM]:
        """Models that the agent is given in place of its profile's; see `Agent`."""
        return {}

    def predictor(self, name: str, source: Source, items: Sequence[AgentItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        from visagent.agent.agent import Agent

        agent = Agent(source.profile, tools=self.tools(), models=self.models())

        async def predict(item: AgentItem) -> Attempt:
            return await self.ask(agent, item)

        return predict

    def score(
        self, items: Sequence[AgentItem], predictions: Sequence[Attempt], source: Source
    ) -> Mapping[str, Estimate]:
        """See `Benchmark.score`."""
        return self.metrics(list(zip(items, predictions, strict=True)))

    async def ask(self, agent: Agent, item: AgentItem, *, variant: str = AGENT, mode: Mode = "auto") -> Attempt:
        """Ask one item and grade what comes; a question that ends in an error is a wrong answer, and is kept.

        Raises:
            ConfigError: the agent cannot be asked in this mode at all.
        """
        try:
            media = [one.read() if isinstance(one, Embedded) else one for one in item.media]
            answer = await agent.aask(item.prompt, *media, mode=mode, form=item.answer_form)
        except ConfigError:
            raise
        except VisagentError as error:
            return self.graded(item, variant, f"{type(error).__name__}: {error}")
        return self.graded(item, variant, answer)

    def graded(self, item: AgentItem, variant: str, outcome: Answer | str) -> Attempt:
        """An item's answer, or why there is none, with its grade."""
        attempt = as_attempt(item, variant, outcome)
        return attempt if attempt.error else attempt.model_copy(update={"score": self.grade(item, attempt.reply)})


def plain(text: str) -> str:
    """A text without case, spaces around it and a full stop, for comparing."""
    return " ".join(text.casefold().split()).rstrip(".").strip()


def share(rows: Sequence[Row], value: Callable[[Row], float] = lambda row: row[1].score) -> Estimate:
    """The mean of a number an item, resampled by groups."""
    groups: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[row[1].group].append(value(row))
    return ratio([(sum(values), float(len(values))) for values in groups.values()])


def all_right(rows: Sequence[Row]) -> Estimate:
    """The share of groups all of whose items are right."""
    groups: dict[str, list[float]] = defaultdict(list)
    for _, attempt in rows:
        groups[attempt.group].append(attempt.score)
    return ratio([(float(min(values) >= 1), 1.0) for values in groups.values()])


def by_category(rows: Sequence[Row], name: str = "accuracy") -> dict[str, Estimate]:
    """The share of right answers, of all and of each category where there are several."""
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        parts[row[1].category].append(row)
    scores = {name: share(rows)}
    if len(parts) > 1:
        scores |= {f"{name}: {category or 'other'}": share(part) for category, part in parts.items()}
    return scores
