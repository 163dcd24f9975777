"""Bars that stand or lie, with the text around them given: no reader is asked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visagent.evidence.values import XYXY, Line, Table
from visagent_tools.engines.bar_charts import bar_chart

GOODS = {"Films": (40, 25), "Toys": (10, 35), "Books": (30, 5)}
PAINT = "orange", "steelblue"


def text(words: str, x: float, y: float, size: float = 10) -> Line:
    """A line whose middle is there."""
    half = size * len(words) / 4
    return Line(text=words, xyxy=(x - half, y - size / 2, x + half, y + size / 2), confidence=0.9)


def lying() -> tuple[Image.Image, list[Line]]:
    """Two colours, an axis from 0 to 40 at the bottom, 10 pixels to one; its key is one line of text."""
    picture = Image.new("RGB", (640, 400), "white")
    pen = ImageDraw.Draw(picture)
    lines = [text(str(value), 100 + 10 * value, 330) for value in (0, 10, 20, 30, 40)]
    for row, (name, values) in enumerate(GOODS.items()):
        lines.append(text(name, 50, 60 + 100 * row))
        for at, value in enumerate(values):
            pen.rectangle((100, 40 + 100 * row + 20 * at, 99 + 10 * value, 59 + 100 * row + 20 * at), fill=PAINT[at])
    for x, color in zip((200, 290), PAINT, strict=True):
        pen.rectangle((x, 366, x + 10, 374), fill=color)
    key: XYXY = (196, 364, 360, 376)
    return picture, [*lines, Line(text="Great BritainFrance", xyxy=key)]


def standing(*extra: Line, values: tuple[int, ...] = (120, 80, 200)) -> tuple[Image.Image, list[Line]]:
    """One colour, names below, an axis from 0 to 200 at the left, one pixel to one."""
    picture = Image.new("RGB", (500, 320), "white")
    pen = ImageDraw.Draw(picture)
    lines = [text(str(value), 30, 280 - value) for value in (0, 50, 100, 150, 200)]
    for at, value in enumerate(values):
        pen.rectangle((80 + 120 * at, 280 - value, 139 + 120 * at, 279), fill="seagreen")
        lines.append(text(("North", "East", "South")[at], 110 + 120 * at, 295))
    return picture, [*lines, *extra]


def read(chart: tuple[Image.Image, list[Line]]) -> Table | None:
    return bar_chart(np.asarray(chart[0]), chart[1], "a" * 64)


def rows(table: Table | None) -> list[list[str]]:
    assert table is not None
    return [["" if cell is None else cell.text for cell in row] for row in table.grid()]


def test_lying_bars_of_two_colours_are_measured_and_named_by_their_key() -> None:
    table = read(lying())
    assert [row[0] for row in rows(table)] == ["", *GOODS] and rows(table)[0] == ["", "Great Britain", "France"]
    assert [[float(value) for value in row[1:]] for row in rows(table)[1:]] == [
        pytest.approx(values, abs=0.4) for values in GOODS.values()
    ]
    assert table is not None and [note.kind for note in table.notes] == ["by_length"]
    assert all(cell.confidence < 0.9 for cell in table.cells if cell.row and cell.column)


def test_the_key_decides_which_colour_is_which() -> None:
    picture, lines = lying()
    pen = ImageDraw.Draw(picture)
    for x, color in zip((200, 290), reversed(PAINT), strict=True):
        pen.rectangle((x, 366, x + 10, 374), fill=color)
    table = rows(read((picture, lines)))
    assert table[0] == ["", "France", "Great Britain"] and float(table[1][1]) == pytest.approx(40, abs=0.4)


def test_a_printed_number_is_taken_as_it_is_and_a_misread_one_is_not() -> None:
    printed = [text("121", 110, 150), text("830", 230, 190), text("200", 350, 72)]
    table = read(standing(*printed))
    assert [row[1] for row in rows(table)[1:]] == ["121", "80", "200"]
    assert table is not None and table.notes[0].kind == "by_length"
    assert read(standing(text("121", 110, 150), text("80", 230, 190), text("200", 350, 72))).notes[0].kind == "paired"  # type: ignore[union-attr]


def test_names_that_were_read_as_one_line_are_shared_out() -> None:
    picture, lines = standing()
    names = Line(text="North Bay Old Town South", xyxy=(88, 290, 362, 300))
    assert [row[0] for row in rows(read((picture, [*lines[:5], names])))][1:] == ["North Bay", "Old Town", "South"]


def test_stacked_bars_are_read_as_wholes() -> None:
    picture, lines = standing()
    pen = ImageDraw.Draw(picture)
    for at, top in enumerate((160, 200, 80)):
        pen.rectangle((80 + 120 * at, top - 40, 139 + 120 * at, top - 1), fill="gold")
    assert [row[1] for row in rows(read((picture, lines)))][1:] == ["160", "120", "240"]


@pytest.mark.parametrize(
    ("what", "chart"),
    [
        ("bars without names", (standing()[0], standing()[1][:5])),
        ("bars without numbers", (standing()[0], standing()[1][5:])),
        (
            "numbers that make no axis",
            (
                standing()[0],
                [text(str(n), 30, 280 - 50 * at) for at, n in enumerate((3, 70, 75, 300))] + standing()[1][5:],
            ),
        ),
        ("equal blocks, such as a table's rows", standing(values=(100, 100, 100))),
        ("two bars", standing(values=(100, 50))),
        ("no bars", (Image.new("RGB", (500, 320), "white"), standing()[1])),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_chart_of_bars_is_none(what: str, chart: tuple[Image.Image, list[Line]]) -> None:
    assert read(chart) is None
