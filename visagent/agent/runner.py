"""Carries a run from the checked question to its answer: loads media, drives the graph, keeps the record."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from visagent.agent.assembly import all_tools, eyes_of, run_context
from visagent.agent.deadline import GRACE, TimeIsUp, cut_short, until
from visagent.agent.effects import EffectsJournal
from visagent.agent.gather import gather
from visagent.agent.interruption import noted
from visagent.agent.own_tools import own_tools, resume_line
from visagent.agent.ownership import owning
from visagent.agent.registry import ModelRegistry
from visagent.agent.request import (
    asked_with,
    check_budget,
    check_language,
    check_mode,
    check_order,
    check_outline_given,
    check_question,
    check_words,
    resolved_mode,
    run_id_of,
)
from visagent.agent.run_state import final_answer, initial_state
from visagent.agent.runs import CHECKPOINT_FORMAT, RunRecord, RunStore, new_run_id
from visagent.agent.tracing import traced_run
from visagent.answering.forms import check_form
from visagent.core.config import Budget, Mode, Profile
from visagent.core.errors import ConfigError, QuestionError, RunNotFound, StorageError, VisagentError
from visagent.core.settings import Settings
from visagent.media.media import Media, MediaLimits, MediaSource, load_media
from visagent.media.regions import MediaRegion, picture_of, whole_media, with_names, with_regions
from visagent.media.store import MediaStore
from visagent.planning.plan import Outline, name_media
from visagent.planning.scope import compares
from visagent.tools.toolkit import Toolkit

if TYPE_CHECKING:
    from visagent.agent.events import Event
    from visagent.agent.state import State
    from visagent.evidence.tree import QuestionTree
    from visagent.evidence.values import Evidence
    from visagent.models.protocol import Reply
    from visagent.tools.evidence_cache import EvidenceCache
    from visagent.verification import Faithfulness


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runner:
    """What all runs of an agent share, and how one is carried out.

    Attributes:
        settings: Settings of this machine, as they were when the agent was made.
        profile: Models, tool options and limits of new runs; a run that goes on keeps its own.
        home: Folder of weights, cached evidence, media and runs.
        tools: The agent's tools, without those by which its model looks itself.
        models: Which model plays which role.
        limits: What media may be loaded.
        allow_urls: Whether a medium may be an http(s) URL of a public address.
        use_cache: Whether evidence of earlier runs is used again.
    """

    settings: Settings
    profile: Profile
    home: Path
    tools: Toolkit
    models: ModelRegistry
    limits: MediaLimits
    allow_urls: bool
    use_cache: bool

    @property
    def runs(self) -> RunStore:
        """The records of all runs."""
        return RunStore(self.home / "runs")

    @property
    def store(self) -> MediaStore:
        """The media of all runs."""
        return MediaStore(self.home / "media", limits=self.limits)

    def new_run(
        self,
        question: str,
        sources: Sequence[MediaSource],
        mode: Mode = "auto",
        language: str | None = None,
        budget: Budget | None = None,
        follows: str | None = None,
        outline: Outline = (),
        regions: Mapping[str, Sequence[float]] = MappingProxyType({}),
        form: str | Sequence[str] | Mapping[str, Any] | None = None,
    ) -> tuple[RunRecord, dict[str, Media]]:
        """Check the question and load its media; nothing has been run or recorded yet.

        Args:
            question: Question as the person puts it.
            sources: Media, as `Agent.ask` takes them.
            mode: See `visagent.agent.request.AskOptions`, as for the options after it.

        Returns:
            The run's record, and its media by name.
        """
        from visagent.core.text import detect_language

        check_budget(budget)
        question = check_question(question, (budget or self.profile.budget).question_characters)
        check_words(question, self.profile)
        check_order(question, sources)
        parent = None if follows is None else self.runs.load(run_id_of(follows))
        if not sources and parent is None:
            raise QuestionError("No medium was given.", "Give a picture, a video or a sound file to ask about.")
        check_mode(mode)
        if language is not None:
            check_language(language)
        pages, skipped = gather(sources, self.store, self.limits, allow_urls=self.allow_urls)
        new = set[str]()
        if parent is not None:
            # Its media keep their names, since the evidence refers to them; one that is given again is the same one.
            earlier = self.media_of(parent).values()
            known = {medium.hash for medium in earlier}
            new = {medium.hash for medium in pages} - known
            pages = [*earlier, *(one for one in pages if one.hash in new or isinstance(one, MediaRegion))]
        pages = whole_media(pages)
        infos = [medium.info for medium in pages if not isinstance(medium, MediaRegion)]
        self.limits.check_request(infos)
        named = with_regions(with_names(pages, name_media(infos)), regions)
        observer = self.models.model_for("observer", self.profile)
        mode = resolved_mode(mode, observer, self.tools.values(), {medium.kind for medium in pages})
        if language is None:
            language = detect_language(question) if self.settings.language == "auto" else self.settings.language
        added = tuple(name for name, medium in named.items() if medium.hash in new)
        before = "" if parent is None else parent.asked or parent.question
        record = RunRecord(
            id=new_run_id(),
            created=datetime.now(UTC),
            checkpoint_format=CHECKPOINT_FORMAT,
            question=question,
            media={name: medium.info for name, medium in named.items()},
            mode=mode,
            language=language,
            parent=follows,
            asked=asked_with(before, question, anew=bool(added) and not compares(question)),
            outline=check_outline_given(mode, outline),
            added=added,
            skipped=skipped,
            form=check_form(form),
            own_tools=own_tools(self.tools.values()),
            profile=self.profile if budget is None else self.profile.model_copy(update={"budget": budget}),
        )
        return record, named

    async def events(
        self,
        record: RunRecord,
        media: Mapping[str, Media],
        *,
        fresh: bool,
        said: bool | str | None = None,
        known: Mapping[str, Evidence] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """`_owned_events`, while nobody else carries the run on.

        Raises:
            RunBusy: somebody else does.
        """
        from visagent.agent.events import Answered

        if not fresh and record.answer is None:
            _require_checkpoints(record)
            await _require_tools(self.runs, record, self.tools)
        with owning(self.runs.folder(record.id)):
            if not fresh:
                # Its owner until now may have finished it.
                record = self.runs.load(record.id)
            if record.answer is not None:
                self.runs.drop_checkpoints(record)
                yield Answered(answer=record.answer.hold(media.values()))
                return
            events = self._owned_events(record, media, fresh=fresh, said=said, known=known)
            async with aclosing(noted(events, record.id)) as stream:
                async for event in stream:
                    yield event

    @traced_run
    async def _owned_events(
        self,
        record: RunRecord,
        media: Mapping[str, Media],
        *,
        fresh: bool,
        said: bool | str | None = None,
        known: Mapping[str, Evidence] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """A run's events, from its beginning or from its last checkpoint.

        Args:
            record: The run.
            media: Its media, by name.
            fresh: Whether it begins now.
            said: What a person says that it waited for.
            known: Evidence that it begins with.
        """
        from visagent.agent.events import Answered, Found, Planned

        started = time.perf_counter()
        # The weights load while LangGraph is imported.
        self.models.load_ahead(record.profile)
        from langgraph.types import Command

        from visagent.agent.checkpoints import checkpointer
        from visagent.agent.graph import build_graph

        effects = EffectsJournal(self.runs.folder(record.id) / "effects")
        with evidence_cache(self) as cache:
            context = run_context(record, media, self.tools, self.models, self.home, cache, effects)
            deadline = time.monotonic() + record.profile.budget.seconds + GRACE
            tree: QuestionTree | None = None
            found: dict[str, Evidence] = {}
            config: Any = {"configurable": {"thread_id": record.id}, "recursion_limit": 64}
            payload: Any = await _beginning(self.runs, record, known) if fresh else None
            if said is not None:
                payload = Command(resume=said)
            try:
                with checkpointer(self.runs.checkpoints(record.id)) as saver:
                    graph = build_graph(saver)
                    if not fresh and (await graph.aget_state(config)).created_at is None:
                        # Killed before the first checkpoint: nothing was done yet.
                        payload = await _beginning(self.runs, record, known)
                    stream: Any = graph.astream(
                        payload, config, context=context, stream_mode=["custom", "values"], durability="sync"
                    )
                    state: dict[str, Any] = {}
                    try:
                        async with aclosing(until(stream, deadline)) as parts:
                            async for kind, part in parts:
                                if kind == "custom":
                                    if isinstance(part, Planned):
                                        tree = part.tree
                                    elif isinstance(part, Found):
                                        found[part.evidence.id] = part.evidence
                                    yield part
                                else:
                                    state |= part
                    except TimeIsUp:
                        begun = state or dict((await graph.aget_state(config)).values) or payload
                        seconds = record.profile.budget.seconds
                        state = dict(cut_short(cast("State", begun), tree, found, seconds, record.language))
                    if not state:  # killed between its last step and its answer
                        state = dict((await graph.aget_state(config)).values)
                    interrupts = state.pop("__interrupt__", ())
                    if not interrupts:
                        saver.finish()
            except VisagentError as error:
                self.runs.save(record.model_copy(update={"status": "failed", "problem": str(error)}))
                raise
            except sqlite3.Error as error:
                raise StorageError(
                    f"The steps of run {record.id} cannot be kept ({error}).",
                    "Free space, or name another folder: export VISAGENT_HOME=...",
                ) from error
        if interrupts:
            self.runs.save(record.model_copy(update={"status": "waiting"}))
            yield _waiting(record.id, interrupts[0].value, state)
            return
        executor = context.expert
        answer = final_answer(
            record,
            cast("State", state),
            tool_calls=executor.calls,
            cached_calls=executor.cached,
            seconds=time.perf_counter() - started,
        )
        _keep(self, record.model_copy(update={"status": "finished", "answer": answer}))
        yield Answered(answer=answer.hold(media.values()))

    def load(self, sources: Sequence[MediaSource]) -> list[Media]:
        """Media, opened and checked; a document gives one for each page."""
        return [
            medium
            for source in sources
            for medium in load_media(source, limits=self.limits, allow_urls=self.allow_urls)
        ]

    def media_of(self, record: RunRecord) -> dict[str, Media]:
        """The media of a run, by name.

        Raises:
            MediaError: one is no longer there.
        """
        store = self.store
        named: dict[str, Media] = {}
        for name, info in record.media.items():
            if info.region is None:
                named[name] = store.get(info)
            else:
                named[name] = MediaRegion(named[picture_of(name)], info.name, info.region)
        return named


async def verify_text(
    runner: Runner, text: str, sources: Sequence[MediaSource], language: str | None, budget: Budget | None
) -> Faithfulness:
    """Check a text about media, with an agent's tools and models; see `Agent.verify`."""
    from visagent.core.text import detect_language
    from visagent.verification import check_text
    from visagent.verification.check import checked_input

    if language is not None:
        check_language(language)
    pages = runner.load(sources)
    runner.limits.check_request([page.info for page in pages])
    named = dict(zip(name_media([page.info for page in pages]), pages, strict=True))
    text = checked_input(text, named)
    language = language or detect_language(text)
    model = runner.models.model_for("verifier", runner.profile)
    tools = all_tools(runner.tools, runner.models, runner.profile, language)
    replies: list[Reply] = []
    eyes = eyes_of(model, named, tools, language, replies.append)
    if eyes is not None:
        from visagent.verification.check import usage_of
        from visagent.verification.sight import check_by_sight

        started = time.perf_counter()
        found = await check_by_sight(text, eyes, language)
        return found.model_copy(update={"usage": usage_of(replies, time.perf_counter() - started)})
    with evidence_cache(runner) as cache:
        return await check_text(
            text, named, tools, runner.profile, model=model, cache=cache, budget=budget, language=language
        )


