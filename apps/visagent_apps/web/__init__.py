"""`visagent app`: the page that people ask on, served by Gradio. Start here: `serve`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from visagent.core.errors import ConfigError, MissingDependency
from visagent.core.install import install_line
from visagent_apps.guard import is_loopback
from visagent_apps.model_server import require_free_port
from visagent_apps.web import uploads
from visagent_apps.web.sessions import SessionLimits

if TYPE_CHECKING:
    from fastapi import FastAPI


@dataclass(frozen=True)
class AppOptions:
    """How the app is run.

    Attributes:
        host: What to listen on; others than this machine reach it only if this says so.
        port: Where to listen.
        profile: A built-in profile's name, or a YAML file; None for the machine's setting.
        home: Where weights, sessions and runs are kept; None for the machine's setting.
        shared_history: Whether everybody sees the machine's runs, instead of each their own.
        allow_code: Whether tools written on the page may be run; on the own machine only.
        allow_urls: Whether media may be http(s) addresses; they are fetched as `visagent.media.fetch` allows.
        concurrency: Questions that are answered at once; the rest wait in line and are shown their place.
        waiting: Questions that may wait; a further one is turned away.
        limits: Limits of each visitor.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    profile: str | None = None
    home: Path | None = None
    shared_history: bool = False
    allow_code: bool = False
    allow_urls: bool = False
    concurrency: int = 2
    waiting: int = 64
    limits: SessionLimits = field(default_factory=SessionLimits)


def build(options: AppOptions) -> FastAPI:
    """The server with the page on it.

    Raises:
        ConfigError: the options contradict each other, or the profile is unusable.
        MissingDependency: Gradio is not installed.
    """
    own_machine = is_loopback(options.host)
    if options.allow_code and not own_machine:
        raise ConfigError(
            f"--allow-code would let everybody who reaches {options.host} run code on this machine.",
            "Use it with --host 127.0.0.1 only.",
        )
    # Before Gradio is imported: it reads this once, and would send who uses it where.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Gradio lets an event name files below this folder alone, once its checks are on: see `gate.mount`.
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder())
    try:
        import fastapi  # noqa: F401
        import gradio  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"The app needs {error.name}, which is not installed.", f"Run: {install_line('app')}."
        ) from error
    # Loaded now, because its first import would hold up everybody's page during the first question.
    import visagent.agent.graph  # noqa: F401
    from visagent.agent.agent import Agent
    from visagent_apps.web.gate import mount
    from visagent_apps.web.page import Page, look
    from visagent_apps.web.server import fetch_nothing, make_server
    from visagent_apps.web.sessions import Sessions, media_limits

    fetch_nothing()
    agent = Agent(options.profile, home=options.home, limits=media_limits(options.limits))
    sessions = Sessions(agent, options.limits, shared=options.shared_history)
    page = Page(
        sessions,
        concurrency=options.concurrency,
        allow_code=options.allow_code,
        allow_urls=options.allow_urls,
        own_machine=own_machine,
    )
    page.blocks.queue(max_size=options.waiting)
    server = make_server(sessions, options.host)
    mount(
        server,
        page.blocks,
        sessions,
        server_name=options.host,
        server_port=options.port,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=options.limits.media_bytes,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        **look(),
    )
    return server


def serve(options: AppOptions) -> None:
    """Run the app until it is stopped.

    Raises:
        ConfigError: the options contradict each other, or the profile is unusable.
        MissingDependency: Gradio is not installed.
    """
    # Before the page is built, which takes longer than to say that the port is taken.
    require_free_port(options.host, options.port)
    app = build(options)
    from visagent_apps.listening import address, serve_until_stopped

    line = f"Open {address(options.host, options.port)} in a browser; Ctrl+C ends the app."
    serve_until_stopped(app, line, host=options.host, port=options.port, timeout_graceful_shutdown=3)
