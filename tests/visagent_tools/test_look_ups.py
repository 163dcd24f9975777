"""Questions about tables and charts that are drawn here and read by the real reader of text."""

from __future__ import annotations

from functools import cache

import pytest
from PIL import Image, ImageDraw, ImageFont

from visagent.core.errors import AmbiguousInput, MissingInput
from visagent.evidence.values import Crop, Text
from visagent.media.media import Media
from visagent.planning.table_questions import of_a_table
from visagent_tools import tables as t
from visagent_tools.engines.ocr import lines_in
from visagent_tools.next_to import NumberKind
from visagent_tools.text import find_number

BREAD = (
    "Spending on food by group, 2011",
    ("Nation", "Bread/Rice/\nPasta", "Fruit/Nuts", "Dairy/ Eggs"),
    ("Denmark", "21.4%", "8.3%", "12.9%"),
    ("Poland", "27.6%", "6.1%", "10.2%"),
    ("Greece", "24.0%", "11.7%", "15.5%"),
)
BRIDGES = (
    "Large suspension bridges",
    ("City", "Year built", "Length in metres", "Vehicles per day"),
    ("Sydney", "1932", "1149", "160"),
    ("Istanbul", "1973", "1560", "180"),
    ("Lisbon", "1966", "2277", "150"),
)
CAFE = (
    "River Cafe",
    ("", "Small", "Large"),
    ("Latte", "3.20", "4.10"),
    ("Mocha", "3.60", "4.60"),
    ("Hot chocolate", "3.00", "3.90"),
)
HOBBIES = {"Gardening": (70, 50, 90), "Cycling": (50, 80, 40), "Cooking": (30, 60, 55), "Music": (95, 35, 20)}
MUSEUMS = {"Science": (10, 20, 35, 30), "Art": (40, 38, 30, 45), "History": (15, 12, 20, 5)}
BEERS = (
    ("BERGMANN", "PALE ALE", "BREMEN 0.5 L", "2.79"),
    ("O'HARA & SONS", "STOUT", "DUBLIN 0.33 L", "3.45"),
    ("CASA VERDE", "DRY CIDER", "GALICIA 0.7 L", "4.10"),
)


def font(size: int) -> ImageFont.FreeTypeFont:
    found = ImageFont.load_default(size=size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


def table(title: str, *rows: tuple[str, ...]) -> Image.Image:
    paper = Image.new("RGB", (40 + 260 * len(rows[0]), 100 + 62 * len(rows)), "white")
    pen = ImageDraw.Draw(paper)
    pen.text((30, 20), title, fill="black", font=font(30))
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            for line, words in enumerate(cell.split("\n")):
                pen.text((30 + 260 * x, 80 + 62 * y + 24 * line), words, fill="black", font=font(22))
    return paper


def axis(pen: ImageDraw.ImageDraw, most: int, step: int, pixels: int) -> None:
    for value in range(0, most + 1, step):
        pen.text((60, 480 - pixels * value), str(value), fill="black", font=font(20), anchor="rm")


def key(pen: ImageDraw.ImageDraw, names: tuple[str, ...], colors: tuple[str, ...]) -> None:
    for at, (name, color) in enumerate(zip(names, colors, strict=True)):
        pen.rectangle((200 + 180 * at, 60, 218 + 180 * at, 78), fill=color)
        pen.text((226 + 180 * at, 54), name, fill="black", font=font(24))


def bars() -> Image.Image:
    paper, colors = Image.new("RGB", (900, 560), "white"), ("teal", "goldenrod", "purple")
    pen = ImageDraw.Draw(paper)
    pen.text((250, 10), "Money spent on hobbies", fill="black", font=font(28))
    axis(pen, 100, 20, 4)
    for at, (name, values) in enumerate(HOBBIES.items()):
        for of, value in enumerate(values):
            left = 110 + 190 * at + 40 * of
            pen.rectangle((left, 480 - 4 * value, left + 39, 480), fill=colors[of])
        pen.text((120 + 190 * at, 492), name, fill="black", font=font(22))
    key(pen, ("Spain", "Sweden", "Ireland"), colors)
    return paper


def lines() -> Image.Image:
    paper, colors = Image.new("RGB", (760, 560), "white"), ("crimson", "royalblue", "darkorange")
    pen = ImageDraw.Draw(paper)
    pen.text((30, 10), "Visitors to three museums (thousands)", fill="black", font=font(26))
    for value in range(0, 51, 10):
        pen.line((70, 480 - 6 * value, 730, 480 - 6 * value), fill="#dddddd")
        # The numbers stand a little higher than their lines.
        pen.text((60, 476 - 6 * value), str(value), fill="black", font=font(20), anchor="rm")
    for at, year in enumerate(("2015", "2016", "2017", "2018")):
        pen.text((110 + 180 * at, 505), year, fill="black", font=font(22), anchor="mm")
    for values, color in zip(MUSEUMS.values(), colors, strict=True):
        points = [(110 + 180 * at, 480 - 6 * value) for at, value in enumerate(values)]
        pen.line(points, fill=color, width=4)
        for x, y in points:
            pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill=color)
    key(pen, tuple(MUSEUMS), colors)
    return paper