async def found_so_far(runs: RunStore, record: RunRecord) -> tuple[QuestionTree | None, dict[str, Evidence]]:
    """A run's tree and evidence: from its answer, or from the checkpoints of one that was interrupted."""
    if record.answer is not None:
        return record.answer.tree, record.answer.evidence
    _require_checkpoints(record)
    from visagent.agent.checkpoints import checkpointer
    from visagent.agent.graph import build_graph

    config: Any = {"configurable": {"thread_id": record.id}}
    with checkpointer(runs.checkpoints(record.id)) as saver:
        values = (await build_graph(saver).aget_state(config)).values
    return values.get("tree"), values.get("evidence", {})


@contextmanager
def evidence_cache(runner: Runner) -> Iterator[EvidenceCache | None]:
    """The cache of evidence, closed afterwards; None where none is wanted."""
    if not runner.use_cache:
        yield None
        return
    from visagent.tools.evidence_cache import EvidenceCache

    cache = EvidenceCache(runner.home / "evidence")
    try:
        yield cache
    finally:
        cache.close()


async def _beginning(runs: RunStore, record: RunRecord, known: Mapping[str, Evidence] | None) -> State:
    """The state that a run begins with."""
    earlier = None
    if record.parent is not None and record.tree is None:
        tree, found = await found_so_far(runs, runs.load(record.parent))
        earlier = None if tree is None else (tree, found)
    return initial_state(record, earlier=earlier, known=known)


