"""What a run knows (`State`, checkpointed) and what it works with (`RunContext`, never stored).

Media never enter the state: it holds their content hashes, and the context holds the media themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypedDict

from pydantic import JsonValue

from visagent.answering.decider import Decider, Decision
from visagent.answering.eyes import Eyes
from visagent.core.config import Budget, Mode
from visagent.evidence.answer import Claim, Usage
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Crop, Evidence
from visagent.media.media import MediaInfo
from visagent.models.protocol import MLLM, Reply
from visagent.planning.controller import Controller
from visagent.tools.executor import ToolExecutor
from visagent.tools.toolkit import Tool
from visagent.verification.check import Checker


@dataclass(frozen=True)
class RunContext:
    """What a run works with and what is never stored.

    Attributes:
        controller: Plans.
        decider: Judges evidence.
        tools: What plans may call, by name.
        expert: Answers sub-questions.
        budget: Limits.
        writer: The model that words answers, with its system message; None where rules do.
        approval: Whether a person approves each plan before it is solved.
        ask_back: Whether a person is there to be asked what is meant.
        sure: Confidence from which mode `auto` is content with a direct answer.
        looked: Replies of models that tools asked, not yet counted.
        eyes: A model that sees some of the run's media itself; None where none does.
        judge: The eyes that judge the answer's sentences; None where the verifier has none.
        checker: Checks the answer's sentences beyond what they cite by experts; None where rules or eyes verify.
        home: The folder in which vectors of pages are kept; None to keep none.
    """

    controller: Controller
    decider: Decider
    tools: Mapping[str, Tool]
    expert: ToolExecutor
    budget: Budget
    writer: tuple[MLLM, str] | None = None
    approval: bool = False
    ask_back: bool = False
    sure: float = 0.7
    looked: list[Reply] = field(default_factory=list)
    eyes: Eyes | None = None
    judge: Eyes | None = None
    checker: Checker | None = None
    home: Path | None = None


class State(TypedDict, total=False):
    """What a run knows, checkpointed after every node.

    Attributes:
        question: Question as the person put it.
        asked: What the controller reads: with the questions that it follows up, and what the person said when asked.
        language: Language of the agent's own words.
        mode: How to go about it; `auto` turns into `tree` where the model cannot look.
        media: Media by the names that plans use.
        added: Names of the media that a follow-up brought.
        skipped: Why files among several could not be used.
        earlier: The tree and the evidence of the run that this one follows up.
        outline: Steps that are given, with None for each gap (mode `infill`).
        finished: Whether a chain has all its steps.
        reply: The controller's last reply.
        problems: Why plans were refused, oldest first.
        tree: The checked plan.
        evidence: Evidence by sub-question id; a later wave replaces what it asked again.
        decision: Decision of the decision-maker, after the last wave.
        waves: How often sub-questions were asked again.
        claims: The answer, sentence by sentence.
        answered_by: Id of the look whose words the answer is; None where evidence is put into words.
        rests_on: Ids of further evidence that the look's answer rests on.
        doubts: What eyes object to in the answer, and where they see it.
        settled: Whether doubts were looked into already.
        usage: Usage of models so far.
        stopped: Why there is no answer; None while there may be one.
    """

    question: str
    asked: str
    language: str
    mode: Mode
    media: dict[str, MediaInfo]
    added: tuple[str, ...]
    skipped: tuple[str, ...]
    earlier: tuple[QuestionTree, dict[str, Evidence]] | None
    outline: list[dict[str, JsonValue] | None]
    finished: bool
    reply: str
    problems: list[str]
    tree: QuestionTree | None
    evidence: Annotated[dict[str, Evidence], lambda old, new: {**old, **new}]
    decision: Decision | None
    waves: int
    claims: list[Claim]
    answered_by: str | None
    rests_on: tuple[str, ...]
    doubts: list[tuple[str, tuple[Crop, ...]]]
    settled: bool
    usage: Usage
    stopped: str | None


Update = dict[str, Any]


def in_sight(state: State, run: RunContext) -> bool:
    """Whether the run begins by looking: a model that sees looks first, and tools check what it doubts."""
    return state["mode"] == "auto" and run.eyes is not None


def add_usage(usage: Usage, reply: Reply) -> Usage:
    cost = reply.usage
    return usage.model_copy(
        update={
            "model_calls": usage.model_calls + cost.calls,
            "prompt_tokens": usage.prompt_tokens + cost.prompt,
            "cached_tokens": usage.cached_tokens + cost.cached,
            "generated_tokens": usage.generated_tokens + cost.generated,
        }
    )


def has_tokens(state: State, run: RunContext) -> bool:
    """Whether models may go on writing."""
    return state["usage"].generated_tokens < run.budget.tokens


def with_looks(usage: Usage, run: RunContext) -> Usage:
    """The usage with that of the models which tools and the verifier asked."""
    while run.looked:
        usage = add_usage(usage, run.looked.pop())
    return usage
