"""Commands that show runs in a browser: the app, and a run as one HTML file. Imports what each needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visagent_apps.common import RunArgument
from visagent_apps.terminal import say


def app(
    host: Annotated[str, typer.Option(help="Another than this machine's own lets others in: there are no keys.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    profile: Annotated[str | None, typer.Option(help="A built-in profile's name, or a YAML file.")] = None,
    shared_history: Annotated[
        bool, typer.Option("--shared-history", help="Everybody sees all runs of this machine, not each their own.")
    ] = False,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run tools written on the page; only on this machine's own host.")
    ] = False,
    allow_urls: Annotated[
        bool, typer.Option("--allow-urls", help="Media may be URLs of public addresses, fetched by this machine.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, help="Questions at once; further ones wait in line.")] = 2,
    keep_hours: Annotated[float, typer.Option(min=0.1, help="Until a visitor's files and runs are deleted.")] = 24.0,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Of one file.")] = 64,
    max_media: Annotated[int, typer.Option(min=1, max=1000, help="Files of one question; a PDF is one.")] = 100,
) -> None:
    """Ask on a page in the browser."""
    from visagent_apps.web import AppOptions, serve
    from visagent_apps.web.sessions import SessionLimits

    limits = SessionLimits(hours=keep_hours, media_bytes=max_megabytes << 20, media=max_media)
    options = AppOptions(
        host=host,
        port=port,
        profile=profile,
        shared_history=shared_history,
        allow_code=allow_code,
        allow_urls=allow_urls,
        concurrency=concurrency,
        limits=limits,
    )
    serve(options)


def report(
    run: RunArgument,
    file: Annotated[Path, typer.Argument(help="The HTML file to write.")],
    language: Annotated[str, typer.Option(help="Of the page's own words: en or zh.")] = "en",
) -> None:
    """Write a run as one HTML file that needs nothing else: answer, evidence, pictures, sub-questions and costs."""
    from visagent.agent.runs import RunStore
    from visagent.core.config_files import home
    from visagent.core.errors import ConfigError, InputError
    from visagent.media.store import MediaStore
    from visagent.planning.prompts import LANGUAGES
    from visagent.reporting.report import html_report
    from visagent_apps.run_names import find_run

    if language not in LANGUAGES:
        raise ConfigError(f"There is no language {language!r}.", f"Use one of: {', '.join(LANGUAGES)}.")
    runs = RunStore(home() / "runs")
    record = runs.load(find_run(runs, run))
    if record.answer is None:
        raise InputError(f"Run {record.id} has no answer yet.", f"Finish it: visagent resume {record.id}.")
    store = MediaStore(home() / "media")
    answer = record.answer.hold([store.get(info) for info in record.media.values() if info.region is None])
    try:
        file.write_text(html_report(answer, language), "utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.", "Choose another file.") from error
    say(f"Report: {file}", dim=True, err=True)