def _require_checkpoints(record: RunRecord) -> None:
    """Check that an unfinished run can be resumed.

    Raises:
        RunNotFound: another version of visagent began it.
    """
    if record.checkpoint_format != CHECKPOINT_FORMAT:
        raise RunNotFound(
            f"Run {record.id} was begun by another version of visagent, whose checkpoints cannot be read.",
            "Ask its question again, or resume it with that version; its record and its media stay as they are.",
        )


async def _require_tools(runs: RunStore, record: RunRecord, tools: Toolkit) -> None:
    """Check that an unfinished run finds the tools that its plan asks, or may yet ask, of those that it was given.

    Raises:
        ConfigError: one is missing; the remedy is the whole line.
    """
    missing = [name for name in record.own_tools if name not in tools]
    if missing:
        tree, _ = await found_so_far(runs, record)
        if tree is not None:
            asked = {node.solver.tool for node in tree.nodes}
            missing = [name for name in missing if name in asked]
    if missing:
        raise ConfigError(
            f"Run {record.id} was given tools that this agent lacks: {', '.join(missing)}.",
            f"Give them again, Agent(tools=[...]) or: {resume_line(record.id, record.own_tools)}",
        )


def _waiting(run_id: str, wanted: Mapping[str, Any], state: Mapping[str, Any]) -> Event:
    """What a run waits for a person to say."""
    from visagent.agent.events import ApprovalNeeded, PersonAsked

    if "ask" in wanted:
        return PersonAsked(run_id=run_id, question=wanted["ask"])
    return ApprovalNeeded(run_id=run_id, tree=state["tree"], changing=tuple(wanted["changing"]))


def _keep(runner: Runner, record: RunRecord) -> None:
    """Store a finished run, and delete old ones where the settings limit them.

    The caller gets the answer even if it cannot be stored.
    """
    try:
        runner.runs.save(record)
    except StorageError as error:
        # The checkpoints are still there to store it from.
        _log.warning("The answer of run %s could not be stored: %s", record.id, error)
    limits = runner.settings
    if limits.keep_days is not None or limits.max_gb is not None:
        from visagent.agent.retention import start_pruning

        start_pruning(runner.home, keep_days=limits.keep_days, max_gb=limits.max_gb)
