"""A run on the terminal: followed to its end, approved by the person there, and its answer printed and saved."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from visagent.core.errors import ConfigError
from visagent.core.terminal import printable
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from visagent.agent.agent import Agent
    from visagent.agent.events import ApprovalNeeded, Event
    from visagent.evidence.answer import Answer


def follow_run(agent: Agent, events: AsyncIterator[Event], question: str, *, quiet: bool, yes: bool) -> Answer:
    """The answer at the events' end, with a live tree on a terminal; a person is asked where approval is needed."""
    import asyncio

    from visagent_apps.live import follow

    while True:
        last = asyncio.run(follow(events, question, quiet=quiet))
        match last.type:
            case "approval_needed":
                events = agent.stream_resumed(last.run_id, approve=yes or _approved(agent, last))
            case "person_asked":
                events = agent.stream_resumed(last.run_id, reply=typer.prompt(printable(last.question)))
            case "answered":
                return last.answer


def _plain(result: Any) -> str:
    """A result as a script wants it: JSON, a text without quotation marks, and a whole number without a point."""
    import json

    if isinstance(result, float) and result.is_integer():
        result = int(result)
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


def _approved(agent: Agent, waiting: ApprovalNeeded) -> bool:
    if not sys.stdin.isatty():
        from visagent.agent.own_tools import resume_line

        own = agent.runs.load(waiting.run_id).own_tools
        raise ConfigError(
            f"The plan of run {waiting.run_id} needs approval, and there is no terminal to ask on.",
            f"Approve it: {resume_line(waiting.run_id, own, '--yes')}",
        )
    say(waiting.tree.to_text())
    if waiting.changing:
        say(f"{', '.join(waiting.changing)} would change something outside.")
    return typer.confirm("Go on with this plan?")


def show_answer(
    answer: Answer, json: bool, trace: Path | None, annotate: Path | None, *, form: str | None = None
) -> None:
    """Print an answer, then save it; exits with 1 where there is none.

    Args:
        answer: What a run ended in.
        json: Whether to print the whole answer as JSON, and nothing else.
        trace: File to which the answer is added as a line of JSON.
        annotate: File for the first picture with the evidence drawn on it.
        form: The form that was asked for: its result is then printed alone.
    """
    if json:
        say_json(answer.to_json())
    else:
        say(answer.text if form is None else _plain(answer.result))
        # A refusal says why, and cites nothing; what was found beside the question does not.
        if answer.status != "answered" and answer.claims and all(claim.cites for claim in answer.claims):
            say(f"That does not answer the question: {answer.reason.rstrip('.')}.", dim=True, err=True)
        for claim in answer.claims:
            # That there is no answer claims nothing that could be checked.
            if claim.verdict != "supported" and (claim.cites or answer.status == "answered"):
                say(f"({claim.verdict}: {claim.text})", fg="yellow", err=True)
    # What was found out is on the screen, whatever becomes of the files.
    sys.stdout.flush()
    if trace is not None:
        with trace.open("a", encoding="utf-8") as file:
            file.write(answer.to_json() + "\n")
    if annotate is not None:
        answer.annotate().save(annotate)
    if not json:
        if annotate is not None:
            say(f"Picture: {annotate}", dim=True, err=True)
        say(f"Run {answer.run_id}, {answer.usage.seconds:.1f} s.", dim=True, err=True)
    if answer.status != "answered":
        raise SystemExit(1)
