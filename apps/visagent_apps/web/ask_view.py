"""What the page Ask shows: its components, and how they look in each phase of a run. Starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.agent.events import Answered
from visagent.core.errors import VisagentError
from visagent.evidence.values import Boxes, Crop, Tracks
from visagent_apps.web.pictures import detector_side
from visagent_apps.web.render import (
    answer_html,
    examples_html,
    media_html,
    problem_html,
    run_tree_html,
    status_html,
)
from visagent_apps.web.tab_state import Phase, RunView, TabState
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.agent.events import Event
    from visagent_apps.web.page import Page
    from visagent_apps.web.sessions import Session

Updates = dict[Any, Any]
"""New values of components, by component."""
EXAMPLES = (
    (("cat.webp",), "How many cats are there?"),
    (("coffee.webp",), "Is there a cup on the table, and what color is the cup?"),
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


class AskView:
    """The components of the page Ask, and what they show.

    Args:
        page: Lends sessions, labels and the states that pages share.
    """

    def __init__(self, page: Page) -> None:
        self.page, on = page, page.labels.on
        self.examples = examples()
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
                self.gallery = page.html(examples_html(self.examples, "en"), "va-gallery")
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

    # What the language changes beyond labels.

    @property
    def spoken(self) -> list[Any]:
        """Components that `say` fills."""
        return [self.gallery, self.mode]

    def say(self, language: str) -> list[Any]:
        """Their updates in a language."""
        return [examples_html(self.examples, language), gr.update(choices=self._modes(language))]

    def _modes(self, language: str) -> list[tuple[str, str]]:
        said = texts(language)
        return [(said[f"mode_{mode}"], mode) for mode in ("auto", "tree", "chain", "direct")]

    def retell(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        """What the tab shows, in another language of the page."""
        session = self.page.sessions.of(request)
        view = RunView(tab.media)
        updates: Updates = {}
        if tab.answer is not None:
            view.apply(Answered(answer=tab.answer))
            updates[self.answer] = answer_html(tab.answer, language)
            updates[self.tree] = run_tree_html(
                tab.answer.tree, tab.answer.evidence, tab.answer.media, language, editable=True
            )
        return updates | {self.stages: self.media_shown(view, session, language, removable=True)}

    # What a run changes.

    def laid(self, tab: TabState, language: str, session: Session) -> Updates:
        """The tab with new media and no answer yet."""
        return {
            self.page.tab: tab,
            self.notice: "",
            self.gallery: gr.update(visible=not tab.media),
            self.stages: self.media_shown(RunView(tab.media), session, language, removable=True),
            self.answer: "",
            self.tree: "",
            self.status: "",
            **self.controls("idle"),
        }

    def wrong(self, error: VisagentError) -> Updates:
        return {self.status: problem_html(error.fact, error.remedy), **self.controls("idle")}

    def shown_after(self, view: RunView, tab: TabState, session: Session, language: str, event: Event) -> Updates:
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
            tab.answer, tab.run_id, tab.editing = view.answer.hold(()), None, None
            tab.media = dict(view.answer.media)
            phase: Phase = "answered"
            updates |= {
                self.page.tab: tab,
                self.answer: answer_html(view.answer, language),
                self.stages: self.media_shown(view, session, language, removable=True),
                self.status: "",
                self.follow_up: "",
                self.up: gr.update(variant="secondary"),
                self.down: gr.update(variant="secondary"),
            }
        elif view.waiting is not None:
            tab.run_id, phase = view.waiting.run_id, "waiting"
            changing = said["changing"].format(ids=", ".join(view.waiting.changing)) if view.waiting.changing else ""
            updates |= {self.page.tab: tab, self.status: status_html(f"{said['waiting']} {changing}".strip())}
        elif view.asked is not None:
            tab.run_id, phase = view.asked.run_id, "asked"
            updates |= {self.page.tab: tab, self.status: status_html(view.asked.question)}
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
                updates[self.stages] = self.media_shown(view, session, language)
        return updates | self.controls(phase)

    def media_shown(self, view: RunView, session: Session, language: str, *, removable: bool = False) -> str:
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

    def controls(self, phase: Phase) -> Updates:
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
