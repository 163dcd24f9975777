"""The command line. Parses, shows and exits; everything else is the library's work.

Exit codes: 0 answered, 1 could not answer (and says why), 2 bad input.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from visagent.core.errors import ConfigError, InputError, PlanError, QuestionError, VisagentError, did_you_mean
from visagent_apps import credit, data, pages, serve_model, train, verify
from visagent_apps import server_commands as doors
from visagent_apps.demos import app as demos_app
from visagent_apps.demos import parse_demos

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from visagent.agent.agent import Agent
    from visagent.agent.events import ApprovalNeeded, Event
    from visagent.core.config import Mode
    from visagent.evidence.answer import Answer
    from visagent.tools.toolkit import Tool

app = typer.Typer(
    name="visagent",
    help="Ask multi-step questions about pictures, video and sound, and see how the answer came about.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
tools_app = typer.Typer(help="The experts that answer sub-questions.", no_args_is_help=True)
models_app = typer.Typer(help="The models and their weights.", no_args_is_help=True)
app.add_typer(tools_app, name="tools")
app.add_typer(models_app, name="models")
config_app = typer.Typer(help="Settings: what they are, and where each value came from.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")
app.command("verify")(verify.verify)
app.command("credit")(credit.credit)
app.add_typer(demos_app, name="demos")

ProfileOption = Annotated[str | None, typer.Option(help="A built-in profile's name, or a YAML file.")]
ToolsOption = Annotated[
    list[str] | None,
    typer.Option("--tool", help="Your own tool, package.module:name or file.py:name; repeatable."),
]
McpOption = Annotated[
    list[str] | None,
    typer.Option("--mcp", help="Use the tools of this MCP server of the settings; repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def main() -> None:
    """Run the command line; visagent's own errors end it with one line and no traceback."""
    try:
        app()
    except VisagentError as error:
        typer.secho(f"{type(error).__name__}: {error}", fg="red", err=True)
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None
    except KeyboardInterrupt:
        typer.secho("Stopped. What was found is kept: visagent runs, then visagent resume ID.", err=True)
        raise SystemExit(130) from None


