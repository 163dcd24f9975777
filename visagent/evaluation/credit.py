"""What each tool is worth: the same questions with the tool and without it. Knows no tool and no user interface.

That an agent with tools answers well proves little about the tools: of what two published agents solve with tools, 93
to 96 % they solve without as well (arXiv 2606.02357). So every question whose plan calls a tool is asked again with it
masked. What another plan then finds out all the same is not the tool's merit, and what only comes right without it is
its fault.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from pydantic import Field

from visagent.agent.agent import Agent
from visagent.core.errors import ConfigError, VisagentError
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evaluation.questions import Question
from visagent.evidence.answer import Answer
from visagent.evidence.values import Frozen
from visagent.media.media import Media

Verdict = Literal["only_with", "anyway", "harmed", "never"]
"""Right only with the tool, right with and without, right only without, wrong either way."""
NO_TOOLS = "*"
"""Stands for all tools in `Prediction.masked`."""
OnPrediction = Callable[["Prediction", int, int], None]
"""Called with each prediction, and how many of how many are made, which is a lower bound until tools are known."""

Asker = Callable[[str, Question, Sequence[Media]], Awaitable["Prediction"]]
"""Asks a question with this tool masked; empty for none, `NO_TOOLS` for all."""


class Prediction(Frozen):
    """One question asked once.

    Attributes:
        id: Id of the question.
        masked: The tool that was taken away; empty for none, `*` for all.
        right: Whether the checks of the question hold.
        answer: Answer in words.
        plan: Calls, children first.
        calls: How often each was called.
        costs: Seconds in each tool; empty where that cannot be known.
        seconds: Seconds of the whole run.
    """

    id: str
    masked: str = ""
    right: bool
    answer: str
    plan: tuple[str, ...] = ()
    calls: dict[str, int] = Field(default_factory=dict)
    costs: dict[str, float] = Field(default_factory=dict)
    seconds: float = 0.0


class ToolCredit(Frozen):
    """What a tool is worth on the questions whose plan calls it; shares are of these questions.

    Attributes:
        tool: Its name.
        questions: How many plans call it.
        only_with: Right with it, wrong without.
        anyway: Right with it and without.
        harmed: Wrong with it, right without.
        never: Wrong with it and without.
        calls: Calls of the tool, in all questions.
        seconds: Seconds in the tool, in all questions.
    """

    tool: str
    questions: int
    only_with: Estimate
    anyway: Estimate
    harmed: Estimate
    never: Estimate
    calls: int
    seconds: float


class CreditReport(Frozen):
    """What `credit` found.

    Attributes:
        questions: How many were asked.
        right: Share of them that all tools together answer right.
        right_without_tools: The same for the model alone; None where no model of the profile sees.
        why_not: Why the model alone was not asked.
        tools: One entry a tool that some plan calls, the most valuable first.
    """

    questions: int
    right: Estimate
    right_without_tools: Estimate | None
    why_not: str = ""
    tools: list[ToolCredit]


async def credit(
    agent: Agent,
    questions: Sequence[tuple[Question, Sequence[Media]]],
    *,
    on_prediction: OnPrediction = lambda *_: None,
) -> CreditReport:
    """Ask an agent of visagent every question with all tools, with each masked that its plan called, and with none.

    Costs are those of the first asking, so give an agent whose evidence cache is empty.

    Args:
        agent: Who answers; it is not changed.
        questions: Questions with their media.
        on_prediction: OnPrediction every prediction.

    Raises:
        InputError: there are no questions.
        ModelError: a model cannot be loaded or run.
    """

    async def asked(masked: str, question: Question, media: Sequence[Media]) -> Prediction:
        answerer = copy.copy(agent)
        alone = masked == NO_TOOLS
        answerer.tools = agent.tools.without([masked] if masked and not alone else [])
        answer = await answerer.aask(question.question, *media, mode="direct" if alone else "auto")
        return _prediction(question, masked, answer)

    return await credit_of(asked, questions, on_prediction=on_prediction)


async def credit_of(
    ask: Asker, questions: Sequence[tuple[Question, Sequence[Media]]], *, on_prediction: OnPrediction = lambda *_: None
) -> CreditReport:
    """Ask every question with all tools, with each masked that was called, and with none.

    Args:
        ask: Asks one question with a tool masked; raises `ConfigError` where it cannot be asked in that way at all.
            Any other error of a question is a wrong answer, and no reason to lose the others.
        questions: Questions with their media.
        on_prediction: OnPrediction every prediction.

    Raises:
        InputError: there are no questions.
    """
    made = 0
    total = len(questions)

    async def asked(masked: str, question: Question, media: Sequence[Media]) -> Prediction:
        nonlocal made
        try:
            found = await ask(masked, question, media)
        except ConfigError:
            raise
        except VisagentError as error:
            found = Prediction(id=question.id, masked=masked, right=False, answer=str(error))
        made += 1
        on_prediction(found, made, total)
        return found

    baseline = [await asked("", question, media) for question, media in questions]
    used = list(dict.fromkeys(tool for one in baseline for tool in one.calls))
    total += sum(len(one.calls) for one in baseline)
    without: dict[str, list[tuple[Prediction, Prediction]]] = {tool: [] for tool in used}
    # Tool by tool: the questions of one masked toolkit share its prompt's key-value cache.
    for tool in used:
        for one, (question, media) in zip(baseline, questions, strict=True):
            if tool in one.calls:
                without[tool].append((one, await asked(tool, question, media)))
    alone, why_not = None, ""
    try:
        total += len(questions)
        alone = [await asked(NO_TOOLS, question, media) for question, media in questions]
    except ConfigError as error:
        why_not = str(error)
    return CreditReport(
        questions=len(questions),
        right=mean([one.right for one in baseline]),
        right_without_tools=None if alone is None else mean([one.right for one in alone]),
        why_not=why_not,
        tools=sorted(
            (tool_credit(tool, pairs) for tool, pairs in without.items()),
            key=lambda one: (-one.only_with.value * one.questions, one.tool),
        ),
    )


def tool_credit(tool: str, pairs: Sequence[tuple[Prediction, Prediction]]) -> ToolCredit:
    """What a tool is worth, from predictions with and without it of the questions whose plan calls it."""
    verdicts = [_verdict(one.right, other.right) for one, other in pairs]

    def share(verdict: Verdict) -> Estimate:
        return mean([float(found == verdict) for found in verdicts])

    return ToolCredit(
        tool=tool,
        questions=len(pairs),
        only_with=share("only_with"),
        anyway=share("anyway"),
        harmed=share("harmed"),
        never=share("never"),
        calls=sum(one.calls[tool] for one, _ in pairs),
        seconds=sum(one.costs.get(tool, 0.0) for one, _ in pairs),
    )


def _verdict(with_it: bool, without: bool) -> Verdict:
    if with_it:
        return "anyway" if without else "only_with"
    return "harmed" if without else "never"


def _prediction(question: Question, masked: str, answer: Answer) -> Prediction:
    calls: dict[str, int] = {}
    costs: dict[str, float] = {}
    for node in answer.tree.nodes:
        tool = node.solver.tool
        calls[tool] = calls.get(tool, 0) + 1
        found = answer.evidence.get(node.id)
        costs[tool] = costs.get(tool, 0.0) + (found.seconds if found else 0.0)
    return Prediction(
        id=question.id,
        masked=masked,
        right=question.expect.holds(answer),
        answer=answer.text,
        plan=tuple(str(answer.tree[id_].solver) for id_ in answer.tree.order),
        calls=calls,
        costs=costs,
        seconds=answer.usage.seconds,
    )
