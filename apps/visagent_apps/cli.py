"""The command line. Parses, shows and exits; everything else is the library's work.

Exit codes: 0 answered, 1 could not answer (and says why), 2 bad input.
"""

from __future__ import annotations

import io
import logging
import os
import shlex
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from visagent.core.errors import ConfigError, InputError, PlanError, QuestionError, VisagentError, did_you_mean
from visagent.core.files import is_file
from visagent.core.json_text import read_json
from visagent_apps import (
    credit,
    data,
    eval_commands,
    index_video,
    pages,
    runs_commands,
    serve_model,
    server_commands,
    tool_commands,
    train,
    verify,
    watch,
)
from visagent_apps.common import JsonOption, McpOption, ProfileOption, RunArgument, ToolsOption, import_path, make_agent
from visagent_apps.demos import app as demos_app
from visagent_apps.demos import parse_demos
from visagent_apps.media_arguments import PIPED, ShrinkOption, open_media
from visagent_apps.outputs import check_picture_writable, check_writable
from visagent_apps.regions import parse_regions
from visagent_apps.run_names import find_run
from visagent_apps.run_output import follow_run, show_answer
from visagent_apps.terminal import say

if TYPE_CHECKING:
    from visagent.core.config import Mode

app = typer.Typer(
    name="visagent",
    help="Ask multi-step questions about pictures, video and sound, and see how the answer came about.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
models_app = typer.Typer(help="The models and their weights.", no_args_is_help=True)
app.add_typer(tool_commands.app, name="tools")
app.add_typer(models_app, name="models")
app.add_typer(runs_commands.app, name="runs")
config_app = typer.Typer(help="Settings: what they are, and where each value came from.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")
app.add_typer(eval_commands.app, name="eval")
app.command("verify")(verify.verify)
app.command("credit")(credit.credit)
app.command("index")(index_video.index)
app.command("watch")(watch.watch)
app.add_typer(demos_app, name="demos")


def main() -> None:
    """Run the command line; visagent's own errors end it with one line and no traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows its number.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _silence_libraries()
    try:
        _run_app()
    except VisagentError as error:
        say(f"{type(error).__name__}: {error}", fg="red", err=True)
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None
    except OSError as error:
        # A disk that is full or a file that went away: a fact about the machine, not a fault of the program.
        at_home = _is_at_home(error)
        way_out = " Free space there, or name another folder: export VISAGENT_HOME=..." if at_home else ""
        say(f"{type(error).__name__}: {error}.{way_out}", fg="red", err=True)
        _let_go()
        raise SystemExit(2 if at_home else 1) from None
    except KeyboardInterrupt:
        say("Stopped. What was found is kept: visagent resume last.", err=True)
        raise SystemExit(130) from None


def _silence_libraries() -> None:
    """Keep what libraries tell programmers off a person's terminal; `python -W` and PYTHONWARNINGS still show it."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # What Python prints for loggers without a handler: visagent's own lines are for the person, and errors for all.
    if logging.lastResort is not None:
        logging.lastResort.addFilter(_for_a_person)


def _for_a_person(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR or record.name.startswith("visagent")


def _is_at_home(error: OSError) -> bool:
    """Whether what failed is a file where runs, media, evidence and weights are kept."""
    from visagent.core.config_files import home

    try:
        return isinstance(error.filename, str) and Path(error.filename).absolute().is_relative_to(home().absolute())
    except (VisagentError, ValueError):
        return False


def _run_app() -> None:
    """Run the command line, and write out what it printed as long as an error can still be reported."""
    try:
        app()
    finally:
        sys.stdout.flush()


def _let_go() -> None:
    """Forget what could not be written, which Python would try to write once more at its end."""
    with suppress(OSError):
        sys.stdout.flush()
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115


def _version(wanted: bool) -> None:
    if wanted:
        from visagent import __version__

        say(f"visagent {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    from visagent.agent.tracing import configure_from_environment

    try:
        configure_from_environment()
    except VisagentError as error:
        # A collector may be named for all programs of a machine: the answer is given all the same.
        say(f"No spans are sent: {error}", fg="yellow", err=True)


@app.command()
def ask(
    media_and_question: Annotated[
        list[str],
        typer.Argument(metavar="MEDIA... QUESTION", help="Files to ask about (- is piped in), then the question."),
    ],
    profile: ProfileOption = None,
    mode: Annotated[str, typer.Option(help="auto, tree, chain or direct; --outline for infill.")] = "auto",
    language: Annotated[str | None, typer.Option(help="Of the answer: en or zh. By default the question's.")] = None,
    follows: Annotated[
        str | None, typer.Option(help="The run, or last, that this question follows up; media may be left out.")
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="A box that the question may name, in pixels: r1=10,20,200,120 or image2#r1=…; repeatable."),
    ] = None,
    form: Annotated[
        str | None, typer.Option(help='number, yes/no, list, choices "red|blue", or a JSON schema; printed alone.')
    ] = None,
    outline: Annotated[
        str | None, typer.Option(help='Steps as a JSON list with null for each gap: [{"tool": "detect"}, null].')
    ] = None,
    json: JsonOption = False,
    trace: Annotated[Path | None, typer.Option(help="Append the whole run to this file, one JSON line a run.")] = None,
    annotate: Annotated[Path | None, typer.Option(help="Save the first picture with the evidence drawn on it.")] = None,
    budget_seconds: Annotated[float | None, typer.Option(min=0.1, help="Give up after so many seconds.")] = None,
    tool: ToolsOption = None,
    mcp: McpOption = None,
    approve: Annotated[bool, typer.Option("--approve", help="Show the plan and ask before it is solved.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Approve every plan.")] = False,
    cache: Annotated[bool, typer.Option(help="Reuse evidence of earlier runs.")] = True,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Media may be URLs of public addresses.")] = False,
    shrink: ShrinkOption = False,
    demos: Annotated[
        str | None, typer.Option("--demos", help="Solved questions to show the planner: 0, 4, random, random:4.")
    ] = None,
) -> None:
    """Answer a question about pictures, video or sound."""
    *media, question = media_and_question
    if not media and (question == PIPED or is_file(Path(question))):
        way_out = f'Try: visagent ask {shlex.quote(question)} "What is this?"'
        raise QuestionError("There is no question after the media.", way_out)
    check_writable("--trace", trace)
    check_picture_writable("--annotate", annotate)
    if outline is not None:
        mode = "infill"
    from visagent.agent.request import check_mode

    check_mode(mode)
    agent = make_agent(profile, tool, mcp, cache=cache, allow_urls=allow_urls, shrink=shrink)
    if demos is not None:
        chosen = parse_demos(demos, agent.profile.demonstrations)
        agent.profile = agent.profile.model_copy(update={"demonstrations": chosen})
    budget = agent.profile.budget
    if budget_seconds is not None:
        budget = budget.model_copy(update={"seconds": budget_seconds})
    events = agent.stream(
        question,
        *open_media(media),
        mode=cast("Mode", mode),
        language=language,
        budget=budget,
        follows=None if follows is None else find_run(agent.runs, follows),
        form=_form(form),
        regions=parse_regions(region or []),
        outline=[] if outline is None else _json_option("--outline", outline),
        approval=approve,
        ask_back=sys.stdin.isatty() and not json,
    )
    answer = follow_run(agent, events, question, quiet=json, yes=yes)
    show_answer(answer, json, trace, annotate, form=form)


def _form(text: str | None) -> Any:
    """An answer form as it is written on the command line."""
    if text is not None and text.lstrip().startswith("{"):
        return _json_option("--form", text)
    return text.split("|") if text is not None and "|" in text else text


def _json_option(name: str, text: str) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        raise QuestionError(
            f"{name} is no JSON: {error}.", "Put it in single quotes, with double quotes inside."
        ) from error


@app.command()
def edit(
    run: RunArgument,
    change: Annotated[list[str] | None, typer.Option(help='Other arguments: "q1 label=cat"; repeatable.')] = None,
    add: Annotated[list[str] | None, typer.Option(help='One more step: "count items=$q1"; repeatable.')] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A step to leave out: q3; repeatable.")] = None,
    json: JsonOption = False,
    annotate: Annotated[Path | None, typer.Option(help="Save the first picture with the evidence drawn on it.")] = None,
    tool: ToolsOption = None,
    mcp: McpOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve the plan.")] = False,
) -> None:
    """Answer a run again with changed steps; only they and the steps that depend on them run again."""
    from visagent_apps.edit import parse_edits

    check_picture_writable("--annotate", annotate)
    edits = parse_edits(change or [], add or [], remove or [])
    agent = make_agent(None, tool, mcp)
    record = agent.runs.load(find_run(agent.runs, run))
    try:
        answer = follow_run(agent, agent.stream_edited(record.id, edits), record.question, quiet=json, yes=yes)
    except PlanError as error:
        # Of a controller's plan it is a fault of the run; here a person wrote it.
        raise QuestionError(error.fact, error.remedy) from error
    show_answer(answer, json, None, annotate)


@app.command()
def resume(
    run: RunArgument,
    profile: ProfileOption = None,
    json: JsonOption = False,
    trace: Annotated[Path | None, typer.Option(help="Append the whole run to this file.")] = None,
    annotate: Annotated[Path | None, typer.Option(help="Save the first picture with the evidence drawn on it.")] = None,
    tool: ToolsOption = None,
    mcp: McpOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve the plan.")] = False,
) -> None:
    """Finish a run that was killed or waits for approval, without asking a finished expert again."""
    check_writable("--trace", trace)
    check_picture_writable("--annotate", annotate)
    agent = make_agent(profile, tool, mcp)
    record = agent.runs.load(find_run(agent.runs, run))
    events = agent.stream_resumed(record.id, approve=True if yes and record.status == "waiting" else None)
    answer = follow_run(agent, events, record.question, quiet=json, yes=yes)
    show_answer(answer, json, trace, annotate)


@app.command()
def batch(
    source: Annotated[Path, typer.Argument(metavar="IN.JSONL", help='Lines of {"question": …, "media": [...]}.')],
    target: Annotated[Path, typer.Argument(metavar="OUT.JSONL", help="Gets a line an answer; goes on if it is there.")],
    profile: ProfileOption = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Questions at once.")] = 4,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    actors: Annotated[int, typer.Option(min=1, max=1024, help="With ray: processes, each with that many workers.")] = 2,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Ask again where the line is an error.")] = False,
    tool: ToolsOption = None,
    cache: Annotated[bool, typer.Option(help="Reuse evidence of earlier runs.")] = True,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Media may be URLs of public addresses.")] = False,
    shrink: ShrinkOption = False,
) -> None:
    """Answer a file of questions; run again, it goes on where it was stopped or killed."""
    from functools import partial

    from visagent.agent.agent import Agent
    from visagent.core.settings import Settings, load_profile
    from visagent.media.limits import MediaLimits
    from visagent_apps.batch import batch

    if engine not in ("local", "ray"):
        raise ConfigError(f"There is no engine {engine!r}.", did_you_mean(engine, ["local", "ray"]))
    make_agent = partial(
        Agent,
        load_profile(profile or Settings().profile),
        tools=[import_path(path) for path in tool or ()],
        cache=cache,
        allow_urls=allow_urls,
        limits=MediaLimits(shrink=shrink),
    )
    batch(
        source,
        target,
        make_agent,
        engine=cast("Literal['local', 'ray']", engine),
        workers=workers,
        actors=actors,
        retry_errors=retry_errors,
    )


