"""The typed events of a run, in the order in which things happen."""

from __future__ import annotations

from typing import Literal

from visagent.answering.decider import Decision
from visagent.evidence.answer import Answer
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence, Frozen


class Planned(Frozen):
    """The controller's plan passed the check."""

    type: Literal["planned"] = "planned"
    tree: QuestionTree


class PlanRefused(Frozen):
    """The controller's plan did not pass the check; it is planned again while the budget allows."""

    type: Literal["plan_refused"] = "plan_refused"
    problem: str


class ApprovalNeeded(Frozen):
    """The run waits for a person; `Agent.resume(run_id, approve=True)` goes on."""

    type: Literal["approval_needed"] = "approval_needed"
    run_id: str
    tree: QuestionTree
    changing: tuple[str, ...]
    """Ids of sub-questions whose tool changes something outside."""


class PersonAsked(Frozen):
    """The decision-maker wants to know what is meant; `Agent.resume(run_id, reply=...)` goes on."""

    type: Literal["person_asked"] = "person_asked"
    run_id: str
    question: str


class Started(Frozen):
    """An expert began to answer a sub-question."""

    type: Literal["started"] = "started"
    id: str


class Progressed(Frozen):
    """An expert came further with a sub-question that takes it long: many pictures, a video that is indexed."""

    type: Literal["progressed"] = "progressed"
    id: str
    done: int
    of: int
    unit: Literal["pictures", "percent"] = "pictures"


class Found(Frozen):
    """A sub-question has its evidence."""

    type: Literal["found"] = "found"
    evidence: Evidence


class Decided(Frozen):
    """The decision-maker judged a wave of evidence."""

    type: Literal["decided"] = "decided"
    decision: Decision


class Answered(Frozen):
    """The run is over; the last event of every run that was not interrupted."""

    type: Literal["answered"] = "answered"
    answer: Answer


Event = Planned | PlanRefused | ApprovalNeeded | PersonAsked | Started | Progressed | Found | Decided | Answered
