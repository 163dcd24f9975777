"""The sheet on which people rate: blind, shuffled, safe against what answers say, and read back."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from visagent.core.errors import InputError
from visagent.evaluation.judge import read_rubric
from visagent.evaluation.open_answers import OpenAnswer
from visagent.media.media import Media
from visagent_apps import cli
from visagent_apps.reports.rating_sheet import (
    SheetKey,
    make_key,
    read_key,
    read_people,
    read_ratings,
    sheet_csv,
    sheet_page,
    sheet_report,
)

RUBRIC = read_rubric("correct")
INJECTED = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def answers(source: str, count: int = 6) -> list[OpenAnswer]:
    return [OpenAnswer(id=str(n), question=f"Question {n}?", answer=f"{source} says {n} [q1].") for n in range(count)]


GIVEN = {"ours": answers("One"), "theirs": answers("Another")}
KEY = make_key(GIVEN, RUBRIC, seed=1)


def rated(file: Path, levels: dict[str, str]) -> Path:
    file.write_text("code,correct\r\n" + "".join(f"{code},{level}\r\n" for code, level in levels.items()))
    return file


def test_the_order_is_of_the_seed_and_the_sheet_names_no_source() -> None:
    assert make_key(GIVEN, RUBRIC, seed=1) == KEY and make_key(GIVEN, RUBRIC, seed=2).rows != KEY.rows
    assert {(row.source, row.id) for row in KEY.rows} == {(name, str(n)) for name in GIVEN for n in range(6)}
    assert [row.source for row in KEY.rows] != sorted(row.source for row in KEY.rows)
    page = sheet_page(KEY, GIVEN, {})
    assert "ours" not in page.split("<main>")[1].split("<script>")[0] and "theirs" not in page
    assert page.count('class="ev-item"') == 12 and "[q1]" not in page and ">One says 1.<" in page


def test_a_strangers_answer_stays_text_on_the_page_and_runs_nothing() -> None:
    given = {"theirs": [OpenAnswer(id="1", question=INJECTED, answer=INJECTED)]}
    page = sheet_page(make_key(given, RUBRIC, 0), given, {("theirs", "1"): INJECTED})
    assert page.count("<script>") == 1 and "<img src=x" not in page and page.count("&lt;script&gt;alert(1)") == 3
    assert "default-src 'none'" in page and "script-src 'sha256-" in page and "unsafe-inline'; script" in page


def test_a_strangers_answer_is_no_formula_in_the_table() -> None:
    given = {"theirs": [OpenAnswer(id="1", question="Q?", answer='=HYPERLINK("http://x","y")')]}
    (row,) = csv.DictReader(io.StringIO(sheet_csv(make_key(given, RUBRIC, 0), given)))
    assert row["answer"] == '\'=HYPERLINK("http://x","y")' and row["correct"] == ""


def test_pictures_are_inside_the_page_and_what_is_missing_is_said() -> None:
    given = {"ours": answers("One", 2)}
    picture = Media.load(Image.new("RGB", (8, 8)))
    page = sheet_page(make_key(given, RUBRIC, 0), given, {("ours", "0"): [picture], ("ours", "1"): "There is no file."})
    assert page.count("data:image/jpeg;base64") == 1 and "There is no file." in page


def test_what_people_gave_is_read_back_by_source_with_their_agreement(tmp_path: Path) -> None:
    right = {row.code: "1" if row.source == "ours" else "0" for row in KEY.rows}
    ann, _ = read_ratings(rated(tmp_path / "ann.csv", right), KEY)
    bob, _ = read_ratings(rated(tmp_path / "bob.csv", right | {KEY.rows[0].code: ""}), KEY)
    report = sheet_report(KEY, {"ann": ann, "bob": bob}, [])
    assert report.scores["ours"]["correct"].value == 1 and report.scores["theirs"]["correct"].value == 0
    kappa = report.agreement["ann and bob: correct"].kappa
    assert kappa.value == 1 and kappa.count == 11
    assert len(report.people) == 12 and report.unrated == 0


def test_a_cell_that_is_no_level_and_a_row_that_is_none_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    code = KEY.rows[0].code
    file = rated(tmp_path / "ann.csv", {code: "1", "r999": "1", KEY.rows[1].code: "good"})
    file.write_text(file.read_text() + f"{code},0\r\n")
    found, problems = read_ratings(file, KEY)
    assert found == {code: {"correct": 1}, KEY.rows[1].code: {}}
    assert problems == [
        "ann.csv, row 3: 'r999' is no row of the sheet",
        "ann.csv, row 4: correct is 'good', and no level of it",
        f"ann.csv, row 5: {code} stands twice; the first one counts",
    ]


def test_a_spreadsheets_semicolons_and_byte_order_mark_are_read(tmp_path: Path) -> None:
    file = tmp_path / "ann.csv"
    file.write_text(f"\ufeffcode;question;correct\n{KEY.rows[0].code};Q, or not?;1\n", "utf-8")
    assert read_ratings(file, KEY)[0] == {KEY.rows[0].code: {"correct": 1}}


def test_files_that_are_no_ratings_or_no_key_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no column 'code'"):
        read_ratings(file, KEY)
    with pytest.raises(InputError, match="is no key of a sheet"):
        read_key(file)
    with pytest.raises(InputError, match="Nobody rated anything"):
        sheet_report(KEY, {"ann": {}}, [])


def test_the_commands_make_a_sheet_and_give_a_judge_what_people_said(tmp_path: Path) -> None:
    for name, rows in GIVEN.items():
        lines = (json.dumps({"id": one.id, "question": one.question, "answer": one.answer}) + "\n" for one in rows)
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    sheet, people = tmp_path / "sheet.html", tmp_path / "people.jsonl"
    files = [str(tmp_path / f"{name}.jsonl") for name in GIVEN]
    made = CliRunner().invoke(cli.app, ["eval", "sheet", "make", *files, "--out", str(sheet)])
    assert made.exit_code == 0, made.output
    key = read_key(tmp_path / "sheet.html.key.json")
    assert isinstance(key, SheetKey) and len(key.rows) == 12
    ratings = rated(tmp_path / "ann.csv", {row.code: "1" for row in key.rows} | {"r999": "1"})
    arguments = ["eval", "sheet", "read", str(tmp_path / "sheet.html.key.json"), str(ratings), "--out", str(people)]
    found = CliRunner().invoke(cli.app, arguments)
    assert found.exit_code == 0 and "ours, correct: 100.0" in found.stdout and "r999" in found.stderr
    assert read_people(people, RUBRIC, "ours") == {str(n): {"correct": 1} for n in range(6)}
    with pytest.raises(InputError, match="--people-of"):
        read_people(people, RUBRIC)
