"""`visagent verify`: a table of what a text says of media, with verdicts and evidence. Shows; the library checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from visagent.core.errors import QuestionError
from visagent.core.files import is_file
from visagent_apps.common import make_agent
from visagent_apps.media_arguments import PIPED, ShrinkOption, open_media
from visagent_apps.terminal import say_json

if TYPE_CHECKING:
    from visagent.agent.agent import Agent
    from visagent.verification import Faithfulness

STYLES = {"supported": "green", "contradicted": "red", "unverifiable": "yellow"}


def verify(
    media_and_text: Annotated[
        list[str], typer.Argument(metavar="MEDIA... TEXT", help="Files (- is piped in), then what is said of them.")
    ],
    profile: Annotated[str | None, typer.Option(help="A built-in profile's name, or a YAML file.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the text: en or zh. By default detected.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    budget_seconds: Annotated[float | None, typer.Option(min=0.1, help="Give up after so many seconds.")] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", help="Your own tool, package.module:name or file.py:name; repeatable.")
    ] = None,
    cache: Annotated[bool, typer.Option(help="Reuse evidence of earlier runs.")] = True,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Media may be URLs of public addresses.")] = False,
    shrink: ShrinkOption = False,
) -> None:
    """Check a caption or an answer, from anywhere, against its media, claim by claim.

    Exit codes: 0 every claim is supported, 1 one is contradicted or cannot be verified, 2 bad input.
    """
    *media, text = media_and_text
    if not media and (text == PIPED or is_file(Path(text))):
        raise QuestionError(
            "There is no text after the media.", f'Try: visagent verify {text} "A cup stands on a table."'
        )
    agent = make_agent(profile, tool, cache=cache, allow_urls=allow_urls, shrink=shrink)
    result = run(agent, text, open_media(media), language, budget_seconds)
    if json:
        say_json(result.model_dump_json())
    else:
        show(result)
    raise SystemExit(0 if result.verdict == "supported" else 1)


def run(
    agent: Agent, text: str, media: Sequence[str | BinaryIO], language: str | None, budget_seconds: float | None
) -> Faithfulness:
    """The text checked.

    Raises:
        InputError: the text or a medium cannot be used.
    """
    from visagent.core.errors import ConfigError
    from visagent.planning.prompts import LANGUAGES

    if language is not None and language not in LANGUAGES:
        raise ConfigError(f"There is no language {language!r}.", f"Use one of: {', '.join(LANGUAGES)}.")
    budget = agent.profile.budget
    if budget_seconds is not None:
        budget = budget.model_copy(update={"seconds": budget_seconds})
    return agent.verify(text, *media, language=language, budget=budget)


def show(result: Faithfulness) -> None:
    """Print the claims as a table, then the score and the repaired text."""
    from rich.table import Table
    from rich.text import Text

    from visagent.core.terminal import terminal
    from visagent.evidence.contents import summary

    console = terminal()
    table = Table("claim", "kind", "verdict", "evidence")
    for checked in result.claims:
        cited = [
            f"{id_} {result.tree[id_].solver.tool}: {summary(result.evidence[id_].value)}" for id_ in checked.cites
        ]
        shown = "\n".join([*([checked.reason] if checked.reason else []), *cited])
        verdict = Text(checked.verdict, style=STYLES[checked.verdict])
        table.add_row(checked.claim.words, checked.claim.kind, verdict, shown)
    console.print(table)
    if not result.claims:
        console.print("The text makes no claim that could be checked.")
    if result.score is not None:
        console.print(f"Faithfulness: {result.score:.0%} of what can be checked is supported.")
    if result.repaired is None:
        console.print("Nothing of the text can be kept.")
    elif result.repaired != result.text:
        console.print(f"By the evidence: {result.repaired}")
