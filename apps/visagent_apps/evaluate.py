"""`visagent eval`: run a benchmark, show its scores, save every prediction. Shows; the library asks and grades."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from visagent.agent.request import check_mode
from visagent.core.config import Mode
from visagent.core.errors import ConfigError, InputError
from visagent.core.files import write_whole
from visagent.core.terminal import terminal
from visagent.core.validation import first_problem
from visagent.evaluation.agent_benchmark import AgentBenchmark
from visagent.evaluation.agent_items import LeftOut
from visagent.evaluation.agent_run import MakeEngine, evaluate_agent, without_tools
from visagent.evaluation.agent_scores import AgentScores, RunComparison, agent_scores
from visagent.evaluation.benchmark import Source
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.evaluate import Scores, evaluate
from visagent.evaluation.hallucination import check_claims, check_objects, read_captions, read_synonyms
from visagent.evaluation.judge import judge_captions, judge_of
from visagent.evaluation.registry import find_benchmark
from visagent.evaluation.run_folder import REPORT, SCORES
from visagent_apps.common import import_path
from visagent_apps.reports.page import evaluation_page
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from visagent.agent.agent import Agent
    from visagent.agent.batch import Engine

RUNS = Path("runs/eval")
"""Where evaluations are kept that are given no folder."""
NAMED = 5
"""Items that are left out for the same reason and named on the command line."""


def run_benchmark(
    name: str,
    data: Path,
    *,
    predictor: str | None = None,
    train: Path | None = None,
    limit: int | None = None,
    save: Path | None = None,
    profile: str | None = None,
) -> Scores:
    """Run a benchmark and print its scores as a table.

    Args:
        name: Name of the benchmark.
        data: Its file or folder.
        predictor: What predicts; None for the benchmark's first.
        train: What baselines learn from, where it is not beside the data.
        limit: The first so many items.
        save: A file for the predictions, one JSON line each.
        profile: The profile whose models answer.

    Raises:
        InputError: the benchmark, predictor or data cannot be used.
        ModelError: a model cannot be loaded.
    """
    benchmark = find_benchmark(name)
    with progress_bar() as bar:
        task = bar.add_task(name, total=None)
        scores = asyncio.run(
            evaluate(
                benchmark,
                Source(data, train, profile),
                predictor=predictor,
                limit=limit,
                save=save,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        )
    show(scores)
    return scores


def show(scores: Scores) -> None:
    """Print scores as a table: per cent, with 95 % intervals."""
    title = f"{scores.benchmark}, {scores.predictor}: {scores.items} items in {scores.seconds:.1f} s"
    _show_estimates(scores.scores, title)


def run_agent(
    benchmark: AgentBenchmark,
    data: Path,
    *,
    out: Path | None = None,
    profile: str | None = None,
    mode: Mode = "auto",
    baselines: bool = False,
    mitigations: bool = False,
    limit: int | None = None,
    workers: int = 1,
    tools: Sequence[str] | None = None,
    actors: int = 0,
) -> AgentScores:
    """Put a benchmark's questions to an agent, print its scores, and write its page.

    Args:
        benchmark: The benchmark whose questions are asked.
        data: Its file or folder.
        out: Folder of the record; None for one below `runs/eval`.
        profile: The agent's.
        mode: How it answers a question.
        baselines: Whether to ask the baselines as well.
        mitigations: Whether to ask again with each mitigation of hallucination taken away or added.
        limit: The first so many items.
        workers: Questions at once.
        tools: Import paths of tools beside the installed ones.
        actors: Agents on a Ray cluster that are asked in place of the one here, each with `workers`; 0 for none.

    Raises:
        ConfigError: the benchmark plays a model itself, which cannot be sent to a cluster.
        InputError: the data or the options cannot be used, or the folder holds another evaluation.
        ModelError: a model cannot be loaded.
    """
    from visagent.agent.agent import Agent

    check_mode(mode)
    if actors and benchmark.models():
        raise ConfigError(f"{benchmark.name} plays a model itself, in this process.", "Leave out --engine ray.")
    # Evidence of earlier runs would hide what tools cost, and hundreds of runs would bury the person's own.
    with tempfile.TemporaryDirectory(prefix="visagent-eval-") as home, progress_bar() as bar:
        own: list[Any] = [*benchmark.tools(), *map(import_path, tools or ())]
        agent = Agent(profile, home=home, tools=own, models=benchmark.models())
        # Read already: a file's name means nothing in another process.
        make_agent = partial(Agent, agent.profile, home=home, tools=own)
        out = out or RUNS / f"{benchmark.name}-{agent.profile.name}"
        task = bar.add_task(benchmark.name, total=None)

        def asked(variant: str, done: int, total: int) -> None:
            bar.update(task, description=f"{benchmark.name}, {variant}", completed=done, total=total)

        run = asyncio.run(
            evaluate_agent(
                benchmark,
                data,
                out,
                agent,
                mode=mode,
                baselines=baselines,
                mitigations=mitigations,
                limit=limit,
                workers=workers,
                engine=_on_ray(make_agent, actors, workers) if actors else None,
                on_attempt=asked,
            )
        )
        scores = agent_scores(benchmark, run)
        write_whole(out / SCORES, scores.model_dump_json(indent=1) + "\n")
        write_whole(out / REPORT, evaluation_page(scores, run))
    say_left_out(scores.info.left_out)
    show_agent(scores)
    say(f"Page: {out / REPORT}", err=True)
    return scores


def say_left_out(left_out: Sequence[LeftOut]) -> None:
    """A line for each reason; the page of the run lists every item."""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.reason, []).append(one.id)
    for reason, ids in by_reason.items():
        named = ", ".join(ids[:NAMED])
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        say(f"Left out: {named}{more}: {reason}.", err=True)


def _on_ray(make_agent: Callable[[], Agent], actors: int, workers: int) -> MakeEngine:
    """What answers items on a Ray cluster, by the tools that are taken away."""
    from visagent.integrations.ray import answer_with_ray

    def engine(without: Sequence[str]) -> Engine:
        masked = partial(without_tools, make_agent, list(without)) if without else make_agent
        return partial(answer_with_ray, masked, actors=actors, workers=workers)

    return engine


def run_hallucination(
    file: Path,
    *,
    profile: str | None = None,
    instances: Path | None = None,
    synonyms: Path | None = None,
    claims: bool = True,
    judge: str | None = None,
    limit: int | None = None,
    out: Path | None = None,
) -> dict[str, Estimate]:
    """Score captions for what they make up, and print what was found.

    Args:
        file: The captions; see `visagent.evaluation.hallucination.Caption`.
        profile: The profile whose experts check claims.
        instances: COCO's instances file.
        synonyms: Words for objects; None for those of COCO's 80 labels.
        claims: Whether to check claims too.
        judge: Profile whose model judges captions, as HaELM does; None for no judge.
        limit: The first so many captions.
        out: A file for what was found of each caption.

    Raises:
        InputError: a file cannot be used, or nothing can be scored.
    """
    from visagent_tools.engines.nanodet import COCO_LABELS
    from visagent_tools.labels import words_for_labels

    captions = read_captions(file, instances)[:limit]
    vocabulary = read_synonyms(synonyms) if synonyms is not None else words_for_labels(COCO_LABELS)
    checked, scores = check_objects(captions, vocabulary)
    if claims:
        from visagent.agent.agent import Agent

        with tempfile.TemporaryDirectory(prefix="visagent-eval-") as home:
            agent = Agent(profile, home=home)
            checked, found = asyncio.run(check_claims(captions, checked, file.parent, agent))
        scores |= found
    if judge is not None:
        scores |= asyncio.run(judge_captions(captions, file.parent, judge_of(judge), unjudged=_say_unjudged))
    if out is not None:
        write_whole(out, "".join(one.model_dump_json() + "\n" for one in checked))
    for one in checked:
        if one.error:
            say(f"Not checked: {one.image}: {one.error}", err=True)
    if not scores:
        raise InputError("No caption can be scored.", "Give objects or --instances, or pictures whose claims to check.")
    _show_estimates(scores, f"{file.name}: {len(captions)} captions")
    return scores


def _say_unjudged(name: str, reason: str) -> None:
    say(f"Not judged: {name}: {reason}", err=True)


def read_scores(folder: Path) -> AgentScores:
    """The scores of an evaluation that was run to its end.

    Raises:
        InputError: there are none, or they cannot be read.
    """
    file = folder / SCORES
    if not file.is_file():
        raise InputError(f"{folder} holds no evaluation that is complete.", "Run it to its end: visagent eval … --out.")
    try:
        return AgentScores.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise InputError(f"{file}: {first_problem(error)}.", "Evaluate again: what was asked is kept.") from error


def show_agent(scores: AgentScores) -> None:
    """Print an agent's scores as a table, in per cent, and what it gains over each baseline a line."""
    info, measured = scores.info, scores.measured
    title = (
        f"{info.benchmark}, {info.profile}, mode {info.mode}: {info.items} items, {measured.cost.seconds:.2f} s each"
    )
    _show_estimates(measured.scores, title)
    for one in scores.variants[1:]:
        say(f"agent against {one.variant}: {one.gain}")
    for name, reason in scores.unavailable.items():
        say(f"Not asked: {name}: {reason}")


