"""The page Ask: media, a question, the tree as it grows, the answer and what a person can do with it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.agent.edits import Change
from visagent.agent.events import Answered
from visagent.core.errors import InputError, VisagentError
from visagent.core.json_text import read_json
from visagent.evidence.values import Boxes, Crop, Tracks
from visagent_apps.try_tool import run_step
from visagent_apps.web.pictures import detector_side
from visagent_apps.web.render import (
    answer_html,
    examples_html,
    media_html,
    piece,
    problem_html,
    run_tree_html,
    status_html,
)
from visagent_apps.web.tab_state import Desk, Phase, RunView
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.agent.events import Event
    from visagent.agent.runs import Rating
    from visagent_apps.web.page import Page
    from visagent_apps.web.sessions import Session

Updates = dict[Any, Any]
_log = logging.getLogger(__name__)
EXAMPLES = (
    (("cat.png",), "How many cats are there?"),
    (("coffee.png",), "Is there a cup on the table, and what color is the cup?"),
    (("speech.wav",), "What does the speaker say?"),
)
"""Files in the folder of examples, and what to ask about them."""


def examples() -> list[tuple[list[Path], str]]:
    """The examples whose files are there: packaged with the app, or in the checkout it runs from."""
    here = Path(__file__).parent
    folders = [here / "examples", here.parents[2] / "examples"]
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    found = [([folder / name for name in names], question) for names, question in EXAMPLES]
    return [example for example in found if all(file.is_file() for file in example[0])]


class AskPage:
    """The components of the page, and what happens on them.

    Args:
        page: Lends sessions, labels and the states that pages share.
    """

    def __init__(self, page: Page) -> None:
        self._page, on = page, page.labels.on
        self._examples = examples()
        with gr.Row(elem_classes="va-desk"):
            with gr.Column(scale=6, min_width=320):
                self.files = on(
                    gr.File(file_count="multiple", height=150, elem_id="va-files", type="filepath"), label="files"
                )
                with on(gr.Accordion(open=False), label="record"):
                    self.sound = on(
                        gr.Audio(sources=["microphone"], type="filepath", elem_id="va-record"), label="record_hint"
                    )
                self.notice = gr.HTML(elem_id="va-notice", apply_default_css=False)
                self.gallery = page.html(examples_html(self._examples, "en"), "va-gallery")
                self.stages = page.html("", "va-media")
            with gr.Column(scale=7, min_width=320):
                self.question = on(
                    gr.Textbox(lines=1, max_lines=6, max_length=2000, elem_id="va-question-box"),
                    label="question",
                    placeholder="question_hint",
                )
                with gr.Row(elem_classes="va-actions"):
                    self.ask = on(gr.Button(variant="primary", elem_id="va-ask"), value="ask")
                    self.stop = on(gr.Button(variant="stop", visible=False, elem_id="va-stop"), value="stop")
                    self.go_on = on(gr.Button(visible=False, elem_id="va-go-on"), value="go_on")
                with on(gr.Accordion(open=False, elem_id="va-speak"), label="speak"):
                    self.voice = on(
                        gr.Audio(sources=["microphone"], type="filepath", elem_id="va-voice"), label="record_hint"
                    )
                with on(gr.Accordion(open=False, elem_id="va-options"), label="options"):
                    self.approve_first = on(gr.Checkbox(elem_id="va-approve-first"), label="approve_first")
                    self.mode = on(gr.Radio(value="auto", choices=self._modes("en"), elem_id="va-mode"), label="mode")
                self.status = gr.HTML(elem_id="va-status", apply_default_css=False)
                with gr.Row(visible=False, elem_classes="va-actions") as self.approval:
                    self.approve = on(gr.Button(variant="primary", elem_id="va-approve"), value="approve")
                    self.reject = on(gr.Button(elem_id="va-reject"), value="reject")
                with gr.Row(visible=False, elem_classes="va-actions") as self.asked_back:
                    self.reply = on(gr.Textbox(elem_id="va-reply"), label="answer")
                    self.send = on(gr.Button(variant="primary", elem_id="va-send"), value="go_on")
                self.answer = page.html("", "va-answer-box")
                with gr.Column(visible=False) as self.after:
                    with gr.Row(elem_classes="va-actions"):
                        self.up = on(gr.Button(size="sm", elem_id="va-up"), value="helpful")
                        self.down = on(gr.Button(size="sm", elem_id="va-down"), value="unhelpful")
                    self.follow_up = on(
                        gr.Textbox(lines=1, max_length=2000, elem_id="va-follow", submit_btn=True),
                        label="follow",
                        placeholder="follow_hint",
                        submit_btn="ask_on",
                    )
                with gr.Column(visible=False, elem_id="va-editor") as self.editor:
                    self.edited = gr.HTML(elem_id="va-edited", apply_default_css=False)
                    self.arguments = on(gr.Code(language="json", lines=3, elem_id="va-arguments"), label="edit_call")
                    with gr.Row(elem_classes="va-actions"):
                        self.rerun = on(gr.Button(variant="primary", elem_id="va-rerun"), value="rerun")
                        self.close = on(gr.Button(elem_id="va-close"), value="close")
                self.tree = page.html("", "va-tree-box")
        self._wire()

    # What the language changes beyond labels.

    @property
    def spoken(self) -> list[Any]:
        """Components that `say` fills."""
        return [self.gallery, self.mode]

    def say(self, language: str) -> list[Any]:
        """Their updates in a language."""
        return [examples_html(self._examples, language), gr.update(choices=self._modes(language))]

    def _modes(self, language: str) -> list[tuple[str, str]]:
        said = texts(language)
        return [(said[f"mode_{mode}"], mode) for mode in ("auto", "tree", "chain", "direct")]

    def retell(self, desk: Desk, language: str, request: gr.Request) -> Updates:
        """What is on the desk, in another language of the page."""
        session = self._page.sessions.of(request)
        view = RunView(desk.media)
        updates: Updates = {}
        if desk.answer is not None:
            view.apply(Answered(answer=desk.answer))
            updates[self.answer] = answer_html(desk.answer, language)
            updates[self.tree] = run_tree_html(
                desk.answer.tree, desk.answer.evidence, desk.answer.media, language, editable=True
            )
        return updates | {self.stages: self._media(view, session, language, removable=True)}

    # What happens.

    def _wire(self) -> None:
        desk, language = self._page.desk, self._page.language
        limit: dict[str, Any] = {"concurrency_limit": self._page.concurrency, "concurrency_id": "answers"}
        shown = [
            self.ask, self.stop, self.go_on, self.approval, self.asked_back, self.after, self.editor,
            self.status, self.answer, self.tree, self.stages, self.up, self.down, self.follow_up, desk,
        ]  # fmt: skip
        on_desk = [self.notice, self.files, self.sound, self.gallery, self.question, *shown]
        hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        lay: dict[str, Any] = {"trigger_mode": "once", **hidden}
        self.files.upload(
            self._add,
            [desk, language, self.files],
            on_desk,
            **lay | {"api_name": "add_media", "api_visibility": "public"},
        )
        self.sound.stop_recording(self._add, [desk, language, self.sound], on_desk, **lay)
        self.gallery.example(self._example, [desk, language], on_desk, **lay)
        self.stages.drop(self._drop, [desk, language], on_desk, **lay)
        heard = [self.question, self.voice, self.status]
        self.voice.stop_recording(self._listen, [language, self.voice], heard, api_visibility="private", **limit)

        runs = []

        def answers(triggers: list[Any], work: Any, inputs: list[Any], api_name: str | None = None) -> None:
            """A run in two steps: at once a sign that it is under way, with Stop; then, in its turn, the run."""
            begun = gr.on(triggers, self._begin, [desk, language], shown, queue=False, **hidden)
            runs.append(
                begun.then(
                    work, [desk, language, *inputs], shown, show_progress="minimal",
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
        self.stop.click(self._stop, [desk, language], shown, cancels=runs, **quick)

        editor = [self.editor, self.edited, self.arguments, desk]
        self.tree.edit(self._edit, [desk, language], editor, **quick)
        self.close.click(lambda: gr.update(visible=False), None, self.editor, **quick)
        self.up.click(self._rate_up, [desk, language], [self.status, self.up, self.down], **quick)
        self.down.click(self._rate_down, [desk, language], [self.status, self.up, self.down], **quick)

    async def _add(self, desk: Desk, language: str, files: Any, request: gr.Request) -> Updates:
        session = self._page.sessions.of(request)
        paths = [files] if isinstance(files, str) else [str(file) for file in files or ()]
        cleared: Updates = {self.files: None, self.sound: None}
        try:
            media = await asyncio.to_thread(session.take, paths)
            most = session.limits.media
            if len(desk.media) + len(media) > most:
                raise InputError(
                    f"{len(desk.media) + len(media)} media are more than the {most} that are allowed at once.",
                    "Remove some.",
                )
        except VisagentError as error:
            return {self.notice: problem_html(error.fact, error.remedy), **cleared}
        desk.put(media)
        return {**self._laid(desk, language, session), **cleared}

    async def _example(self, desk: Desk, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        from visagent.media.media import load_media

        session = self._page.sessions.of(request)
        files, question = self._examples[int(event.number)]
        media = [medium for file in files for medium in await asyncio.to_thread(load_media, file)]
        desk.media = {}
        desk.put(await asyncio.to_thread(session.keep, media))
        return {**self._laid(desk, language, session), self.question: question}

    def _drop(self, desk: Desk, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        desk.drop(str(event.name))
        return self._laid(desk, language, self._page.sessions.of(request))

    def _laid(self, desk: Desk, language: str, session: Session) -> Updates:
        """The desk with new media on it and no answer yet."""
        return {
            self._page.desk: desk,
            self.notice: "",
            self.gallery: gr.update(visible=not desk.media),
            self.stages: self._media(RunView(desk.media), session, language, removable=True),
            self.answer: "",
            self.tree: "",
            self.status: "",
            **self._controls("idle"),
        }

    async def _listen(self, language: str, sound: str | None, request: gr.Request) -> Updates:
        if sound is None:
            return {}
        session, said = self._page.sessions.of(request), texts(language)
        try:
            (medium,) = await asyncio.to_thread(session.take, [sound])
            found = await run_step(session.agent, {"tool": "transcribe", "audio": "audio1"}, {"audio1": medium})
        except VisagentError as error:
            return {self.status: problem_html(error.fact, error.remedy), self.voice: None}
        heard = str(getattr(found.value, "text", "")).strip()
        if found.failed or not heard:
            return {self.status: problem_html(said["nothing_heard"]), self.voice: None}
        return {self.question: heard, self.status: status_html(said["listened"]), self.voice: None}

    def _begin(self, desk: Desk, language: str) -> Updates:
        desk.begun = datetime.now(UTC)
        return {
            **self._controls("running"),
            self._page.desk: desk,
            self.status: status_html(texts(language)["planning"], busy=True),
            self.answer: "",
            self.tree: "",
        }

    async def _ask(
        self, desk: Desk, language: str, question: str, approve_first: bool, mode: Any, request: gr.Request
    ) -> AsyncIterator[Updates]:
        session = self._page.sessions.of(request)
        desk.run_id = None
        media = await asyncio.to_thread(session.load, desk.media)
        events = session.agent.stream(
            question,
            *media.values(),
            mode=mode,
            approval=approve_first,
            ask_back=True,
            language=session.language,
            budget=session.budget,
        )
        async for updates in self._follow(events, desk, session, language):
            yield updates

    async def _ask_on(
        self, desk: Desk, language: str, question: str, approve_first: bool, mode: Any, request: gr.Request
    ) -> AsyncIterator[Updates]:
        session = self._page.sessions.of(request)
        if desk.answer is None:
            yield self._wrong(InputError("There is no answer to go on from.", "Ask something first."))
            return
        events = session.agent.stream(
            question,
            follows=desk.answer.run_id,
            mode=mode,
            approval=approve_first,
            ask_back=True,
            language=session.language,
            budget=session.budget,
        )
        async for updates in self._follow(events, desk, session, language):
            yield updates

    async def _go_on(self, desk: Desk, language: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(desk, language, request):
            yield updates

    async def _approve(self, desk: Desk, language: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(desk, language, request, approve=True):
            yield updates

    async def _reject(self, desk: Desk, language: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(desk, language, request, approve=False):
            yield updates

    async def _reply(self, desk: Desk, language: str, reply: str, request: gr.Request) -> AsyncIterator[Updates]:
        async for updates in self._resume(desk, language, request, reply=reply):
            yield updates

    async def _resume(self, desk: Desk, language: str, request: gr.Request, **said: Any) -> AsyncIterator[Updates]:
        """Go on with the run that was stopped or waits for a person."""
        session = self._page.sessions.of(request)
        if desk.run_id is None:
            yield self._wrong(InputError("There is no run to go on with.", "Ask something first."))
            return
        events = session.agent.stream_resumed(desk.run_id, **said)
        async for updates in self._follow(events, desk, session, language):
            yield updates

    async def _rerun(self, desk: Desk, language: str, arguments: str, request: gr.Request) -> AsyncIterator[Updates]:
        session = self._page.sessions.of(request)
        try:
            if desk.answer is None or desk.editing is None:
                raise InputError("There is no sub-question to change.", "Choose one in the tree.")
            old = desk.answer.tree[desk.editing].solver.arguments
            given = parse_arguments(arguments)
            change = Change(id=desk.editing, arguments={**dict.fromkeys(old), **given})
        except InputError as error:
            yield self._wrong(error)
            return
        events = session.agent.stream_edited(desk.answer.run_id, [change])
        async for updates in self._follow(events, desk, session, language):
            yield updates

    async def _follow(
        self, events: AsyncIterator[Event], desk: Desk, session: Session, language: str
    ) -> AsyncIterator[Updates]:
        """Show a run while its events come in."""
        view = RunView(desk.media)
        try:
            with session.turn():
                async for event in session.follow(events):
                    view.apply(event)
                    yield self._shown(view, desk, session, language, event)
        except VisagentError as error:
            yield self._wrong(error)
        except Exception as error:
            # A fault of ours must not leave the page waiting for ever; its trace is for whoever runs the app.
            _log.exception("A run ended by a fault")
            yield self._wrong(VisagentError(f"The run ended by a fault: {type(error).__name__}.", "Ask again."))

    def _wrong(self, error: VisagentError) -> Updates:
        return {self.status: problem_html(error.fact, error.remedy), **self._controls("idle")}

    def _shown(self, view: RunView, desk: Desk, session: Session, language: str, event: Event) -> Updates:
        """The page after one more event."""
        said = texts(language)
        done = view.answer is not None
        updates: Updates = {}
        if view.tree is not None:
            updates[self.tree] = run_tree_html(
                view.tree, view.evidence, view.media, language, running=frozenset(view.running), editable=done
            )
        if view.answer is not None:
            # Its pictures are on disk: a tab that stays open must not keep them in memory.
            desk.answer, desk.run_id, desk.editing = view.answer.hold(()), None, None
            desk.media = dict(view.answer.media)
            phase: Phase = "answered"
            updates |= {
                self._page.desk: desk,
                self.answer: answer_html(view.answer, language),
                self.stages: self._media(view, session, language, removable=True),
                self.status: "",
                self.follow_up: "",
                self.up: gr.update(variant="secondary"),
                self.down: gr.update(variant="secondary"),
            }
        elif view.waiting is not None:
            desk.run_id, phase = view.waiting.run_id, "waiting"
            changing = said["changing"].format(ids=", ".join(view.waiting.changing)) if view.waiting.changing else ""
            updates |= {self._page.desk: desk, self.status: status_html(f"{said['waiting']} {changing}".strip())}
        elif view.asked is not None:
            desk.run_id, phase = view.asked.run_id, "asked"
            updates |= {self._page.desk: desk, self.status: status_html(view.asked.question)}
        else:
            phase = "running"
            if view.refused:
                text = said["refused"].format(problem=view.refused)
            elif view.tree is None:
                text = said["planning"]
            elif view.retrying:
                text = said["again"]
            else:
                text = said["solving"].format(done=len(view.evidence), all=len(view.tree))
            updates[self.status] = status_html(text, busy=True)
            placed = event.type == "found" and isinstance(event.evidence.value, Boxes | Crop | Tracks)
            # A player would start anew with each new page of it.
            if placed and all(info.kind == "image" for info in view.media.values()):
                updates[self.stages] = self._media(view, session, language)
        return updates | self._controls(phase)

    async def _stop(self, desk: Desk, language: str, request: gr.Request) -> Updates:
        """End the run; Gradio itself takes one out of its line that has not begun."""
        session = self._page.sessions.of(request)
        await session.stop()
        runs = session.agent.runs
        begun = desk.run_id
        for record in runs.list():
            # One that was asked for only now; a stopped one that went on is older, and known.
            if desk.begun is None or record.created < desk.begun:
                break
            if record.status == "running":
                begun = record.id
                break
        desk.run_id = begun
        phase: Phase = "stopped" if begun else "idle"
        return {
            self._page.desk: desk,
            self.status: status_html(texts(language)["stopped" if begun else "stopped_early"]),
            **self._controls(phase),
        }

    def _edit(self, desk: Desk, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        """Open the editor on a sub-question of the last answer."""
        if desk.answer is None:
            return {}
        session = self._page.sessions.of(request)
        node = desk.answer.tree[str(event.id)]
        desk.editing = node.id
        tool = session.agent.tools.get(node.solver.tool)
        signature = tool.spec.signature() if tool else ""
        return {
            self._page.desk: desk,
            self.editor: gr.update(visible=True),
            self.edited: piece("edited", language, node=node, signature=signature),
            self.arguments: json.dumps(node.solver.arguments, indent=1, ensure_ascii=False),
        }

    def _rate_up(self, desk: Desk, language: str, request: gr.Request) -> Updates:
        return self._rate(desk, language, request, "up")

    def _rate_down(self, desk: Desk, language: str, request: gr.Request) -> Updates:
        return self._rate(desk, language, request, "down")

    def _rate(self, desk: Desk, language: str, request: gr.Request, rating: Rating) -> Updates:
        if desk.answer is None:
            return {}
        self._page.sessions.of(request).agent.runs.rate(desk.answer.run_id, rating)
        return {
            self.status: status_html(texts(language)[f"rated_{rating}"]),
            self.up: gr.update(variant="primary" if rating == "up" else "secondary"),
            self.down: gr.update(variant="primary" if rating == "down" else "secondary"),
        }

    def _media(self, view: RunView, session: Session, language: str, *, removable: bool = False) -> str:
        claims = view.answer.claims if view.answer else ()
        cited = [id_ for claim in claims for id_ in claim.cites] or list(view.evidence)
        return media_html(
            view.media,
            language,
            tree=view.tree,
            evidence=view.evidence,
            cited=cited,
            detector=detector_side(session.agent.profile) is not None,
            removable=removable,
        )

    def _controls(self, phase: Phase) -> Updates:
        """Which controls there are in a phase of a run."""
        return {
            self.ask: gr.update(visible=phase != "running"),
            self.stop: gr.update(visible=phase == "running"),
            self.go_on: gr.update(visible=phase == "stopped"),
            self.approval: gr.update(visible=phase == "waiting"),
            self.asked_back: gr.update(visible=phase == "asked"),
            self.after: gr.update(visible=phase == "answered"),
            self.editor: gr.update(visible=False),
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
