"""The page as a whole: header, tabs and the states that they share."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr

from visagent_apps.web.ask import AskPage
from visagent_apps.web.frame import Frame
from visagent_apps.web.runs_page import RunsPage
from visagent_apps.web.sessions import Sessions
from visagent_apps.web.settings_page import SettingsPage
from visagent_apps.web.tab_state import TabState
from visagent_apps.web.texts import LANGUAGES, preferred, texts
from visagent_apps.web.tools_page import ToolsPage


class Page(Frame):
    """Builds the page; its arguments are those of `Frame`."""

    def __init__(
        self, sessions: Sessions, *, concurrency: int, allow_code: bool, allow_urls: bool, own_machine: bool
    ) -> None:
        super().__init__(
            sessions, concurrency=concurrency, allow_code=allow_code, allow_urls=allow_urls, own_machine=own_machine
        )
        on = self.labels.on
        with gr.Blocks(title="visagent", fill_width=True) as self.blocks:
            self.tab = gr.State(TabState())
            self.language = gr.State("en")
            # By which a browser's tab is known again when it loads the page anew; its script fills it in.
            key = gr.Textbox(visible="hidden", max_length=64, elem_id="va-tab-key")
            with gr.Row(elem_classes="va-header", equal_height=True):
                self.lead = gr.HTML(apply_default_css=False)
                chosen = on(
                    gr.Radio(list(LANGUAGES.items()), value="en", elem_id="va-language", scale=0, min_width=210),
                    label="language",
                )
            with gr.Tabs(elem_id="va-tabs"):
                with on(gr.Tab(id="ask"), label="tab_ask"):
                    ask = AskPage(self)
                with on(gr.Tab(id="runs"), label="tab_runs") as runs_tab:
                    runs = RunsPage(self)
                with on(gr.Tab(id="tools"), label="tab_tools") as tools_tab:
                    tools = ToolsPage(self)
                with on(gr.Tab(id="settings"), label="tab_settings") as settings_tab:
                    settings = SettingsPage(self)
            pages: list[Any] = [ask, runs, tools, settings]
            spoken = [self.language, self.lead, *self.labels.components]
            spoken += [component for page in pages for component in page.spoken]

            def speak(language: str) -> list[Any]:
                said = [update for page in pages for update in page.say(language)]
                return [language, _header(language), *self.labels.updates(language), *said]

            def choose(language: str, request: gr.Request) -> list[Any]:
                sessions.of(request).page_language = language
                return speak(language)

            def greet(request: gr.Request) -> list[Any]:
                language = sessions.of(request).page_language or preferred(request)
                return [language, *speak(language)]

            quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
            greeted = self.blocks.load(greet, None, [chosen, *spoken], **quick)
            # A state's value stays on the server: the page has the language from its own choice of it.
            tell: dict[str, Any] = {"js": "(language) => { window.visagentSpeak(language); }", **quick}
            greeted.then(None, chosen, None, **tell)
            greeted.then(ask.restore, key, ask.restored, js="() => [window.visagentTab()]", **quick)
            said = chosen.input(choose, chosen, spoken, **quick)
            # A recorder that is open already keeps its words until the page is loaded again.
            said.then(None, chosen, None, **tell)
            said.then(ask.retell, [self.tab, self.language], ask.retold, **quick)
            settings.applied.then(ask.reoffer, self.language, [ask.mode, ask.knows], **quick)
            runs_tab.select(runs.refresh, runs.inputs, runs.listed, **quick)
            tools_tab.select(tools.refresh, tools.inputs, tools.listed, **quick)
            settings_tab.select(settings.refresh, settings.inputs, settings.listed, **quick)


def look() -> dict[str, Any]:
    """How the page looks, as Gradio wants it on mounting: fonts of the visitor's system, nothing from elsewhere."""
    here = files("visagent_apps").joinpath("web")
    scripts = "".join(
        here.joinpath(name).read_text("utf-8") for name in ("page.js", "page_media.js", "page_regions.js")
    )
    style = files("visagent.reporting").joinpath("templates/run.css").read_text("utf-8")
    sans = ("system-ui", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif")
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=[gr.themes.Font(name) for name in sans],
        font_mono=[gr.themes.Font(name) for name in ("ui-monospace", "monospace")],
    ).set(
        # Gradio's own blue and grey are too light for the letters on and in them.
        button_primary_background_fill="#1f5fbf",
        button_primary_background_fill_hover="#184d9c",
        button_primary_background_fill_dark="#2563c4",
        button_primary_background_fill_hover_dark="#1f5fbf",
        button_primary_text_color="#ffffff",
        block_label_text_color="#475569",
        block_title_text_color="#475569",
        block_label_text_color_dark="#cbd5e1",
        block_title_text_color_dark="#cbd5e1",
        body_text_color_subdued="#556070",
        body_text_color_subdued_dark="#a9b4c3",
        input_placeholder_color="#5b6675",
        input_placeholder_color_dark="#a9b4c3",
    )
    return {
        "theme": theme,
        "css": style + here.joinpath("page.css").read_text("utf-8"),
        "head": f'<meta name="viewport" content="width=device-width, initial-scale=1"><script>{scripts}</script>',
    }


def _header(language: str) -> str:
    return f'<h1 class="va-brand">visagent</h1><p class="va-lead">{texts(language)["lead"]}</p>'
