"""What the page Ask shows: its components, and how they look in each phase of a run. Starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.agent.events import Answered
from visagent.core.errors import VisagentError
from visagent.evidence.values import Boxes, Crop, Tracks
from visagent_apps.web.knows import knows_html
from visagent_apps.web.pictures import detector_side
from visagent_apps.web.render import (
    add_html,
    answer_html,
    earlier_html,
    edited_html,
    examples_html,
    media_html,
    problem_html,
    run_tree_html,
    status_html,
    waiting_html,
)
from visagent_apps.web.tab_state import Phase, RunView, TabState
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.agent.agent import Agent
    from visagent.agent.events import Event
    from visagent_apps.web.frame import Frame
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

    def __init__(self, page: Frame) -> None:
        self.page, on = page, page.labels.on
        self.examples = examples()
        longest = page.sessions.agent.profile.budget.question_characters
        with gr.Row(elem_classes="va-desk"):
            with gr.Column(scale=6, min_width=320):
                self.add = page.html(add_html(page.sessions.limits, "en"), "va-add")
                # What the drop zone above was given goes through it; it has no look of its own.
                self.files = on(
                    gr.File(file_count="multiple", visible="hidden", elem_id="va-files", type="filepath"), label="files"
                )
                with gr.Row(visible=page.allow_urls, elem_classes="va-actions"):
                    self.address = on(
                        gr.Textbox(max_lines=1, max_length=2000, elem_id="va-address", submit_btn=True),
                        label="address",
                        placeholder="address_hint",
                        submit_btn="fetch",
                    )
                with on(gr.Accordion(open=False), label="record"):
                    self.sound = on(
                        gr.Audio(sources=["microphone"], type="filepath", elem_id="va-record"), label="record_hint"
                    )
                self.notice = gr.HTML(elem_id="va-notice", apply_default_css=False)
                self.knows = gr.HTML(elem_id="va-knows", apply_default_css=False)
                self.gallery = page.html(examples_html(self.examples, "en"), "va-gallery")
                self.stages = page.html("", "va-media")
            with gr.Column(scale=7, min_width=320):
                self.question = on(
                    gr.Textbox(lines=1, max_lines=6, max_length=longest, elem_id="va-question-box"),
                    label="question",
                    placeholder="question_hint",
                )
                with gr.Row(elem_classes="va-actions"):
                    self.ask = on(gr.Button(variant="primary", elem_id="va-ask"), value="ask")
                    self.stop = on(gr.Button(variant="stop", visible=False, elem_id="va-stop"), value="stop")
                    self.go_on = on(gr.Button(visible=False, elem_id="va-go-on"), value="go_on")
                    self.anew = on(gr.Button(visible=False, elem_id="va-anew", scale=0, min_width=180), value="anew")
                with on(gr.Accordion(open=False, elem_id="va-speak"), label="speak"):
                    self.voice = on(
                        gr.Audio(sources=["microphone"], type="filepath", elem_id="va-voice"), label="record_hint"
                    )
                with on(gr.Accordion(open=False, elem_id="va-options"), label="options"):
                    self.approve_first = on(gr.Checkbox(elem_id="va-approve-first"), label="approve_first")
                    modes = _modes(page.sessions.agent, "en")
                    self.mode = on(gr.Radio(value=modes[0][1], choices=modes, elem_id="va-mode"), label="mode")
                self.status = page.html("", "va-status")
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
                        gr.Textbox(lines=1, max_length=longest, elem_id="va-follow", submit_btn=True),
                        label="follow",
                        placeholder="follow_hint",
                        submit_btn="ask_on",
                    )
                with gr.Column(visible=False, elem_id="va-editor") as self.editor:
                    self.edited = gr.HTML(elem_id="va-edited", apply_default_css=False)
                    self.arguments = on(gr.Code(language="json", lines=3, elem_id="va-arguments"), label="edit_call")
                    self.unusable = gr.HTML(elem_id="va-unusable", apply_default_css=False)
                    with gr.Row(elem_classes="va-actions"):
                        self.rerun = on(gr.Button(variant="primary", elem_id="va-rerun"), value="rerun")
                        self.close = on(gr.Button(elem_id="va-close"), value="close")
                self.tree = page.html("", "va-tree-box")
                self.earlier = page.html("", "va-earlier")

    # What the language changes beyond labels.

    @property
    def spoken(self) -> list[Any]:
        """Components that `say` fills."""
        return [self.gallery, self.add]

    def say(self, language: str) -> list[Any]:
        """Their updates in a language."""
        return [examples_html(self.examples, language), add_html(self.page.sessions.limits, language)]

    @property
    def retold(self) -> list[Any]:
        """Components that `retell` changes."""
        return [self.answer, self.tree, self.stages, self.earlier, self.mode, self.knows]

    def retell(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        """What the tab shows, in another language of the page."""
        session = self.page.sessions.of(request)
        everything = {**self.at_rest(tab, language, session), **self.offer(language, session)}
        everything[self.mode] = gr.update(choices=_modes(session.agent, language))
        # A run that is going on tells itself with its next step.
        hidden = (self.answer, self.tree) if tab.phase == "running" else ()
        return {part: update for part, update in everything.items() if part in self.retold and part not in hidden}

    def reoffer(self, language: str, request: gr.Request) -> Updates:
        """What another profile can do."""
        return self.offer(language, self.page.sessions.of(request))

    def offer(self, language: str, session: Session) -> Updates:
        """What the visitor's profile can do."""
        modes = _modes(session.agent, language)
        return {
            self.mode: gr.update(choices=modes, value=modes[0][1]),
            self.knows: knows_html(session.agent.profile, session.agent.tools, language),
        }

    # What a run changes.

    def at_rest(self, tab: TabState, language: str, session: Session) -> Updates:
        """The tab while no run of it is going on: its last answer, or the run that waits, and all that was before."""
        view = RunView(tab.shown)
        pending = tab.phase in ("running", "stopped", "waiting", "asked")
        answer = None if pending else tab.answer
        tree = run_tree_html(tab.plan, {}, tab.media, language) if pending and tab.plan else ""
        if answer is not None:
            view.apply(Answered(answer=answer))
            view.media = tab.shown
            tree = run_tree_html(answer.tree, answer.evidence, answer.media, language, editable=True)
        before = [tab.answer, *tab.earlier] if pending and tab.answer else tab.earlier
        return {
            self.page.tab: tab,
            self.gallery: gr.update(visible=not tab.is_used),
            self.stages: self.media_shown(view, session, language, removable=True),
            self.answer: answer_html(answer, language) if answer else "",
            self.tree: tree,
            self.earlier: earlier_html(before, language),
            self.status: status_html(tab.note) if pending and tab.note else "",
            **self.controls(tab),
        }

    def editor_shown(self, tab: TabState, language: str, session: Session) -> Updates:
        """The editor on the sub-question that is being changed, as it was left."""
        if tab.answer is None or tab.editing is None:
            return {self.editor: gr.update(visible=False), self.unusable: ""}
        node = tab.answer.tree[tab.editing]
        tool = session.agent.tools.get(node.solver.tool)
        return {
            self.editor: gr.update(visible=True),
            self.edited: edited_html(node, tool.spec.signature() if tool else "", language),
            self.arguments: tab.arguments,
            self.unusable: "",
        }

    def begun(self, tab: TabState, language: str) -> Updates:
        """The page as soon as something was asked: the last answer goes to the earlier ones, and nothing is lost."""
        before = [tab.answer, *tab.earlier] if tab.answer else tab.earlier
        return {
            self.page.tab: tab,
            self.status: status_html(texts(language)["planning"], busy=True),
            self.answer: "",
            self.tree: waiting_html(),
            self.earlier: earlier_html(before, language),
            **self.controls(tab, "running"),
        }

    def wrong(self, error: VisagentError, tab: TabState, language: str, session: Session) -> Updates:
        """What went wrong, above all that was there before."""
        tab.settle()
        said = problem_html(error.fact, error.remedy)
        shown = {**self.at_rest(tab, language, session), **self.editor_shown(tab, language, session)}
        return {**shown, self.unusable: said} if tab.editing else {**shown, self.status: said}

    def shown_after(self, view: RunView, tab: TabState, session: Session, language: str, event: Event) -> Updates:
        """The page after one more event."""
        said = texts(language)
        done = view.answer is not None
        tab.plan = view.tree
        updates: Updates = {}
        if event.type == "progressed":
            text = said[f"progress_{event.unit}"].format(**event.model_dump())
            return {self.status: status_html(text, busy=True, part=event.done / event.of)}
        if view.tree is not None:
            updates[self.tree] = run_tree_html(
                view.tree, view.evidence, view.media, language, running=frozenset(view.running), editable=done
            )
        if view.answer is not None:
            tab.answered(view.answer)
            updates |= self.at_rest(tab, language, session)
            updates |= {
                self.follow_up: "",
                self.up: gr.update(variant="secondary"),
                self.down: gr.update(variant="secondary"),
            }
        elif view.waiting is not None:
            changing = said["changing"].format(ids=", ".join(view.waiting.changing)) if view.waiting.changing else ""
            tab.run_id, tab.phase, tab.note = view.waiting.run_id, "waiting", f"{said['waiting']} {changing}".strip()
            updates |= {self.page.tab: tab, self.status: status_html(tab.note)}
        elif view.asked is not None:
            tab.run_id, tab.phase, tab.note = view.asked.run_id, "asked", view.asked.question
            updates |= {self.page.tab: tab, self.status: status_html(tab.note)}
        else:
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
            # A player would start again with each new page of it.
            if placed and all(info.kind == "image" for info in view.media.values()):
                updates[self.stages] = self.media_shown(view, session, language)
        return updates | self.controls(tab)

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

    def controls(self, tab: TabState, phase: Phase | None = None) -> Updates:
        """Which controls there are.

        Args:
            tab: The tab whose page it is.
            phase: Phase of a run that has just been asked for; None for the tab's.
        """
        phase = phase or tab.phase
        return {
            self.ask: gr.update(visible=phase != "running"),
            self.anew: gr.update(visible=phase != "running" and tab.is_used),
            self.stop: gr.update(visible=phase == "running"),
            self.go_on: gr.update(visible=phase == "stopped"),
            self.approval: gr.update(visible=phase == "waiting"),
            self.asked_back: gr.update(visible=phase == "asked"),
            self.after: gr.update(visible=phase == "answered"),
            self.editor: gr.update(visible=False),
        }


def _modes(agent: Agent, language: str) -> list[tuple[str, str]]:
    """The modes that a page offers, each with its words: those that the agent does not refuse."""
    said = texts(language)
    try:
        modes = agent.modes
    except VisagentError:
        # Asking a question reports what is wrong with its model.
        modes = ("tree", "chain")
    return [(said[f"mode_{mode}"], mode) for mode in modes]
