"""Reading tables from pictures, and looking things up in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from visagent.core.errors import AmbiguousInput, MissingInput, SourceError, ToolError
from visagent.evidence.values import Cell, Crop, Label, Labels, Table
from visagent.media.media import Media
from visagent_tools import tables as t
from visagent_tools.engines import table_reader
from visagent_tools.engines.table_header import header_rows
from visagent_tools.logic import count

REPORTS = Path(__file__).parents[1] / "data" / "reports"


def written(*rows: tuple[str, ...], header: int = 1) -> Table:
    cells = [Cell(row=y, column=x, text=text) for y, row in enumerate(rows) for x, text in enumerate(row)]
    return Table(media="m", cells=tuple(cells), header_rows=header)


SALES = written(
    ("Item", "Jan", "Feb", "Mar"), ("Apples", "12", "7", "31"), ("Pears", "5", "19", "8"), ("Plums", "40", "22", "3")
)
BILL = written(
    ("3 x Apple", "1.50"), ("2 x Melon", "4.50"), ("Bag", "0.10"), ("TOTAL", "6.10"), ("Visa", "6.10"), header=0
)


@pytest.mark.parametrize(
    ("row", "column", "text"),
    [
        ("Apples", "March", "31"),
        ("apple", "Mar", "31"),
        ("March", "pear", "8"),
        ("third", "last", "3"),
        ("第二行", "Feb", "19"),
        ("aples", "Jan", "12"),
        ("Pears", None, "Pears\nJan: 5\nFeb: 19\nMar: 8"),
        (None, "Feb", "Apples: 7\nPears: 19\nPlums: 22"),
    ],
)
def test_a_cell_is_found_by_words_and_places(row: str | None, column: str | None, text: str) -> None:
    assert t.cell(SALES, row, column).text == text


def test_a_persons_words_for_a_column_may_say_more_than_its_header() -> None:
    ferries = written(("Pier", "Dawn", "Dusk"), ("North", "05:10", "19:30"), ("South", "05:40", "20:05"))
    assert t.cell(ferries, "South", "dawn ferry").text == "05:40"
    with pytest.raises(MissingInput):
        t.cell(ferries, "South", "dawn or dusk")


def test_a_word_of_the_same_stem_as_one_header_means_that_column() -> None:
    spent = written(("Country", "Food & drink", "Clothing"), ("Peru", "31 %", "6 %"), ("Chad", "40 %", "4 %"))
    assert t.cell(spent, "Peru", "clothes").text == "6 %"
    assert t.best_row(spent, "most", "clothes", "peru or chad").text == "Peru: 6 %"
    paid = written(("Year", "Visitors paying", "Payments"), ("2019", "5", "7"), ("2020", "6", "8"))
    with pytest.raises(MissingInput):
        t.cell(paid, "2019", "visiting")


def test_a_column_without_a_name_is_found_by_what_its_cells_say() -> None:
    trains = written(("9:15", "Bath", "Platform 3"), ("9:40", "York", "Platform 11"), header=0)
    assert t.cell(trains, "york", "platform").text == "Platform 11"


def drawn(*rows: tuple[str, ...]) -> Media:
    """A picture of a table, each column 200 pixels wide."""
    paper = Image.new("RGB", (40 + 200 * max(map(len, rows)), 60 * len(rows) + 20), "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(size=24)
    for y, row in enumerate(rows):
        for x, word in enumerate(row):
            pen.text((24 + 200 * x, 18 + 60 * y), word, fill="black", font=font)
    return Media.load(paper)


def test_times_are_values_and_a_title_names_no_column() -> None:
    ferries = drawn(("Ferry 7",), ("Pier", "Dawn", "Dusk"), ("North", "05:10", "19:30"), ("South", "05:40", "20:05"))
    table = t.read_table([Crop.whole(ferries)])
    assert table.header_rows == 2 and t.cell(table, "South", "dawn ferry").text == "05:40"


MENU = written(
    ("THE KITCHEN", ""), ("Soups", ""), ("Leek", "$4.50"), ("Pea", "$3.90"), ("Pies", ""), ("Fish pie", "$9.20"),
    ("Apple", "$2.10"), header=2,
)  # fmt: skip


@pytest.mark.parametrize(("by", "text"), [("soup", "Pea: $3.90"), ("pie", "Apple: $2.10"), (None, "Apple: $2.10")])
def test_the_cheapest_of_a_kind_is_looked_for_among_these_alone(by: str | None, text: str) -> None:
    assert t.best_row(MENU, "least", by).text == text


def test_of_a_kind_that_no_part_of_a_table_names_it_is_left_open() -> None:
    with pytest.raises(MissingInput, match="heading called 'salad'"):
        t.best_row(MENU, "least", "salad")
    # Without parts, all of it is of one kind.
    assert t.best_row(BILL, "least", "fruit").text == "Bag: 0.10"


def test_a_price_board_and_a_chart_are_read_from_lines_that_stand_together() -> None:
    board = drawn(("KEBAB HUT", "", ""), ("Small", "4.50", ""), ("Large", "7.20", ""), ("Family", "12.80", ""))
    chart = Image.new("RGB", (700, 400), "white")
    pen, font = ImageDraw.Draw(chart), ImageFont.load_default(size=24)
    pen.text((200, 10), "Rainfall in mm", fill="black", font=font)
    for at, (name, height) in enumerate({"North": 310, "East": 120, "South": 205}.items()):
        pen.rectangle((100 + 200 * at, 330 - height // 2, 170 + 200 * at, 340), fill="blue")
        pen.text((110 + 200 * at, 295 - height // 2), str(height), fill="black", font=font)
        pen.text((100 + 200 * at, 350), name, fill="black", font=font)
    bars = Media.load(chart)
    rain = t.read_table([Crop.whole(bars)])
    assert t.best_row(rain, "most", "rainfall").text == "North: 310" and rain.notes[0].kind == "paired"
    assert t.best_row(t.read_table([Crop.whole(board)]), "least").text == "Small: 4.50"


def test_labels_with_a_price_below_each_are_no_table_of_text() -> None:
    shelf = Image.new("RGB", (900, 260), "white")
    pen, font = ImageDraw.Draw(shelf), ImageFont.load_default(size=22)
    labels = ("OAK HOUSE", "RIESLING", "14.50"), ("VILLA ROSSA", "ITALY 1 L", "9.90"), ("MONT BLANC", "FRANCE", "21.00")
    for at, label in enumerate(labels):
        for row, words in enumerate((*label, "", "A fine wine to be", "drunk in good company", "and with cheese")):
            pen.text((20 + 300 * at + (70 if row == 2 else 0), 20 + 28 * row), words, fill="black", font=font)
    bottles = Media.load(shelf)
    table = t.read_table([Crop.whole(bottles)])
    assert t.best_row(table, "least").text == "VILLA ROSSA ITALY 1 L: 9.90"


def test_an_amount_is_no_name_of_another_one() -> None:
    stacked = written(("", "Charge"), ("£184 2020", "£265"), ("£188 2021", "£250"))
    with pytest.raises(MissingInput, match="no number to compare"):
        t.best_row(stacked, "most", "charge")
    assert t.best_row(BILL, "most").text == "2 x Melon: 4.50"


def test_what_the_table_lacks_is_said_with_what_it_has() -> None:
    with pytest.raises(MissingInput, match=r"has no row 'kiwi'\.") as caught:
        t.cell(SALES, "kiwi", "Jan")
    with pytest.raises(MissingInput, match=r"has no row 'kiwi' and column 'May'\."):
        t.cell(SALES, "kiwi", "May")
    assert "Item, Jan, Feb, Mar" in caught.value.remedy
    with pytest.raises(ToolError, match="neither"):
        t.cell(SALES)


@pytest.mark.parametrize(
    ("table", "which", "by", "text"),
    [
        (SALES, "most", "January", "Plums: 40"),
        (SALES, "least", "Mar", "Plums: 3"),
        (SALES, "most", "pears", "Feb: 19"),
        (BILL, "most", None, "2 x Melon: 4.50"),
        (BILL, "least", None, "Bag: 0.10"),
    ],
)
def test_the_best_row_or_column_is_named_and_totals_are_none(
    table: Table, which: t.Which, by: str | None, text: str
) -> None:
    assert t.best_row(table, which, by).text == text


def test_equal_rows_are_all_named_and_several_measures_have_to_be_told_apart() -> None:
    table = written(("Name", "Goals", "Age"), ("Ann", "3", "20"), ("Bo", "3", "30"), ("Cy", "1", "25"))
    assert t.best_row(table, "most", "goals").text == "Ann: 3\nBo: 3"
    with pytest.raises(AmbiguousInput, match="Several columns"):
        t.best_row(table, "most")


@pytest.mark.parametrize(
    ("how", "of", "value"), [("sum", "Plum", 65), ("mean", "Jan", 19), ("most", "Feb", 22), ("least", "apples", 7)]
)
def test_rows_and_columns_are_added_up(how: t.How, of: str, value: float) -> None:
    assert t.aggregate(SALES, how, of).value == value


def test_prices_that_were_extracted_are_added_up_with_their_sign_and_currency() -> None:
    prices = Labels(labels=(Label(name="$4.20"), Label(name="-$0.10"), Label(name="$2")))
    assert str(t.aggregate(prices, "sum")) == "6.1 $"
    with pytest.raises(MissingInput, match="no number"):
        t.aggregate(Labels(labels=(Label(name="free"),)), "sum")


def test_a_total_and_a_percentage_are_no_part_of_a_sum() -> None:
    assert t.aggregate(BILL, "sum").value == 6.1
    bill = written(("Carnet", "3,50"), ("Stylo", "1 204,00"), ("Remise", "-10 %"), header=0)
    assert t.aggregate(bill, "sum").value == 1207.5


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's weights cannot be fetched, and nothing is remembered."""

    def unreachable(pixels: object) -> object:
        raise SourceError("No network.", "")

    table_reader.kept_tables.clear()
    monkeypatch.setattr(table_reader, "structure_of", unreachable)


