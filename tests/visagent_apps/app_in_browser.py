"""What tests of the app in a real browser share: the app in a process of its own, and visits to its page."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from local_servers import free_port
from playwright.sync_api import expect, sync_playwright

EXAMPLES = Path(__file__).parents[2] / "examples"
VISAGENT = str(Path(sys.executable).with_name("visagent"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WAIT = 90_000
"""Milliseconds for an answer; on a quiet machine it takes two to seven seconds."""
Visit = Callable[..., Any]


@contextmanager
def running_app(home: Path, *options: str) -> Iterator[str]:
    """The app in a process of its own; gives its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    log = home / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [VISAGENT, "app", "--port", str(port), *options],
            env={**os.environ, "VISAGENT_HOME": str(home)},
            cwd=home,
            stdout=out,
            stderr=out,
        )
        try:
            for _ in range(300):
                assert process.poll() is None, log.read_text()
                try:
                    httpx.get(url, timeout=5)
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            else:
                raise AssertionError(f"the app did not start: {log.read_text()}")
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            assert "Traceback" not in log.read_text(), log.read_text()


def make_home(folder: Path) -> Path:
    """A home with the weights that other tests have fetched, and nothing else of them."""
    from visagent.core.config_files import home as known

    for kept in ("models", "prefixes"):
        if (known() / kept).is_dir():
            (folder / kept).symlink_to(known() / kept)
    return folder


@contextmanager
def running_browser() -> Iterator[Any]:
    """Chromium with a camera that shows a test card, and a microphone that hears the example."""
    heard = EXAMPLES / "speech.wav"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={heard}%noloop",
            ],
        )
        yield browser
        browser.close()


@contextmanager
def visits(browser: Any, url: str) -> Iterator[Visit]:
    """Opens the page as a new visitor; no visit may load anything from elsewhere or raise an error on the page."""
    contexts, elsewhere, errors = [], [], []

    def open_(**options: Any) -> Any:
        context = browser.new_context(
            **{"viewport": {"width": 1360, "height": 1000}, "locale": "en-US", "permissions": ["microphone"], **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on(
            "request",
            lambda request: (
                elsewhere.append(request.url) if not request.url.startswith((url, "data:", "blob:")) else None
            ),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        greeted(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert elsewhere == [] and errors == [], (elsewhere, errors)


def greeted(page: Any) -> None:
    """The greeting, in the visitor's language, is the last thing that happens before a page can be used."""
    page.wait_for_selector(".va-brand")
    page.wait_for_selector(".va-knows")
    page.wait_for_timeout(100)


def upload(page: Any, *files: Path) -> None:
    page.set_input_files("#va-files input[type=file]", [str(file) for file in files])


def take_example(page: Any, number: int = 0) -> None:
    """Take an example, and wait until it is there with its question, which would else be written into what is typed."""
    page.click(f".va-card >> nth={number}")
    expect(page.locator("#va-question-box textarea")).to_have_value(re.compile("."))
    expect(page.locator("#va-media .va-stage")).to_have_count(1)


def ask(page: Any, question: str) -> str:
    """Ask, and wait for the answer's text."""
    page.fill("#va-question-box textarea", question)
    page.click("#va-ask")
    return answered(page, question)


def answered(page: Any, question: str) -> str:
    expect(page.locator("#va-answer-box .va-asked")).to_have_text(question, timeout=WAIT)
    return str(page.inner_text("#va-answer-box .va-text"))
