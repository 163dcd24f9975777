"""`visagent eval sheet` and `visagent eval cases`: pages on which people rate, and read, answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visagent_apps.common import JsonOption
from visagent_apps.counterfactual import named_folder
from visagent_apps.judge import FolderOption, MediaOption, RubricOption, media_folder, read_answers
from visagent_apps.outputs import check_writable
from visagent_apps.terminal import say, say_json

app = typer.Typer(help="Let people rate answers: make a sheet, and read what they gave.", no_args_is_help=True)


@app.command()
def make(
    answers: Annotated[
        list[Path],
        typer.Argument(help="Files of answers, or folders of evaluations; several are mixed, and none is named."),
    ],
    out: Annotated[Path, typer.Option(help="The sheet: a page, or a table if the name ends in .csv.")] = Path(
        "sheet.html"
    ),
    rubric: RubricOption = "correct",
    media: MediaOption = None,
    folder: FolderOption = None,
    variant: Annotated[str, typer.Option(help="Of evaluations: agent, direct, tree, or 'without TOOL'.")] = "agent",
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many answers of each.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order.")] = 0,
) -> None:
    """Make a sheet on which people rate answers without knowing whose they are.

    Which answer is whose stands in a key beside it, SHEET.key.json, which is not for those who rate.
    """
    check_writable("--out", out)
    from visagent.core.errors import InputError
    from visagent.core.files import write_whole
    from visagent.evaluation.judge import read_rubric
    from visagent.evaluation.open_answers import loaded_or_reason
    from visagent_apps.reports.rating_sheet import make_key, sheet_csv, sheet_page

    names = [source_name(one) for one in answers]
    if len(set(names)) < len(names):
        raise InputError("Two of the files have one name.", "Name them differently: it tells answers apart in the key.")
    roots = dict(named_folder(text) for text in folder or ())
    given = {name: read_answers(one, variant)[:limit] for name, one in zip(names, answers, strict=True)}
    key = make_key(given, read_rubric(rubric), seed)
    if out.suffix == ".csv":
        write_whole(out, sheet_csv(key, given))
    else:
        seen = {
            (name, one.id): loaded_or_reason(one, media_folder(file, media), roots)
            for name, file in zip(names, answers, strict=True)
            for one in given[name]
        }
        for (_, id_), found in seen.items():
            if isinstance(found, str):
                say(f"Not shown: {id_}: {found}", err=True)
        write_whole(out, sheet_page(key, given, seen))
    kept = out.with_name(f"{out.name}.key.json")
    write_whole(kept, key.model_dump_json(indent=1) + "\n")
    say(f"{len(key.rows)} answers: {out}; whose they are: {kept}", err=True)


@app.command()
def read(
    key: Annotated[Path, typer.Argument(help="The key that make wrote.")],
    ratings: Annotated[list[Path], typer.Argument(help="What people saved: CSV files, one a person.")],
    out: Annotated[Path | None, typer.Option(help="What people gave each answer, for eval judge --people.")] = None,
    json: JsonOption = False,
) -> None:
    """Read what people gave: scores of each source with intervals, and kappa of each two raters.

    A cell that is no level, and a row that the sheet lacks, is named and left out.
    """
    check_writable("--out", out)
    from visagent.core.files import write_whole
    from visagent_apps.reports.rating_sheet import read_key, read_ratings, sheet_report

    found = read_key(key)
    # Files of two people may have one name, in two folders.
    stems = [file.stem for file in ratings]
    names = [file.stem if stems.count(file.stem) == 1 else str(file) for file in ratings]
    read_back = {name: read_ratings(file, found) for name, file in zip(names, ratings, strict=True)}
    problems = [problem for _, own in read_back.values() for problem in own]
    report = sheet_report(found, {name: own for name, (own, _) in read_back.items()}, problems)
    if out is not None:
        write_whole(out, "".join(one.model_dump_json() + "\n" for one in report.people))
    for problem in problems:
        say(f"Left out: {problem}", err=True)
    if json:
        say_json(report.model_dump_json(indent=1))
        return
    for source, scores in report.scores.items():
        for name, score in scores.items():
            say(f"{source}, {name}: {score}")
    if report.unrated:
        say(f"unrated: {report.unrated}")
    for name, agreed in report.agreement.items():
        say(f"agreement of {name}: {agreed}")


def cases(
    first: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    second: Annotated[Path | None, typer.Argument(help="Folder of another one, of the same benchmark.")] = None,
    against: Annotated[
        str | None, typer.Option(help="In place of another evaluation, a variant of this one: direct, 'without TOOL'.")
    ] = None,
    id_: Annotated[list[str] | None, typer.Option("--id", help="A question to show; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The first so many, those that differ most first.")] = 12,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("cases.html"),
) -> None:
    """Write a page of cases: question, picture, tree and answer, two ways of answering side by side."""
    check_writable("--out", out)
    from visagent.core.errors import ConfigError
    from visagent.core.files import write_whole
    from visagent.evaluation.agent_benchmark import AGENT
    from visagent.evaluation.run_folder import read_run
    from visagent_apps.reports.cases import cases_page, chosen_cases, side_of

    if second is not None and against is not None:
        raise ConfigError("Both another evaluation and --against are given.", "Give one of them.")
    run = read_run(first)
    one = side_of(run, AGENT)
    other = side_of(read_run(second), AGENT) if second is not None else side_of(run, against) if against else None
    ids = chosen_cases(one, other, id_ or (), limit)
    write_whole(out, cases_page([one, other] if other else [one], ids))
    say(f"{len(ids)} {'case' if len(ids) == 1 else 'cases'}: {out}", err=True)


def source_name(answers: Path) -> str:
    """What a file of answers, or the folder of an evaluation, is called."""
    return answers.stem if answers.suffix else answers.resolve().name
