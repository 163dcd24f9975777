"""Runs sub-questions: each starts the moment its needs are met. Knows no concrete tool and not what asked for them.

A failing, hanging or misbehaving tool becomes `Failure` evidence; it never ends the run.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, JsonValue, TypeAdapter

from visagent.core.config import Budget
from visagent.core.errors import BudgetExceeded, ToolTimeout
from visagent.evidence.contents import notes_of
from visagent.evidence.tree import REFERENCE, QuestionTree, SubQuestion
from visagent.evidence.values import Boxes, Crop, Evidence, Failure, Value
from visagent.media.media import Media
from visagent.tools.calling import Raised, outcome
from visagent.tools.code_digest import code_digest
from visagent.tools.each import joined, looked_through
from visagent.tools.evidence_cache import EvidenceCache, scope_of
from visagent.tools.results import made_here
from visagent.tools.toolkit import Context, Tool

Answerer = Callable[[SubQuestion, Mapping[str, Evidence]], Awaitable[Evidence]]
"""Answers one sub-question, given the evidence that it needs."""

RESERVE = 5.0
"""Seconds before a run's end at which looking through many pictures ends: what was found has to be said."""
Unit = Literal["pictures", "percent"]
Progress = Callable[[int, int, Unit], None]
"""Called with how much of a call is done, and of how much."""
_VALUE: TypeAdapter[Value] = TypeAdapter(Value)


async def solve(
    tree: QuestionTree,
    done: Mapping[str, Evidence],
    answer: Answerer,
    durable: Callable[[Callable[[str], Awaitable[Evidence]]], Callable[[str], Awaitable[Evidence]]] | None = None,
    *,
    one_by_one: bool = False,
) -> dict[str, Evidence]:
    """Evidence for every sub-question that has none yet, siblings at once and no barrier between branches.

    Every sub-question's task is called at once, in the tree's fixed topological order, and awaits its needs inside:
    LangGraph knows a durable task by its call order, so a resumed run must call in the order of the first one,
    whatever the order in which results arrive.

    Args:
        tree: What to solve.
        done: Evidence that is there already, by id; its sub-questions are not asked again.
        answer: Called once a sub-question, when the evidence that it needs is there.
        durable: Makes a function's calls durable tasks, for example `langgraph.func.task`; None for plain tasks.
        one_by_one: Whether each sub-question waits for the one before it (chain mode).
    """
    open_ = [id_ for id_ in tree.order if id_ not in done]
    futures: dict[str, Awaitable[Evidence]] = {}

    async def when_ready(id_: str) -> Evidence:
        node = tree[id_]
        if one_by_one and (before := open_[: open_.index(id_)]):
            await futures[before[-1]]
        return await answer(node, {need: done[need] if need in done else await futures[need] for need in node.needs})

    call = durable(when_ready) if durable else lambda id_: asyncio.ensure_future(when_ready(id_))
    for id_ in open_:
        futures[id_] = call(id_)
    return dict(zip(futures, await asyncio.gather(*futures.values()), strict=True))


def takes_media(tool: Tool, parameter: str) -> bool:
    """Whether a string of a plan names a medium for this parameter; everywhere else `image1` is that word."""
    known = tool.spec.parameter(parameter)
    return known is not None and bool(known.media)


