"""The page Settings: profile, models for the roles, budget, language of answers, and what is installed."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import gradio as gr

from visagent.core.config import RULES, RoleName, profile_names
from visagent.core.errors import VisagentError
from visagent.core.settings import load_profile
from visagent.core.terminal import terminal
from visagent_apps.doctor import report
from visagent_apps.web.render import piece, problem_html, status_html
from visagent_apps.web.texts import LANGUAGES, texts

if TYPE_CHECKING:
    from visagent_apps.web.frame import Frame

ROLES: tuple[RoleName, ...] = ("controller", "decider", "refiner", "verifier")
MOST_SECONDS = 900


class SettingsPage:
    """The components of the page, and what happens on them.

    Args:
        page: Lends sessions, labels and the states that pages share.
    """

    def __init__(self, page: Frame) -> None:
        self._page, on = page, page.labels.on
        profile = page.sessions.agent.profile
        own = page.own_machine
        with gr.Row():
            names = sorted({*profile_names(), profile.name})
            self.profile = on(
                gr.Dropdown(names, value=profile.name, interactive=own, elem_id="va-profile"), label="settings_profile"
            )
            self.seconds = on(
                gr.Slider(5, MOST_SECONDS, value=profile.budget.seconds, step=5, elem_id="va-seconds"),
                label="settings_budget",
            )
            self.answers = on(
                gr.Dropdown(_languages("en"), value="auto", elem_id="va-answers"), label="settings_answer_language"
            )
        with gr.Row():
            self.roles = [
                on(
                    gr.Dropdown(
                        [*profile.models, RULES], value=profile.roles.get(role, RULES), interactive=own,
                        elem_id=f"va-role-{role}",
                    ),
                    label=f"settings_{role}",
                )
                for role in ROLES
            ]  # fmt: skip
        self.apply = on(gr.Button(variant="primary", elem_id="va-apply"), value="settings_apply")
        self.status = gr.HTML(elem_id="va-settings-status", apply_default_css=False)
        self.limits = gr.HTML(elem_id="va-limits", apply_default_css=False)
        with on(gr.Accordion(open=False, elem_id="va-doctor"), label="settings_doctor") as doctor:
            self.doctor = gr.HTML(elem_id="va-doctor-report", apply_default_css=False)
            again = on(gr.Button(size="sm"), value="settings_doctor_run")

        quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
        chosen = [page.language, self.profile, self.seconds, self.answers, *self.roles]
        if own:
            self.profile.input(self._models, self.profile, self.roles, **quick)
        self.applied = self.apply.click(self._apply, chosen, self.status, **quick)
        for trigger in (doctor.expand, again.click):
            trigger(self._look, [page.language, self.profile], self.doctor, **quick)
        self.inputs = [page.language]
        self.listed = [self.limits, self.profile, self.seconds, self.answers, *self.roles]
        self.spoken = [self.answers]

    def say(self, language: str) -> list[Any]:
        """The page's choices in a language."""
        return [gr.update(choices=_languages(language))]

    def refresh(self, language: str, request: gr.Request) -> list[Any]:
        """What holds for this visitor."""
        session, said = self._page.sessions.of(request), texts(language)
        profile, limits = session.agent.profile, session.limits
        text = said["settings_limits"].format(
            media=limits.media, megabytes=limits.media_bytes >> 20, hours=f"{limits.hours:g}"
        )
        fixed = "" if self._page.own_machine else f" {said['settings_profile_fixed']}"
        choices = [*profile.models, RULES]
        return [
            status_html(text + fixed),
            profile.name,
            session.budget.seconds,
            session.language or "auto",
            *(gr.update(choices=choices, value=profile.roles.get(role, RULES)) for role in ROLES),
        ]

    def _models(self, name: str) -> list[Any]:
        """What may play the roles in a profile."""
        profile = load_profile(name)
        choices = [*profile.models, RULES]
        return [gr.update(choices=choices, value=profile.roles.get(role, RULES)) for role in ROLES]

    def _apply(
        self,
        language: str,
        name: str,
        seconds: float,
        answers: str,
        controller: str,
        decider: str,
        refiner: str,
        verifier: str,
        request: gr.Request,
    ) -> str:
        session = self._page.sessions.of(request)
        session.seconds = min(max(1.0, float(seconds)), float(MOST_SECONDS))
        session.language = answers if answers in LANGUAGES.values() else None
        try:
            if self._page.own_machine:
                profile = load_profile(name)
                roles = dict(zip(ROLES, (controller, decider, refiner, verifier), strict=True))
                profile = profile.model_copy(update={"roles": {**profile.roles, **roles}})
                for role in ROLES:
                    profile.model_for(role)
                if profile != session.agent.profile:
                    session.use(self._page.sessions.agent_for(profile))
        except VisagentError as error:
            return problem_html(error.fact, error.remedy)
        return status_html(texts(language)["settings_applied"])

    async def _look(self, language: str, name: str) -> str:
        """What the command `visagent doctor` says; it names folders, so it is for the machine's owner."""
        if not self._page.own_machine:
            return status_html(texts(language)["settings_doctor_other"])
        console = terminal(file=io.StringIO(), width=110, record=True, no_color=True)
        await asyncio.to_thread(report, name, console)
        return piece("doctor", language, text=console.export_text())


def _languages(language: str) -> list[tuple[str, str]]:
    return [(texts(language)["settings_auto"], "auto"), *LANGUAGES.items()]
