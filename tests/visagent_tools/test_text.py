"""Finding words, numbers and other things in text that was read or heard."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visagent.core.errors import AmbiguousInput, MissingInput, ToolError
from visagent.evidence.values import Line, Text
from visagent_tools import text as t

KINDS: list[Any] = list(t.extract.spec.parameter("kind").choices)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "phrase", "there"),
    [
        ("Here is Chapter 2.", "chapter two", True),
        ("platform nine", "platform 9", True),
        ("Room 21 is free", "room twenty-one", True),
        ("Chapter 2", "chapter twelve", False),
        ("Version 1 is out", "one", False),
    ],
)
def test_a_number_in_a_phrase_may_be_written_out(text: str, phrase: str, there: bool) -> None:
    assert t.mentioned(text, phrase) is there


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("STOP here!", "stop", True),
        ("Non-stop", "stop", True),
        ("Stopper", "stop", False),
        ("Tickets: 3", "ticket", True),
        ("one berry", "berries", True),
        ("Don’t walk", "dont walk", True),
        ("no\nentry", "No entry", True),
        ("Straße", "STRASSE", True),
        ("ＥＸＩＴ", "exit", True),
        ("今天公交车来了", "公交车", True),
        ("公\n交车", "公交车", True),
        ("entry", "no entry", False),
        ("", "stop", False),
    ],
)
def test_contains(text: str, query: str, found: bool) -> None:
    assert t.contains(Text(text=text), query).value is found


def test_a_query_without_a_word_is_refused() -> None:
    with pytest.raises(ToolError, match="no word"):
        t.contains(Text(text="a"), "?!")


def test_find_text_keeps_the_place_of_lines_and_takes_both_lines_of_a_phrase() -> None:
    lines = (Line(text="no", xyxy=(0, 0, 1, 1)), Line(text="entry"), Line(text="exit"))
    text = Text(text="no\nentry\nexit", media="m", lines=lines)
    assert t.find_text(text, "exit") == Text(text="exit", media="m", lines=lines[2:])
    assert t.find_text(text, "no entry").lines == lines[:2]
    assert t.find_text(text, "taxi").text == ""


@pytest.mark.parametrize(
    ("text", "near", "value", "unit"),
    [
        ("Speed 50", None, 50, None),
        ("VAT 21 %\nTotal 9.00", "VAT rate", 21, "%"),
        ("Loyalty -5 %\nTotal 9.00", "loyalty discount", -5, "%"),
        ("1,234.5 visitors", None, 1234.5, None),
        ("3,50 €", None, 3.5, "€"),
        ("1.234,50 EUR", None, 1234.5, "EUR"),
        ("-4 outside", None, -4, None),
        ("at 10:30 on 2026-05-01 bus 42", None, 42, None),
        ("twenty-one dogs", None, 21, None),
        ("two hundred and five and nothing else", None, 205, None),
        ("one of them costs $7", None, 7, "$"),
        ("12 and 12", None, 12, None),
        ("tax 5% total 12", "total", 12, None),
        ("tax 5% total 12", "tax", 5, "%"),
        ("12 total", "total", 12, None),
        ("Total\n$12.50", "total", 12.5, "$"),
        ("seven apples, 3 pears", "apple", 3, None),
    ],
)
def test_find_number(text: str, near: str | None, value: float, unit: str | None) -> None:
    found = t.find_number(Text(text=text), near)
    assert (found.value, found.unit) == (value, unit)


def test_a_year_of_another_name_is_no_number_of_one_with_a_year() -> None:
    with pytest.raises(MissingInput, match="next to"):
        t.find_number(Text(text="Spring 2019 to 2020 2021"), near="2019 to 2020")
    assert t.find_number(Text(text="2019 to 2020 2,021 kg"), near="2019 to 2020").value == 2021
    assert t.find_number(Text(text="Founded 1998"), near="founded").value == 1998


def test_several_numbers_are_listed_and_none_is_missing() -> None:
    with pytest.raises(AmbiguousInput, match="5, 12"):
        t.find_number(Text(text="tax 5 total 12"))
    with pytest.raises(MissingInput, match="no number"):
        t.find_number(Text(text="on 2026-05-01"))
    with pytest.raises(MissingInput, match="does not mention"):
        t.find_number(Text(text="tax 5"), near="total")
    with pytest.raises(MissingInput, match="next to"):
        t.find_number(Text(text="total\nnothing\n5"), near="total")


LABEL = tuple(
    Line(text=text, xyxy=(x, y, x + 8 * len(text), y + 16))
    for text, x, y in (
        ("about 6 portions per box", 0, 0), ("Portion size", 0, 30), ("80 g", 200, 30),
        ("Energy", 0, 60), ("90", 200, 60),
        ("HOW TO COOK", 300, 0), ("heat the whole pot to 75 degrees", 300, 60),
    )
)  # fmt: skip


def test_a_number_in_a_sentence_beside_a_row_is_none_of_the_row() -> None:
    label = Text(text="", media="m", lines=LABEL)
    assert t.find_number(label, "energy").value == 90
    assert t.find_number(label, "energy", "quantity").value == 90
    # A number with a name of its own is not the heading's beside it.
    rows = (Line(text="GRILL", xyxy=(0, 0, 60, 16)), *(
        Line(text=text, xyxy=(200, y, 300, y + 16)) for text, y in (("Sodium 10mg", -7), ("Carbohydrate 4g", 7))
    ))  # fmt: skip
    with pytest.raises(MissingInput):
        t.find_number(Text(text="", media="m", lines=rows), "grill", "quantity")


def test_of_a_thing_that_is_asked_for_as_several_the_place_where_several_are_named_is_meant() -> None:
    label = Text(text="", media="m", lines=LABEL)
    assert t.find_number(label, "portions").value == 6
    assert t.find_number(label, "portion").value == 80


def test_digits_that_are_said_one_by_one_are_the_number_that_they_write() -> None:
    said = Text(text="Your code is three seven nine.")
    assert t.contains(said, "379").value and t.contains(Text(text="Code 379."), "three seven nine").value
    assert not t.contains(said, "378").value and t.contains(said, "seven").value
    assert t.find_number(said, near="code").value == t.find_number(said).value == 379


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("date", "2026-05-01, 1.5.2026 or 5/1/26; v1.2.3", ["2026-05-01", "1.5.2026", "5/1/26"]),
        ("date", "1 May 2026, May 1st, 2026 and Sept 2026", ["1 May 2026", "May 1st, 2026", "Sept 2026"]),
        ("date", "于2026年5月1日", ["2026年5月1日"]),
        ("time", "10:30, 9 am, 9:05 p.m. 10h30 25:00", ["10:30", "9 am", "9:05 p.m.", "10h30"]),
        ("time", "下午10点30分", ["下午10点30分"]),
        ("time", "上午九点至下午六点半，十点一刻钟，有一点贵", ["上午九点", "下午六点半"]),
        ("time", "5:30pM 88%, 7:15am", ["5:30 PM", "7:15 AM"]),
        ("time", "Clock: 7.45, milk 7.50, um 9.15 Uhr", ["7.45", "9.15"]),
        ("time", "opens 9.05 am, milk 7.50", ["9.05 am"]),
        ("time", "milk 7.50, rose by 1.25 %, time 12.5 s", []),
        ("time", "10:30, time 7.45", ["10:30"]),
        ("price", "$5 $7 5 € 7 € EUR 3,50; 12 dollars 15 years", ["$5", "$7", "5 €", "7 €", "EUR 3,50", "12 dollars"]),
        ("price", "共5元", ["5元"]),
        ("price", "Oat bar 45 g 2.35 aisle 7", ["2.35"]),
        ("price", "$5 12.00", ["$5"]),
        ("price", "Lotion 6.75 FL OZ 3.20", ["3.20"]),
        ("email", "me@x.com, a.b+c@d.co.uk.", ["me@x.com", "a.b+c@d.co.uk"]),
        ("phone", "+49 30 123456 or (555) 123-4567, 2026-05-01, 12", ["+49 30 123456", "(555) 123-4567"]),
        (
            "url",
            "https://a.b/c?d=1, www.x.com. me@x.com example.org/y",
            ["https://a.b/c?d=1", "www.x.com", "example.org/y"],
        ),
        ("number", "3 dogs 4.5 on 2026-05-01 1,000 10:30", ["3", "4.5", "1,000"]),
    ],
)
def test_extract(kind: Any, text: str, found: list[str]) -> None:
    assert [label.name for label in t.extract(Text(text=text), kind).labels] == found


def test_what_is_extracted_is_as_sure_as_its_line() -> None:
    text = Text(text="5\n6", lines=(Line(text="5", confidence=0.4), Line(text="6", confidence=0.9)))
    assert [label.confidence for label in t.extract(text, "number").labels] == [0.4, 0.9]


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from(KINDS))
def test_whatever_is_extracted_stands_in_the_text_in_order(text: str, kind: Any) -> None:
    at = 0
    for label in t.extract(Text(text=text), kind).labels:
        at = text.index(label.name, at) + len(label.name)


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="abc你好 -", min_size=1, max_size=12), max_size=5), st.text(alphabet="abc你", min_size=1)
)
def test_what_a_text_contains_some_line_holds(lines: list[str], query: str) -> None:
    text = Text(text="\n".join(lines))
    assert t.contains(text, query).value == bool(t.find_text(text, query).text)


@settings(deadline=None)
@given(st.integers(-(10**9), 10**9))
def test_every_whole_number_is_found_with_and_without_separators(number: int) -> None:
    for shown in (str(number), f"{number:,}"):
        assert t.find_number(Text(text=f"it is {shown}, no more")).value == number


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("piece", ["a", "1", "1.", "a.", "@", "1 ", "12-", "a@a.", "10:", "$"])
def test_long_hostile_text_takes_no_long_time(kind: Any, piece: str) -> None:
    import time

    start = time.process_time()
    t.extract(Text(text=piece * 5000), kind)
    assert time.process_time() - start < 5


def placed(*words: tuple[str, float, float], height: float = 10) -> Text:
    """Words at their left and top, each letter 6 pixels wide."""
    lines = tuple(Line(text=word, xyxy=(x, y, x + 6 * len(word), y + height)) for word, x, y in words)
    return Text(text="\n".join(line.text for line in lines), media="m", lines=lines)


SLIP = placed(
    ("Name", 0, 0), ("Qty", 100, 0), ("Price", 160, 0),
    ("Carnet", 0, 20), ("2", 100, 20), ("3,50", 160, 20),
    ("Remise", 0, 40), ("-10 %", 160, 40),
    ("Avoir", 0, 60), ("(12.50)", 160, 60),
    ("Retour: 4.00-", 0, 80),
    ("TOTAL", 0, 100), ("1 207,50 €", 160, 100),
)  # fmt: skip


@pytest.mark.parametrize(
    ("query", "where", "found"),
    [
        ("Carnet", "right_of", "2"),
        ("3,50", "left_of", "2"),
        ("Qty", "below", "2"),
        ("TOTAL", "above", "Retour: 4.00-"),
        ("Remise", "same_row", "-10 %"),
        ("Price", "same_column", "3,50\n-10 %\n(12.50)\n1 207,50 €"),
        ("Retour", "right_of", "4.00-"),
        ("carnett", "right_of", "2"),
    ],
)
def test_text_is_found_by_its_place(query: str, where: Any, found: str) -> None:
    assert t.find_text(SLIP, query, where).text == found


def test_text_without_places_has_rows_by_its_lines() -> None:
    text = Text(text="From: Ann\nTo: Bo")
    assert t.find_text(text, "To", "right_of").text == "Bo"
    assert t.find_text(text, "From", "below").text == "To: Bo"
    with pytest.raises(MissingInput, match="does not mention"):
        t.find_text(text, "Cc", "right_of")


def test_a_price_may_stand_some_lines_below_its_name() -> None:
    rows = [("Chardonnay", 0.0), ("Loire 2019", 20.0), ("75 cl dry", 40.0), ("$12.50", 60.0)]
    lines = [Line(text=words, xyxy=(0.0, top, 90.0, top + 12)) for words, top in rows]
    # In another column.
    lines.append(Line(text="$99.00", xyxy=(300.0, 24.0, 390.0, 36.0)))
    shelf = Text(text="\n".join(line.text for line in lines), lines=tuple(lines))
    assert t.find_number(shelf, "chardonnay", "price").value == 12.5
    with pytest.raises(MissingInput):
        t.find_number(shelf, "chardonnay", "percent")


@pytest.mark.parametrize(
    ("near", "kind", "shown"),
    [
        ("Remise", None, "-10 %"),
        ("Avoir", None, "-12.5"),
        ("Retour", None, "-4"),
        ("total", None, "1207.5 €"),
        ("Carnet", "quantity", "2"),
        ("Carnet", "price", "3.5"),
        ("remise", "percent", "-10 %"),
    ],
)
def test_an_amount_belongs_to_the_word_in_its_row(near: str, kind: Any, shown: str) -> None:
    assert str(t.find_number(SLIP, near, kind)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3 x Apple @ 0.50", "3"),
        ("Apple x4 2.00", "4"),
        ("Apple Qty: 5", "5"),
        ("苹果 3个 12.00元", "3"),
    ],
)
def test_how_many_of_a_thing_were_bought_is_read(text: str, shown: str) -> None:
    near = "苹果" if "苹" in text else "apples"
    assert str(t.find_number(Text(text=text), near, "quantity")) == shown


PRICES_ABOVE = (("$24.50", 0.0), ("$31.00", 100.0)), (("Makita", 0.0), ("Bosch", 100.0)), (("A4", 0.0), ("B12", 100.0))


def test_a_price_may_stand_above_its_name_and_the_digits_of_names_are_no_numbers() -> None:
    lines = [
        Line(text=words, xyxy=(left, 20.0 * row, left + 60, 20.0 * row + 12))
        for row, line in enumerate(PRICES_ABOVE)
        for words, left in line
    ]
    board = Text(text="\n".join(line.text for line in lines), media="m", lines=tuple(lines))
    assert t.find_number(board, "A4").value == 24.5
    assert t.find_number(board, "Bosch", "price").value == 31
    with pytest.raises(MissingInput):
        t.find_number(Text(text="It costs $5.\nThe colour is nice."), "colour")


def test_several_numbers_above_a_label_are_the_parts_of_a_bar() -> None:
    rows = ("£4.10", 0.0), ("7.5p", 20.0), ("Autumn", 40.0)
    lines = tuple(Line(text=words, xyxy=(0, top, 60, top + 12)) for words, top in rows)
    with pytest.raises(MissingInput):
        t.find_number(Text(text="", media="m", lines=lines), "Autumn")


SHELF = (
    ("OAK", 10, 0), ("HOUSE", 10, 18), ("RIESLING 0.75 L", 10, 36), ("VILLA", 300, 0), ("ROSSA", 300, 18),
    ("ITALY", 300, 36), ("1 L", 372, 36), ("14.50", 80, 56), ("9.90", 390, 56), ("DRY AND CRISP", 10, 110),
    ("RICH", 300, 110),
)  # fmt: skip


@pytest.mark.parametrize(("name", "price"), [("Villa", 9.9), ("riesling", 14.5), ("Oak House", 14.5), ("rich", None)])
def test_a_price_below_the_lines_of_a_name_belongs_to_each_of_them(name: str, price: float | None) -> None:
    lines = tuple(Line(text=words, xyxy=(x, y, x + 9.0 * len(words), y + 18.0)) for words, x, y in SHELF)
    shelf = Text(text="\n".join(line.text for line in lines), media="m", lines=lines)
    if price is not None:
        assert t.find_number(shelf, name, "price").value == price
    else:
        with pytest.raises(MissingInput):
            t.find_number(shelf, name, "price")


def test_a_total_is_not_taken_from_the_subtotal() -> None:
    assert t.find_number(Text(text="Sub total 5.00\nTotal 6.00"), "total").value == 6


def test_a_text_of_several_pages_says_which_lines_are_whose() -> None:
    lines = (Line(text="Bruges", media="a"), Line(text="Ghent", media="b"))
    text = Text(text="Bruges\nGhent", media="a", lines=lines, pictures=("a", "b"))
    found = t.contains(text, "Ghent")
    assert found.value and found.lines == lines[1:] and found.pictures == ("a", "b")
    assert t.find_text(text, "ghent").lines[0].media == "b"
    assert (
        t.find_text(
            placed(("a", 0, 0)).model_copy(
                update={
                    "lines": (
                        Line(text="Left", xyxy=(0, 0, 9, 9), media="a"),
                        Line(text="Other", xyxy=(20, 0, 30, 9), media="b"),
                    )
                }
            ),
            "Left",
            "right_of",
        ).text
        == ""
    )


def test_a_date_that_was_read_together_with_its_time_is_both() -> None:
    text = Text(text="12/03/202614:05")
    assert [label.name for label in t.extract(text, "date").labels] == ["12/03/2026"]
    assert [label.name for label in t.extract(text, "time").labels] == ["14:05"]


def test_a_size_is_no_price_and_a_number_stays_as_it_was_written() -> None:
    shelf = Text(text="Juice 2L 3.40\nRice 500g 1.90\nEggs x6 2.10\nPlain 12\nCover 24 months\nTea $6.50")
    written = {word: t.find_number(shelf, word).written for word in ("juice", "rice", "eggs", "plain", "cover", "tea")}
    assert written == {
        "juice": "3.40", "rice": "1.90", "eggs": "2.10", "plain": "12", "cover": "24 months", "tea": "$6.50",
    }  # fmt: skip
    assert t.find_number(shelf, "eggs", "quantity").value == 6


def test_a_total_goes_by_other_words_that_are_told() -> None:
    bill = Text(text="Paint 20.00\nAmount due 24.00\nPay by 5 March 2025")
    assert t.find_number(bill, "owe").written == "24.00 (amount due)"
    assert t.find_number(Text(text="茶 5.00\n合计 9.00"), "总共").written == "9.00 (合计)"
    with pytest.raises(MissingInput, match="owe"):
        t.find_number(Text(text="Paint 20.00"), "owe")


def test_a_whole_page_is_no_phrase() -> None:
    with pytest.raises(AmbiguousInput, match="whole page"):
        t.contains(Text(text="Buy milk."), " ".join(f"word{number}" for number in range(20)))


def test_hours_that_are_spelled_are_times_and_speech_without_any_leaves_it_open() -> None:
    def said(words: str) -> list[str]:
        heard = Text(text=words, lines=(Line(text=words, start=0.0, end=2.0),))
        return [label.name for label in t.extract(heard, "time").labels]

    assert said("Come round at six.") == ["six"]
    assert said("It shuts at half past three, or nine o'clock.") == ["half past three", "nine o'clock"]
    for words in ("Buy six eggs by ten people.", "See you when the bell rings."):
        with pytest.raises(MissingInput, match="may have been said"):
            said(words)
    assert t.extract(Text(text="No time."), "time").labels == ()


def test_of_several_columns_the_number_of_none_is_taken() -> None:
    def placed(*rows: tuple[str, ...]) -> Text:
        lines = [
            Line(text=word, xyxy=(200.0 * x, 40.0 * y, 200.0 * x + 90, 40.0 * y + 20))
            for y, row in enumerate(rows)
            for x, word in enumerate(row)
        ]
        return Text(text="", media="m", lines=tuple(lines))

    shares = placed(("Town", "Rent", "Food"), ("Leeds", "31%", "14%"), ("York", "29%", "15%"))
    with pytest.raises(AmbiguousInput, match="several numbers stand in that row, 31 %, 14 %"):
        t.find_number(shares, "Leeds")
    bill = placed(("Item", "Each", "Total"), ("Paint", "4.00", "8.00"))
    assert t.find_number(bill, "paint").value == 4
    assert t.find_number(placed(("Paint", "31%"), ("Brush", "29%")), "paint").value == 31


@pytest.mark.parametrize("size", ["9'4\" x 7'", "3.5 m x 4 m", "12' x 8' x 2'", "60cm×40cm"])
def test_a_size_of_several_sides_is_no_number(size: str) -> None:
    with pytest.raises(AmbiguousInput, match="size"):
        t.find_number(Text(text=f"Pantry {size}", media="m"), near="pantry")


@pytest.mark.parametrize(("line", "value"), [("Scones 3 x 4.50", 4.5), ("Scones 250 m", 250), ("Scones 2 x 3", 2)])
def test_pieces_at_a_price_are_no_size(line: str, value: float) -> None:
    assert t.find_number(Text(text=line, media="m"), near="scones").value == value


def test_a_phrase_that_is_broken_in_a_column_is_found_there() -> None:
    cells = [
        ("$82.56", (0, 0, 60, 18)), ("$70.55", (100, 0, 160, 18)),
        ("Blue", (0, 40, 60, 58)), ("Green", (100, 40, 160, 58)),
        ("Heron", (0, 60, 60, 78)), ("Heron", (100, 60, 160, 78)),
    ]  # fmt: skip
    lines = tuple(Line(text=text, xyxy=tuple(map(float, box))) for text, box in cells)
    text = Text(text="\n".join(line.text for line in lines), lines=lines)
    assert t.find_number(text, near="Green Heron").value == 70.55
    assert t.find_number(text, near="blue heron").value == 82.56
    with pytest.raises(MissingInput, match="does not mention"):
        t.find_number(text, near="Heron Blue")


def test_a_models_number_names_it_without_its_maker() -> None:
    text = Text(text="F\u0301150 costs 12\nCivic costs 7")
    assert t.find_number(text, near="福特F150").value == 12
    with pytest.raises(MissingInput, match="does not mention"):
        t.find_number(text, near="福特F250")