def cache_key(tool: Tool, arguments: Mapping[str, Any], options: Mapping[str, JsonValue]) -> str | None:
    """The address of a call's result: of what it was computed from, the tool's own code included.

    None where the code holds on to something whose content cannot be digested, such as an open model; with a version
    of its own, a tool says by itself when its results change.

    Args:
        tool: What is called.
        arguments: Arguments with references and media names already replaced by values and media.
        options: The profile's options for the tool.
    """

    def content(item: Any) -> Any:
        if isinstance(item, Media):
            return f"media:{item.hash}" + ("" if item.info.region is None else f" {item.info.region}")
        if isinstance(item, BaseModel):
            return item.model_dump(mode="json")
        if isinstance(item, list | tuple):
            return [content(part) for part in item]
        return item

    code = code_digest(tool.function)
    if code is None and "version" not in tool.spec.model_fields_set:
        return None
    parts = [
        tool.spec.name,
        tool.spec.version,
        tool.function.__module__,
        code,
        {name: content(argument) for name, argument in arguments.items()},
        dict(options),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _from_any_thread(on_progress: Progress) -> Callable[[float], None]:
    """How a tool, which runs in a thread, reports its progress."""
    loop = asyncio.get_running_loop()

    def tell(part: float) -> None:
        # A tool whose call was given up runs on, maybe past the loop's end.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(on_progress, round(100 * part), 100, "percent")

    return tell


def _described_from_any_thread(describe: Callable[[Crop], Awaitable[str]]) -> Callable[[Crop], str]:
    """How a tool, which runs in a thread, asks the profile's model, which is waited for in the loop."""
    loop = asyncio.get_running_loop()

    async def describe_crop(crop: Crop) -> str:
        return await describe(crop)

    return lambda crop: asyncio.run_coroutine_threadsafe(describe_crop(crop), loop).result()


def _some_of_none(tool: Tool, arguments: Mapping[str, Any]) -> Boxes | None:
    """No boxes where a tool is to choose from none: nobody stands behind a fence, found or not, if there is nobody."""
    of = arguments.get(tool.spec.part_of) if tool.spec.part_of else None
    return of.replace(()) if isinstance(of, Boxes) and of.placed and not of.boxes else None


def _incomplete(value: Value) -> bool:
    """Whether pictures are missing from what was found in many: then the next run goes on with them."""
    return any(note.kind == "not_looked_at" for note in notes_of(value))


class ToolExecutor:
    """Answers sub-questions with tools: wiring, cache, time-out, retry and budget in one place.

    Args:
        tools: Tools by name.
        media: Media by the names that plans use.
        budget: Limits; `seconds` counts from now.
        options: The profile's options by tool name.
        cache: Where results are kept; None keeps none.
        home: The folder of runs, media and evidence, for tools that keep something there; None for the usual one.
        describe: Says what a picture shows, for tools that ask: the profile's own model that sees; None for none.
        once: Makes a call of a tool with effects, given the sub-question, or gives what it found before; None to call.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        media: Mapping[str, Media],
        budget: Budget,
        *,
        options: Mapping[str, Mapping[str, JsonValue]] | None = None,
        cache: EvidenceCache | None = None,
        home: Path | None = None,
        describe: Callable[[Crop], Awaitable[str]] | None = None,
        once: Callable[[SubQuestion, Callable[[], Awaitable[Evidence]]], Awaitable[Evidence]] | None = None,
    ) -> None:
        self._tools, self._media, self._budget = tools, media, budget
        self._options, self._cache = options or {}, cache
        self._once, self._home, self._describe = once, home, describe
        self._scope = scope_of(medium.hash for medium in media.values())
        self._deadline = time.monotonic() + budget.seconds
        self.calls = 0
        """Calls of tools so far, cached ones not counted."""
        self.cached = 0
        """Results that came from the cache."""

    async def answer(
        self, node: SubQuestion, needs: Mapping[str, Evidence], on_progress: Progress = lambda done, of, unit: None
    ) -> Evidence:
        """Evidence for one sub-question; a `Failure` where there can be no other.

        Args:
            node: The sub-question.
            needs: The evidence that it refers to, by id.
            on_progress: Called with how far a call has come that looks at many pictures, or that says so itself.
        """
        tool = self._tools.get(node.solver.tool)
        if self._once is None or tool is None or tool.spec.read_only:
            return await self._answer(node, needs, on_progress)
        return await self._once(node, lambda: self._answer(node, needs, on_progress))

    async def _answer(self, node: SubQuestion, needs: Mapping[str, Evidence], on_progress: Progress) -> Evidence:
        started = time.perf_counter()
        cached, attempts = False, 1
        value: Value
        try:
            tool = self._tools[node.solver.tool]
            options = self._options.get(tool.spec.name, {})
            arguments = {
                name: self._resolve(given, needs, takes_media(tool, name))
                for name, given in node.solver.arguments.items()
            }
            # An effect is no result that could be kept.
            cache = self._cache if tool.spec.cache and tool.spec.read_only else None
            key = cache_key(tool, arguments, options) if cache else None
            kept = cache.get(key) if cache and key else None
            if kept is not None:
                value, cached = kept, True
                self.cached += 1
            elif (none := _some_of_none(tool, arguments)) is not None:
                value = none
            elif (many := looked_through(tool, arguments)) is not None:
                value = await self._each(tool, arguments, many, options, on_progress)
            else:
                described = None if self._describe is None else _described_from_any_thread(self._describe)
                context = Context(options, self._home, _from_any_thread(on_progress), described)
                value, attempts = await self._call(tool, tool.bind(arguments, context))
            lasting = not isinstance(value, Failure) and not _incomplete(value) and not made_here(value)
            if cache and key and not cached and lasting:
                cache.put(key, value, self._scope)
        except Raised as raised:
            value, attempts = Failure.of(raised.error), raised.attempts
        except Exception as error:
            value = Failure.of(error)
        return node.evidence(value, seconds=time.perf_counter() - started, cached=cached, attempts=attempts)

    async def _each(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        many: str,
        options: Mapping[str, JsonValue],
        on_progress: Progress,
    ) -> Value:
        """What a tool finds in each of many pictures, joined; where the time runs out, what was found until then.

        They count as one call: what bounds them is the time.
        """
        pictures: list[Media] = list(dict.fromkeys(arguments[many]))
        cache = self._cache if tool.spec.cache and tool.spec.read_only else None
        found: list[tuple[Media, Value]] = []
        end = self._deadline - min(RESERVE, 0.05 * self._budget.seconds)
        for place, media in enumerate(pictures):
            given = {**arguments, many: media}
            key = cache_key(tool, given, options)
            value = cache.get(key) if cache and key else None
            if value is None:
                if time.monotonic() > end and found:
                    return joined(found, pictures[place:])
                try:
                    value, _ = await self._call(tool, tool.bind(given, Context(options, self._home)), counted=not found)
                except BudgetExceeded:
                    if not found:
                        raise
                    return joined(found, pictures[place:])
                except Raised as raised:
                    value = Failure.of(raised.error)
                except Exception as error:
                    value = Failure.of(error)
                if cache and key and not isinstance(value, Failure):
                    cache.put(key, value, self._scope)
            found.append((media, value))
            on_progress(place + 1, len(pictures), "pictures")
        return joined(found)

    def _resolve(self, argument: JsonValue, needs: Mapping[str, Evidence], media: bool) -> Any:
        """An argument with references, and media names where it takes media, replaced by what they stand for."""
        if isinstance(argument, list):
            return [self._resolve(item, needs, media) for item in argument]
        if isinstance(argument, str):
            if match := REFERENCE.match(argument):
                return needs[match[1]].value
            return self._media.get(argument, argument) if media else argument
        return argument

    async def _call(self, tool: Tool, bound: dict[str, Any], *, counted: bool = True) -> tuple[Value, int]:
        """The tool's value, and how many attempts it took.

        Raises:
            Raised: the tool raised something, the last time it was tried.
        """
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + (tool.spec.retries if tool.spec.read_only else 0)),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            retry=retry_if_exception(lambda error: isinstance(error, Raised) and error.may_pass),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                number = attempt.retry_state.attempt_number
                return tool.result(await self._timed(tool, bound, number, counted)), number
        raise AssertionError("tenacity returns or raises")

    async def _timed(self, tool: Tool, bound: dict[str, Any], attempt: int, counted: bool) -> Any:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise BudgetExceeded(
                f"The run has used up its {self._budget.seconds:g} seconds.", "Raise the budget, then resume the run."
            )
        if counted and self.calls >= self._budget.tool_calls:
            raise BudgetExceeded(
                f"The run has used up its {self._budget.tool_calls} tool calls.", "Raise the budget, then resume."
            )
        self.calls += counted
        limit = left if tool.spec.timeout is None else min(tool.spec.timeout, left)
        returned = await outcome(tool, bound, limit)
        if returned is None and limit == left:
            raise BudgetExceeded(
                f"{tool.spec.name} did not answer within the {limit:.3g} seconds that the run had left.",
                "Raise the budget (budget.seconds in the profile), then resume the run.",
            )
        if returned is None:
            raise ToolTimeout(
                f"{tool.spec.name} did not answer within {limit:g} seconds.",
                "Give it a smaller input, or a longer time-out: @tool(timeout=...).",
            )
        if returned.error is not None:
            raise Raised(returned.error, attempt) from returned.error
        return returned.value
