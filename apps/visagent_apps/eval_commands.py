"""`visagent eval`: benchmarks, comparisons of two evaluations, and what captions make up. Imports what each needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from visagent.core.errors import ConfigError, did_you_mean
from visagent_apps.common import JsonOption, ProfileOption, ToolsOption
from visagent_apps.counterfactual import counterfactual
from visagent_apps.judge import judge
from visagent_apps.outputs import check_writable
from visagent_apps.sheet_commands import app as sheet_app
from visagent_apps.sheet_commands import cases
from visagent_apps.terminal import say

if TYPE_CHECKING:
    from visagent.core.config import Mode


class _BenchmarksAsCommands(TyperGroup):
    """`visagent eval NAME` is `visagent eval run NAME`: benchmarks come in packages, and are no commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_BenchmarksAsCommands,
    help="Evaluate an agent: `visagent eval NAME --data …` runs a benchmark; the others look at what came of it.",
    no_args_is_help=True,
)
app.add_typer(sheet_app, name="sheet")
app.command()(judge)
app.command()(cases)
app.command()(counterfactual)


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="An installed benchmark, by name.")],
    data: Annotated[
        Path,
        typer.Option(help="The data set's file or folder, or hub:OWNER/NAME@REVISION!INSIDE on the Hugging Face hub."),
    ],
    profile: ProfileOption = None,
    mode: Annotated[str, typer.Option(help="How the agent answers a question: auto, tree, chain or direct.")] = "auto",
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Ask again: direct, tree, and with each tool taken away.")
    ] = False,
    mitigations: Annotated[
        bool,
        typer.Option("--mitigations", help="Ask again: with one look, no verifying model, contrastively or not."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the record; continues one there. Else runs/eval/NAME-PROFILE.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many items.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Questions at once.")] = 1,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    actors: Annotated[int, typer.Option(min=1, help="With ray: agents, each with that many workers.")] = 2,
    tool: ToolsOption = None,
    predictor: Annotated[str | None, typer.Option(help="Not the agent but a predictor of the benchmark.")] = None,
    train: Annotated[Path | None, typer.Option(help="What predictors learn from, if not beside the data.")] = None,
    json: Annotated[Path | None, typer.Option(help="Save a predictor's predictions here, one JSON line each.")] = None,
) -> None:
    """Run a benchmark and print its scores with 95 % intervals; an agent's run is also written as a page."""
    check_writable("--json", json)
    if engine not in ("local", "ray"):
        raise ConfigError(f"There is no engine {engine!r}.", did_you_mean(engine, ["local", "ray"]))
    from visagent.evaluation.agent_benchmark import AgentBenchmark
    from visagent.evaluation.benchmark import PROFILE
    from visagent.evaluation.registry import find_benchmark
    from visagent_apps.evaluate import run_agent, run_benchmark
    from visagent_apps.hub_data import data_folder

    benchmark = find_benchmark(name)
    data = data_folder(data)
    if isinstance(benchmark, AgentBenchmark) and predictor in (None, PROFILE) and json is None:
        run_agent(
            benchmark,
            data,
            out=out,
            profile=profile,
            mode=cast("Mode", mode),
            baselines=baselines,
            mitigations=mitigations,
            limit=limit,
            workers=workers,
            tools=tool,
            actors=actors if engine == "ray" else 0,
        )
    else:
        run_benchmark(name, data, predictor=predictor, train=train, limit=limit, save=json, profile=profile)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    second: Annotated[Path, typer.Argument(help="Folder of another one, of the same benchmark.")],
    json: JsonOption = False,
) -> None:
    """Say whether the second evaluation is better than the first, on the items of both.

    Exit codes: 0 compared, 2 they cannot be compared.
    """
    from visagent.evaluation.agent_scores import compare_runs
    from visagent.evaluation.run_folder import read_run
    from visagent_apps.evaluate import show_comparison

    names = first.resolve().name, second.resolve().name
    show_comparison(compare_runs(read_run(first), read_run(second)), names, json=json)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    logs: Annotated[Path, typer.Argument(help="Folder of inspect_ai's logs, for example logs; made where it is not.")],
    variant: Annotated[str, typer.Option(help="What to export: agent, direct, tree, or 'without TOOL'.")] = "agent",
) -> None:
    """Write an evaluation as a log that the viewer of inspect_ai opens: inspect view --log-dir LOGS."""
    from visagent.core.files import write_whole
    from visagent.evaluation.run_folder import read_run
    from visagent_apps.evaluate import read_scores
    from visagent_apps.reports.inspect_log import inspect_log, log_name

    run = read_run(folder)
    text = inspect_log(run, read_scores(folder), variant)
    logs.mkdir(parents=True, exist_ok=True)
    write_whole(logs / log_name(run.info, variant), text)
    say(f"Written: {logs / log_name(run.info, variant)}", err=True)


@app.command()
def hallucination(
    captions: Annotated[Path, typer.Option(help="JSON lines with image, caption and, where known, objects.")],
    profile: ProfileOption = None,
    instances: Annotated[Path | None, typer.Option(help="COCO's instances file: what is there, by image_id.")] = None,
    synonyms: Annotated[
        Path | None, typer.Option(help="Words for objects, as CHAIR's synonyms.txt; else those of COCO's 80 labels.")
    ] = None,
    claims: Annotated[bool, typer.Option(help="Check each claim by the agent's experts as well.")] = True,
    judge: Annotated[
        str | None, typer.Option(help="A profile whose model judges each caption as well: is anything made up?")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many captions.")] = None,
    out: Annotated[Path | None, typer.Option(help="Save what was found of each caption, one JSON line each.")] = None,
) -> None:
    """Say what captions make up: objects that are not there (CHAIR) and claims that evidence contradicts."""
    check_writable("--out", out)
    from visagent_apps.evaluate import run_hallucination

    run_hallucination(
        captions,
        profile=profile,
        instances=instances,
        synonyms=synonyms,
        claims=claims,
        judge=judge,
        limit=limit,
        out=out,
    )
