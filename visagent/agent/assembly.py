"""What a run works with: the only place that puts roles, tools and models together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from visagent.core.config import Profile

if TYPE_CHECKING:
    from visagent.agent.effects import EffectsJournal
    from visagent.agent.registry import ModelRegistry
    from visagent.agent.runs import RunRecord
    from visagent.agent.state import RunContext
    from visagent.answering.eyes import Eyes
    from visagent.answering.frames import Moments
    from visagent.media.media import Media
    from visagent.models.protocol import MLLM, Reply
    from visagent.planning.retrieval import Retriever
    from visagent.tools.evidence_cache import EvidenceCache
    from visagent.tools.executor import ToolExecutor
    from visagent.tools.toolkit import Tool, Toolkit
    from visagent.verification.check import Checker


def all_tools(
    tools: Toolkit,
    models: ModelRegistry,
    profile: Profile,
    language: str = "en",
    on_reply: Callable[[Reply], None] = lambda reply: None,
    moments: Moments | None = None,
) -> Toolkit:
    """An agent's tools, with the eyes and ears of its model where it has some; a tool of the same name goes before.

    Args:
        tools: The agent's own.
        models: Which model plays which role.
        profile: The run's profile.
        language: Language of the prompts, `en` or `zh`.
        on_reply: Called with each reply of those models, for its cost.
        moments: What chooses the frames of a video that it is shown; None to spread them evenly.
    """
    from visagent.answering.frames import evenly
    from visagent.answering.look import observers
    from visagent.tools.toolkit import Toolkit

    together = Toolkit(tools.values())
    model = models.model_for("observer", profile)
    for own in [] if model is None else observers(model, language, on_reply, moments or evenly):
        if own.spec.name not in together:
            together.add(own)
    return together


def run_context(
    record: RunRecord,
    media: Mapping[str, Media],
    tools: Toolkit,
    models: ModelRegistry,
    home: Path,
    cache: EvidenceCache | None,
    effects: EffectsJournal | None = None,
) -> RunContext:
    """What a run works with: models for the roles that have one, rules for the rest.

    Args:
        record: The run.
        media: Its media, by name.
        tools: The agent's tools.
        models: Which model plays which role.
        home: Folder in which its demonstrations are kept.
        cache: Where evidence is kept; None to keep none.
        effects: Where calls that change something are written down; None for nowhere.

    Raises:
        ConfigError: the profile has no controller.
        ModelError: a model cannot be made.
    """
    from visagent.agent.state import RunContext
    from visagent.answering.decider import Decider
    from visagent.answering.frames import chooser
    from visagent.answering.look import captioner
    from visagent.planning.controller import Controller, system_prompt
    from visagent.tools.executor import ToolExecutor

    profile, language = record.profile, record.language
    looked: list[Reply] = []
    moments = chooser(profile.tools.get("when", {}), home)
    together = all_tools(tools, models, profile, language, looked.append, moments)
    system = system_prompt([tool.spec for tool in together.values()], language)
    own = tuple(name for name in together if name not in tools)
    # A tool that a person brings is offered, whatever its name.
    planned = together.without(name for name in profile.tools_of_rules if name not in record.own_tools)
    planner, writer = models.controller(profile), models.model_for("refiner", profile)
    observer, verifier = models.model_for("observer", profile), models.model_for("verifier", profile)
    eyes = eyes_of(observer, media, together, language, looked.append, moments)
    once = None if effects is None else effects.once
    expert = ToolExecutor(
        together,
        media,
        profile.budget,
        options=profile.tools,
        cache=cache,
        home=home,
        describe=captioner(observer, language, looked.append),
        once=once,
    )
    return RunContext(
        controller=Controller(
            planner, planned, language=language, demonstrations=_retriever(planner.name, home, profile)
        ),
        decider=Decider(models.model_for("decider", profile), system, language, own),
        tools=together,
        expert=expert,
        budget=profile.budget,
        writer=None if writer is None else (writer, system),
        approval=record.approval,
        ask_back=record.ask_back,
        sure=profile.sure,
        looked=looked,
        eyes=eyes,
        # One model judges a video by the frames that it saw.
        judge=eyes if verifier is observer else eyes_of(verifier, media, together, language, looked.append, moments),
        checker=_checker(verifier, together, expert, profile, looked.append),
        home=home,
    )


def eyes_of(
    model: MLLM | None,
    media: Mapping[str, Media],
    tools: Mapping[str, Tool],
    language: str,
    on_reply: Callable[[Reply], None],
    moments: Moments | None = None,
) -> Eyes | None:
    """A model's eyes on a run's media; None where it can be shown none of them."""
    if model is None or not any(medium.kind in model.capabilities.media for medium in media.values()):
        return None
    from visagent.answering.eyes import Eyes
    from visagent.answering.frames import VideoFrames, evenly

    limits = {name: tool.spec.limits for name, tool in tools.items() if tool.spec.limits}
    return Eyes(model, media, language, on_reply, limits, VideoFrames(moments or evenly))


def _retriever(planner: str, home: Path, profile: Profile) -> Retriever | None:
    """What chooses demonstrations; None where none are shown, so that a packaged adapter's start is not slowed down."""
    from visagent.planning.controller import known_tools

    settings = profile.demonstrations
    if settings.k == 0 or (settings.k is None and known_tools(planner)):
        return None
    from visagent.planning.retrieval import open_retriever

    return open_retriever(home, settings)


def _checker(
    model: MLLM | None, tools: Toolkit, expert: ToolExecutor, profile: Profile, on_reply: Callable[[Reply], None]
) -> Checker | None:
    """What checks claims beyond what they cite; None where rules are enough."""
    if model is None:
        return None
    from visagent.verification.check import Checker
    from visagent.verification.extract import ModelExtractor

    return Checker(tools, expert, ModelExtractor(model, on_reply), limit=profile.budget.checks)
