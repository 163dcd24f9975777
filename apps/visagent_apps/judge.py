"""`visagent eval judge`: a model judges answers by a rubric. Shows and keeps; the library asks and counts."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visagent_apps.common import JsonOption, ProfileOption
from visagent_apps.counterfactual import named_folder
from visagent_apps.terminal import say, say_json

if TYPE_CHECKING:
    from visagent.evaluation.judge import Judgement, PairJudgement, Rubric
    from visagent.evaluation.judge_report import JudgeReport
    from visagent.evaluation.open_answers import OpenAnswer
    from visagent.models.protocol import MLLM

JUDGEMENTS = "judgements.jsonl"
FolderOption = Annotated[
    list[str] | None, typer.Option("--folder", help="NAME=PATH: where media called NAME:... lie; repeatable.")
]
MediaOption = Annotated[Path | None, typer.Option(help="Folder of the media; else that of the answers' file.")]
RubricOption = Annotated[
    str,
    typer.Option(
        help="correct, quality, owl, hallucination, gpt4tools, tenths, video-chatgpt, or a YAML file of yours."
    ),
]


def judge(
    answers: Annotated[
        Path, typer.Argument(help="JSON lines with id, question and answer; or the folder of an evaluation.")
    ],
    second: Annotated[
        Path | None, typer.Argument(help="Other answers to the same questions: pairs are judged, in both orders.")
    ] = None,
    rubric: RubricOption = "correct",
    profile: ProfileOption = None,
    media: MediaOption = None,
    folder: FolderOption = None,
    people: Annotated[
        Path | None, typer.Option(help="Ratings of people, as `visagent eval sheet read --out` writes them.")
    ] = None,
    people_of: Annotated[str | None, typer.Option(help="Whose answers of that file, where it rates several.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Ask twice: how far the judge agrees with itself.")] = False,
    variant: Annotated[str, typer.Option(help="Of an evaluation: agent, direct, tree, or 'without TOOL'.")] = "agent",
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many answers.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Answers at once.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the record; continues one there.")] = Path("runs/judge"),
    json: JsonOption = False,
) -> None:
    """Let a profile's model judge answers by a rubric: scores, agreement as kappa, position and length bias.

    An answer that the judge does not judge by the rubric counts as unjudged, and the rest is scored.
    """
    from visagent.evaluation.judge import judge_of, read_rubric

    report = run_judge(
        answers,
        second,
        judge_of(profile),
        read_rubric(rubric),
        out=out,
        media=media,
        roots=dict(named_folder(text) for text in folder or ()),
        people=people,
        people_of=people_of,
        again=again,
        variant=variant,
        limit=limit,
        workers=workers,
    )
    if json:
        say_json(report.model_dump_json(indent=1))
    else:
        show(report)


def run_judge(
    answers: Path,
    second: Path | None,
    model: MLLM,
    rubric: Rubric,
    *,
    out: Path,
    media: Path | None = None,
    roots: Mapping[str, Path] | None = None,
    people: Path | None = None,
    people_of: str | None = None,
    again: bool = False,
    variant: str = "agent",
    limit: int | None = None,
    workers: int = 1,
) -> JudgeReport:
    """Judge answers, or pairs of them, and keep every judgement as it is made.

    Args:
        answers: See the command, as the others.
        second: Other answers to the same questions; None to judge one by one.
        model: The judge.
        rubric: The rubric to judge by.
        out: Folder of the record.
        media: Folder of the media.
        roots: Folders of media by name.
        people: Ratings of people.
        people_of: The source of the answers that people rated, where the file rates several.
        again: Whether to ask twice.
        variant: Variant of an evaluation.
        limit: The first so many answers.
        workers: Answers at once.

    Raises:
        InputError: a file cannot be used, no answer is judged, or the folder holds a record of something else.
    """
    from visagent.core.files import write_whole
    from visagent.evaluation.judge import Judgement, PairJudgement, in_turn, judge_answer, judge_pair
    from visagent.evaluation.judge_report import judge_report, pair_report
    from visagent.evaluation.open_answers import loaded_or_reason
    from visagent.evaluation.run_folder import SCORES
    from visagent_apps.evaluate import progress_bar
    from visagent_apps.records import open_record
    from visagent_apps.reports.rating_sheet import read_people

    base = media_folder(answers, media)
    rated = read_answers(answers, variant)
    others = {} if second is None else {one.id: one for one in read_answers(second, variant)}
    if second is not None:
        for id_ in sorted({one.id for one in rated} ^ others.keys()):
            say(f"Left out: {id_}: only one of the two has an answer", err=True)
        rated = [one for one in rated if one.id in others]
    given = {} if people is None else read_people(people, rubric, people_of)
    settings = {
        "rubric": rubric.model_dump(mode="json"),
        "judge": model.name,
        "answers": _digest(rated),
        "second answers": _digest(others.values()),
        "again": again,
    }
    rated = rated[:limit]
    if "media" in rubric.shows and not model.capabilities.media and any(one.media for one in rated):
        say(f"{model.name} cannot be shown media, and judges from the words alone.", err=True)
    kind: type[Judgement | PairJudgement] = Judgement if second is None else PairJudgement
    # What was not judged, since the judge could not be reached or did not follow the rubric, is asked again.
    made: dict[str, Any] = {one.id: one for one in open_record(out, JUDGEMENTS, settings, kind) if not one.unjudged}

    async def judged(one: OpenAnswer) -> Judgement | PairJudgement:
        # A judge that sees nothing is not kept from judging by a picture that is gone.
        seen = loaded_or_reason(one, base, roots) if "media" in rubric.shows and model.capabilities.media else []
        if isinstance(seen, str):
            return kind(id=one.id, unjudged=seen)
        if second is None:
            return await judge_answer(model, rubric, one, seen, again)
        return await judge_pair(model, rubric, one, others[one.id], seen)

    waiting = [partial(judged, one) for one in rated if one.id not in made]
    with progress_bar() as bar, (out / JUDGEMENTS).open("a", encoding="utf-8") as file:
        task = bar.add_task("judging", total=len(waiting))

        def keep(found: Judgement | PairJudgement) -> None:
            made[found.id] = found
            file.write(found.model_dump_json() + "\n")
            file.flush()
            bar.update(task, advance=1)

        asyncio.run(in_turn(waiting, workers, keep))
    found = [made[one.id] for one in rated]
    if second is None:
        report = judge_report(found, rated, rubric, given)
    else:
        report = pair_report(found, {one.id: one for one in rated}, others)
    write_whole(out / SCORES, report.model_dump_json(indent=1) + "\n")
    return report


def read_answers(source: Path, variant: str) -> Sequence[OpenAnswer]:
    """The answers of a file or an evaluation; what cannot be rated is said.

    Raises:
        InputError: it cannot be read, or holds nothing to rate.
    """
    from visagent.evaluation.open_answers import read_open_answers

    found, left_out = read_open_answers(source, variant)
    for id_, reason in left_out.items():
        say(f"Left out: {id_}: {reason}", err=True)
    return found


def media_folder(answers: Path, given: Path | None) -> Path:
    """Where the media of answers lie: an evaluation names them from where it was run, a file from beside itself."""
    from visagent.evaluation.run_folder import INFO

    return given or (Path() if (answers / INFO).is_file() else answers.parent)


def _digest(answers: Any) -> str:
    return hashlib.sha256("".join(one.model_dump_json() for one in answers).encode()).hexdigest()


def show(report: JudgeReport) -> None:
    """Print a report: scores and kappa with 95 % intervals."""
    for id_, reason in report.unjudged.items():
        say(f"Unjudged: {id_}: {reason}", err=True)
    for name, score in report.scores.items():
        say(f"{name}: {score}")
    if report.unjudged:
        say(f"unjudged: {len(report.unjudged)}")
    for name, found in report.agreement.items():
        say(f"agreement with {name}: {found}")
    titles = {
        "position": "of decided judgements, the one shown first wins (50 % is no bias)",
        "length": "of decided pairs, the longer one wins (50 % is no bias)",
    }
    for name, lean in report.bias.items():
        if "first is better" in report.scores:
            say(f"{titles[name]}: {lean}")
        else:
            say(f"rank correlation of score and {name}: {lean.value:+.2f} ({lean.low:+.2f} to {lean.high:+.2f})")
