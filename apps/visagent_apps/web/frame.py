"""What the tabs of the page share. Knows none of them."""

from __future__ import annotations

import gradio as gr

from visagent_apps.web.sessions import Sessions
from visagent_apps.web.texts import Labels

# A click on what has data-event becomes that event of the component, with the element's data.
_EVENTS = """
// Gradio has a component listen to the events that stand in quotes:
// "drop", "point", "edit", "example", "open", "compare", "remove", "try"
element.addEventListener("click", (event) => {
  const from = event.target.closest("[data-event]");
  if (from) trigger(from.dataset.event, {...from.dataset});
});
// Which sub-questions are unfolded outlives a new version of the tree.
const open = new Set();
element.addEventListener("toggle", (event) => {
  const id = event.target.dataset.node;
  if (id && event.target.isConnected) open[event.target.open ? "add" : "delete"](id);
}, true);
watch("value", () => {
  if (!element.querySelector("details")) open.clear();
  for (const id of open) element.querySelector(`details[data-node="${id}"]`)?.setAttribute("open", "");
  window.visagentPlaced?.(element);
});
"""


class Frame:
    """The page as its tabs know it.

    Args:
        sessions: Sessions of its visitors.
        concurrency: Questions that are answered at once; the rest wait in line.
        allow_code: Whether a visitor's own tools may be run.
        allow_urls: Whether media may be given by address.
        own_machine: Whether whoever visits owns the machine, and so may choose among its profiles.
    """

    tab: gr.State
    """A `TabState`, one for each of a visitor's tabs."""
    language: gr.State
    """The page's, `en` or `zh`."""

    def __init__(
        self, sessions: Sessions, *, concurrency: int, allow_code: bool, allow_urls: bool, own_machine: bool
    ) -> None:
        self.sessions, self.concurrency = sessions, concurrency
        self.allow_code, self.allow_urls, self.own_machine = allow_code, allow_urls, own_machine
        self.labels = Labels()

    def html(self, value: str, elem_id: str) -> gr.HTML:
        """HTML whose buttons are events."""
        return gr.HTML(value, elem_id=elem_id, js_on_load=_EVENTS, apply_default_css=False)
