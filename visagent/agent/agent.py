"""The public face: `Agent` asks, streams, resumes and batches. Wires the parts; each part lives in its own module."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from visagent.agent.assembly import Cast, all_tools, run_context
from visagent.agent.request import AskOptions, check_outline_given, check_question, follow_up
from visagent.agent.run_state import final_answer, initial_state
from visagent.agent.runs import RunRecord, RunStore, new_run_id
from visagent.agent.tracing import traced_run
from visagent.answering.forms import check_form
from visagent.core.config import Budget, Mode, Profile
from visagent.core.config_files import home
from visagent.core.errors import ConfigError, PlanError, QuestionError, VisagentError
from visagent.core.settings import Settings, load_profile
from visagent.media.media import DEFAULT_LIMITS, Media, MediaInfo, MediaLimits, MediaSource, MediaStore, load_media
from visagent.planning.plan import Outline, name_media
from visagent.tools.toolkit import Tool, Toolkit

if TYPE_CHECKING:
    from visagent.agent.edits import Edit
    from visagent.agent.events import Event
    from visagent.agent.state import State
    from visagent.evidence.answer import Answer
    from visagent.evidence.tree import QuestionTree
    from visagent.evidence.values import Evidence
    from visagent.verification import Faithfulness

T = TypeVar("T")


class Agent:
    """Answers multi-step questions about pictures, video and sound, and shows how.

    Args:
        profile: A built-in profile's name, the path of a YAML file, or a `Profile`; None for the machine's setting.
        tools: Tools of your own, beside the installed ones: functions, `Tool`s, modules or import paths.
        only: Names of the tools to use; None for all.
        home: Where weights, cached evidence, media and runs are kept; None for the machine's setting.
        limits: What media may be loaded.
        allow_urls: Whether a medium may be an http(s) URL of a public address.
        cache: Whether to reuse evidence from earlier runs.

    Raises:
        ConfigError: the profile is unknown or unusable.
        ToolDefinitionError: a tool cannot be used, or two share a name.
    """

    def __init__(
        self,
        profile: str | Path | Profile | None = None,
        *,
        tools: Iterable[Tool | Callable[..., Any] | str | ModuleType] = (),
        only: Iterable[str] | None = None,
        home: Path | None = None,
        limits: MediaLimits = DEFAULT_LIMITS,
        allow_urls: bool = False,
        cache: bool = True,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else load_profile(profile or Settings().profile)
        self.home = home if home is not None else _home()
        self.tools = Toolkit.installed().without(self.profile.hidden_tools)
        for item in tools:
            self.tools.add(item)
        if only is not None:
            self.tools = self.tools.only(only)
        self.runs = RunStore(self.home / "runs")
        self._limits, self._allow_urls, self._use_cache = limits, allow_urls, cache
        self._store = MediaStore(self.home / "media", limits=limits)
        self._cast = Cast(self.home)

    def at(self, home: Path) -> Agent:
        """This agent for somebody else: with its models, and evidence, media and runs in another folder.

        Args:
            home: The folder; tools that are added to the new agent are not added to this one.
        """
        other = copy(self)
        other.home, other.tools = home, Toolkit(self.tools.values())
        other.runs, other._store = RunStore(home / "runs"), MediaStore(home / "media", limits=self._limits)
        return other

    def ask(self, question: str, *media: MediaSource, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question about media.

        Args:
            question: At most 2,000 characters.
            *media: Paths, bytes, file objects, PIL images, RGB arrays or `Media`; a PDF gives one image a page.
            **options: mode, language, budget, follows, outline, form: see `visagent.agent.request.AskOptions`.

        Returns:
            The answer, with `status` "unanswered" and a `reason` where the evidence bears out none.

        Raises:
            QuestionError: the question is empty or too long, no medium was given, or an option does not fit.
            RunNotFound: there is no run to follow up.
            MediaError: a medium cannot be used.
            ModelError: a model cannot be loaded or run.
        """
        return _run(self.aask(question, *media, **options))

    async def aask(self, question: str, *media: MediaSource, **options: Unpack[AskOptions]) -> Answer:
        """`ask` for async callers."""
        return await _last_answer(self.stream(question, *media, **options))

    async def stream(
        self,
        question: str,
        *media: MediaSource,
        approval: bool = False,
        ask_back: bool = False,
        **options: Unpack[AskOptions],
    ) -> AsyncIterator[Event]:
        """What happens while a question is answered, as typed events.

        The last one is `Answered`, `ApprovalNeeded` or `PersonAsked`.

        Args:
            approval: Whether to stop before the plan is solved, until `resume(run_id, approve=...)`.
            ask_back: Whether the decision-maker may ask what is meant, until `resume(run_id, reply=...)`.

        See `ask` for the rest.
        """
        record, loaded = self._new_run(question, media, **options)
        record = record.model_copy(update={"approval": approval, "ask_back": ask_back})
        self.runs.save(record)
        async for event in self._events(record, loaded, fresh=True):
            yield event

    def resume(self, run_id: str, *, approve: bool | None = None, reply: str | None = None) -> Answer:
        """Finish a run that was killed or waits for a person; what it found is kept, and a finished run only reread.

        Args:
            run_id: As `Answer.run_id`, or from `runs.list()`.
            approve: What the person says of the plan, for a run that waits for that.
            reply: What the person says when asked back, for a run that waits for that.

        Raises:
            RunNotFound: there is no run with this id.
            MediaError: a medium of the run is no longer there.
        """
        return _run(_last_answer(self.stream_resumed(run_id, approve=approve, reply=reply)))

    async def stream_resumed(
        self, run_id: str, *, approve: bool | None = None, reply: str | None = None
    ) -> AsyncIterator[Event]:
        """`resume` as events."""
        from visagent.agent.events import Answered

        record = self.runs.load(run_id)
        if record.answer is not None:
            yield Answered(answer=record.answer.hold(self._media_of(record).values()))
            return
        loaded = self._media_of(record)
        async for event in self._events(record, loaded, fresh=False, said=reply if approve is None else approve):
            yield event

    def edit(self, run_id: str, edits: Sequence[Edit]) -> Answer:
        """Answer anew with a changed tree; sub-questions that the changes do not touch keep their evidence.

        The result is a run of its own whose `parent` is the old one, so both versions stay.

        Args:
            run_id: A finished or interrupted run that has a plan.
            edits: See `visagent.agent.edits`.

        Raises:
            RunNotFound: there is no run with this id.
            PlanError: the run has no plan, or an edit makes no valid one.
            MediaError: a medium of the run is no longer there.
        """
        return _run(_last_answer(self.stream_edited(run_id, edits)))

    async def stream_edited(self, run_id: str, edits: Sequence[Edit]) -> AsyncIterator[Event]:
        """`edit` as events."""
        from visagent.agent.edits import apply_edits, kept_evidence
        from visagent.agent.events import Found, Planned
        from visagent.answering.phrasing import phraser
        from visagent.planning.plan import check_tree

        old = self.runs.load(run_id)
        tree, evidence = await self._found_so_far(old)
        if tree is None:
            raise PlanError(f"Run {run_id} has no plan yet.", "Resume it first, or ask again.")
        edited = check_tree(
            apply_edits(tree, edits),
            all_tools(self.tools, self._cast, old.profile, old.language),
            old.media,
            phraser(old.language, old.media),
            max_steps=old.profile.budget.steps,
        )
        fresh = {"id": new_run_id(), "created": datetime.now(UTC), "parent": old.id, "tree": edited}
        state = {"status": "running", "problem": "", "answer": None, "rating": None}
        record = old.model_copy(update=fresh | state)
        self.runs.save(record)
        known = kept_evidence(tree, edited, evidence)
        yield Planned(tree=edited)
        for found in known.values():
            yield Found(evidence=found)
        async for event in self._events(record, self._media_of(record), fresh=True, known=known):
            yield event

    async def _found_so_far(self, record: RunRecord) -> tuple[QuestionTree | None, dict[str, Evidence]]:
        """A run's tree and evidence: from its answer, or from the checkpoints of one that was interrupted."""
        if record.answer is not None:
            return record.answer.tree, record.answer.evidence
        from visagent.agent.checkpoints import checkpointer
        from visagent.agent.graph import build_graph

        config: Any = {"configurable": {"thread_id": record.id}}
        with checkpointer(self.runs.checkpoints(record.id)) as saver:
            values = (await build_graph(saver).aget_state(config)).values
        return values.get("tree"), values.get("evidence", {})

    def batch(
        self, items: Iterable[tuple[str, Sequence[MediaSource]]], *, concurrency: int = 2, mode: Mode = "tree"
    ) -> list[Answer | VisagentError]:
        """Answer many questions; one that cannot be asked gives its error, and the others go on.

        Args:
            items: Pairs of a question and its media.
            concurrency: Questions at once.
            mode: As for `ask`.

        Returns:
            An answer or an error for each item, in the items' order.
        """
        return _run(self.abatch(items, concurrency=concurrency, mode=mode))

    async def abatch(
        self, items: Iterable[tuple[str, Sequence[MediaSource]]], *, concurrency: int = 2, mode: Mode = "tree"
    ) -> list[Answer | VisagentError]:
        """`batch` for async callers."""
        places = asyncio.Semaphore(concurrency)

        async def one(question: str, media: Sequence[MediaSource]) -> Answer | VisagentError:
            async with places:
                try:
                    return await self.aask(question, *media, mode=mode)
                except VisagentError as error:
                    return error

        return await asyncio.gather(*(one(question, media) for question, media in items))

    def verify(
        self, text: str, *media: MediaSource, language: str | None = None, budget: Budget | None = None
    ) -> Faithfulness:
        """Check a text about media, whoever wrote it, claim by claim: see `visagent.verification`.

        Args:
            text: A caption, or an answer from elsewhere.
            *media: As for `ask`.
            language: Of the text, `en` or `zh`; None to tell from it.
            budget: Limits; None for the profile's.

        Raises:
            QuestionError: the text is empty or too long, or no medium was given.
            MediaError: a medium cannot be used.
        """
        return _run(self.averify(text, *media, language=language, budget=budget))

    async def averify(
        self, text: str, *media: MediaSource, language: str | None = None, budget: Budget | None = None
    ) -> Faithfulness:
        """`verify` for async callers."""
        from visagent.core.text import detect_language
        from visagent.tools.executor import EvidenceCache
        from visagent.verification import check_text

        pages = [page for one in media for page in load_media(one, limits=self._limits, allow_urls=self._allow_urls)]
        named = dict(zip(name_media([page.info for page in pages]), pages, strict=True))
        language = language or detect_language(text)
        model = self._cast.player("verifier", self.profile)
        tools = all_tools(self.tools, self._cast, self.profile, language)
        cache = EvidenceCache(self.home / "evidence") if self._use_cache else None
        try:
            return await check_text(
                text, named, tools, self.profile, model=model, cache=cache, budget=budget, language=language
            )
        finally:
            if cache is not None:
                cache.close()

    async def warm_up(self) -> None:
        """Load the planner and fill its prompt's cache, so that the first question is fast.

        Raises:
            ModelError: a model cannot be loaded or run.
        """
        from visagent.planning.controller import Controller

        probe = MediaInfo(hash="0" * 64, kind="image", name="probe")
        controller = Controller(self._cast.controller(self.profile), self.tools)
        await controller.plan("How many dogs are there?", {"image1": probe})

    # One run.

    def _new_run(
        self,
        question: str,
        sources: Sequence[MediaSource],
        mode: Mode = "tree",
        language: str | None = None,
        budget: Budget | None = None,
        follows: str | None = None,
        outline: Outline = (),
        form: str | Sequence[str] | Mapping[str, Any] | None = None,
    ) -> tuple[RunRecord, dict[str, Media]]:
        """Check the question and load its media; nothing has been run yet."""
        from visagent.core.text import detect_language
        from visagent.planning.prompts import LANGUAGES

        question = check_question(question)
        parent = None if follows is None else self.runs.load(follows)
        if not sources and parent is None:
            raise QuestionError("No medium was given.", "Give a picture, a video or a sound file to ask about.")
        if mode == "direct" and not self._cast.observers(self.profile):
            raise ConfigError(
                f"Mode direct needs a model that sees, and the profile {self.profile.name} has none.",
                "Use mode tree or chain.",
            )
        if language is not None and language not in LANGUAGES:
            raise ConfigError(f"There is no language {language!r}.", f"Use one of: {', '.join(LANGUAGES)}.")
        pages = [
            medium
            for source in sources
            for medium in load_media(source, limits=self._limits, allow_urls=self._allow_urls)
        ]
        if parent is not None:
            # Its media keep their names, since the evidence refers to them; one that is given again is the same one.
            earlier = self._media_of(parent).values()
            known = {medium.hash for medium in earlier}
            pages = [*earlier, *(medium for medium in pages if medium.hash not in known)]
        names = name_media([medium.info for medium in pages])
        for medium in pages:
            self._store.put(medium)
        settings = Settings()
        if language is None:
            language = detect_language(question) if settings.language == "auto" else settings.language
        record = RunRecord(
            id=new_run_id(),
            created=datetime.now(UTC),
            question=question,
            media=names,
            mode=mode,
            language=language,
            parent=follows,
            asked="" if parent is None else follow_up(parent.asked or parent.question, question),
            outline=check_outline_given(mode, outline),
            form=check_form(form),
            profile=self.profile if budget is None else self.profile.model_copy(update={"budget": budget}),
        )
        return record, dict(zip(names, pages, strict=True))

    @traced_run
    async def _events(
        self,
        record: RunRecord,
        media: Mapping[str, Media],
        *,
        fresh: bool,
        said: bool | str | None = None,
        known: Mapping[str, Evidence] | None = None,
    ) -> AsyncIterator[Event]:
        """A run's events, from its beginning or from its last checkpoint.

        Args:
            record: The run.
            media: Its media, by name.
            fresh: Whether it begins now.
            said: What a person says that it waited for.
            known: Evidence that it begins with.
        """
        from visagent.agent.events import Answered, ApprovalNeeded, PersonAsked

        started = time.perf_counter()
        model = self._cast.controller(record.profile)
        # The weights load while LangGraph is imported.
        Thread(target=_quietly(getattr(model, "load", None)), daemon=True).start()
        from langgraph.types import Command

        from visagent.agent.checkpoints import checkpointer
        from visagent.agent.graph import build_graph
        from visagent.tools.executor import EvidenceCache

        cache = EvidenceCache(self.home / "evidence") if self._use_cache else None
        context = run_context(record, media, self.tools, self._cast, self.home, cache)
        config: Any = {"configurable": {"thread_id": record.id}, "recursion_limit": 64}
        payload: Any = await self._beginning(record, known) if fresh else None
        if said is not None:
            payload = Command(resume=said)
        try:
            with checkpointer(self.runs.checkpoints(record.id)) as saver:
                graph = build_graph(saver)
                if not fresh and (await graph.aget_state(config)).created_at is None:
                    # Killed before the first checkpoint: nothing was done yet.
                    payload = await self._beginning(record, known)
                stream: AsyncIterator[Any] = graph.astream(
                    payload, config, context=context, stream_mode="custom", durability="sync"
                )
                async for event in stream:
                    yield event
                state = await graph.aget_state(config)
                if not state.next:
                    saver.finish()
            if state.next:
                wanted = state.interrupts[0].value
                record = record.model_copy(update={"status": "waiting"})
                self.runs.save(record)
                if "ask" in wanted:
                    yield PersonAsked(run_id=record.id, question=wanted["ask"])
                else:
                    tree, changing = state.values["tree"], tuple(wanted["changing"])
                    yield ApprovalNeeded(run_id=record.id, tree=tree, changing=changing)
                return
        except VisagentError as error:
            self.runs.save(record.model_copy(update={"status": "failed", "problem": str(error)}))
            raise
        finally:
            if cache is not None:
                cache.close()
        expert = context.expert
        answer = final_answer(
            record,
            cast("State", state.values),
            tool_calls=expert.calls,
            cached_calls=expert.cached,
            seconds=time.perf_counter() - started,
        )
        self.runs.save(record.model_copy(update={"status": "finished", "answer": answer}))
        yield Answered(answer=answer.hold(media.values()))

    async def _beginning(self, record: RunRecord, known: Mapping[str, Evidence] | None) -> State:
        """The state that a run begins with."""
        earlier = None
        if record.parent is not None and record.tree is None:
            tree, found = await self._found_so_far(self.runs.load(record.parent))
            earlier = None if tree is None else (tree, found)
        direct = record.mode in ("direct", "auto") and bool(self._cast.observers(record.profile))
        return initial_state(record, direct=direct, earlier=earlier, known=known)

    def _media_of(self, record: RunRecord) -> dict[str, Media]:
        return {name: self._store.get(info) for name, info in record.media.items()}


def _home() -> Path:
    return home()


async def _last_answer(events: AsyncIterator[Event]) -> Answer:
    from visagent.agent.events import Answered, ApprovalNeeded, PersonAsked

    async for event in events:
        if isinstance(event, Answered):
            return event.answer
        if isinstance(event, ApprovalNeeded):
            raise ConfigError(
                f"The plan of run {event.run_id} needs a person's approval.",
                f'Look at it, then: agent.resume("{event.run_id}", approve=True).',
            )
        if isinstance(event, PersonAsked):
            raise ConfigError(
                f"Run {event.run_id} asks: {event.question}", f'Reply: agent.resume("{event.run_id}", reply="...").'
            )
    raise AssertionError("a run ends with an answer or a wait for approval")


def _quietly(load: Callable[[], None] | None) -> Callable[[], None]:
    """Loading ahead of time must not print a traceback: the first real use raises the same error to its caller."""

    def work() -> None:
        try:
            if load is not None:
                load()
        except VisagentError:
            return

    return work


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
