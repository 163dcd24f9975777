"""`visagent demos`: the demonstrations that planners learn from by looking at them. Shows; the library chooses."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visagent.core.errors import ConfigError, InputError, MediaError, PlanError, QuestionError
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from visagent.agent.runs import RunRecord
    from visagent.core.config import Demonstrations
    from visagent.media.media import Media
    from visagent.planning.demonstrations import Demonstration, DemonstrationStore

app = typer.Typer(help="Solved questions that untuned planners are shown.", no_args_is_help=True)

_Profile = Annotated[str | None, typer.Option(help="A built-in profile's name, or a YAML file.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def parse_demos(text: str, settings: Demonstrations) -> Demonstrations:
    """What `--demos` says: `0`, a number, `random`, or `random:` and a number.

    Args:
        text: Text as a person wrote it.
        settings: Settings of the profile; what the text does not say stays.

    Raises:
        ConfigError: it is none of these.
    """
    from visagent.core.config import Demonstrations
    from visagent.planning.controller import DEMONSTRATIONS

    match = re.fullmatch(r"(?:(random):)?(\d{1,2})|random", text)
    if match is None or int(match[2] or 0) > 32:
        raise ConfigError(f"--demos {text!r} is no choice of demonstrations.", "Use 0 to 32, random, or random:4.")
    k = int(match[2]) if match[2] else settings.k or DEMONSTRATIONS
    return Demonstrations(k=k, choice="random" if text.startswith("random") else "similar", tokens=settings.tokens)


@app.command("list")
def list_(
    language: Annotated[str | None, typer.Option(help="en or zh; by default both.")] = None,
    json: _Json = False,
) -> None:
    """List the packaged demonstrations and your own."""
    from rich.table import Table

    from visagent.core.terminal import terminal

    if language not in (None, "en", "zh"):
        raise ConfigError(f"There are no demonstrations in {language!r}.", "Use en or zh.")
    found = _store().all(language)
    if json:
        for one in found:
            say_json(one.model_dump_json())
        return
    table = Table("id", "language", "from", "media", "question", "plan")
    for one in found:
        table.add_row(one.id, one.language, one.origin, ", ".join(one.media), one.question, _calls(one))
    terminal().print(table)


@app.command()
def add(
    source: Annotated[str, typer.Argument(metavar="RUN|FILE", help="A finished run, or a YAML file.")],
) -> None:
    """Keep a run, or the demonstrations of a YAML file (their media beside it), as demonstrations of your own."""
    from visagent.agent.runs import RunStore
    from visagent.planning.demonstrations import from_run
    from visagent.tools.toolkit import Toolkit
    from visagent_apps.run_names import find_run

    store, tools = _store(), Toolkit.installed()
    if Path(source).suffix in (".yaml", ".yml"):
        found = _from_file(Path(source))
    else:
        runs = RunStore(_home() / "runs")
        record = runs.load(find_run(runs, source))
        found = [(from_run(record, "person"), _media(record))]
    for demonstration, _ in found:
        demonstration.check(tools)
    for demonstration, media in found:
        say(store.add(demonstration, media))


@app.command("try")
def try_(
    media_and_question: Annotated[
        list[str], typer.Argument(metavar="MEDIA... QUESTION", help="Files to ask about, then the question.")
    ],
    profile: _Profile = None,
    demos: Annotated[str, typer.Option(help="How many: a number, random, or random:4.")] = "4",
) -> None:
    """Show which demonstrations a question would bring up, and the prompt with them; no model is asked."""
    from rich.table import Table

    from visagent.core.settings import Settings, load_profile
    from visagent.core.terminal import terminal
    from visagent.core.text import detect_language
    from visagent.media.media import load_media
    from visagent.models.protocol import Message
    from visagent.planning.controller import planning_messages
    from visagent.planning.plan import name_media
    from visagent.planning.retrieval import estimated_tokens, open_retriever
    from visagent.tools.toolkit import Toolkit

    *files, question = media_and_question
    if not files:
        raise QuestionError("No medium was given.", "Give a file, then the question.")
    loaded = [medium for file in files for medium in load_media(file)]
    media = name_media([medium.info for medium in loaded])
    chosen_profile = load_profile(profile or Settings().profile)
    tools = Toolkit.installed().without(chosen_profile.unplanned_tools)
    retriever = open_retriever(_home(), parse_demos(demos, chosen_profile.demonstrations))
    chosen = retriever.choose(question, media, tools, detect_language(question))
    table = Table("likeness", "tokens", "id", "question", "plan")
    for one in chosen:
        shown = one.demonstration
        table.add_row(f"{one.likeness:.2f}", str(one.tokens), shown.id, shown.question, _calls(shown))
    terminal(stderr=True).print(table)
    first, last = (Message(**turn) for turn in planning_messages([t.spec for t in tools.values()], media, question))
    messages = [first, *retriever.messages(chosen, tools, pictures=False), last]
    for message in messages:
        say(f"[{message.role}]", bold=True)
        say(message.text)
    total = sum(estimated_tokens(message.text) for message in messages)
    say(
        f"About {total:,} tokens, {sum(one.tokens for one in chosen):,} of them for {len(chosen)} demonstrations.",
        dim=True,
        err=True,
    )


@app.command()
def bootstrap(
    limit: Annotated[int, typer.Option(min=1, help="Runs to look at, the newest first.")] = 200,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which runs, and keep none.")] = False,
) -> None:
    """Keep verified runs (rated up, or every claim supported) as demonstrations; their pictures stay out of prompts."""
    from itertools import islice

    from visagent.agent.runs import RunStore
    from visagent.planning.demonstrations import from_run, worth_keeping
    from visagent.tools.toolkit import Toolkit

    store, tools = _store(), Toolkit.installed()
    known = {(one.question.casefold(), str(one.plan)) for one in store.all()}
    looked_at = kept = 0
    for record in islice(RunStore(_home() / "runs").list(), min(limit, sys.maxsize)):
        looked_at += 1
        if not worth_keeping(record):
            continue
        try:
            demonstration = from_run(record, "run")
            demonstration.check(tools)
            media = _media(record)
        except (InputError, PlanError) as error:
            say(f"{record.id}: {error.fact}", dim=True, err=True)
            continue
        if (key := (demonstration.question.casefold(), str(demonstration.plan))) in known:
            continue
        known.add(key)
        kept += 1
        say(f"{demonstration.id}: {demonstration.question}")
        if not dry_run:
            store.add(demonstration, media)
    say(f"{kept} of {looked_at} runs {'would become' if dry_run else 'became'} demonstrations.", err=True)


def _home() -> Path:
    from visagent.core.config_files import home

    return home()


def _store() -> DemonstrationStore:
    from visagent.planning.demonstrations import DemonstrationStore

    return DemonstrationStore(_home() / "demonstrations")


def _media(record: RunRecord) -> list[Media]:
    from visagent.media.store import MediaStore

    stored = MediaStore(_home() / "media")
    return [stored.get(info) for info in record.media.values()]


def _from_file(file: Path) -> list[tuple[Demonstration, list[Media]]]:
    """The demonstrations of a file with their media, which then go by content hash."""
    from visagent.media.media import Media
    from visagent.planning.demonstrations import read_demonstrations

    found = []
    for one in read_demonstrations(file):
        media = {name: Media.load(file.parent / inside) for name, inside in one.media.items()}
        for name, medium in media.items():
            if not name.startswith(medium.kind):
                raise MediaError(f"{one.id}: {name} is {medium.kind}, by its content.", "Name media by their kind.")
        hashes = {name: medium.hash for name, medium in media.items()}
        found.append((one.model_copy(update={"media": hashes, "origin": "person"}), list(media.values())))
    return found


def _calls(demonstration: Demonstration) -> str:
    """The plan's tools, in order."""
    return " → ".join(str(step["tool"]) for step in demonstration.plan)