@cache
def loaded(name: str) -> Media:
    return Media.load(REPORTS / name)


def report(name: str) -> Crop:
    return Crop.whole(loaded(name))


@pytest.mark.usefixtures("no_weights")
def test_a_table_without_lines_is_read_by_the_places_of_its_words_alone() -> None:
    table = t.read_table([report("table_noline.png")])
    assert (table.rows, table.columns, table.header_rows) == (4, 4, 1)
    assert t.cell(table, "Apples", "March").text == "31"
    assert table.grid()[3][1].xyxy is not None  # type: ignore[union-attr]


def test_a_receipt_is_read_with_its_heading_over_both_columns() -> None:
    table = t.read_table([report("receipt_qty.png")])
    assert [[cell and cell.text for cell in row] for row in table.grid()[1:4]] == [
        ["3 x Apple @ 0.50", "1.50"],
        ["2 x Melon @ 2.25", "4.50"],
        ["Bag", "0.10"],
    ]
    assert t.best_row(table, "most").text == "2 x Melon @ 2.25: 4.50"


def test_empty_cells_and_cells_of_two_lines_stay_in_their_place() -> None:
    paper = Image.new("RGB", (620, 330), "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(size=24)
    rows = [["Room", "Guest", "Nights"], ["101", "Smith", "2"], ["102", "", "4"], ["103", "Jones\nand son", "1"]]
    for y, row in enumerate(rows):
        for x, word in enumerate(row):
            pen.rectangle((10 + 200 * x, 10 + 76 * y, 210 + 200 * x, 86 + 76 * y), outline="black", width=2)
            pen.text((24 + 200 * x, 18 + 76 * y), word, fill="black", font=font)
    media = Media.load(paper)
    table = t.read_table([Crop.whole(media)])
    assert [[cell.text if cell else "" for cell in row] for row in table.grid()] == [
        ["Room", "Guest", "Nights"],
        ["101", "Smith", "2"],
        ["102", "", "4"],
        ["103", "Jones and son", "1"],
    ]


@pytest.mark.parametrize("name", ["rot90.png", "scene.png", "white_on_transparent.png"])
def test_a_picture_without_a_table_has_none(name: str) -> None:
    with pytest.raises(MissingInput, match="no table"):
        t.read_table([report(name)])


def test_a_photo_and_a_page_of_prose_have_no_table(photo: Callable[[str], Media]) -> None:
    for name in ("coffee.png", "text.png", "china.jpg"):
        with pytest.raises(MissingInput, match="no table"):
            t.read_table([Crop.whole(photo(name))])


def test_a_table_below_a_chart_is_found_in_its_part_of_the_picture() -> None:
    paper = Image.new("RGB", (900, 760), "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(size=24)
    for y, tick in enumerate(("900", "600", "300")):
        pen.text((40, 40 + 70 * y), tick, fill="black", font=font)
        pen.line((120, 60 + 70 * y, 800, 30 + 50 * y), fill="gray", width=3)
    for x, place in ((560, "Rail"), (640, "Road")):
        pen.text((x, 90 if place == "Rail" else 160), place, fill="black", font=font)
    rows = [("Port", "Ships", "Crews"), ("Riga", "310", "44"), ("Kiel", "270", "61"), ("Cork", "95", "12")]
    for y, row in enumerate(rows):
        for x, word in enumerate(row):
            pen.text((60 + 260 * x, 440 + 70 * y), word, fill="black", font=font)
    media = Media.load(paper)
    table = t.read_table([Crop.whole(media)])
    assert t.cell(table, "Kiel", "crews").text == "61"


def test_the_best_row_may_be_one_of_some_that_are_named() -> None:
    assert t.best_row(SALES, "most", "Mar", among="Pears or Plums").text == "Pears: 8"
    with pytest.raises(MissingInput, match="figs"):
        t.best_row(SALES, "most", "Mar", among="Pears or figs")


def test_a_column_is_found_by_some_words_of_its_long_name() -> None:
    rents = written(
        ("Town", "Rent paid each", "Rooms"), ("", "month", ""), ("Delft", "900", "3"), ("Breda", "700", "4"), header=2
    )
    assert t.best_row(rents, "least", "rent each month").text == "Breda: 700"


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        # Names of columns with digits in them are none of the values below them.
        ([("", "", "To", ""), ("Shop", "All", "M-3", "W3+"), ("Oslo", "7%", "6%", "8%"), ("Bonn", "", "8%", "7%")], 2),
        # Years above other numbers, beside a word.
        ([("Port", "2019", "2020", "Change"), ("Riga", "310", "290", "-20"), ("Kiel", "95", "101", "6")], 1),
        # Rounds that are numbered, beside a word above nothing but numbers.
        ([("Team", "1", "2", "3", "All"), ("Reds", "4", "0", "2", "6"), ("Blues", "1", "5", "2", "8")], 1),
        # Years as values, and codes as values: both begin below their names.
        ([("Mill", "Built", "Gate"), ("North", "1908", "B7"), ("South", "1911", "A12")], 1),
        ([("9:15", "Bath", "B7"), ("9:40", "York", "A12"), ("9:55", "Hull", "C1")], 0),
        # A first row of numbers is one of values.
        ([("Nails", "12", "3.50"), ("Screws", "40", "5.20")], 0),
    ],
)  # fmt: skip
def test_names_of_columns_are_told_from_values(rows: list[tuple[str, ...]], header: int) -> None:
    assert header_rows(written(*rows, header=0)) == header


