"""Which model plays which role in a run, and what a run works with. The only place that puts roles, tools and models
together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from visagent.agent.tracing import traced_model
from visagent.core.config import ModelConfig, Profile, RoleName
from visagent.core.errors import ConfigError

if TYPE_CHECKING:
    from visagent.agent.runs import RunRecord
    from visagent.agent.state import RunContext
    from visagent.media.media import Media
    from visagent.models.protocol import MLLM, Reply
    from visagent.planning.retrieval import Retriever
    from visagent.tools.executor import EvidenceCache, Expert
    from visagent.tools.toolkit import Tool, Toolkit
    from visagent.verification.check import Checker


class Cast:
    """The models that play roles, each made once.

    Args:
        home: Where their prompt caches are kept.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._models: dict[ModelConfig, MLLM] = {}

    def player(self, role: RoleName, profile: Profile) -> MLLM | None:
        """The model that plays a role; None where rules do.

        Raises:
            ModelError: it cannot be made.
        """
        from visagent.models.loading import load_model

        config = profile.model_for(role)
        if config is None:
            return None
        if config not in self._models:
            self._models[config] = load_model(config, self._home)
        return traced_model(self._models[config], config.backend)

    def controller(self, profile: Profile) -> MLLM:
        """The model that plans, which no rules can.

        Raises:
            ConfigError: the profile has none.
            ModelError: it cannot be made.
        """
        model = self.player("controller", profile)
        if model is None:
            raise ConfigError(
                f"Profile {profile.name}: rules cannot play the controller.", "Name one of the profile's models for it."
            )
        return model

    def observers(
        self, profile: Profile, system: Callable[[], str] = str, on_reply: Callable[[Reply], None] = lambda reply: None
    ) -> list[Tool]:
        """The eyes and ears of the profile's model, as tools: see `visagent.answering.look.observers`."""
        model = self.player("observer", profile)
        if model is None:
            return []
        from visagent.answering.look import observers

        return observers(model, system, on_reply)


def all_tools(
    tools: Toolkit,
    cast: Cast,
    profile: Profile,
    language: str = "en",
    on_reply: Callable[[Reply], None] = lambda reply: None,
) -> Toolkit:
    """An agent's tools, with the eyes and ears of its model where it has some; a tool of the same name goes before.

    Args:
        tools: The agent's own.
        cast: Its models.
        profile: Of the run.
        language: Of prompts.
        on_reply: Told what those models reply, for what it cost.
    """
    from visagent.planning.controller import system_prompt
    from visagent.tools.toolkit import Toolkit

    together = Toolkit(tools.values())

    def system() -> str:
        return system_prompt([tool.spec for tool in together.values()], language)

    for own in cast.observers(profile, system, on_reply):
        if own.spec.name not in together:
            together.add(own)
    return together


def run_context(
    record: RunRecord,
    media: Mapping[str, Media],
    tools: Toolkit,
    cast: Cast,
    home: Path,
    cache: EvidenceCache | None,
) -> RunContext:
    """What a run works with: models for the roles that have one, rules for the rest.

    Args:
        record: The run.
        media: Its media, by name.
        tools: The agent's.
        cast: Its models.
        home: Where its demonstrations are kept.
        cache: Where evidence is kept; None for nowhere.

    Raises:
        ConfigError: the profile has no controller.
        ModelError: a model cannot be made.
    """
    from visagent.agent.state import RunContext
    from visagent.answering.decider import Decider
    from visagent.planning.controller import Controller, system_prompt
    from visagent.tools.executor import Expert

    profile, language = record.profile, record.language
    looked: list[Reply] = []
    together = all_tools(tools, cast, profile, language, looked.append)
    system = system_prompt([tool.spec for tool in together.values()], language)
    planner, writer = cast.controller(profile), cast.player("refiner", profile)
    expert = Expert(together, media, profile.budget, options=profile.tools, cache=cache)
    return RunContext(
        controller=Controller(
            planner, together, language=language, demonstrations=_retriever(planner.name, home, profile)
        ),
        decider=Decider(
            cast.player("decider", profile), system, language, tuple(name for name in together if name not in tools)
        ),
        tools=together,
        expert=expert,
        budget=profile.budget,
        writer=None if writer is None else (writer, system),
        approval=record.approval,
        ask_back=record.ask_back,
        sure=profile.sure,
        looked=looked,
        checker=_checker(cast.player("verifier", profile), together, expert, profile, looked.append),
    )


def _retriever(planner: str, home: Path, profile: Profile) -> Retriever | None:
    """What chooses demonstrations; None where none are shown, so that a packaged adapter's start is not slowed down."""
    from visagent.planning.controller import known_tools

    settings = profile.demonstrations
    if settings.k == 0 or (settings.k is None and known_tools(planner)):
        return None
    from visagent.planning.retrieval import open_retriever

    return open_retriever(home, settings)


def _checker(
    model: MLLM | None, tools: Toolkit, expert: Expert, profile: Profile, on_reply: Callable[[Reply], None]
) -> Checker | None:
    """What checks claims beyond what they cite; None where rules are enough."""
    if model is None:
        return None
    from visagent.verification.check import Checker
    from visagent.verification.extract import ModelExtractor

    return Checker(tools, expert, ModelExtractor(model, on_reply), limit=profile.budget.checks)