def show_comparison(found: RunComparison, names: tuple[str, str], *, json: bool = False) -> None:
    """Print how two evaluations compare.

    Args:
        found: What was found.
        names: What the first and the second one are called.
        json: Whether to print JSON and nothing else.
    """
    if json:
        say_json(found.model_dump_json(indent=1))
        return
    first, second = found.first, found.second
    one, two = (f"{name} ({info.profile}, mode {info.mode})" for name, info in zip(names, (first, second), strict=True))
    say(f"{first.benchmark}: {two} against {one}")
    score, other = 100 * found.second_score, 100 * found.first_score
    say(f"Score: {score:.1f} against {other:.1f}, on {found.gain.count} items of both.")
    verdict = "significant" if found.gain.significant else "not significant"
    say(f"Gain: {found.gain}: {verdict} at 5 %.")
    say(f"Seconds an item: {found.second_cost.seconds:.2f} against {found.first_cost.seconds:.2f}.")
    if found.first_only or found.second_only:
        say(f"Not compared: {found.first_only} items of the first alone, {found.second_only} of the second alone.")
    for id_, (before, after) in sorted(found.changed.items(), key=lambda each: each[1][1] - each[1][0]):
        say(f"  {id_}: {before:.2f} became {after:.2f}")


def _show_estimates(scores: Mapping[str, Estimate], title: str) -> None:
    table = Table("metric", "score", "95 % interval", "of", title=title)
    for metric, found in scores.items():
        interval = f"{100 * found.low:.1f} to {100 * found.high:.1f}"
        table.add_row(metric, f"{100 * found.value:.1f}", interval, str(found.count))
    terminal().print(table)


def progress_bar() -> Progress:
    """A bar on the error stream: what is asked, how much of how much, and how long it will take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=terminal(stderr=True), transient=True)
