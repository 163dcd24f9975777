"""The public face: `Agent` asks, streams, resumes and batches. What it does is in `runner`, and in `graph`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Unpack

from visagent.agent.interruption import run_blocking
from visagent.agent.registry import ModelRegistry
from visagent.agent.request import AskOptions, check_options, playable_modes, run_id_of
from visagent.agent.runner import Runner, verify_text
from visagent.agent.runs import RunStore, expiry
from visagent.core import config_files
from visagent.core.config import Budget, Mode, Profile
from visagent.core.errors import ConfigError, VisagentError
from visagent.core.settings import Settings, load_profile
from visagent.media.media import DEFAULT_LIMITS, MediaInfo, MediaLimits, MediaSource
from visagent.tools.toolkit import Tool, Toolkit

if TYPE_CHECKING:
    from visagent.agent.edits import Edit
    from visagent.agent.events import Event
    from visagent.evidence.answer import Answer
    from visagent.models.protocol import MLLM
    from visagent.verification import Faithfulness


PROBE = {"image1": MediaInfo(hash="0" * 64, kind="image", name="probe")}
"""What the first plan, which only fills caches, is about."""


class Agent:
    """Answers multi-step questions about pictures, video and sound, and shows how.

    Args:
        profile: A built-in profile's name, the path of a YAML file, or a `Profile`; None for the machine's setting.
        tools: Tools of your own, beside the installed ones: functions, `Tool`s, modules or import paths.
        only: Names of the tools to use; None for all.
        models: Models of your own, each an `MLLM`: under the name of one of the profile's models, which it replaces;
            under a role (`controller`, `decider`, `refiner`, `verifier`, `observer`); or under `main`, for every role
            that no other one plays. An agent that resumes such a run needs the same keys.
        home: Folder of cached evidence, media, runs and prompt caches; None for the machine's setting.
        limits: What media may be loaded.
        allow_urls: Whether a medium may be an http(s) URL of a public address.
        cache: Whether to reuse evidence from earlier runs.
        keep_hours: After which `visagent.agent.retention.forget_expired` deletes this agent's runs; None for never.

    Raises:
        ConfigError: the profile is unknown or unusable, or a model object lacks a method or fits no role.
        ToolDefinitionError: a tool cannot be used, or two share a name.
    """

    def __init__(
        self,
        profile: str | Path | Profile | None = None,
        *,
        tools: Iterable[Tool | Callable[..., Any] | str | ModuleType] = (),
        only: Iterable[str] | None = None,
        models: Mapping[str, MLLM] | None = None,
        home: str | Path | None = None,
        limits: MediaLimits = DEFAULT_LIMITS,
        allow_urls: bool = False,
        cache: bool = True,
        keep_hours: float | None = None,
    ) -> None:
        self.home = config_files.home() if home is None else config_files.checked_home(home, "home")
        self._models, self._settings = ModelRegistry(self.home, models), Settings()
        if not isinstance(profile, Profile):
            profile = load_profile(profile or self._settings.profile, self._settings)
        self.profile = self._models.adapted(profile)
        self.tools = Toolkit.installed().without(self.profile.hidden_tools)
        for item in _listed("tools", tools):
            self.tools.add(item)
        if only is not None:
            self.tools = self.tools.only(_listed("only", only))
        self._limits, self._allow_urls, self._use_cache = limits, allow_urls, cache
        self._keep_hours = _checked_hours(keep_hours)

    @property
    def runs(self) -> RunStore:
        """The records of this agent's runs, in its home."""
        return self._runner.runs

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Modes in which this agent's models can be asked, the best one first.

        Raises:
            ConfigError: the backend of the model that sees is not installed.
            ModelError: that model cannot be made.
        """
        return playable_modes(self._models.model_for("observer", self.profile))

    @property
    def _runner(self) -> Runner:
        # Made for each call: the tools may be others by then.
        return Runner(
            settings=self._settings,
            profile=self.profile,
            home=self.home,
            tools=self.tools,
            models=self._models,
            limits=self._limits,
            allow_urls=self._allow_urls,
            use_cache=self._use_cache,
        )

    def at(self, home: str | Path) -> Agent:
        """This agent for somebody else: with its models, and evidence, media and runs in another folder.

        Args:
            home: The folder; tools that are added to the new agent are not added to this one.
        """
        other = copy(self)
        other.home, other.tools = config_files.checked_home(home, "home"), Toolkit(self.tools.values())
        return other

    def ask(self, question: str, *media: MediaSource, **options: Unpack[AskOptions]) -> Answer:
        """Answer a question about media.

        Args:
            question: The question, as long as the model's context lets it be.
            *media: Paths, bytes, file objects, PIL images, RGB arrays or `Media`; a PDF or TIFF gives one image a page.
            **options: mode, language, budget, follows, outline, regions, form: see `visagent.agent.request.AskOptions`.

        Returns:
            The answer, with `status` "unanswered" and a `reason` where the evidence supports no answer.

        Raises:
            QuestionError: the question is empty or too long, no medium was given, or an option does not fit.
            RunNotFound: there is no run to follow up.
            MediaError: a medium cannot be used.
            ModelError: a model cannot be loaded or run.
        """
        return run_blocking(self.aask(question, *media, **options))

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
    ) -> AsyncGenerator[Event, None]:
        """What happens while a question is answered, as typed events.

        The last one is `Answered`, `ApprovalNeeded` or `PersonAsked`.

        Args:
            approval: Whether to stop before the plan is solved, until `resume(run_id, approve=...)`.
            ask_back: Whether the decision-maker may ask what is meant, until `resume(run_id, reply=...)`.

        See `ask` for the rest.
        """
        check_options(options)
        runner = self._runner
        record, loaded = runner.new_run(question, media, **options)
        expires = expiry(record.created, self._keep_hours)
        record = record.model_copy(update={"approval": approval, "ask_back": ask_back, "expires": expires})
        runner.runs.save(record)
        async with aclosing(runner.events(record, loaded, fresh=True)) as events:
            async for event in events:
                yield event

    def resume(self, run_id: str, *, approve: bool | None = None, reply: str | None = None) -> Answer:
        """Finish a run that was killed or waits for a person; what it found is kept, and a finished run only reread.

        Args:
            run_id: Id as `Answer.run_id`, or from `runs.list()`.
            approve: What the person says of the plan, for a run that waits for that.
            reply: What the person says when asked back, for a run that waits for that.

        Raises:
            RunNotFound: there is no run with this id.
            MediaError: a medium of the run is no longer there.
        """
        return run_blocking(_last_answer(self.stream_resumed(run_id, approve=approve, reply=reply)))

    async def stream_resumed(
        self, run_id: str, *, approve: bool | None = None, reply: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """`resume` as events."""
        from visagent.agent.events import Answered

        runner = self._runner
        record = runner.runs.load(run_id_of(run_id))
        loaded = runner.media_of(record)
        if record.answer is not None:
            runner.runs.drop_checkpoints(record)
            yield Answered(answer=record.answer.hold(loaded.values()))
            return
        said = reply if approve is None else approve
        async with aclosing(runner.events(record, loaded, fresh=False, said=said)) as events:
            async for event in events:
                yield event

    def edit(self, run_id: str, edits: Sequence[Edit]) -> Answer:
        """Answer again with a changed tree; sub-questions that the changes do not affect keep their evidence.

        The result is a run of its own whose `parent` is the old one, so both versions stay.

        Args:
            run_id: A finished or interrupted run that has a plan.
            edits: See `visagent.agent.edits`.

        Raises:
            RunNotFound: there is no run with this id.
            PlanError: the run has no plan, or an edit makes no valid one.
            MediaError: a medium of the run is no longer there.
        """
        return run_blocking(_last_answer(self.stream_edited(run_id, edits)))

    async def stream_edited(self, run_id: str, edits: Sequence[Edit]) -> AsyncGenerator[Event, None]:
        """`edit` as events."""
        from visagent.agent.revisions import edited_events

        runner = self._runner
        async with aclosing(edited_events(runner, runner.runs.load(run_id_of(run_id)), edits)) as events:
            async for event in events:
                yield event

    def batch(
        self, items: Iterable[tuple[str, Sequence[MediaSource]]], *, concurrency: int = 2, mode: Mode = "auto"
    ) -> list[Answer | VisagentError]:
        """Answer many questions; one that cannot be asked gives its error, and the others go on.

        Args:
            items: Pairs of a question and its media.
            concurrency: Questions at once.
            mode: Mode as for `ask`.

        Returns:
            An answer or an error for each item, in the items' order.
        """
        return run_blocking(self.abatch(items, concurrency=concurrency, mode=mode))

    async def abatch(
        self, items: Iterable[tuple[str, Sequence[MediaSource]]], *, concurrency: int = 2, mode: Mode = "auto"
    ) -> list[Answer | VisagentError]:
        """`batch` for async callers."""
        from visagent.agent.batch import answer_all

        return await answer_all(self, items, concurrency=concurrency, mode=mode)

    def verify(
        self, text: str, *media: MediaSource, language: str | None = None, budget: Budget | None = None
    ) -> Faithfulness:
        """Check a text about media by any author, claim by claim: see `visagent.verification`.

        Args:
            text: A caption, or an answer from elsewhere.
            *media: Media as for `ask`.
            language: Language of the text, `en` or `zh`; None to detect it.
            budget: Limits; None for the profile's.

        Raises:
            QuestionError: the text is empty or too long, or no medium was given.
            MediaError: a medium cannot be used.
        """
        return run_blocking(self.averify(text, *media, language=language, budget=budget))

    async def averify(
        self, text: str, *media: MediaSource, language: str | None = None, budget: Budget | None = None
    ) -> Faithfulness:
        """`verify` for async callers."""
        return await verify_text(self._runner, text, media, language, budget)

    async def warm_up(self) -> None:
        """Load the planner and fill its prompt's cache, so that the first question is fast.

        Raises:
            ModelError: a model cannot be loaded or run.
        """
        from visagent.planning.controller import Controller

        planner, offered = self._models.controller(self.profile), self.tools.without(self.profile.tools_of_rules)
        await Controller(planner, offered).plan("How many dogs are there?", PROBE)


def _checked_hours(keep_hours: float | None) -> float | None:
    """How many hours runs are kept; None for ever.

    Raises:
        ConfigError: it is no such number.
    """
    if keep_hours is not None and not keep_hours >= 0:
        raise ConfigError(f"keep_hours is {keep_hours}.", "Give a number of hours from 0 on, or None to keep all.")
    return keep_hours


def _listed(name: str, given: Any) -> Iterable[Any]:
    """What was given as a list.

    Raises:
        ConfigError: it is one item, without a list around it.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigError(f"{name} is of type {type(given).__name__}, and no list.", f"Write {name}=[...].")
    return given


async def _last_answer(events: AsyncGenerator[Event, None]) -> Answer:
    from visagent.agent.events import Answered, ApprovalNeeded, PersonAsked

    async with aclosing(events):
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
