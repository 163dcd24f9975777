"""Gathering calls into batches, with a function that only counts instead of a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest

from visagent.models.hf.batching import Batcher, Call


def doubling(batches: list[list[int]], wait: threading.Event | None = None) -> Batcher[int, int]:
    def run(calls: list[Call[int, int]], arrived: Callable[[], list[Call[int, int]]]) -> None:
        batches.append([call.request for call in calls])
        if wait is not None:
            wait.wait(10)
        for call in calls:
            call.answer(2 * call.request)

    return Batcher(run, window=0.05, max_batch=4)


def test_calls_that_arrive_together_are_one_batch_and_each_gets_its_own_reply() -> None:
    batches: list[list[int]] = []
    batcher = doubling(batches)
    replies = [batcher.submit(number) for number in range(3)]
    assert [reply.result(10) for reply in replies] == [0, 2, 4]
    assert batches == [[0, 1, 2]]
    batcher.close()


def test_a_batch_is_no_larger_than_allowed() -> None:
    batches: list[list[int]] = []
    batcher = doubling(batches)
    replies = [batcher.submit(number) for number in range(6)]
    assert [reply.result(10) for reply in replies] == [0, 2, 4, 6, 8, 10]
    assert batches == [[0, 1, 2, 3], [4, 5]]
    batcher.close()


def test_what_arrives_while_a_batch_runs_is_the_next_one() -> None:
    batches: list[list[int]] = []
    go_on = threading.Event()
    batcher = doubling(batches, go_on)
    first = batcher.submit(1)
    while not batches:
        time.sleep(0.001)
    later = [batcher.submit(number) for number in (2, 3)]
    go_on.set()
    assert [reply.result(10) for reply in (first, *later)] == [2, 4, 6]
    assert batches == [[1], [2, 3]]
    batcher.close()


def test_a_batch_that_fails_fails_its_callers_and_the_next_one_runs() -> None:
    def run(calls: list[Call[int, int]], arrived: Callable[[], list[Call[int, int]]]) -> None:
        if calls[0].request < 0:
            raise LookupError("negative")
        calls[0].answer(calls[0].request)

    batcher = Batcher(run, window=0.0)
    with pytest.raises(LookupError, match="negative"):
        batcher.submit(-1).result(10)
    assert batcher.submit(7).result(10) == 7
    batcher.close()


def test_a_caller_who_gave_up_is_known_and_gets_nothing() -> None:
    answered: list[bool] = []
    go_on = threading.Event()

    def run(calls: list[Call[int, int]], arrived: Callable[[], list[Call[int, int]]]) -> None:
        go_on.wait(10)
        answered.extend(call.answered for call in calls)
        for call in calls:
            call.answer(1)

    batcher = Batcher(run, window=0.05)
    gives_up, stays = batcher.submit(0), batcher.submit(1)
    assert gives_up.cancel()
    go_on.set()
    assert stays.result(10) == 1
    assert answered == [True, False]
    with pytest.raises(CancelledError):
        gives_up.result(1)
    batcher.close()


def test_closing_finishes_what_was_handed_over_and_a_closed_batcher_starts_again() -> None:
    before = set(threading.enumerate())
    batcher = doubling([])
    reply = batcher.submit(5)
    batcher.close()
    assert reply.done()
    assert batcher.submit(6).result(10) == 12
    batcher.close()
    assert set(threading.enumerate()) <= before
