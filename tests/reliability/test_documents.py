"""A document that asks for too much costs its own request, within limits, and no other."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from bombs import endless_fills, nested_forms
from PIL import Image
from spent import processor_seconds

from visagent.core.errors import MediaError
from visagent.media import worker_process, workers
from visagent.media.media import load_media

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits on memory are enforced by Linux alone"),
]


@pytest.fixture(autouse=True)
def _fresh_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # What is measured is processor time: however busy the machine is, the clock must not end a job before that.
    monkeypatch.setattr(workers, "PATIENCE", 1000.0)
    workers.stop_workers()
    yield
    workers.stop_workers()


def good_pdf() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (72, 36), "red").save(file, "PDF")
    return file.getvalue()


def test_a_page_of_a_billion_forms_is_refused_before_it_takes_the_machine() -> None:
    before = processor_seconds()
    with pytest.raises(MediaError, match="cannot be rendered"):
        load_media(nested_forms(9))
    assert processor_seconds() - before < workers.SECONDS + 5 <= 30
    assert worker_process.MEMORY <= 512 * 2**20


def test_a_document_that_draws_for_minutes_is_ended_when_its_time_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SECONDS", 2.0)
    before = processor_seconds()
    with pytest.raises(MediaError, match="takes too long"):
        load_media(endless_fills())
    assert 2 <= processor_seconds() - before < 8


def test_a_good_document_is_rendered_while_a_bad_one_is_being_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SECONDS", 4.0)
    problems: list[Exception] = []

    def bad() -> None:
        try:
            load_media(endless_fills())
        except MediaError as error:
            problems.append(error)

    threads = [threading.Thread(target=bad) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    (medium,) = load_media(good_pdf())
    assert medium.size == (150, 75)
    assert not problems
    for thread in threads:
        thread.join()
    assert len(problems) == 2


def test_the_process_of_a_good_document_serves_the_next_one() -> None:
    load_media(good_pdf())
    (before,) = workers.idle_workers()
    load_media(good_pdf())
    assert workers.idle_workers() == [before]


def test_a_worker_that_was_killed_is_replaced() -> None:
    load_media(good_pdf())
    (pid,) = workers.idle_workers()
    os.kill(pid, signal.SIGKILL)
    # Until it has ended, and stays to be waited for by whoever started it.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert load_media(good_pdf())[0].size == (150, 75)
