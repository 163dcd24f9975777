"""A sheet on which people rate answers, without knowing whose they are, and what they gave. Knows no agent.

The sheet is an HTML page that needs nothing else, or a CSV file. Which answer a row is stands in a key file apart, so
that the sheet itself gives nobody away. What is on the page is escaped, and only the page's own script may run.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import random
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from visagent.answering.sentences import CITATION
from visagent.core.encoding import data_uri
from visagent.core.errors import InputError, VisagentError
from visagent.core.validation import first_problem
from visagent.evaluation.benchmark import read_lines
from visagent.evaluation.bootstrap import Estimate, mean
from visagent.evaluation.judge import Rubric
from visagent.evaluation.judge_report import Agreement, agreement
from visagent.evaluation.open_answers import OpenAnswer
from visagent.evidence.record import Frozen
from visagent.media.media import Media
from visagent.media.pictures import encode_picture
from visagent.reporting.markup import stylesheet
from visagent_apps.reports.page import page_environment

LONGEST_SIDE = 900
"""Pixels of a picture on the sheet."""
SOUND_BYTES = 4 << 20
"""Sound larger than this is named, not embedded."""
CODE, QUESTION, ANSWER, MEDIA = "code", "question", "answer", "media"


class SheetRow(Frozen):
    """What a row of a sheet is.

    Attributes:
        code: What the sheet calls it.
        source: The source whose answer it is.
        id: Id of the question.
    """

    code: str
    source: str
    id: str


class SheetKey(Frozen):
    """What a sheet's rows are; kept apart from the sheet.

    Attributes:
        version: Version of the stored form.
        rubric: The rubric by which people rate.
        seed: Seed of the order.
        rows: Rows in the sheet's order.
    """

    version: Literal[1] = 1
    rubric: Rubric
    seed: int
    rows: tuple[SheetRow, ...]


class PeopleLine(Frozen):
    """What people gave one answer: the middle of their levels, the lower one of two.

    Attributes:
        id: Id of the question.
        source: The source whose answer it is.
        scores: Scores by criterion.
    """

    id: str
    source: str = ""
    scores: dict[str, int]


class SheetReport(Frozen):
    """What people gave.

    Attributes:
        scores: Scores by source and criterion, as a part of the way from the lowest level to the highest.
        agreement: Agreement of each two raters, by criterion.
        people: What each answer was given.
        problems: What could not be read, a line each.
        unrated: Rows that nobody rated.
    """

    scores: dict[str, dict[str, Estimate]]
    agreement: dict[str, Agreement] = Field(default_factory=dict)
    people: tuple[PeopleLine, ...]
    problems: tuple[str, ...] = ()
    unrated: int = 0


def make_key(answers: Mapping[str, Sequence[OpenAnswer]], rubric: Rubric, seed: int) -> SheetKey:
    """The rows of a sheet in an order that says nothing.

    Args:
        answers: Answers by source.
        rubric: The rubric by which people rate.
        seed: Seed of the order.
    """
    whose = [(source, one.id) for source, rows in answers.items() for one in rows]
    random.Random(seed).shuffle(whose)
    rows = [SheetRow(code=f"r{n:03}", source=source, id=id_) for n, (source, id_) in enumerate(whose, start=1)]
    return SheetKey(rubric=rubric, seed=seed, rows=tuple(rows))


def _bare(text: str) -> str:
    """An answer without citations, which would give its author away."""
    return re.sub(rf"[ \t]*(?:{CITATION.pattern})", "", text).strip()


def sheet_csv(key: SheetKey, answers: Mapping[str, Sequence[OpenAnswer]]) -> str:
    """The sheet as CSV, with an empty column a criterion; no cell of it is a formula."""
    by_id = {(source, one.id): one for source, rows in answers.items() for one in rows}
    text = io.StringIO()
    writer = csv.writer(text)
    names = [one.name for one in key.rubric.criteria]
    writer.writerow([CODE, QUESTION, ANSWER, MEDIA, *names])
    for row in key.rows:
        one = by_id[row.source, row.id]
        cells = (row.code, one.question, _bare(one.answer), " ".join(one.media))
        writer.writerow([*map(_no_formula, cells), *[""] * len(names)])
    return text.getvalue()


def _no_formula(cell: str) -> str:
    """A cell that no spreadsheet runs (OWASP, CSV injection)."""
    return f"'{cell}" if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r") else cell


def sheet_page(
    key: SheetKey, answers: Mapping[str, Sequence[OpenAnswer]], media: Mapping[tuple[str, str], Sequence[Media] | str]
) -> str:
    """The sheet as a page: pictures, question, answer, levels to choose from, and a button that saves a CSV file.

    Args:
        key: Its rows.
        answers: Answers by source.
        media: Media by source and question: what the answer is about, or why that cannot be shown.
    """
    from markupsafe import Markup

    by_id = {(source, one.id): one for source, rows in answers.items() for one in rows}
    script = (files("visagent_apps.reports") / "templates" / "sheet.js").read_text("utf-8")
    shown = []
    for row in key.rows:
        one, seen = by_id[row.source, row.id], media.get((row.source, row.id), ())
        pieces = [{"why": seen}] if isinstance(seen, str) else [_piece(medium) for medium in seen]
        shown.append({"code": row.code, "question": one.question, "answer": _bare(one.answer), "media": pieces})
    return (
        page_environment()
        .get_template("sheet.html.j2")
        .render(
            rows=shown,
            rubric=key.rubric,
            sheet=hashlib.sha256(key.model_dump_json().encode()).hexdigest()[:12],
            css=Markup(stylesheet()),
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _piece(medium: Media) -> dict[str, str]:
    try:
        if medium.kind == "audio":
            import filetype  # type: ignore[import-untyped]

            data = medium.encoded()
            if len(data) > SOUND_BYTES:
                return {"why": f"{medium.name} is too large for this page."}
            return {"sound": data_uri(filetype.guess_mime(data) or "audio/wav", data)}
        picture = medium.frame((medium.info.seconds or 0) / 2).copy()
    except VisagentError as error:
        return {"why": str(error)}
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return {"picture": data_uri("image/jpeg", encode_picture(picture, "JPEG", quality=88))}


def read_key(file: Path) -> SheetKey:
    """A sheet's key.

    Raises:
        InputError: there is none, or it is not of this form.
    """
    try:
        return SheetKey.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"There is no key {file}.", "Give the key that visagent eval sheet make wrote.") from error
    except ValidationError as error:
        raise InputError(f"{file} is no key of a sheet: {first_problem(error)}.", "Make the sheet again.") from error


def read_ratings(file: Path, key: SheetKey) -> tuple[dict[str, dict[str, int]], list[str]]:
    """What one person gave, by the sheet's codes, and what of it cannot be read, a line each.

    Cells that are empty are no rating. Other columns are not looked at.

    Raises:
        InputError: there is no such file, or it has not the sheet's columns.
    """
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {error}.", "Give the CSV file that the sheet saved.") from error
    # Some spreadsheets write semicolons where the comma is the decimal sign.
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    names = [one.name for one in key.rubric.criteria]
    if missing := [name for name in (CODE, *names) if name not in (reader.fieldnames or ())]:
        raise InputError(f"{file.name} has no column {missing[0]!r}.", "Give the CSV file that the sheet saved.")
    known = {row.code for row in key.rows}
    found: dict[str, dict[str, int]] = {}
    problems = []
    for number, row in enumerate(reader, start=2):
        code = (row[CODE] or "").strip()
        if code not in known:
            problems.append(f"{file.name}, row {number}: {code[:20]!r} is no row of the sheet")
        elif code in found:
            problems.append(f"{file.name}, row {number}: {code} stands twice; the first one counts")
        else:
            found[code] = {}
            for one in key.rubric.criteria:
                cell = (row[one.name] or "").strip()
                if cell.lstrip("-").isdecimal() and int(cell) in one.levels:
                    found[code][one.name] = int(cell)
                elif cell:
                    problems.append(f"{file.name}, row {number}: {one.name} is {cell[:20]!r}, and no level of it")
    return found, problems


def sheet_report(
    key: SheetKey, ratings: Mapping[str, Mapping[str, Mapping[str, int]]], problems: Sequence[str]
) -> SheetReport:
    """What people gave, whose answers those were, and how far people agree.

    Args:
        key: The sheet's.
        ratings: Ratings by person and code.
        problems: What could not be read.

    Raises:
        InputError: nobody rated anything.
    """
    people, values = [], dict[str, dict[str, list[float]]]()
    for row in key.rows:
        scores = {}
        for one in key.rubric.criteria:
            given = sorted(own[row.code][one.name] for own in ratings.values() if one.name in own.get(row.code, {}))
            if given:
                scores[one.name] = given[(len(given) - 1) // 2]
                share = sum(key.rubric.share(one.name, level) for level in given) / len(given)
                values.setdefault(row.source, {}).setdefault(one.name, []).append(share)
        if scores:
            people.append(PeopleLine(id=row.id, source=row.source, scores=scores))
    if not people:
        raise InputError("Nobody rated anything.", problems[0] if problems else "Give the files that the sheet saved.")
    agreed: dict[str, Agreement] = {}
    for (one_name, one_given), (other_name, other_given) in combinations(ratings.items(), 2):
        agreed |= agreement(one_given, other_given, key.rubric, f"{one_name} and {other_name}")
    return SheetReport(
        scores={source: {name: mean(given) for name, given in own.items()} for source, own in values.items()},
        agreement=agreed,
        people=tuple(people),
        problems=tuple(problems),
        unrated=len(key.rows) - len(people),
    )


def read_people(file: Path, rubric: Rubric, source: str | None = None) -> dict[str, dict[str, int]]:
    """Ratings of people by question, as `visagent eval sheet read --out` writes them.

    Args:
        file: JSON lines.
        rubric: The rubric whose levels they are.
        source: The source of the answers; None where the file is of one source alone.

    Raises:
        InputError: a line is not of this form, a level is none of the rubric, or the file rates several sources.
    """
    found: dict[str, dict[str, int]] = {}
    lines = [one for one in read_lines(file, PeopleLine) if source is None or one.source == source]
    for number, one in enumerate(lines, start=1):
        if one.id in found:
            raise InputError(
                f"{file.name} rates {one.id} twice, of {one.source!r} again.",
                "Name one source: --people-of.",
            )
        if problem := rubric.misfit(one.scores):
            raise InputError(
                f"{file.name}, rating {number}: {problem}.", "Use the rubric that the sheet was made with."
            )
        found[one.id] = one.scores
    return found
