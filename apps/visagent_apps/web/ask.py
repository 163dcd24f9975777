"""The page Ask: media, a question, the tree as it grows, the answer and what a person can do with it. See `AskView`."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.agent.edits import Change
from visagent.core.errors import InputError, VisagentError
from visagent.core.json_text import read_json
from visagent_apps.web.ask_media import MediaInput
from visagent_apps.web.ask_view import AskView, Updates
from visagent_apps.web.render import piece, problem_html, status_html
from visagent_apps.web.tab_state import Phase, RunView, TabState
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.agent.events import Event
    from visagent.agent.runs import Rating
    from visagent_apps.web.page import Page
    from visagent_apps.web.sessions import Session

_log = logging.getLogger(__name__)


class AskPage(AskView):
    """The page Ask: what happens on its components.

    Args:
        page: Lends sessions, labels and the states that pages share.
    """

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._wire()

    def _wire(self) -> None:
        tab, language, media = self.page.tab, self.page.language, MediaInput(self)
        limit: dict[str, Any] = {"concurrency_limit": self.page.concurrency, "concurrency_id": "answers"}
        shown = [
            self.ask, self.stop, self.go_on, self.approval, self.asked_back, self.after, self.editor,
            self.status, self.answer, self.tree, self.stages, self.up, self.down, self.follow_up, tab,
        ]  # fmt: skip
        on_tab = [self.notice, self.files, self.sound, self.gallery, self.question, *shown]
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        lay: dict[str, Any] = {"trigger_mode": "once", **hidden}
        self.files.upload(
            media.add,
            [tab, language, self.files],
            on_tab,
            **lay | {"api_name": "add_media", "api_visibility": "public"},
        )
        self.sound.stop_recording(media.add, [tab, language, self.sound], on_tab, **lay)
        self.gallery.example(media.example, [tab, language], on_tab, **lay)
        self.stages.drop(media.drop, [tab, language], on_tab, **lay)
        heard = [self.question, self.voice, self.status]
        self.voice.stop_recording(media.listen, [language, self.voice], heard, api_visibility="private", **limit)

        runs = []

        def answers(triggers: list[Any], work: Any, inputs: list[Any], api_name: str | None = None) -> None:
            """A run in two steps: at once a sign that it is under way, with Stop; then, in its turn, the run."""
            begun = gr.on(triggers, self._begin, [tab, language], shown, queue=False, **hidden)
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
        answers([self.rerun.click], self._rerun, [self.arguments], "rerun")
        quick: dict[str, Any] = {"queue": False, **hidden}
        self.stop.click(self._stop, [tab, language], shown, cancels=runs, **quick)

        editor = [self.editor, self.edited, self.arguments, tab]
        self.tree.edit(self._edit, [tab, language], editor, **quick)
        self.close.click(lambda: gr.update(visible=False), None, self.editor, **quick)
        self.up.click(self._rate_up, [tab, language], [self.status, self.up, self.down], **quick)
        self.down.click(self._rate_down, [tab, language], [self.status, self.up, self.down], **quick)

    def _begin(self, tab: TabState, language: str) -> Updates:
        tab.begun = datetime.now(UTC)
        return {
            **self.controls("running"),
            self.page.tab: tab,
            self.status: status_html(texts(language)["planning"], busy=True),
            self.answer: "",
            self.tree: "",
        }

    async def _ask(
        self, tab: TabState, language: str, question: str, approve_first: bool, mode: Any, request: gr.Request
    ) -> AsyncIterator[Updates]:
        session = self.page.sessions.of(request)
        tab.run_id = None
        media = await asyncio.to_thread(session.load, tab.media)
        events = session.agent.stream(
            question,
            *media.values(),
            mode=mode,
            approval=approve_first,
            ask_back=True,
            language=session.language,
            budget=session.budget,
        )
        async for updates in self._follow(events, tab, session, language):
            yield updates

    async def _ask_on(
        self, tab: TabState, language: str, question: str, approve_first: bool, mode: Any, request: gr.Request
    ) -> AsyncIterator[Updates]:
        session = self.page.sessions.of(request)
        if tab.answer is None:
            yield self.wrong(InputError("There is no answer to go on from.", "Ask something first."))
            return
        events = session.agent.stream(
            question,
            follows=tab.answer.run_id,
            mode=mode,
            approval=approve_first,
            ask_back=True,
            language=session.language,
            budget=session.budget,
        )
        async for updates in self._follow(events, tab, session, language):
            yield updates

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
            yield self.wrong(InputError("There is no run to go on with.", "Ask something first."))
            return
        events = session.agent.stream_resumed(tab.run_id, **said)
        async for updates in self._follow(events, tab, session, language):
            yield updates

    async def _rerun(self, tab: TabState, language: str, arguments: str, request: gr.Request) -> AsyncIterator[Updates]:
        session = self.page.sessions.of(request)
        try:
            if tab.answer is None or tab.editing is None:
                raise InputError("There is no sub-question to change.", "Choose one in the tree.")
            old = tab.answer.tree[tab.editing].solver.arguments
            given = parse_arguments(arguments)
            change = Change(id=tab.editing, arguments={**dict.fromkeys(old), **given})
        except InputError as error:
            yield self.wrong(error)
            return
        events = session.agent.stream_edited(tab.answer.run_id, [change])
        async for updates in self._follow(events, tab, session, language):
            yield updates

    async def _follow(
        self, events: AsyncIterator[Event], tab: TabState, session: Session, language: str
    ) -> AsyncIterator[Updates]:
        """Show a run while its events come in."""
        view = RunView(tab.media)
        try:
            with session.turn():
                async for event in session.follow(events):
                    view.apply(event)
                    yield self.shown_after(view, tab, session, language, event)
        except VisagentError as error:
            yield self.wrong(error)
        except Exception as error:
            # A fault of ours must not leave the page waiting for ever; its trace is for whoever runs the app.
            _log.exception("A run ended by a fault")
            yield self.wrong(VisagentError(f"The run ended by a fault: {type(error).__name__}.", "Ask again."))

    async def _stop(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        """End the run; Gradio itself takes one out of its line that has not begun."""
        session = self.page.sessions.of(request)
        await session.stop()
        runs = session.agent.runs
        begun = tab.run_id
        for record in runs.list():
            # One that was asked for only now; a stopped one that went on is older, and known.
            if tab.begun is None or record.created < tab.begun:
                break
            if record.status == "running":
                begun = record.id
                break
        tab.run_id = begun
        phase: Phase = "stopped" if begun else "idle"
        return {
            self.page.tab: tab,
            self.status: status_html(texts(language)["stopped" if begun else "stopped_early"]),
            **self.controls(phase),
        }

    def _edit(self, tab: TabState, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        """Open the editor on a sub-question of the last answer."""
        if tab.answer is None or event.id not in tab.answer.evidence:
            return {self.page.tab: tab}
        session = self.page.sessions.of(request)
        node = tab.answer.tree[event.id]
        tab.editing = node.id
        tool = session.agent.tools.get(node.solver.tool)
        signature = tool.spec.signature() if tool else ""
        return {
            self.page.tab: tab,
            self.editor: gr.update(visible=True),
            self.edited: piece("edited", language, node=node, signature=signature),
            self.arguments: json.dumps(node.solver.arguments, indent=1, ensure_ascii=False),
        }

    def _rate_up(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        return self._rate(tab, language, request, "up")

    def _rate_down(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        return self._rate(tab, language, request, "down")

    def _rate(self, tab: TabState, language: str, request: gr.Request, rating: Rating) -> Updates:
        if tab.answer is None:
            return {self.status: problem_html("There is no answer to mark.", "Ask something first.")}
        self.page.sessions.of(request).agent.runs.rate(tab.answer.run_id, rating)
        return {
            self.status: status_html(texts(language)[f"rated_{rating}"]),
            self.up: gr.update(variant="primary" if rating == "up" else "secondary"),
            self.down: gr.update(variant="primary" if rating == "down" else "secondary"),
        }


def parse_arguments(text: str) -> dict[str, Any]:
    """Arguments as a person writes them.

    Raises:
        InputError: it is no JSON object.
    """
    try:
        given = read_json(text)
    except ValueError as error:
        raise InputError(f"The arguments are not JSON: {error}.", 'Write, for example, {"label": "dog"}.') from error
    if not isinstance(given, dict):
        raise InputError("The arguments are not a JSON object.", 'Write, for example, {"label": "dog"}.')
    return given
