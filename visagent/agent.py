"""The public face: `Agent` asks, streams, resumes and batches. Wires the parts; each part lives in its own module."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from visagent.config import Budget, Mode, ModelConfig, Profile, Settings, home, load_profile
from visagent.errors import ConfigError, QuestionError, VisagentError
from visagent.media import DEFAULT_LIMITS, Media, MediaInfo, MediaLimits, MediaSource, MediaStore, load_media
from visagent.plan import name_media
from visagent.runs import RunRecord, RunStore, new_run_id
from visagent.toolkit import Tool, Toolkit

if TYPE_CHECKING:
    from visagent.answer import Answer
    from visagent.events import Event
    from visagent.models.protocol import MLLM

T = TypeVar("T")
QUESTION_LIMIT = 2000
"""Characters of a question; a longer one is a document, not a question."""


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
        self._models: dict[ModelConfig, MLLM] = {}

    def ask(
        self,
        question: str,
        *media: MediaSource,
        mode: Mode = "tree",
        language: str | None = None,
        budget: Budget | None = None,
    ) -> Answer:
        """Answer a question about media.

        Args:
            question: At most 2,000 characters.
            *media: Paths, bytes, file objects, PIL images, RGB arrays or `Media`; a PDF gives one image a page.
            mode: `tree`: independent sub-questions run at once; `chain`: one after another.
            language: Of the answer, `en` or `zh`; None for the question's.
            budget: Limits of this run; None for the profile's.

        Returns:
            The answer, with `status` "unanswered" and a `reason` where the evidence bears out none.

        Raises:
            QuestionError: the question is empty or too long, or no medium was given.
            MediaError: a medium cannot be used.
            ModelError: a model cannot be loaded or run.
        """
        return _run(self.aask(question, *media, mode=mode, language=language, budget=budget))

    async def aask(
        self,
        question: str,
        *media: MediaSource,
        mode: Mode = "tree",
        language: str | None = None,
        budget: Budget | None = None,
    ) -> Answer:
        """`ask` for async callers."""
        return await _last_answer(self.stream(question, *media, mode=mode, language=language, budget=budget))

    async def stream(
        self,
        question: str,
        *media: MediaSource,
        mode: Mode = "tree",
        language: str | None = None,
        budget: Budget | None = None,
        approval: bool = False,
    ) -> AsyncIterator[Event]:
        """What happens while a question is answered, as typed events; the last one is `Answered` or `ApprovalNeeded`.

        Args:
            approval: Whether to stop before the plan is solved, until `resume(run_id, approve=...)`.

        See `ask` for the rest.
        """
        record, loaded = self._new_run(question, media, mode, language, budget, approval)
        self.runs.save(record)
        async for event in self._events(record, loaded, fresh=True):
            yield event

    def resume(self, run_id: str, *, approve: bool | None = None) -> Answer:
        """Finish a run that was killed or waits for approval; what it found is kept, and a finished run only reread.

        Args:
            run_id: As `Answer.run_id`, or from `runs.list()`.
            approve: What the person says of the plan, for a run that waits for it.

        Raises:
            RunNotFound: there is no run with this id.
            MediaError: a medium of the run is no longer there.
        """
        return _run(_last_answer(self.stream_resumed(run_id, approve=approve)))

    async def stream_resumed(self, run_id: str, *, approve: bool | None = None) -> AsyncIterator[Event]:
        """`resume` as events."""
        from visagent.events import Answered

        record = self.runs.load(run_id)
        if record.answer is not None:
            yield Answered(answer=record.answer.hold(self._media_of(record).values()))
            return
        loaded = self._media_of(record)
        async for event in self._events(record, loaded, fresh=False, approve=approve):
            yield event

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

    async def warm_up(self) -> None:
        """Load the planner and fill its prompt's cache, so that the first question is fast.

        Raises:
            ModelError: a model cannot be loaded or run.
        """
        from visagent.roles.controller import Controller

        probe = MediaInfo(hash="0" * 64, kind="image", name="probe")
        controller = Controller(self._model("controller", self.profile), self.tools)
        await controller.plan("How many dogs are there?", {"image1": probe})

    # One run.

    def _new_run(
        self,
        question: str,
        sources: Sequence[MediaSource],
        mode: Mode,
        language: str | None,
        budget: Budget | None,
        approval: bool,
    ) -> tuple[RunRecord, dict[str, Media]]:
        """Check the question and load its media; nothing has been run yet."""
        from visagent.prompts import LANGUAGES
        from visagent.roles.refiner import detect_language

        question = question.strip()
        if not question:
            raise QuestionError("The question is empty.", "Ask something about the media.")
        if len(question) > QUESTION_LIMIT:
            raise QuestionError(
                f"The question has {len(question):,} characters, and {QUESTION_LIMIT:,} are allowed.",
                "Ask a shorter question; pass a long text as a picture or a PDF.",
            )
        if not sources:
            raise QuestionError("No medium was given.", "Give a picture, a video or a sound file to ask about.")
        if mode == "direct":
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
            profile=self.profile if budget is None else self.profile.model_copy(update={"budget": budget}),
            approval=approval,
        )
        return record, dict(zip(names, pages, strict=True))

    async def _events(
        self, record: RunRecord, media: Mapping[str, Media], *, fresh: bool, approve: bool | None = None
    ) -> AsyncIterator[Event]:
        from visagent.events import Answered, ApprovalNeeded

        started = time.perf_counter()
        model = self._model("controller", record.profile)
        # The weights load while LangGraph is imported.
        Thread(target=_quietly(getattr(model, "load", None)), daemon=True).start()
        from langgraph.types import Command

        from visagent.graph import RunContext, build_graph
        from visagent.roles.controller import Controller
        from visagent.solve import EvidenceCache, Expert

        cache = EvidenceCache(self.home / "evidence") if self._use_cache else None
        budget = record.profile.budget
        expert = Expert(self.tools, media, budget, options=record.profile.tools, cache=cache)
        context = RunContext(Controller(model, self.tools), self.tools, expert, budget, record.approval)
        config: Any = {"configurable": {"thread_id": record.id}, "recursion_limit": 64}
        payload: Any = _initial_state(record) if fresh else None
        if approve is not None:
            payload = Command(resume=approve)
        try:
            async with _checkpointer(self.runs.checkpoints(record.id)) as saver:
                graph = build_graph(saver)
                if not fresh and (await graph.aget_state(config)).created_at is None:
                    # Killed before the first checkpoint: nothing was done yet.
                    payload = _initial_state(record)
                stream: AsyncIterator[Any] = graph.astream(
                    payload, config, context=context, stream_mode="custom", durability="sync"
                )
                async for event in stream:
                    yield event
                state = await graph.aget_state(config)
            if state.next:
                changing = state.interrupts[0].value["changing"]
                record = record.model_copy(update={"status": "waiting"})
                self.runs.save(record)
                yield ApprovalNeeded(run_id=record.id, tree=state.values["tree"], changing=tuple(changing))
                return
        except VisagentError as error:
            self.runs.save(record.model_copy(update={"status": "failed", "problem": str(error)}))
            raise
        finally:
            if cache is not None:
                cache.close()
        answer = _answer(record, state.values, expert.calls, expert.cached, time.perf_counter() - started)
        self.runs.save(record.model_copy(update={"status": "finished", "answer": answer}))
        yield Answered(answer=answer.hold(media.values()))

    def _media_of(self, record: RunRecord) -> dict[str, Media]:
        return {name: self._store.get(info) for name, info in record.media.items()}

    def _model(self, role: Any, profile: Profile) -> MLLM:
        from visagent.models.loading import load_model

        config = profile.model_for(role)
        if config is None:
            raise ConfigError(
                f"Profile {profile.name}: rules cannot play the {role}.", "Name one of the profile's models for it."
            )
        if config not in self._models:
            self._models[config] = load_model(config, self.home)
        return self._models[config]


def _home() -> Path:
    return home()


def _initial_state(record: RunRecord) -> dict[str, Any]:
    from visagent.answer import Usage

    return {
        "question": record.question,
        "language": record.language,
        "sequential": record.mode == "chain",
        "media": record.media,
        "problems": [],
        "tree": None,
        "evidence": {},
        "decision": None,
        "waves": 0,
        "claims": [],
        "usage": Usage(),
        "stopped": None,
    }


def _answer(record: RunRecord, state: Mapping[str, Any], calls: int, cached: int, seconds: float) -> Answer:
    """The answer that a finished state stands for."""
    from visagent.answer import Answer
    from visagent.roles.refiner import refusal
    from visagent.tree import QuestionTree

    tree = state["tree"] or QuestionTree(question=record.question, nodes=())
    evidence = state["evidence"]
    missing = [evidence[sink].value for sink in tree.sinks if sink in evidence and evidence[sink].failed]
    answered = state["stopped"] is None and len(missing) < len(tree.sinks)
    reason = state["stopped"] or "; ".join(failure.message for failure in missing)
    claims = tuple(state["claims"])
    text = " ".join(claim.text for claim in claims) or refusal(reason, record.language)
    usage = state["usage"].model_copy(update={"seconds": seconds, "tool_calls": calls, "cached_calls": cached})
    return Answer(
        run_id=record.id,
        question=record.question,
        text=text,
        status="answered" if answered else "unanswered",
        reason=reason,
        claims=claims,
        tree=tree,
        evidence=evidence,
        media=record.media,
        usage=usage,
        mode=record.mode,
        profile=record.profile.name,
        created=record.created,
    )


@asynccontextmanager
async def _checkpointer(file: Path) -> AsyncIterator[Any]:
    """A saver on one run's SQLite file that revives visagent's own types and no others."""
    import aiosqlite
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    from visagent.answer import Claim, Usage
    from visagent.evidence import Evidence
    from visagent.roles.decider import Decision
    from visagent.tree import QuestionTree

    types = [MediaInfo, QuestionTree, Evidence, Decision, Claim, Usage]
    serde = JsonPlusSerializer(allowed_msgpack_modules=[(type_.__module__, type_.__name__) for type_ in types])
    async with aiosqlite.connect(file) as connection:
        yield AsyncSqliteSaver(connection, serde=serde)


async def _last_answer(events: AsyncIterator[Event]) -> Answer:
    from visagent.events import Answered, ApprovalNeeded

    async for event in events:
        if isinstance(event, Answered):
            return event.answer
        if isinstance(event, ApprovalNeeded):
            raise ConfigError(
                f"The plan of run {event.run_id} needs a person's approval.",
                f'Look at it, then: agent.resume("{event.run_id}", approve=True).',
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
