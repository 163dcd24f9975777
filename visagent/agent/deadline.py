"""The end of a run's time: how long a step may still be waited for, and what can be said when there is none left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from visagent.agent.state import State
    from visagent.evidence.tree import QuestionTree
    from visagent.evidence.values import Evidence

T = TypeVar("T")
GRACE = 1.0
"""Seconds beyond a run's budget: time for its own steps to notice that it is used up, and to say what was found."""


class TimeIsUp(Exception):
    """A run has used up its seconds; never leaves the package."""


async def until(items: AsyncGenerator[T, None], deadline: float) -> AsyncGenerator[T, None]:
    """The items, as long as there is time; what is being waited for when it is up is cancelled.

    Closed early, it closes the stream.

    Args:
        items: Items of a stream.
        deadline: Deadline by `time.monotonic()`.

    Raises:
        TimeIsUp: there is no time left.
    """
    async with aclosing(items):
        while True:
            # Around each step alone: a time-out around a `yield` would cancel the reader of the items.
            scope = asyncio.timeout(max(0.0, deadline - time.monotonic()))
            try:
                async with scope:
                    item = await anext(items)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if scope.expired():
                    raise TimeIsUp from None
                raise
            yield item


def cut_short(
    state: State, tree: QuestionTree | None, found: Mapping[str, Evidence], seconds: float, language: str
) -> State:
    """The state of a run whose time is up: what was found is said by the rules, which take no time.

    Args:
        state: State as far as the run had come.
        tree: The last plan that it announced; None for none.
        found: Evidence that it announced, by id.
        seconds: What it was allowed.
        language: Language of the answer.
    """
    from visagent.answering.refiner import refine
    from visagent.verification.citations import verify

    tree = tree or state["tree"]
    evidence = {**state["evidence"], **found}
    answered = [sink for sink in tree.sinks if sink in evidence and not evidence[sink].failed] if tree else []
    claims = []
    if tree is not None and answered:
        tree = tree.only(answered)
        claims = verify(refine(tree, evidence, language, state["media"]), evidence, state["asked"], state["media"])
    stopped = None if claims else f"the run has used up its {seconds:g} seconds"
    return {**state, "tree": tree, "evidence": evidence, "claims": claims, "stopped": stopped}
