"""The page Ask: media, a question, the tree as it grows, the answer and what a person can do with it. See `AskView`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.core.errors import InputError, VisagentError
from visagent_apps.web.ask_answer import AnswerActions, changed
from visagent_apps.web.ask_media import MediaInput
from visagent_apps.web.ask_view import AskView, Updates
from visagent_apps.web.render import problem_html, status_html
from visagent_apps.web.tab_state import RunView, TabState
from visagent_apps.web.texts import preferred, texts

if TYPE_CHECKING:
    from visagent.agent.events import Event
    from visagent.media.media import Media
    from visagent_apps.web.frame import Frame
    from visagent_apps.web.sessions import Session

_log = logging.getLogger(__name__)


class AskPage(AskView):
    """The page Ask: what happens on its components.

    Args:
        page: Lends sessions, labels and the states that pages share.
    """

    def __init__(self, page: Frame) -> None:
        super().__init__(page)
        self._wire()

    def _wire(self) -> None:
        tab, language = self.page.tab, self.page.language
        media, acts = MediaInput(self), AnswerActions(self)
        limit: dict[str, Any] = {"concurrency_limit": self.page.concurrency, "concurrency_id": "answers"}
        editor = [self.editor, self.edited, self.arguments, self.unusable]
        shown = [
            self.ask, self.stop, self.go_on, self.anew, self.approval, self.asked_back, self.after, *editor,
            self.status, self.answer, self.tree, self.earlier, self.stages, self.gallery, self.up, self.down,
            self.follow_up, tab,
        ]  # fmt: skip
        on_tab = [self.notice, self.files, self.sound, self.address, self.question, *shown]
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        lay: dict[str, Any] = {"trigger_mode": "once", **hidden}
        added = self.files.upload(
            media.add,
            [tab, language, self.files],
            on_tab,
            **lay | {"api_name": "add_media", "api_visibility": "public"},
        )
        added.failure(lambda: None, None, self.files, queue=False, **hidden)
        if self.page.allow_urls:
            self.address.submit(media.fetch, [tab, language, self.address], on_tab, **lay)
        self.sound.stop_recording(media.add, [tab, language, self.sound], on_tab, **lay)
        self.gallery.example(media.example, [tab, language], on_tab, **lay)
        self.stages.drop(media.drop, [tab, language], on_tab, **lay)
        self.stages.point(media.point, [tab, language], on_tab, **lay)
        heard = [self.question, self.voice, self.status]
        self.voice.stop_recording(media.listen, [language, self.voice], heard, api_visibility="private", **limit)

        runs = []

        def answers(
            triggers: list[Any], work: Any, inputs: list[Any], api_name: str | None = None, begin: Any = self._begin
        ) -> None:
            """A run in two steps: at once a sign that it is under way, with Stop; then, in its turn, the run."""
            first = inputs if begin != self._begin else []
            begun = gr.on(triggers, begin, [tab, language, *first], shown, queue=False, **hidden)
            runs.append(
                begun.then(
                    work, [tab, language, *inputs], shown, show_progress="minimal",
                    show_progress_on=[self.status], api_name=api_name,
                    api_visibility="public" if api_name else "private", **limit,
                )
            )  # fmt: skip

        options = [self.approve_first, self.mode]
        answers([self.ask.click, self.question.submit], self._ask, [self.question, *options], "ask")
        answers([self.follow_up.submit], self._ask_on, [self.follow_up, *options], "ask_on")
        answers([self.go_on.click], self._go_on, [])
        answers([self.approve.click], self._approve, [])
        answers([self.reject.click], self._reject, [])
        answers([self.send.click, self.reply.submit], self._reply, [self.reply])
        answers([self.rerun.click], self._rerun, [self.arguments], "rerun", self._begin_again)
        quick: dict[str, Any] = {"queue": False, **hidden}
        self.stop.click(self._stop, [tab, language], shown, cancels=runs, **quick)

        self.tree.edit(acts.edit, [tab, language], [*editor, tab], **quick)
        self.close.click(acts.close, tab, [self.editor, tab], **quick)
        self.anew.click(self._anew, [tab, language], on_tab, **quick)
        self.restored = [*on_tab, self.mode, self.knows]
        self.up.click(acts.rate_up, [tab, language], [self.status, self.up, self.down], **quick)
        self.down.click(acts.rate_down, [tab, language], [self.status, self.up, self.down], **quick)

    def _begin(self, tab: TabState, language: str) -> Updates:
        tab.begun, tab.editing = datetime.now(UTC), None
        return self.begun(tab, language)

    def _begin_again(self, tab: TabState, language: str, arguments: str) -> Updates:
        """Begin with changed arguments, unless they are unusable: then only that is said."""
        try:
            changed(tab, arguments)
        except InputError as error:
            return {self.unusable: problem_html(error.fact, error.remedy)}
        tab.begun, tab.arguments = datetime.now(UTC), arguments
        return self.begun(tab, language)

    async def restore(self, key: str, request: gr.Request) -> Updates:
        """What the browser's tab held before the page was loaded again.

        Args:
            key: Key of the tab, as the page's script keeps it; empty for a browser that keeps none.
            request: Request of the visitor.
        """
        session = self.page.sessions.of(request)
        language = session.page_language or preferred(request)
        tab = session.tab(key) if key else TabState()
        if tab.phase == "running":
            await self._interrupt(tab, session, language)
            session.keep_tab(tab)
        shown = {**self.offer(language, session), **self.at_rest(tab, language, session)}
        shown |= self.editor_shown(tab, language, session) if tab.phase == "answered" else {}
        return {**shown, self.question: tab.question}

    def _anew(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        """Clear the page; the runs stay on the page Runs."""
        tab.clear()
        session = self.page.sessions.of(request)
        session.keep_tab(tab)
        shown = self.at_rest(tab, language, session)
        return {**shown, self.notice: "", self.question: ""}

    async def _ask(
        self, tab: TabState, language: str, question: str, approve_first: bool, mode: Any, request: gr.Request
    ) -> AsyncIterator[Updates]:
        session = self.page.sessions.of(request)
        tab.run_id, tab.question = None, question
        media = await asyncio.to_thread(session.load, tab.media)
        events = self._stream(session, question, *media.values(), regions=tab.boxes, mode=mode, approval=approve_first)
        async for updates in self._follow(events, tab, session, language):
            yield updates

    async def _ask_on(
        self, tab: TabState, language: str, question: str, approve_first: bool, mode: Any, request: gr.Request
    ) -> AsyncIterator[Updates]:
        session = self.page.sessions.of(request)
        if tab.answer is None:
            error = InputError("There is no answer to go on from.", "Ask something first.")
            yield self.wrong(error, tab, language, session)
            return
        follows = tab.answer.run_id
        events = self._stream(session, question, follows=follows, regions=tab.boxes, mode=mode, approval=approve_first)
        async for updates in self._follow(events, tab, session, language):
            yield updates

    @staticmethod
    def _stream(session: Session, question: str, *media: Media, **options: Any) -> AsyncIterator[Event]:
        """The events of a run in a visitor's language and within the session's budget."""
        return session.agent.stream(
            question, *media, ask_back=True, language=session.language, budget=session.budget, **options
        )

    async def _go_on(self, tab: TabState, language: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(tab, language, request):
            yield updates

    async def _approve(self, tab: TabState, language: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(tab, language, request, approve=True):
            yield updates

    async def _reject(self, tab: TabState, language: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(tab, language, request, approve=False):
            yield updates

    async def _reply(self, tab: TabState, language: str, reply: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(tab, language, request, reply=reply):
            yield updates

    async def _resume(self, tab: TabState, language: str, request: gr.Request, **said: Any) -> AsyncIterator[Updates]:
        """Go on with the run that was stopped or waits for a person."""
        session = self.page.sessions.of(request)
        if tab.run_id is None:
            error = InputError("There is no run to go on with.", "Ask something first.")
            yield self.wrong(error, tab, language, session)
            return
        events = session.agent.stream_resumed(tab.run_id, **said)
        async for updates in self._follow(events, tab, session, language):
            yield updates

    async def _rerun(self, tab: TabState, language: str, arguments: str, request: gr.Request) -> AsyncIterator[Updates]:
        session = self.page.sessions.of(request)
        try:
            change = changed(tab, arguments)
        except InputError as error:
            yield {self.unusable: problem_html(error.fact, error.remedy)}
            return
        assert tab.answer is not None
        events = session.agent.stream_edited(tab.answer.run_id, [change])
        async for updates in self._follow(events, tab, session, language):
            yield updates

    async def _follow(
        self, events: AsyncIterator[Event], tab: TabState, session: Session, language: str
    ) -> AsyncIterator[Updates]:
        """Show a run while its events come in."""
        view = RunView(tab.shown)
        try:
            with session.turn():
                tab.phase = "running"
                session.keep_tab(tab)
                # Its first event comes when it has a plan; until then Gradio would show a clock in place of our words.
                yield self.begun(tab, language)
                async for event in session.follow(events):
                    view.apply(event)
                    yield self.shown_after(view, tab, session, language, event)
        except VisagentError as error:
            yield self.wrong(error, tab, language, session)
        except Exception as error:
            # A fault of ours must not leave the page waiting for ever; its trace is for the operator of the app.
            _log.exception("A run ended by a fault")
            fault = VisagentError(f"The run ended by a fault: {type(error).__name__}.", "Ask again.")
            yield self.wrong(fault, tab, language, session)
        finally:
            session.keep_tab(tab)

    async def _stop(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        """End the run; Gradio itself takes one out of its line that has not begun."""
        session = self.page.sessions.of(request)
        await self._interrupt(tab, session, language)
        session.keep_tab(tab)
        if tab.phase == "stopped":
            return {self.page.tab: tab, self.status: status_html(tab.note), **self.controls(tab)}
        shown = self.at_rest(tab, language, session)
        return (
            shown if tab.phase == "answered" else {**shown, self.status: status_html(texts(language)["stopped_early"])}
        )

    async def _interrupt(self, tab: TabState, session: Session, language: str) -> None:
        """End the tab's run, so that it can go on later if it had begun, or take in what it came to."""
        await session.stop()
        begun = tab.run_id
        for record in session.agent.runs.list():
            # One that was asked for only now; a stopped one that went on is older, and known.
            if tab.begun is None or record.created < tab.begun:
                break
            if record.status == "running":
                begun = record.id
                break
            if record.answer is not None and tab.phase == "running":
                # It was over before it could be ended, and nobody was there to see it.
                tab.answered(record.answer)
                return
        if begun is None:
            tab.settle()
        else:
            tab.run_id, tab.phase, tab.note = begun, "stopped", texts(language)["stopped"]