def test_a_row_without_a_name_is_never_the_best_one() -> None:
    table = written(("Shop", "All"), ("", "3%"), ("Oslo", "70%"), ("Bonn", "9%"))
    assert t.best_row(table, "least", "all").text == "Bonn: 9%"


def test_rows_are_counted_without_headings_totals_and_how_a_bill_was_paid() -> None:
    assert count(BILL).value == 3
    assert count(MENU).value == 4 and count(SALES).value == 3
    shifts = written(("Who", "Hours"), ("Ann", "7"), ("Bo", "5"), ("Team average", "6"))
    assert count(shifts).value == 2 and t.aggregate(shifts, "sum").value == 12


YEARS = written(
    ("Shop", "All"), ("Oslo", "70"), ("Bonn", "9"), ("Shop average", "40"), ("Oslo", "30"), ("Bonn", "5"),
    ("Shop average", "18"),
)  # fmt: skip


def test_of_parts_with_the_same_rows_the_first_one_is_named_and_nothing_is_added_up_over_both() -> None:
    best = t.best_row(YEARS, "least")
    assert best.text == "Bonn: 9" and best.notes[0].kind == "first_part"
    assert count(YEARS).value == 4
    with pytest.raises(AmbiguousInput, match="several parts"):
        t.aggregate(YEARS, "sum")


def test_years_and_codes_are_no_measures() -> None:
    mills = written(("Mill", "Built", "Sails", "Gate"), ("North", "1908", "4", "B7"), ("South", "1911", "6", "A12"))
    assert t.best_row(mills, "most").text == "South: 6" and t.aggregate(mills, "sum").value == 10


def test_a_total_among_the_prices_of_a_page_is_no_part_of_their_sum() -> None:
    prices = [Label(name=name) for name in ("$2.40", "$3.10", "$1.50", "$7.00", "$7.00", "$0.00")]
    assert t.aggregate(Labels(labels=tuple(prices)), "sum").value == 7
    assert t.aggregate(Labels(labels=tuple(prices)), "most").value == 3.1
    # Two prices and their sum may as well be three prices.
    assert t.aggregate(Labels(labels=tuple(Label(name=name) for name in ("$2", "$3", "$5"))), "sum").value == 10
