"""Work that is done once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from visagent_tools.engines.memo import Memo


def test_a_known_result_is_not_computed_again() -> None:
    memo: Memo[str, int] = Memo(limit=2)
    assert memo.get("a", lambda: 1) == memo.get("a", lambda: 2) == 1


def test_the_result_not_asked_for_the_longest_goes_first() -> None:
    memo: Memo[str, int] = Memo(limit=2)
    memo.get("a", lambda: 1)
    memo.get("b", lambda: 1)
    memo.get("a", lambda: 1)
    memo.get("c", lambda: 1)
    assert (memo.get("a", lambda: 2), memo.get("b", lambda: 2)) == (1, 2)


def test_an_error_reaches_all_who_wait_and_the_next_call_tries_again() -> None:
    memo: Memo[str, int] = Memo(limit=2)
    running, go_on = threading.Event(), threading.Event()

    def fail() -> int:
        running.set()
        assert go_on.wait(10)
        raise ValueError("no")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(memo.get, "a", fail)
        assert running.wait(10)
        second = pool.submit(memo.get, "a", lambda: 1)
        while not (second.running() or second.done()):
            pass
        threading.Timer(0.05, go_on.set).start()
        for asked in (first, second):
            with pytest.raises(ValueError, match="no"):
                asked.result(10)
    assert memo.get("a", lambda: 3) == 3


def test_what_was_forgotten_is_computed_again() -> None:
    memo: Memo[str, int] = Memo(limit=2)
    memo.get("a", lambda: 1)
    memo.clear()
    assert memo.get("a", lambda: 2) == 2
