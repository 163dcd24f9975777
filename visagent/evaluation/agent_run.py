"""Puts a benchmark's questions to an agent, and again without what it might not need. Knows no benchmark.

The run that is measured comes first. The baselines are asked the same items: `direct` is the model's bare answer to
one look, `tree` a plan without a first look, `without TOOL` the agent with one tool taken away. A tool is masked where
the measured run called it; every other item would be asked the very same thing, and keeps its attempt.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from visagent.agent.agent import Agent
from visagent.agent.batch import Engine
from visagent.agent.batch import Item as BatchItem
from visagent.core.config import Mode
from visagent.core.errors import ConfigError
from visagent.core.files import write_whole
from visagent.evaluation.agent_benchmark import AGENT, AgentBenchmark
from visagent.evaluation.agent_items import AgentItem, Attempt, Embedded, require_items, usable
from visagent.evaluation.mitigations import mitigated
from visagent.evaluation.run_folder import RunFolder, open_run, run_info

OnAttempt: TypeAlias = Callable[[str, int, int], None]
"""Called with a variant, the number of its items that were asked, and the number of all."""
MakeEngine: TypeAlias = Callable[[Sequence[str]], Engine]
"""From the tools that are taken away to what answers many questions somewhere else, on a cluster for example."""
MASKED = "without "
"""Begins the name of a variant that lacks a tool."""


class AgentRun(NamedTuple):
    """An evaluation that is complete.

    Attributes:
        folder: Its record.
        items: What was asked, in order.
        unavailable: Baselines that could not be asked, with the reason.
    """

    folder: RunFolder
    items: Sequence[AgentItem]
    unavailable: dict[str, str]


async def evaluate_agent(
    benchmark: AgentBenchmark,
    data: Path,
    out: Path,
    agent: Agent,
    *,
    mode: Mode = "auto",
    baselines: bool = False,
    mitigations: bool = False,
    limit: int | None = None,
    workers: int = 1,
    engine: MakeEngine | None = None,
    on_attempt: OnAttempt = lambda *_: None,
) -> AgentRun:
    """Ask every item, keep every attempt as it is made, and go on where an earlier call was interrupted.

    Args:
        benchmark: The benchmark that has the items and grades them.
        data: Where the items are.
        out: Folder of the record.
        agent: Who is asked; it is not changed. Costs are honest where its evidence cache is empty to begin with.
        mode: Mode of the run that is measured.
        baselines: Whether to ask the baselines as well.
        mitigations: Whether to ask again with each mitigation of hallucination taken away or added, and with one look.
        limit: The first so many items; None for all.
        workers: Items that are asked at once, here.
        engine: Who asks in place of `agent`, of whose profile it is; None to ask here.
        on_attempt: Called after each attempt, to show progress.

    Raises:
        InputError: the data cannot be read, no item can be asked, or `out` holds the evaluation of something else.
        ConfigError: the agent cannot be asked in this mode, or mitigations are to be asked elsewhere.
        ModelError: a model cannot be loaded.
    """
    if mitigations and engine is not None:
        raise ConfigError("Mitigations change the profile, and are asked in this process.", "Leave out the engine.")
    items, left_out = usable(benchmark.load(data))
    items = items[:limit] if limit is not None else items
    require_items(items, left_out)
    folder = open_run(out, run_info(benchmark.name, data, agent.profile, mode, items, left_out), items)

    async def ask_all(
        variant: str, asker: Agent, asked: Sequence[AgentItem], in_mode: Mode, without: Sequence[str] = ()
    ) -> None:
        left = [item for item in asked if (variant, item.id) not in folder.attempts]
        if engine is not None:
            by_id = {item.id: item for item in left}
            sent = [_as_batch_item(item, in_mode, out) for item in left]
            if not sent:
                return
            async for row in engine(without)(sent):
                if row.error is not None and row.error.type == ConfigError.__name__:
                    raise ConfigError(row.error.message, row.error.remedy)
                found = row.answer or (f"{row.error.type}: {row.error.message}" if row.error else "no answer")
                folder.add(benchmark.graded(by_id[row.id], variant, found))
                on_attempt(variant, len(folder.of(variant)), len(asked))
            return
        missing = iter(left)

        async def work() -> None:
            for item in missing:
                folder.add(await benchmark.ask(asker, item, variant=variant, mode=in_mode))
                on_attempt(variant, len(folder.of(variant)), len(asked))

        for outcome in await asyncio.gather(*(work() for _ in range(workers)), return_exceptions=True):
            if outcome is not None:
                raise outcome

    await ask_all(AGENT, agent, items, mode)
    unavailable = {}
    if baselines or mitigations:
        for name in ("direct", "tree") if baselines else ("direct",):
            if reason := _same_as_measured(name, mode, folder.of(AGENT)):
                unavailable[name] = reason
                continue
            try:
                await ask_all(name, agent, items, name)
            except ConfigError as error:
                unavailable[name] = str(error)
    if mitigations:
        profiles, impossible = mitigated(agent.profile)
        unavailable |= impossible
        for name, profile in profiles.items():
            changed = copy.copy(agent)
            changed.profile = profile
            await ask_all(name, changed, items, mode)
    if baselines:
        measured = folder.of(AGENT)
        for tool in dict.fromkeys(tool for attempt in measured.values() for tool in attempt.calls):
            masked = copy.copy(agent)
            masked.tools = agent.tools.without([tool])
            calling = [item for item in items if tool in measured[item.id].calls]
            await ask_all(MASKED + tool, masked, calling, mode, [tool])
    return AgentRun(folder, items, unavailable)


def without_tools(make_agent: Callable[[], Agent], names: Sequence[str]) -> Agent:
    """An agent made elsewhere, with tools taken away.

    Args:
        make_agent: Makes it.
        names: Names of the tools.
    """
    agent = make_agent()
    agent.tools = agent.tools.without(names)
    return agent


def _as_batch_item(item: AgentItem, mode: Mode, folder: Path) -> BatchItem:
    """An item as it is sent elsewhere; pictures that stand in a file of items are written out first."""
    media = []
    for one in item.media:
        if isinstance(one, Embedded):
            content = one.read()
            file = folder / "media" / hashlib.sha256(content).hexdigest()
            if not file.is_file():
                file.parent.mkdir(exist_ok=True)
                write_whole(file, content)
            one = file
        media.append(str(one.resolve()))
    form = item.answer_form
    return BatchItem(
        id=item.id,
        question=item.prompt,
        media=tuple(media),
        mode=mode,
        form=tuple(form) if isinstance(form, list) else form,
    )


def _same_as_measured(name: str, mode: Mode, measured: dict[str, Attempt]) -> str:
    """Why a baseline would be the measured run over again; empty where it would not."""
    ran = {str(attempt.answer["mode"]) for attempt in measured.values() if attempt.answer is not None}
    if name == mode or (ran and ran == {name}):
        return f"the run itself went about every question in mode {name}"
    return ""
