"""`visagent credit`: what each tool is worth on a set of questions. Shows; the library asks and judges."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visagent_apps.counterfactual import named_folder
from visagent_apps.outputs import check_writable
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visagent.evaluation.credit import CreditReport, OnPrediction, Prediction
    from visagent.evaluation.questions import Question
    from visagent.media.media import Media

AGENT_WAIT = 120.0
"""Seconds that an agent's server has to come up."""


def credit(
    questions: Annotated[Path, typer.Argument(help="A YAML file of questions with checks of their answers.")],
    folder: Annotated[
        list[str] | None, typer.Option("--folder", help="NAME=PATH: where media called NAME:... lie; repeatable.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="A built-in profile's name, or a YAML file.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="Another agent's OpenAI-compatible server, in place of an agent of a profile.")
    ] = None,
    agent_model: Annotated[str | None, typer.Option(help="What that server calls the agent; else its first.")] = None,
    model_url: Annotated[
        str | None, typer.Option(help="With --agent: its model's server; the agent is to reach it through the proxy.")
    ] = None,
    mcp_url: Annotated[
        str | None, typer.Option(help="With --agent, in place of --model-url: its MCP server over HTTP.")
    ] = None,
    proxy_port: Annotated[int, typer.Option(min=1, max=65535, help="Of the proxy on 127.0.0.1.")] = 8901,
    key_env: Annotated[
        str | None, typer.Option(help="Name of the environment variable with the key of the agent's server.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many questions.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Save every prediction here, one JSON line each.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Ask questions with each tool masked in turn, and say what each tool is worth.

    With --agent, any agent behind an OpenAI-compatible server is asked. Its tools are hidden by a proxy that stands
    before its model (--model-url: taken out of `tools`) or before its MCP server (--mcp-url): start the agent with the
    proxy's address, http://127.0.0.1:8901 and the path of that URL, in place of the other one.
    """
    import asyncio
    import tempfile

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from visagent.agent.agent import Agent
    from visagent.core.errors import ConfigError
    from visagent.core.terminal import terminal
    from visagent.evaluation.credit import credit as ask_all
    from visagent.evaluation.questions import load_medium, load_questions

    check_writable("--predictions", predictions)
    if (agent is not None) != (model_url is not None) + (mcp_url is not None):
        raise ConfigError(
            "--agent goes with one of --model-url and --mcp-url.",
            "Say what stands behind the agent: its model or its tools.",
        )
    roots = dict(named_folder(text) for text in folder or ())
    found = load_questions(questions)[:limit]
    items = [(one, [load_medium(source, questions.parent, roots) for source in one.media]) for one in found]
    with ExitStack() as stack:
        # Evidence of earlier runs would hide what tools cost, and hundreds of runs would bury the person's own.
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="visagent-credit-")))
        file = stack.enter_context(predictions.open("w", encoding="utf-8")) if predictions else None
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        bar = stack.enter_context(Progress(*columns, console=terminal(stderr=True), transient=True))
        task = bar.add_task("asking", total=len(items))

        def on_prediction(prediction: Prediction, made: int, total: int) -> None:
            bar.update(task, completed=made, total=total, description=prediction.masked or "all tools")
            if file is not None:
                file.write(prediction.model_dump_json() + "\n")
                file.flush()

        if agent is None:
            report = asyncio.run(ask_all(Agent(profile, home=home), items, on_prediction=on_prediction))
        else:
            report = _of_remote(
                agent, agent_model, key_env, model_url or mcp_url or "", proxy_port, items, on_prediction
            )
    if json:
        say_json(report.model_dump_json(indent=1))
    else:
        show(report)


def _of_remote(
    agent: str,
    model: str | None,
    key_env: str | None,
    upstream: str,
    port: int,
    items: Sequence[tuple[Question, Sequence[Media]]],
    on_prediction: OnPrediction,
) -> CreditReport:
    import asyncio

    from visagent.core.addresses import host_of
    from visagent.core.errors import ConfigError, MissingDependency
    from visagent.core.install import install_line
    from visagent.models.endpoint import Endpoint
    from visagent_apps.remote_credit import remote_credit

    try:
        from visagent_apps.masking_proxy import MaskingProxy
    except ImportError as error:
        raise MissingDependency(f"{error.name} is not installed.", f"Run: {install_line('serve')}.") from error
    if not agent.startswith(("http://", "https://")) or not host_of(agent):
        raise ConfigError(f"--agent {agent[:200]!r} is no address.", "Begin it with http:// or https://.")
    endpoint = Endpoint(agent, model=model, api_key_env=key_env, media=("image", "audio", "video"), timeout=600)
    with MaskingProxy(upstream, port) as proxy:
        say(f"The agent reaches {upstream} through {proxy.url}; waiting for the agent at {agent} …", err=True)
        _wait_for(agent)
        try:
            return asyncio.run(remote_credit(endpoint, proxy, items, on_prediction=on_prediction))
        finally:
            endpoint.close()


def _wait_for(address: str) -> None:
    """Wait until an agent's server is there: one that reads its list of tools at its start is started after the proxy.

    Raises:
        ModelError: it is not there after two minutes.
    """
    import socket
    import time
    from urllib.parse import urlsplit

    from visagent.core.errors import ModelError

    parts = urlsplit(address)
    end = time.monotonic() + AGENT_WAIT
    while True:
        try:
            socket.create_connection(
                (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)), timeout=5
            ).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise ModelError(f"No agent answers at {address}: {error}.", "Start it, or correct --agent.") from error
            time.sleep(0.5)


def show(report: CreditReport) -> None:
    """Print a report as a Markdown table, shares in per cent with 95 % intervals."""
    say(f"{report.questions} questions; right with all tools: {report.right}.")
    alone = report.right_without_tools
    say(f"Right without tools: {alone}." if alone else f"Without tools: not available. {report.why_not}")
    say("\n| tool | questions | solved only with it | solved anyway | harmed by it | calls | seconds |")
    say("|---|---|---|---|---|---|---|")
    for one in report.tools:
        shares = (
            f"{100 * share.value:.0f} ({100 * share.low:.0f} to {100 * share.high:.0f})"
            for share in (one.only_with, one.anyway, one.harmed)
        )
        say(f"| `{one.tool}` | {one.questions} | {' | '.join(shares)} | {one.calls} | {one.seconds:.1f} |")
