"""What happens when a person adds media, takes one off, or speaks the question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.core.errors import InputError, VisagentError
from visagent.media.regions import SEPARATOR, MediaRegion
from visagent_apps.regions import parse_regions
from visagent_apps.try_tool import run_step
from visagent_apps.web.ask_view import AskView, Updates
from visagent_apps.web.render import problem_html, status_html
from visagent_apps.web.tab_state import TabState
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.media.media import Media
    from visagent_apps.web.sessions import Session


class MediaInput:
    """Handlers of the events by which media come and go.

    Args:
        view: The page whose components change.
    """

    def __init__(self, view: AskView) -> None:
        self._view = view

    async def add(self, tab: TabState, language: str, files: Any, request: gr.Request) -> Updates:
        session = self._view.page.sessions.of(request)
        paths = [files] if isinstance(files, str) else [str(file) for file in files or ()]
        cleared: Updates = {self._view.files: None, self._view.sound: None}
        try:
            media, problems = await asyncio.to_thread(session.take, paths)
        except VisagentError as error:
            return {self._view.notice: problem_html(error.fact, error.remedy), **cleared}
        return {**self._laid(tab, language, session, media, problems), **cleared}

    async def fetch(self, tab: TabState, language: str, address: str, request: gr.Request) -> Updates:
        """Take in what a public address leads to."""
        session = self._view.page.sessions.of(request)
        try:
            media = await asyncio.to_thread(session.fetch, address.strip())
        except VisagentError as error:
            return {self._view.notice: problem_html(error.fact, error.remedy)}
        return {**self._laid(tab, language, session, media, []), self._view.address: ""}

    def _laid(
        self, tab: TabState, language: str, session: Session, media: Sequence[Media], problems: Sequence[VisagentError]
    ) -> Updates:
        """The page with more media, as many as may be there at once, and a line for each that is not."""
        lines = [problem_html(error.fact, error.remedy) for error in problems]
        before = len(tab.media)
        left = tab.put_within(media, session.limits.media)
        if left:
            names = ", ".join(dict.fromkeys(medium.info.name for medium in left))
            lines.append(problem_html(texts(language)["too_many"].format(most=session.limits.media, names=names)))
        if len(tab.media) == before:
            return {self._view.notice: "".join(lines)}
        session.keep_tab(tab)
        return {**self._view.at_rest(tab, language, session), self._view.notice: "".join(lines)}

    async def example(self, tab: TabState, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        from visagent.media.media import load_media

        session = self._view.page.sessions.of(request)
        known = {str(at): example for at, example in enumerate(self._view.examples)}
        if event.number not in known:
            return {self._view.page.tab: tab}
        files, question = known[event.number]
        media = [medium for file in files for medium in await asyncio.to_thread(load_media, file)]
        tab.media, tab.regions = {}, []
        tab.put(await asyncio.to_thread(session.keep, media))
        session.keep_tab(tab)
        shown = self._view.at_rest(tab, language, session)
        return {**shown, self._view.notice: "", self._view.question: question}

    def drop(self, tab: TabState, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        session = self._view.page.sessions.of(request)
        tab.drop(event.name)
        session.keep_tab(tab)
        shown = self._view.at_rest(tab, language, session)
        return {**shown, self._view.notice: ""}

    async def point(self, tab: TabState, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        """Take in a region that was drawn over a picture."""
        session = self._view.page.sessions.of(request)
        try:
            ((name, box),) = parse_regions([event.region]).items()
            picture, _, own = name.partition(SEPARATOR)
            if picture not in tab.media:
                raise InputError(f"There is no picture {picture[:60]!r}.", "Draw in one that is on the page.")
            medium = await asyncio.to_thread(session.medium, tab.media[picture].hash)
            tab.point(MediaRegion(medium, own, box).info)
            session.keep_tab(tab)
        except VisagentError as error:
            return {self._view.notice: problem_html(error.fact, error.remedy)}
        return {**self._view.at_rest(tab, language, session), self._view.notice: ""}

    async def listen(self, language: str, sound: str | None, request: gr.Request) -> Updates:
        session, said = self._view.page.sessions.of(request), texts(language)
        if sound is None:
            return {self._view.status: problem_html(said["nothing_heard"])}
        try:
            heard_in, problems = await asyncio.to_thread(session.take, [sound])
            if problems:
                raise problems[0]
            found = await run_step(session.agent, {"tool": "transcribe", "audio": "audio1"}, {"audio1": heard_in[0]})
        except VisagentError as error:
            return {self._view.status: problem_html(error.fact, error.remedy), self._view.voice: None}
        heard = str(getattr(found.value, "text", "")).strip()
        if found.failed or not heard:
            return {self._view.status: problem_html(said["nothing_heard"]), self._view.voice: None}
        return {self._view.question: heard, self._view.status: status_html(said["listened"]), self._view.voice: None}
