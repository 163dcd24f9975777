"""A run answered again with a changed tree, as a new run; sub-questions that do not change keep their evidence."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from visagent.agent.assembly import all_tools
from visagent.agent.edits import apply_edits, kept_evidence
from visagent.agent.events import Found, Planned
from visagent.agent.own_tools import own_tools, tool_options
from visagent.agent.runner import found_so_far
from visagent.agent.runs import CHECKPOINT_FORMAT, RunRecord, new_run_id
from visagent.answering.phrasing import phraser
from visagent.core.errors import ConfigError, PlanError
from visagent.planning.plan import check_tree

if TYPE_CHECKING:
    from visagent.agent.edits import Edit
    from visagent.agent.events import Event
    from visagent.agent.runner import Runner


async def edited_events(runner: Runner, old: RunRecord, edits: Sequence[Edit]) -> AsyncGenerator[Event, None]:
    """The events of a new run whose `parent` is the old one.

    Args:
        runner: Carries it out.
        old: A finished or interrupted run that has a plan.
        edits: See `visagent.agent.edits`.

    Raises:
        PlanError: the run has no plan, or an edit makes no valid one.
        ConfigError: the plan asks a tool that the run was given, and that this runner lacks.
    """
    tree, evidence = await found_so_far(runner.runs, old)
    if tree is None:
        raise PlanError(f"Run {old.id} has no plan yet.", "Resume it first, or ask again.")
    changed = apply_edits(tree, edits)
    asked = {node.solver.tool for node in changed.nodes}
    if lost := [name for name in old.own_tools if name in asked and name not in runner.tools]:
        raise ConfigError(
            f"Run {old.id} was given tools that this agent lacks: {', '.join(lost)}.",
            f"Give them again, Agent(tools=[...]) or: {shlex.join(tool_options(old.own_tools))}",
        )
    edited = check_tree(
        changed,
        all_tools(runner.tools, runner.models, old.profile, old.language),
        old.media,
        phraser(old.language, old.media),
        max_steps=old.profile.budget.steps,
    )
    fresh = {"id": new_run_id(), "created": datetime.now(UTC), "parent": old.id, "tree": edited}
    # Those of both, so that this run can be resumed as well.
    fresh["own_tools"] = {**old.own_tools, **own_tools(runner.tools.values())}
    state = {"status": "running", "problem": "", "answer": None, "rating": None}
    record = old.model_copy(update={**fresh, **state, "checkpoint_format": CHECKPOINT_FORMAT})
    runner.runs.save(record)
    known = kept_evidence(tree, edited, evidence)
    yield Planned(tree=edited)
    for found in known.values():
        yield Found(evidence=found)
    async with aclosing(runner.events(record, runner.media_of(record), fresh=True, known=known)) as events:
        async for event in events:
            yield event
