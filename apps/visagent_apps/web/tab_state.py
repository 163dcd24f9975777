"""What one browser tab holds, and how a run looks while its events come in. Knows no component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from visagent.agent.events import (
    Answered,
    ApprovalNeeded,
    Decided,
    Event,
    Found,
    PersonAsked,
    Planned,
    PlanRefused,
    Started,
)
from visagent.evidence.answer import Answer
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence
from visagent.media.media import Media, MediaInfo
from visagent.planning.plan import name_media

Phase = Literal["idle", "running", "stopped", "waiting", "asked", "answered"]


@dataclass
class TabState:
    """One tab.

    Attributes:
        media: What the next question is about, by the names that plans use.
        answer: The last one, to ask on about, to edit and to rate.
        begun: When the last run was asked for.
        run_id: Of the run that was stopped or waits for a person.
        editing: Id of the sub-question that is being changed.
        compared: Ids of the runs that lie side by side, the older first.
    """

    media: dict[str, MediaInfo] = field(default_factory=dict)
    answer: Answer | None = None
    begun: datetime | None = None
    run_id: str | None = None
    editing: str | None = None
    compared: list[str] = field(default_factory=list)

    def put(self, media: Iterable[Media]) -> None:
        """Add media; the last answer was about others."""
        known = {info.hash: info for info in self.media.values()}
        known |= {medium.hash: medium.info for medium in media}
        self.media = name_media(list(known.values()))
        self.answer = self.run_id = self.editing = None

    def drop(self, name: str) -> None:
        """Take one off; the others' names close up."""
        self.media.pop(name, None)
        self.media = name_media(list(self.media.values()))
        self.answer = self.run_id = self.editing = None


@dataclass
class RunView:
    """A run as far as its events have told."""

    media: Mapping[str, MediaInfo]
    tree: QuestionTree | None = None
    evidence: dict[str, Evidence] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    refused: str = ""
    retrying: bool = False
    waiting: ApprovalNeeded | None = None
    asked: PersonAsked | None = None
    answer: Answer | None = None

    def apply(self, event: Event) -> None:
        """Take one more event in."""
        match event:
            case Planned(tree=tree):
                self.tree, self.refused = tree, ""
            case PlanRefused(problem=problem):
                self.refused = problem
            case Started(id=id_):
                self.running.add(id_)
            case Found(evidence=found):
                self.running.discard(found.id)
                self.evidence[found.id] = found
            case Decided(decision=decision):
                self.retrying = decision.action == "retry"
            case ApprovalNeeded(tree=tree):
                self.waiting, self.tree = event, tree
            case PersonAsked():
                self.asked = event
            case Answered(answer=answer):
                self.answer, self.media = answer, answer.media
                self.tree, self.evidence, self.running = answer.tree, dict(answer.evidence), set()
