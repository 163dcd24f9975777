"""What one browser tab holds, and how a run looks while its events come in. Knows no component."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
from visagent.core.errors import InputError
from visagent.evidence.answer import Answer
from visagent.evidence.tree import QuestionTree
from visagent.evidence.values import Evidence
from visagent.media.limits import DEFAULT_LIMITS
from visagent.media.media import Media, MediaInfo
from visagent.media.regions import MOST_REGIONS, SEPARATOR
from visagent.planning.plan import name_media

Phase = Literal["idle", "running", "stopped", "waiting", "asked", "answered"]
MOST_EARLIER = 20
"""Earlier answers that stay on the page; all of them are on the page Runs."""


@dataclass
class TabState:
    """One tab.

    Attributes:
        media: What the next question is about, by the names that plans use.
        regions: Regions of its pictures, which a person has pointed at.
        phase: Phase of the run that was asked for last.
        answer: The last one, to ask on about, to edit and to rate.
        earlier: The runs before it, the newest first.
        question: What was asked last.
        begun: When the last run was asked for.
        run_id: Id of the run that was stopped or waits for a person.
        plan: Plan of that run, as far as it has one.
        note: What the page says about that run.
        editing: Id of the sub-question that is being changed.
        arguments: What a person has written for it, as JSON.
        compared: Ids of the runs that lie side by side, the older first.
        key: Key by which the browser knows the tab again; empty where it keeps none.
    """

    media: dict[str, MediaInfo] = field(default_factory=dict)
    regions: list[MediaInfo] = field(default_factory=list)
    phase: Phase = "idle"
    answer: Answer | None = None
    earlier: list[Answer] = field(default_factory=list)
    question: str = ""
    begun: datetime | None = None
    run_id: str | None = None
    plan: QuestionTree | None = None
    note: str = ""
    editing: str | None = None
    arguments: str = ""
    compared: list[str] = field(default_factory=list)
    key: str = ""

    def put(self, media: Iterable[Media]) -> None:
        """Add media; the last answer was about others."""
        known = {info.hash: info for info in self.media.values()}
        known |= {medium.hash: medium.info for medium in media}
        self.media = name_media(list(known.values()))
        self._rest()

    def put_within(self, media: Iterable[Media], most: int) -> list[Media]:
        """Add new media as long as no more than so many files are there; a document is one, whatever its pages.

        Returns:
            The new ones for which there is no room.
        """
        files = {info.document or info.hash for info in self.media.values()}
        known = {info.hash for info in self.media.values()}
        taken: list[Media] = []
        left: list[Media] = []
        for medium in media:
            if medium.hash in known:
                continue
            file = medium.info.document or medium.hash
            fits = file in files or len(files) < most
            if fits and len(self.media) + len(taken) < DEFAULT_LIMITS.media:
                files.add(file)
                taken.append(medium)
            else:
                left.append(medium)
        if taken:
            self.put(taken)
        return left

    def drop(self, name: str) -> None:
        """Take a medium off, and the others' names close up; or a region, and the last answer stays."""
        gone = self.shown.get(name)
        if gone is None:
            return
        if gone.region is not None:
            self.regions.remove(gone)
            return
        self.media.pop(name)
        self.media = name_media(list(self.media.values()))
        self.regions = [region for region in self.regions if region.hash != gone.hash]
        self._rest()

    def hold(self, names: Collection[str]) -> None:
        """Go on without the media that are not among these, if any is not."""
        if any(name not in names for name in self.media):
            self.media = name_media([info for name, info in self.media.items() if name in names])
            there = {info.hash for info in self.media.values()}
            self.regions = [region for region in self.regions if region.hash in there]

    def point(self, region: MediaInfo) -> None:
        """Add a region of one of the pictures; the last answer stays, to be asked on about.

        Raises:
            InputError: there is one of this name, or there are too many.
        """
        if any(region.name == known.name for known in self.regions):
            raise InputError(f"There is a region {region.name} already.", "Give this one another name.")
        if len(self.regions) >= MOST_REGIONS:
            raise InputError(f"There are {MOST_REGIONS} regions already.", "Remove one first.")
        self.regions.append(region)

    @property
    def shown(self) -> dict[str, MediaInfo]:
        """The media and their regions, by the names that plans use."""
        named = {
            f"{name}{SEPARATOR}{region.name}": region
            for name, info in self.media.items()
            for region in self.regions
            if region.hash == info.hash
        }
        return {**self.media, **named}

    @property
    def boxes(self) -> dict[str, tuple[float, float, float, float]]:
        """The regions as `Agent.ask` takes them."""
        return {name: info.region for name, info in self.shown.items() if info.region is not None}

    def answered(self, answer: Answer) -> None:
        """Take in what a run came to; what was answered before stays."""
        self._rest()
        # Its pictures are on disk: a tab that stays open must not keep them in memory.
        self.answer, self.phase = answer.hold(()), "answered"
        self.media = {name: info for name, info in answer.media.items() if info.region is None}

    def settle(self) -> None:
        """Give up the run that was asked for last: the last answer is the one to go on from again."""
        self.phase, self.run_id, self.plan, self.note = "answered" if self.answer else "idle", None, None, ""

    def clear(self) -> None:
        """Start over; the runs are kept."""
        self.media, self.regions, self.earlier, self.answer, self.question, self.editing = {}, [], [], None, "", None
        self.settle()

    @property
    def is_used(self) -> bool:
        """Whether there is anything to clear away."""
        return bool(self.media or self.answer or self.earlier)

    def _rest(self) -> None:
        if self.answer is not None:
            self.earlier = [self.answer, *self.earlier][:MOST_EARLIER]
        self.answer = self.editing = None
        self.settle()


@dataclass
class RunView:
    """A run as far as its events say."""

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
