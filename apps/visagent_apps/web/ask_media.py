"""What happens when a person adds media, takes one off, or speaks the question."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from visagent.core.errors import InputError, VisagentError
from visagent_apps.try_tool import run_step
from visagent_apps.web.ask_view import AskView, Updates
from visagent_apps.web.render import problem_html, status_html
from visagent_apps.web.tab_state import TabState
from visagent_apps.web.texts import texts


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
            media = await asyncio.to_thread(session.take, paths)
            most = session.limits.media
            if len(tab.media) + len(media) > most:
                raise InputError(
                    f"{len(tab.media) + len(media)} media are more than the {most} that are allowed at once.",
                    "Remove some.",
                )
        except VisagentError as error:
            return {self._view.notice: problem_html(error.fact, error.remedy), **cleared}
        tab.put(media)
        return {**self._view.laid(tab, language, session), **cleared}

    async def example(self, tab: TabState, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        from visagent.media.media import load_media

        session = self._view.page.sessions.of(request)
        known = {str(at): example for at, example in enumerate(self._view.examples)}
        if event.number not in known:
            return {self._view.page.tab: tab}
        files, question = known[event.number]
        media = [medium for file in files for medium in await asyncio.to_thread(load_media, file)]
        tab.media = {}
        tab.put(await asyncio.to_thread(session.keep, media))
        return {**self._view.laid(tab, language, session), self._view.question: question}

    def drop(self, tab: TabState, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        if event.name in tab.media:
            tab.drop(event.name)
        return self._view.laid(tab, language, self._view.page.sessions.of(request))

    async def listen(self, language: str, sound: str | None, request: gr.Request) -> Updates:
        session, said = self._view.page.sessions.of(request), texts(language)
        if sound is None:
            return {self._view.status: problem_html(said["nothing_heard"])}
        try:
            (medium,) = await asyncio.to_thread(session.take, [sound])
            found = await run_step(session.agent, {"tool": "transcribe", "audio": "audio1"}, {"audio1": medium})
        except VisagentError as error:
            return {self._view.status: problem_html(error.fact, error.remedy), self._view.voice: None}
        heard = str(getattr(found.value, "text", "")).strip()
        if found.failed or not heard:
            return {self._view.status: problem_html(said["nothing_heard"]), self._view.voice: None}
        return {self._view.question: heard, self._view.status: status_html(said["listened"]), self._view.voice: None}
