"""Charts of lines, with the text around them given: no reader is asked."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visagent.evidence.values import Line, Table
from visagent_tools import tables as t
from visagent_tools.engines.line_charts import line_chart

RAIN = {"Oslo": (40, 60, 90, 20), "Lima": (10, 20, 60, 80), "Cairo": (5, 15, 25, 35)}
PAINT = ("firebrick", "steelblue", "seagreen")
QUARTERS = ("Spring", "Summer", "Autumn", "Winter")


def text(words: str, x: float, y: float, size: float = 14) -> Line:
    """A line whose middle is there."""
    half = size * len(words) / 4
    return Line(text=words, xyxy=(x - half, y - size / 2, x + half, y + size / 2), confidence=0.9)


def chart(*, key: bool = True, dots: int = 0, thick: int = 4) -> tuple[Image.Image, list[Line]]:
    """Three lines over an axis from 0 to 100, three pixels to one; the last one is drawn over the others."""
    picture = Image.new("RGB", (700, 460), "white")
    pen = ImageDraw.Draw(picture)
    lines = [text(str(value), 30, 380 - 3 * value) for value in (0, 20, 40, 60, 80, 100)]
    lines += [text(name, 100 + 170 * at, 400) for at, name in enumerate(QUARTERS)]
    lines.append(text("Rain in mm", 350, 20))
    for number, ((name, values), color) in enumerate(zip(RAIN.items(), PAINT, strict=True)):
        points = [(100 + 170 * at, 380 - 3 * value) for at, value in enumerate(values)]
        pen.line(points, fill=color, width=thick, joint="curve")
        for x, y in points if dots else ():
            pen.ellipse((x - dots, y - dots, x + dots, y + dots), fill=color)
        if key:
            pen.rectangle((150 + 150 * number, 40, 164 + 150 * number, 54), fill=color)
        lines.append(text(name, 195 + 150 * number, 47))
    return picture, lines


def read(made: tuple[Image.Image, list[Line]]) -> Table | None:
    return line_chart(np.asarray(made[0]), made[1], "a" * 64)


@pytest.mark.parametrize(("dots", "thick"), [(0, 4), (6, 3)])
def test_each_line_has_a_number_at_each_label_unless_another_one_hides_it(dots: int, thick: int) -> None:
    table = read(chart(dots=dots, thick=thick))
    assert table is not None and table.header_rows == 2 and table.notes[0].kind == "by_height"
    rows = [["" if cell is None else cell.text for cell in row] for row in table.grid()]
    assert rows[0][0] == "Rain in mm" and rows[1] == ["", *QUARTERS]
    assert [row[0] for row in rows[2:]] == [*RAIN]
    for row in rows[2:]:
        for said, value in zip(row[1:], RAIN[row[0]], strict=True):
            assert said == "" or abs(float(said) - value) <= 2
    # Cairo's line is over all others.
    assert all(rows[4]) and sum(not said for row in rows[2:] for said in row) <= 3


def test_a_question_about_a_chart_of_lines_is_answered_by_its_table() -> None:
    table = read(chart(dots=6))
    assert table is not None
    found = t.look_up(table, "How much rain did Cairo get in winter?")
    assert found.text.startswith("Cairo, Winter: 35")
    assert t.look_up(table, "Where was more rain in autumn, Lima or Oslo?", "most").text.startswith("Oslo, Autumn: 90")


@pytest.mark.parametrize(("thick", "beside"), [(5, -1.0), (2, 36.0)])
def test_a_key_may_show_a_piece_of_each_line(thick: int, beside: float) -> None:
    picture, lines = chart(key=False)
    pen, kept = ImageDraw.Draw(picture), [line for line in lines if line.text not in RAIN]
    for number, (name, color) in enumerate(zip(RAIN, PAINT, strict=True)):
        pen.line((150 + 150 * number, 47, 180 + 150 * number, 47), fill=color, width=thick)
        # Readers may take the piece for a dash before the name.
        left = 150.0 + 150 * number + beside
        kept.append(Line(text=name, xyxy=(left, 36, left + 80, 58), confidence=0.9))
    table = read((picture, kept))
    assert table is not None and [cell.text for cell in table.cells if cell.column == 0][2:] == [*RAIN]


def test_what_no_key_explains_and_what_is_no_line_is_no_chart() -> None:
    assert read(chart(key=False)) is None
    picture, lines = chart()
    # The key alone: nothing is drawn between the labels.
    ImageDraw.Draw(picture).rectangle((50, 60, 690, 390), fill="white")
    assert read((picture, lines)) is None
    assert read((chart()[0], [line for line in chart()[1] if not line.text.isdecimal()])) is None
    assert read((chart()[0], [line for line in chart()[1] if line.text not in QUARTERS])) is None
