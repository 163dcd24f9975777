"""The page Tools: the experts, one tried by hand, a new one written, the demonstrations that planners see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr
from pydantic import JsonValue

from visagent.core.errors import VisagentError
from visagent.evidence.tree import QuestionTree, SubQuestion, ToolCall
from visagent_apps.try_tool import run_step
from visagent_apps.web.ask_answer import parse_arguments
from visagent_apps.web.code_check import Problem, load, read, template
from visagent_apps.web.render import media_html, piece, problem_html, run_tree_html, status_html
from visagent_apps.web.tab_state import TabState
from visagent_apps.web.texts import texts

if TYPE_CHECKING:
    from visagent.tools.toolkit import MediaKind, Parameter
    from visagent_apps.web.frame import Frame
    from visagent_apps.web.sessions import Session

_EXAMPLES: dict[str, JsonValue] = {"string": "dog", "number": 1, "integer": 1, "boolean": True}


class ToolsPage:
    """The components of the page, and what happens on them.

    Args:
        page: Lends sessions, labels and the states that pages share.
    """

    def __init__(self, page: Frame) -> None:
        self._page, on = page, page.labels.on
        self.list = page.html("", "va-tools-list")
        with gr.Column(elem_id="va-try"):
            self.media = gr.HTML(elem_id="va-try-media", apply_default_css=False)
            names = list(page.sessions.agent.tools)
            self.tool = on(gr.Dropdown(names, value=names[0], elem_id="va-try-tool"), label="tools_tool")
            self.arguments = on(gr.Code(language="json", lines=3, elem_id="va-try-arguments"), label="tools_arguments")
            self.run = on(gr.Button(variant="primary", elem_id="va-try-run"), value="tools_run")
        self.found = page.html("", "va-try-found")
        self.found_media = page.html("", "va-try-stage")
        with on(gr.Accordion(open=False), label="tools_new"):
            self.code = on(gr.Code(template(), language="python", lines=18, elem_id="va-code"), label="tools_code")
            with gr.Row(elem_classes="va-actions"):
                self.check = on(gr.Button(elem_id="va-check"), value="tools_check")
                self.load = on(gr.Button(visible=page.allow_code, elem_id="va-load"), value="tools_load")
            self.checked = gr.HTML(elem_id="va-checked", apply_default_css=False)
        with on(gr.Accordion(open=False), label="demonstrations"):
            self.demonstrations = gr.HTML(elem_id="va-demonstrations", apply_default_css=False)

        self.inputs = [page.tab, page.language, self.tool, self.arguments]
        self.listed = [self.list, self.media, self.tool, self.arguments, self.demonstrations]
        quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        self.list.__getattr__("try")(self._choose, None, self.tool, **quick)
        self.tool.change(self._template, [page.tab, self.tool], self.arguments, **quick)
        self.run.click(
            self._try, [page.tab, page.language, self.tool, self.arguments], [self.found, self.found_media],
            api_name="try_tool", concurrency_limit=page.concurrency, concurrency_id="answers",
        )  # fmt: skip
        self.check.click(self._check, [page.language, self.code], self.checked, **quick)
        if page.allow_code:
            self.load.click(self._load, [page.language, self.code], [self.checked, self.tool], **quick)
        self.spoken: list[Any] = []

    def say(self, language: str) -> list[Any]:
        """Nothing beyond labels: the lists are made again when the page is opened."""
        return []

    def refresh(self, tab: TabState, language: str, name: str, arguments: str, request: gr.Request) -> list[Any]:
        """The list of tools, and the media that they may be tried on."""
        session, said = self._page.sessions.of(request), texts(language)
        specs = [tool.spec for tool in session.agent.tools.values()]
        names = ", ".join(f"{name} ({info.name})" for name, info in tab.media.items()) or said["none"]
        return [
            piece("tools", language, tools=specs),
            status_html(said["tools_media"].format(names=names)),
            gr.update(choices=[spec.name for spec in specs]),
            arguments or self._template(tab, name, request),
            self._shown_demonstrations(session, language),
        ]

    def _choose(self, event: gr.EventData) -> str:
        return str(event.name)

    def _template(self, tab: TabState, name: str, request: gr.Request) -> str:
        """Arguments to begin with."""
        spec = self._page.sessions.of(request).agent.tools[name].spec
        media = {info.kind: medium for medium, info in reversed(list(tab.media.items()))}
        begun = {parameter.name: _begin(parameter, media) for parameter in spec.parameters if parameter.required}
        return json.dumps(begun, indent=1)

    async def _try(self, tab: TabState, language: str, name: str, arguments: str, request: gr.Request) -> list[str]:
        session = self._page.sessions.of(request)
        try:
            given = parse_arguments(arguments or "{}")
            media = await asyncio.to_thread(session.load, tab.media)
            with session.turn():
                found = await run_step(session.agent, {"tool": name, **given}, media)
        except VisagentError as error:
            return [problem_html(error.fact, error.remedy), ""]
        call = ToolCall(tool=name, arguments=found.arguments)
        tree = QuestionTree(question=name, nodes=(SubQuestion(id=found.id, question=str(call), solver=call),))
        evidence = {found.id: found}
        return [
            run_tree_html(tree, evidence, tab.media, language, anchor="try-"),
            media_html(tab.media, language, tree=tree, evidence=evidence, cited=[found.id]),
        ]

    def _check(self, language: str, code: str) -> str:
        return _verdict(code, read(code), [], language, texts(language)["tools_not_run"])

    def _load(self, language: str, code: str, request: gr.Request) -> list[Any]:
        """Run a visitor's code: there is such a button only on their own machine."""
        session = self._page.sessions.of(request)
        tools, problems = load(code)
        try:
            for tool in tools:
                session.agent.tools.add(tool)
        except VisagentError as error:
            problems = [Problem(1, error.fact, error.remedy)]
        names = ", ".join(tool.spec.name for tool in tools)
        note = texts(language)["tools_loaded"].format(names=names)
        shown = _verdict(code, problems, [tool.spec.signature() for tool in tools], language, note)
        return [shown, gr.update(choices=list(session.agent.tools))]

    def _shown_demonstrations(self, session: Session, language: str) -> str:
        from visagent.planning.demonstrations import DemonstrationStore

        every = DemonstrationStore(session.home / "demonstrations").all(language)
        return piece("demonstrations", language, demonstrations=every)


def _verdict(code: str, problems: list[Problem], specs: list[str], language: str, note: str) -> str:
    return piece(
        "code",
        language,
        problems=problems,
        lines=code.splitlines(),
        wrong={problem.line for problem in problems},
        specs=specs,
        note=note,
    )


def _begin(parameter: Parameter, media: Mapping[MediaKind, str]) -> JsonValue:
    """A value for an argument: a medium that fits, the first choice, or one of its type."""
    for kind in parameter.media:
        if kind in media:
            return media[kind]
    if parameter.choices:
        return parameter.choices[0]
    if parameter.literal is not None:
        return _EXAMPLES.get(str(parameter.literal.get("type")))
    return "image1" if parameter.media else None