@app.command()
def doctor(profile: ProfileOption = None) -> None:
    """Say what is installed, which weights are where, what is missing, and the command that installs it."""
    from visagent_apps.doctor import report

    raise SystemExit(0 if report(profile) else 1)


app.command()(server_commands.serve)
app.command("serve-model")(serve_model.serve_model)
app.command()(server_commands.mcp)
app.command()(pages.app)
app.command()(pages.report)


@models_app.command("list")
def models_list() -> None:
    """List the weights that visagent knows, and whether they are here."""
    from visagent_apps.doctor import weights_table

    weights_table()


@models_app.command("prepare")
def models_prepare(
    name: Annotated[str | None, typer.Argument(metavar="[PROFILE]", help="As --profile.")] = None,
    profile: ProfileOption = None,
    search: Annotated[bool, typer.Option("--search", help="Also what searches documents by meaning: 105 MB.")] = False,
) -> None:
    """Fetch what a profile needs and warm it up, so that the first question is fast."""
    from visagent_apps.doctor import prepare

    prepare(profile or name, search=search)


@models_app.command("where")
def models_where() -> None:
    """Say in which folder weights, evidence, media and runs are kept."""
    from visagent.core.config_files import home

    say(home())


@config_app.command("show")
def config_show(profile: ProfileOption = None, json: JsonOption = False) -> None:
    """Show every setting with where its value came from: default, file, environment or flag."""
    from visagent_apps.config_show import config_show

    config_show(profile, as_json=json)
