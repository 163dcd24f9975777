"""A batch's questions on a Ray cluster, through Ray Data: each actor has an agent of its own. Knows no file."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from visagent.agent.batch import Item, Row, answer_items
from visagent.core.errors import ModelError, VisagentError
from visagent.core.install import requiring
from visagent.evidence.values import Failure

if TYPE_CHECKING:
    from visagent.agent.agent import Agent

ROUNDS = 4
"""Questions that a worker gets at a time: rows come back when all of a block are done, so few; but each block waits for
its slowest question, so not one."""


async def answer_with_ray(
    make_agent: Callable[[], Agent], items: Sequence[Item], *, actors: int = 2, workers: int = 4
) -> AsyncIterator[Row]:
    """Rows for items, from actors on the cluster that this process belongs to or that `RAY_ADDRESS` names.

    Where there is neither, a Ray is started on this machine and stopped at the end. Media must be readable from every
    node under the same path, or be URLs; weights are kept and fetched on each node.

    Args:
        make_agent: Called once in each actor; pickled, so a `functools.partial` of `Agent` with plain arguments.
        items: What is asked.
        actors: Processes with an agent each; Ray sets one core aside for each.
        workers: Questions at once in each.

    Raises:
        MissingDependency: Ray is not installed.
        ModelError: an actor could not be started, or the cluster is gone.
    """
    with requiring("The engine ray needs Ray", "ray"):
        import ray
        from ray.exceptions import RayError
    ours = not ray.is_initialized()
    if ours:
        # Ray reports usage to its makers unless told otherwise, and its core prints to the terminal by itself.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        blocks = _blocks(items, make_agent, actors, workers)
        while (lines := await asyncio.to_thread(next, blocks, None)) is not None:
            for line in lines:
                yield Row.model_validate_json(line)
    except RayError as error:
        raise ModelError(
            f"Ray gave up: {str(error).strip().splitlines()[-1]}.",
            "Look at `ray status` and its logs, then run the same line again: it goes on from here.",
        ) from error
    finally:
        if ours:
            ray.shutdown()


def _blocks(
    items: Sequence[Item], make_agent: Callable[[], Agent], actors: int, workers: int
) -> Iterator[Sequence[str]]:
    """Rows as JSON, a block at a time as blocks are done.

    Raises:
        ModelError: an actor's model cannot be loaded.
    """
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    for handler in logging.getLogger("ray.data").handlers:
        # The file keeps what Ray has to say; the terminal is the caller's.
        if handler.name == "console":
            handler.setLevel(logging.CRITICAL)
    count = -(-len(items) // (ROUNDS * workers))
    # Plain strings: Arrow would give all answers one schema.
    rows = ray.data.from_items([{"item": item.model_dump_json()} for item in items], override_num_blocks=count)
    answered = rows.map_batches(
        _Actor,
        fn_constructor_args=(make_agent, workers),
        # A block that waits at one actor could be answered by another.
        compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=1),
        batch_size=None,
        batch_format="pyarrow",
    )
    block: Any
    for block in answered.iter_batches(batch_size=None, batch_format="pyarrow"):
        for problem in block.column("problem").drop_null().to_pylist():
            failure = Failure.model_validate_json(problem)
            raise ModelError(f"An actor cannot answer: {failure.error}: {failure.message}", failure.remedy)
        yield block.column("row").to_pylist()


class _Actor:
    """Lives in a Ray worker; its agent keeps its models between blocks."""

    def __init__(self, make_agent: Callable[[], Agent], workers: int) -> None:
        self._agent, self._workers, self._warm = make_agent(), workers, False

    def __call__(self, block: Any) -> Any:
        import pyarrow

        items = [Item.model_validate_json(line) for line in block.column("item").to_pylist()]
        rows: list[str | None] = []
        problems: list[str | None] = []
        try:
            rows.extend(asyncio.run(self._answer(items)))
        except VisagentError as error:
            # What an actor raises, Ray prints in pages of tracebacks.
            problems.append(Failure.of(error).model_dump_json())
        text = pyarrow.string()
        return pyarrow.table(
            {
                "row": pyarrow.array(rows or [None] * len(problems), text),
                "problem": pyarrow.array(problems or [None] * len(rows), text),
            }
        )

    async def _answer(self, items: Sequence[Item]) -> list[str]:
        if not self._warm:
            await self._agent.warm_up()
            self._warm = True
        return [row.to_line() async for row in answer_items(self._agent, items, workers=self._workers)]