def shelf() -> Image.Image:
    paper = Image.new("RGB", (1000, 300), "white")
    pen = ImageDraw.Draw(paper)
    for at, label in enumerate(BEERS):
        for row, words in enumerate(label):
            place = (20 + 330 * at + (90 if row == 3 else 0), 20 + 27 * row)
            pen.text(place, words, fill="black", font=font(34 if row == 3 else 21))
        for row, words in enumerate(("Full of hops and malt,", "with notes of orange,", "best served cold.")):
            pen.text((20 + 330 * at, 170 + 26 * row), words, fill="gray", font=font(17))
    return paper


@cache
def drawn(name: str) -> Media:
    pictures = {"hobbies": bars, "museums": lines, "beers": shelf}
    pictures |= {"bread": lambda: table(*BREAD), "bridges": lambda: table(*BRIDGES)}
    pictures |= {"cafe": lambda: table(*CAFE)}
    return Media.load(pictures[name]())


@pytest.mark.parametrize(
    ("picture", "question", "said"),
    [
        ("bread", "How much do the Greeks spend on dairy and eggs?", ["Greece, Dairy/ Eggs: 15.5%"]),
        ("bread", "Who spends the bigger part on fruit and nuts, Poland or Denmark?", ["Denmark, Fruit/Nuts: 8.3%"]),
        ("bread", "波兰在水果上的支出占多少？", ["Poland, Fruit/Nuts: 6.1%"]),
        ("bridges", "哪个城市的桥每天通过的车最多？", ["Istanbul, Vehicles per day: 180"]),
        ("bridges", "悉尼的桥比里斯本的早建成多少年？", ["1932", "1966"]),
        ("hobbies", "What do the Irish spend most on?", ["Gardening, Ireland: 90"]),
        ("hobbies", "瑞典人在哪项上花的钱最多？", ["Cycling, Sweden: 80"]),
        ("hobbies", "How much money do the Swedes spend on music hobbies?", ["Music, Sweden: 35"]),
        ("cafe", "What does a large mocha cost?", ["Mocha, Large: 4.60"]),
        ("cafe", "what do I pay for a small latte and a small hot chocolate together", ["3.20", "3.00"]),
        ("museums", "How many visitors did the Art museum have in 2016 and 2018 together?", ["38.0", "45.0"]),
        ("museums", "In 2017, did the Science museum or the Art museum get more visitors?", ["Science, 2017: 35.0"]),
        ("bread", "How much do the Greeks spend on wine?", None),
        ("bread", "How much did the Greeks spend on fruit in 2012?", None),
        ("bridges", "哪个城市的桥最贵？", None),
        ("museums", "How many visitors did the Art museum have in 2014?", None),
    ],
)  # fmt: skip
def test_a_drawn_table_or_chart_answers_by_its_own_names(picture: str, question: str, said: list[str] | None) -> None:
    read = t.read_table([Crop.whole(drawn(picture))])
    looks = [step.get("how", "cell") for step in of_a_table(question) if step["tool"] == "look_up"]
    assert looks
    if said is None:
        with pytest.raises((AmbiguousInput, MissingInput)):
            t.look_up(read, question, looks[0])
    else:
        assert [t.look_up(read, question, how).text.removesuffix(".0") for how in looks] == [
            one.removesuffix(".0") for one in said
        ]


@pytest.mark.parametrize("kind", ["price", None])
@pytest.mark.parametrize(("name", "price"), [("stout", 3.45), ("pale ale", 2.79), ("Casa Verde", 4.1)])
def test_what_bottles_hold_is_not_their_price(name: str, price: float, kind: NumberKind | None) -> None:
    lines = tuple(lines_in(Crop.whole(drawn("beers"))))
    text = Text(text="\n".join(line.text for line in lines), media=drawn("beers").hash, lines=lines)
    assert find_number(text, name, kind).value == price
    assert t.best_row(t.read_table([Crop.whole(drawn("beers"))]), "least").text.endswith("PALE ALE BREMEN 0.5 L: 2.79")


def test_two_prices_of_two_kinds_are_not_told_apart_by_their_row() -> None:
    lines = tuple(lines_in(Crop.whole(drawn("cafe"))))
    text = Text(text="\n".join(line.text for line in lines), media=drawn("cafe").hash, lines=lines)
    with pytest.raises(AmbiguousInput, match="one a column"):
        find_number(text, "mocha", "price")
