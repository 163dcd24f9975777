"""The page Runs: history with search, one run looked at again, two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.agent.retention import forget_runs
from visagent.core.errors import RunNotFound, VisagentError
from visagent_apps.web.render import answer_html, facts_html, media_html, run_tree_html, runs_html
from visagent_apps.web.server import answer_of
from visagent_apps.web.tab_state import TabState
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.evidence.answer import Answer
    from visagent_apps.web.frame import Frame
    from visagent_apps.web.sessions import Session

MOST = 200
"""Runs that are listed; older ones are found by searching."""


class RunsPage:
    """The components of the page, and what happens on them.

    Args:
        page: Lends sessions, labels and the states that pages share.
    """

    def __init__(self, page: Frame) -> None:
        self._page, on = page, page.labels.on
        self.search = on(gr.Textbox(elem_id="va-runs-search", max_lines=1), label="runs_search")
        self.list = page.html("", "va-runs")
        self.facts = gr.HTML(elem_id="va-facts", apply_default_css=False)
        with gr.Row(elem_classes="va-desk"):
            self.panes = [page.html("", f"va-run-{side}") for side in ("a", "b")]
        self.inputs = [page.tab, page.language, self.search]
        self.listed = [self.list, self.facts, *self.panes]
        quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        self.search.change(self.refresh, self.inputs, self.listed, **quick)
        shown = [page.tab, *self.listed]
        self.list.open(self._open, self.inputs, shown, **quick)
        self.list.compare(self._compare, self.inputs, shown, **quick)
        self.list.remove(self._remove, self.inputs, shown, **quick)
        self.spoken: list[Any] = []

    def say(self, language: str) -> list[Any]:
        """Nothing beyond labels: the list is made again when the page is opened."""
        return []

    def refresh(self, tab: TabState, language: str, search: str, request: gr.Request) -> list[Any]:
        """The list, and the runs that lie side by side."""
        session = self._page.sessions.of(request)
        said = texts(language)
        note = said["runs_shared"] if self._page.sessions.shared else said["runs_own"].format(
            hours=f"{self._page.sessions.limits.hours:g}"
        )  # fmt: skip
        records = list(islice(session.agent.runs.search(search), MOST))
        empty = said["runs_no_match" if search.strip() else "runs_none"]
        answers = self._answers(tab, session)
        panes = [self._pane(answer, side, language) for answer, side in zip(answers, "ab", strict=False)]
        return [
            runs_html(records, language, note=note, empty=empty),
            facts_html(answers, language) if len(answers) == 2 else "",
            *panes,
            *[""] * (2 - len(panes)),
        ]

    def _open(self, tab: TabState, language: str, search: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        tab.compared = [str(event.id)]
        return [tab, *self.refresh(tab, language, search, request)]

    def _compare(
        self, tab: TabState, language: str, search: str, event: gr.EventData, request: gr.Request
    ) -> list[Any]:
        """Lay one more run beside the one that was opened last."""
        tab.compared = [*[id_ for id_ in tab.compared if id_ != event.id][-1:], str(event.id)]
        return [tab, *self.refresh(tab, language, search, request)]

    def _remove(self, tab: TabState, language: str, search: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        # It may be gone already, by another tab of the same browser.
        with suppress(RunNotFound):
            forget_runs(self._page.sessions.of(request).agent.home, [str(event.id)])
        tab.compared = [id_ for id_ in tab.compared if id_ != event.id]
        return [tab, *self.refresh(tab, language, search, request)]

    def _answers(self, tab: TabState, session: Session) -> Sequence[Answer]:
        found = []
        for id_ in tab.compared:
            try:
                found.append(answer_of(session, id_))
            except VisagentError as error:
                gr.Warning(str(error))
        return found

    def _pane(self, answer: Answer, side: str, language: str) -> str:
        anchor = f"{side}-"
        cited = [id_ for claim in answer.claims for id_ in claim.cites]
        media = media_html(answer.media, language, tree=answer.tree, evidence=answer.evidence, cited=cited)
        tree = run_tree_html(answer.tree, answer.evidence, answer.media, language, anchor=anchor)
        return f'<div class="va-pane">{answer_html(answer, language, anchor=anchor)}{media}{tree}</div>'