def _version(wanted: bool) -> None:
    if wanted:
        from visagent import __version__

        typer.echo(f"visagent {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    from visagent.agent.tracing import configure_from_environment

    try:
        configure_from_environment()
    except VisagentError as error:
        # Whoever names a collector for all programs of a machine is to have an answer all the same.
        typer.secho(f"No spans are sent: {error}", fg="yellow", err=True)


@app.command()
def ask(
    media_and_question: Annotated[
        list[str], typer.Argument(metavar="MEDIA... QUESTION", help="Files to ask about, then the question.")
    ],
    profile: ProfileOption = None,
    mode: Annotated[str, typer.Option(help="auto, tree, chain or direct; --outline for infill.")] = "auto",
    language: Annotated[str | None, typer.Option(help="Of the answer: en or zh. By default the question's.")] = None,
    follows: Annotated[
        str | None, typer.Option(help="The run that this question follows up; media may be left out.")
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
    demos: Annotated[
        str | None, typer.Option("--demos", help="Solved questions to show the planner: 0, 4, random, random:4.")
    ] = None,
) -> None:
    """Answer a question about pictures, video or sound."""
    *media, question = media_and_question
    if not media and Path(question).is_file():
        raise QuestionError("There is no question after the media.", f'Try: visagent ask {question} "What is this?"')
    if outline is not None:
        mode = "infill"
    if mode not in (modes := ("tree", "chain", "infill", "direct", "auto")):
        raise ConfigError(f"There is no mode {mode!r}.", did_you_mean(mode, modes))
    agent = _agent(profile, tool, mcp, cache=cache, allow_urls=allow_urls)
    if demos is not None:
        chosen = parse_demos(demos, agent.profile.demonstrations)
        agent.profile = agent.profile.model_copy(update={"demonstrations": chosen})
    budget = agent.profile.budget
    if budget_seconds is not None:
        budget = budget.model_copy(update={"seconds": budget_seconds})
    events = agent.stream(
        question,
        *media,
        mode=cast("Mode", mode),
        language=language,
        budget=budget,
        follows=follows,
        form=_form(form),
        outline=[] if outline is None else _json_option("--outline", outline),
        approval=approve,
        ask_back=sys.stdin.isatty() and not json,
    )
    answer = _follow(agent, events, question, quiet=json, yes=yes)
    _deliver(answer, json, trace, annotate, form=form)


def _form(text: str | None) -> Any:
    """An answer form as it is written on the command line."""
    if text is not None and text.lstrip().startswith("{"):
        return _json_option("--form", text)
    return text.split("|") if text is not None and "|" in text else text


def _json_option(name: str, text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise QuestionError(
            f"{name} is no JSON: {error}.", "Put it in single quotes, with double quotes inside."
        ) from error


@app.command()
def edit(
    run_id: Annotated[str, typer.Argument(help="From `visagent runs`.")],
    change: Annotated[list[str] | None, typer.Option(help='Other arguments: "q1 label=cat"; repeatable.')] = None,
    add: Annotated[list[str] | None, typer.Option(help='One more step: "count items=$q1"; repeatable.')] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A step to leave out: q3; repeatable.")] = None,
    json: JsonOption = False,
    annotate: Annotated[Path | None, typer.Option(help="Save the first picture with the evidence drawn on it.")] = None,
    tool: ToolsOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve the plan.")] = False,
) -> None:
    """Answer a run anew with changed steps; only they, and what rests on them, are asked again."""
    from visagent_apps.edit import parse_edits

    edits = parse_edits(change or [], add or [], remove or [])
    agent = _agent(None, tool)
    question = agent.runs.load(run_id).question
    try:
        answer = _follow(agent, agent.stream_edited(run_id, edits), question, quiet=json, yes=yes)
    except PlanError as error:
        # Of a controller's plan it is a fault of the run; here a person wrote it.
        raise QuestionError(error.fact, error.remedy) from error
    _deliver(answer, json, None, annotate)


@app.command()
def resume(
    run_id: Annotated[str, typer.Argument(help="From `visagent runs`.")],
    profile: ProfileOption = None,
    json: JsonOption = False,
    trace: Annotated[Path | None, typer.Option(help="Append the whole run to this file.")] = None,
    annotate: Annotated[Path | None, typer.Option(help="Save the first picture with the evidence drawn on it.")] = None,
    tool: ToolsOption = None,
    mcp: McpOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve the plan.")] = False,
) -> None:
    """Finish a run that was killed or waits for approval, without asking a finished expert again."""
    agent = _agent(profile, tool, mcp)
    record = agent.runs.load(run_id)
    events = agent.stream_resumed(run_id, approve=True if yes and record.status == "waiting" else None)
    answer = _follow(agent, events, record.question, quiet=json, yes=yes)
    _deliver(answer, json, trace, annotate)


@app.command()
def runs(
    limit: Annotated[int, typer.Option(min=1, help="Runs to list.")] = 20,
    delete: Annotated[str | None, typer.Option(help="Remove this run.")] = None,
    json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    from itertools import islice

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from visagent.agent.runs import RunStore
    from visagent.core.config_files import home

    store = RunStore(home() / "runs")
    if delete is not None:
        store.delete(delete)
        return
    records = list(islice(store.list(), limit))
    if json:
        for record in records:
            typer.echo(record.model_dump_json())
        return
    if not records:
        typer.echo('No runs yet. Try: visagent ask photo.jpg "What is in the picture?"')
        return
    table = Table("run", "status", "media", "question", "answer")
    # An id that is cut off cannot be passed to `visagent resume`.
    table.columns[0].no_wrap = True
    for record in records:
        names = ", ".join(info.name for info in record.media.values())
        answer = record.answer.text if record.answer else ""
        # As text: a citation such as [q1] is no markup, and neither is what a person wrote.
        table.add_row(*map(Text, (record.id, record.status, names, record.question, answer)))
    Console().print(table)


@app.command()
def batch(
    source: Annotated[Path, typer.Argument(metavar="IN.JSONL", help='Lines of {"question": …, "media": [...]}.')],
    target: Annotated[Path, typer.Argument(metavar="OUT.JSONL", help="Gets a line an answer; goes on if it is there.")],
    profile: ProfileOption = None,
    workers: Annotated[int, typer.Option(min=1, help="Questions at once.")] = 4,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    actors: Annotated[int, typer.Option(min=1, help="With ray: processes, each with that many workers.")] = 2,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Ask again where the line is an error.")] = False,
    tool: ToolsOption = None,
    cache: Annotated[bool, typer.Option(help="Reuse evidence of earlier runs.")] = True,
    allow_urls: Annotated[bool, typer.Option("--allow-urls", help="Media may be URLs of public addresses.")] = False,
) -> None:
    """Answer a file of questions; run again, it goes on where it was stopped or killed."""
    from functools import partial

    from visagent.agent.agent import Agent
    from visagent.core.settings import Settings, load_profile
    from visagent_apps.batch import batch

    if engine not in ("local", "ray"):
        raise ConfigError(f"There is no engine {engine!r}.", "Use local or ray.")
    make_agent = partial(
        Agent,
        load_profile(profile or Settings().profile),
        tools=[_import_path(path) for path in tool or ()],
        cache=cache,
        allow_urls=allow_urls,
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


@app.command("eval")
def evaluate(
    name: Annotated[str, typer.Argument(help="An installed benchmark, by name.")],
    data: Annotated[Path, typer.Option(help="The data set's file or folder.")],
    predictor: Annotated[str | None, typer.Option(help="What predicts: a profile's models, or a baseline.")] = None,
    train: Annotated[Path | None, typer.Option(help="What baselines learn from, if not beside the data.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many items.")] = None,
    json: Annotated[Path | None, typer.Option(help="Save every prediction here, one JSON line each.")] = None,
    profile: ProfileOption = None,
) -> None:
    """Run a benchmark on public data and print its scores with 95 % intervals."""
    from visagent_apps.evaluate import run_benchmark

    run_benchmark(name, data, predictor=predictor, train=train, limit=limit, save=json, profile=profile)


@app.command()
def doctor(profile: ProfileOption = None) -> None:
    """Say what is installed, which weights are where, what is missing, and the line that mends it."""
    from visagent_apps.doctor import report

    raise SystemExit(0 if report(profile) else 1)


app.command()(doors.serve)
app.command("serve-model")(serve_model.serve_model)
app.command()(doors.mcp)
app.command()(pages.app)
app.command()(pages.report)


@tools_app.command("list")
def tools_list(tool: ToolsOption = None, mcp: McpOption = None, json: JsonOption = False) -> None:
    """List the tools in the order in which a planner sees them."""
    from rich.console import Console
    from rich.table import Table

    toolkit = _toolkit(tool, mcp)
    if json:
        for item in toolkit.values():
            typer.echo(item.spec.model_dump_json())
        return
    table = Table("tool", "takes", "gives", "purpose")
    for item in toolkit.values():
        spec = item.spec
        takes = ", ".join(parameter.signature() for parameter in spec.parameters)
        table.add_row(spec.name, takes, "|".join(spec.result), spec.purpose)
    Console().print(table)


@tools_app.command("show")
def tools_show(name: str, tool: ToolsOption = None, mcp: McpOption = None) -> None:
    """Show one tool whole: parameters, result, limits and where it comes from."""
    from rich.console import Console
    from rich.table import Table

    item = _toolkit(tool, mcp)[name]
    spec, console = item.spec, Console()
    console.print(f"[bold]{spec.name}[/bold]: {spec.purpose}", highlight=False)
    table = Table("parameter", "takes", "required", "what it is")
    for parameter in spec.parameters:
        required = "yes" if parameter.required else "no"
        table.add_row(parameter.name, parameter.signature(), required, parameter.description)
    console.print(table)
    gives = "|".join(spec.result)
    limit = "that of the run" if spec.timeout is None else f"{spec.timeout:g} s"
    console.print(f"gives {gives}; version {spec.version}; time-out {limit}", highlight=False)
    console.print(f"from {item.function.__module__}", highlight=False)


@tools_app.command("try")
def tools_try(
    name: str,
    arguments: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="Media as file names.")],
    profile: ProfileOption = None,
    tool: ToolsOption = None,
    mcp: McpOption = None,
) -> None:
    """Run one tool by hand, for example: tools try detect image=photo.jpg label=person."""
    from visagent_apps.try_tool import try_tool

    agent = _agent(profile, tool, mcp, cache=False)
    value = try_tool(agent, name, arguments)
    typer.echo(value.model_dump_json(indent=2))
    if value.type == "failure":
        raise SystemExit(1)


tools_app.command("new")(doors.tools_new)


@models_app.command("list")
def models_list() -> None:
    """List the weights that visagent knows, and whether they are here."""
    from visagent_apps.doctor import weights_table

    weights_table()


@models_app.command("prepare")
def models_prepare(
    name: Annotated[str | None, typer.Argument(metavar="[PROFILE]", help="As --profile.")] = None,
    profile: ProfileOption = None,
) -> None:
    """Fetch what a profile needs and warm it up, so that the first question is fast."""
    from visagent_apps.doctor import prepare

    prepare(profile or name)


@models_app.command("where")
def models_where() -> None:
    """Say in which folder weights, evidence, media and runs are kept."""
    from visagent.core.config_files import home

    typer.echo(home())


@config_app.command("show")
def config_show(profile: ProfileOption = None, json: JsonOption = False) -> None:
    """Show every setting with where its value came from: default, file, environment or flag."""
    from visagent_apps.config_show import config_show

    config_show(profile, as_json=json)


def _agent(profile: str | None, tools: list[str] | None, servers: list[str] | None = None, **options: Any) -> Agent:
    from visagent.agent.agent import Agent

    return Agent(profile, tools=[*map(_import_path, tools or ()), *_mcp_tools(servers)], **options)


def _mcp_tools(servers: list[str] | None) -> list[Tool]:
    if not servers:
        return []
    from visagent.tools.mcp import mcp_tools

    return mcp_tools(*servers)


def _toolkit(tools: list[str] | None, servers: list[str] | None) -> dict[str, Tool]:
    from visagent.tools.toolkit import Toolkit

    toolkit = Toolkit.installed()
    added: list[str | Tool] = [*map(_import_path, tools or ()), *_mcp_tools(servers)]
    for item in added:
        toolkit.add(item)
    return toolkit  # type: ignore[return-value]


def _import_path(path: str) -> str:
    """An import path; `folder/file.py:name` becomes `file:name`, with its folder made importable."""
    file, _, name = path.partition(":")
    if file.endswith(".py"):
        if not Path(file).is_file():
            raise ConfigError(f"There is no file {file}.", "Give a tool as package.module:name or file.py:name.")
        sys.path.insert(0, str(Path(file).resolve().parent))
        return Path(file).stem + (f":{name}" if name else "")
    return path


def _follow(agent: Agent, events: AsyncIterator[Event], question: str, *, quiet: bool, yes: bool) -> Answer:
    """The answer at the events' end, with a live tree on a terminal; a person is asked where approval is needed."""
    import asyncio

    from visagent_apps.live import follow

    while True:
        last = asyncio.run(follow(events, question, quiet=quiet))
        match last.type:
            case "approval_needed":
                events = agent.stream_resumed(last.run_id, approve=yes or _approved(last))
            case "person_asked":
                events = agent.stream_resumed(last.run_id, reply=typer.prompt(last.question))
            case "answered":
                return last.answer


def _plain(result: Any) -> str:
    """A result as a script wants it: JSON, and a text without quotation marks."""
    import json

    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


def _approved(waiting: ApprovalNeeded) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError(
            f"The plan of run {waiting.run_id} needs approval, and there is no terminal to ask on.",
            f"Approve it: visagent resume {waiting.run_id} --yes.",
        )
    typer.echo(waiting.tree.to_text())
    if waiting.changing:
        typer.echo(f"{', '.join(waiting.changing)} would change something outside.")
    return typer.confirm("Go on with this plan?")


def _deliver(answer: Answer, json: bool, trace: Path | None, annotate: Path | None, *, form: str | None = None) -> None:
    """Print and save an answer; exits with 1 where there is none."""
    if trace is not None:
        with trace.open("a", encoding="utf-8") as file:
            file.write(answer.to_json() + "\n")
    if annotate is not None:
        answer.annotate().save(annotate)
    if json:
        typer.echo(answer.to_json())
    else:
        typer.echo(answer.text if form is None else _plain(answer.result))
        for claim in answer.claims:
            if claim.verdict != "supported":
                typer.secho(f"({claim.verdict}: {claim.text})", fg="yellow", err=True)
        if annotate is not None:
            typer.secho(f"Picture: {annotate}", dim=True, err=True)
        typer.secho(f"Run {answer.run_id}, {answer.usage.seconds:.1f} s.", dim=True, err=True)
    if answer.status != "answered":
        raise SystemExit(1)
