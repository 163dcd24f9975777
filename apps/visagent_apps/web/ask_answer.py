"""What a person does with an answer: changes a sub-question of it, and says whether it is right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.agent.edits import Change
from visagent.core.errors import InputError
from visagent.core.json_text import read_json
from visagent_apps.web.ask_view import AskView, Updates
from visagent_apps.web.render import problem_html, status_html
from visagent_apps.web.tab_state import TabState
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.agent.runs import Rating


class AnswerActions:
    """Handlers of the events on an answer and its tree.

    Args:
        view: The page whose components change.
    """

    def __init__(self, view: AskView) -> None:
        self._view = view

    def edit(self, tab: TabState, language: str, event: gr.EventData, request: gr.Request) -> Updates:
        """Open the editor on a sub-question of the last answer."""
        if tab.answer is None or event.id not in tab.answer.evidence:
            return {self._view.page.tab: tab}
        node = tab.answer.tree[event.id]
        tab.editing, tab.arguments = node.id, json.dumps(node.solver.arguments, indent=1, ensure_ascii=False)
        return {
            self._view.page.tab: tab,
            **self._view.editor_shown(tab, language, self._view.page.sessions.of(request)),
        }

    def close(self, tab: TabState) -> Updates:
        tab.editing = None
        return {self._view.editor: gr.update(visible=False), self._view.page.tab: tab}

    def rate_up(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        return self._rate(tab, language, request, "up")

    def rate_down(self, tab: TabState, language: str, request: gr.Request) -> Updates:
        return self._rate(tab, language, request, "down")

    def _rate(self, tab: TabState, language: str, request: gr.Request, rating: Rating) -> Updates:
        if tab.answer is None:
            return {self._view.status: problem_html("There is no answer to mark.", "Ask something first.")}
        self._view.page.sessions.of(request).agent.runs.rate(tab.answer.run_id, rating)
        return {
            self._view.status: status_html(texts(language)[f"rated_{rating}"]),
            self._view.up: gr.update(variant="primary" if rating == "up" else "secondary"),
            self._view.down: gr.update(variant="primary" if rating == "down" else "secondary"),
        }


def changed(tab: TabState, arguments: str) -> Change:
    """What a person has written in the editor.

    Raises:
        InputError: it is no JSON object, or no sub-question is being changed.
    """
    if tab.answer is None or tab.editing is None:
        raise InputError("There is no sub-question to change.", "Choose one in the tree.")
    old = tab.answer.tree[tab.editing].solver.arguments
    return Change(id=tab.editing, arguments={**dict.fromkeys(old), **parse_arguments(arguments)})


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
