"""`visagent eval counterfactual`: changes what answers cite, asks again, says how many stay. `evidence_probes` asks."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from visagent_apps.common import ProfileOption, ToolsOption
from visagent_apps.terminal import say

if TYPE_CHECKING:
    from visagent.agent.agent import Agent
    from visagent.core.config import Mode
    from visagent.evaluation.bootstrap import Estimate
    from visagent.evaluation.paired import Difference
    from visagent_apps.evidence_probes import CounterfactualReport
    from visagent_apps.media_edits import Edit

PROBES = "probes.jsonl"


def counterfactual(
    questions: Annotated[
        Path, typer.Argument(help="JSON lines with id, question and media; or the folder of an evaluation.")
    ],
    media: Annotated[Path | None, typer.Option(help="Folder of the media; else that of the file.")] = None,
    folder: Annotated[
        list[str] | None, typer.Option("--folder", help="NAME=PATH: where media called NAME:... lie; repeatable.")
    ] = None,
    profile: ProfileOption = None,
    mode: Annotated[str, typer.Option(help="How the agent answers a question: auto, tree or chain.")] = "auto",
    edit: Annotated[
        list[str] | None, typer.Option("--edit", help="blank, recolour or replace; repeatable. Else blank.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the record; continues one there.")] = Path("runs/counterfactual"),
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many questions.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the places that are changed instead.")] = 0,
    tool: ToolsOption = None,
) -> None:
    """Change the places that answers cite, ask again, and say how many answers stay: those were not seen.

    A place of the same size elsewhere is changed as well, for comparison. Pictures and sound; what cites no place, or a
    place in a clip, is counted and left out.
    """
    from visagent.agent.request import check_mode
    from visagent.core.errors import ConfigError, did_you_mean
    from visagent_apps.media_edits import Edit

    check_mode(mode)
    known = get_args(Edit)
    for one in edit or ():
        if one not in known:
            raise ConfigError(f"There is no edit {one!r}.", did_you_mean(one, known))
    run_counterfactual(
        questions,
        media=media,
        roots=dict(named_folder(text) for text in folder or ()),
        profile=profile,
        mode=cast("Mode", mode),
        edits=cast("Sequence[Edit]", list(dict.fromkeys(edit or ["blank"]))),
        out=out,
        limit=limit,
        seed=seed,
        tools=tool,
    )


def named_folder(text: str) -> tuple[str, Path]:
    """A folder with its name, from `NAME=PATH`.

    Raises:
        ConfigError: it is not of that form, or there is no such folder.
    """
    from visagent.core.errors import ConfigError

    name, equals, path = text.partition("=")
    try:
        there = Path(path).is_dir()
    except OSError:  # no folder can have this name
        there = False
    if not equals or not there:
        raise ConfigError(f"--folder {text[:200]!r} names no folder.", "Write --folder NAME=PATH.")
    return name, Path(path)


def run_counterfactual(
    questions: Path,
    *,
    out: Path,
    edits: Sequence[Edit] = ("blank",),
    media: Path | None = None,
    roots: Mapping[str, Path] | None = None,
    profile: str | None = None,
    mode: Mode = "auto",
    limit: int | None = None,
    seed: int = 0,
    tools: Sequence[str] | None = None,
    agent: Agent | None = None,
) -> CounterfactualReport:
    """Probe every question in every way that was asked for, print what was found, and write its page.

    Args:
        questions: See the command, as the others.
        out: Folder of the record.
        edits: Ways of changing.
        media: Folder of the media.
        roots: Folders of media by name.
        profile: The agent's.
        mode: How it answers a question.
        limit: The first so many questions.
        seed: Seed of the places that are changed instead.
        tools: Import paths of tools beside the installed ones.
        agent: Who is asked, in place of one of the profile.

    Raises:
        InputError: nothing can be asked, or the folder holds a record of something else.
        ModelError: a model cannot be loaded.
    """
    from visagent.agent.agent import Agent
    from visagent.core.files import write_whole
    from visagent.evaluation.run_folder import REPORT, SCORES
    from visagent_apps.common import import_path
    from visagent_apps.evaluate import progress_bar
    from visagent_apps.evidence_probes import (
        Probe,
        counterfactual_report,
        other_pictures,
        probe,
        read_asked,
        recorded_answers,
    )
    from visagent_apps.records import open_record
    from visagent_apps.reports.counterfactual_page import counterfactual_page

    items, unread = read_asked(questions, media, roots)
    items = items[:limit]
    for id_, reason in unread.items():
        say(f"Left out: {id_}: {reason}", err=True)
    others = other_pictures(items)
    # Evidence of earlier runs would answer for what is asked here, and hundreds of runs would bury the person's own.
    with tempfile.TemporaryDirectory(prefix="visagent-eval-") as home, progress_bar() as bar:
        agent = agent or Agent(profile, home=home, tools=[*map(import_path, tools or ())])
        settings = {"profile": agent.profile.model_dump(mode="json"), "mode": mode, "seed": seed}
        made = {(one.edit, one.id): one for one in open_record(out, PROBES, settings, Probe)}
        task = bar.add_task("asking", total=len(items) * len(edits), completed=0)
        answers = recorded_answers(questions, agent.profile, mode)
        with (out / PROBES).open("a", encoding="utf-8") as file:
            for edit in edits:
                for item in items:
                    if (edit, item.id) not in made:
                        other = others[item.id]
                        found = asyncio.run(
                            probe(agent, item, edit, mode=mode, other=other, seed=seed, answers=answers)
                        )
                        made[edit, item.id] = found
                        file.write(found.model_dump_json() + "\n")
                        file.flush()
                    bar.update(task, advance=1, description=edit)
    wanted = {item.id for item in items}
    probes = [one for (edit, id_), one in made.items() if id_ in wanted and edit in edits]
    report = counterfactual_report(probes)
    write_whole(out / SCORES, report.model_dump_json(indent=1) + "\n")
    write_whole(out / REPORT, counterfactual_page(report, probes, items, others, profile=agent.profile.name, mode=mode))
    show(report)
    say(f"Page: {out / REPORT}", err=True)
    return report


def show(report: CounterfactualReport) -> None:
    """Print a report as a Markdown table, in per cent with 95 % intervals."""
    for edit, rates in report.rates.items():
        say(f"\n{edit}: {report.asked} questions.")
        say("| cited by | n | not seen: the answer stays | changes with another place | difference |")
        say("|---|---|---|---|---|")
        for one in rates:
            say(
                f"| {one.name} | {one.unseen.count} | {_share(one.unseen)} | {_share(one.changed_control)} | "
                f"{_share(one.effect)}, p={one.effect.p:.2g} |"
            )
        for reason, count in report.left_out[edit].items():
            say(f"Left out: {count}: {reason}")


def _share(found: Estimate | Difference) -> str:
    return f"{100 * found.value:.0f} ({100 * found.low:.0f} to {100 * found.high:.0f})"
