"""What belongs to a label, a number or a heading: by where lines stand to one another."""

from __future__ import annotations

import pytest

from visagent.core.errors import AmbiguousInput, MissingInput
from visagent.evidence.values import Line, Text
from visagent_tools import tables as t
from visagent_tools.sizes import misread_sizes, size_in

Row = tuple[str, float, float]


def page(*rows: Row, height: float = 20) -> Text:
    """Lines by their left upper corners, each letter half as wide as it is high."""
    lines = tuple(
        Line(text=text, xyxy=(x, y, x + 0.5 * height * len(text), y + height), confidence=0.9) for text, x, y in rows
    )
    return Text(text="\n".join(line.text for line in lines), media="m", lines=lines)


@pytest.mark.parametrize(
    ("text", "area", "unit"),
    [
        ("12'6\" x 8'", 100.0, "ft²"),
        ("12’6” × 8’0”", 100.0, "ft²"),
        ("3.5 x 4 m", 14.0, "m²"),
        ("3,5 m x 4 m", 14.0, "m²"),
        ("40x60cm", 2400.0, "cm²"),
        ("3米x4米", 12.0, "m²"),
    ],
)
def test_a_size_of_two_sides_has_an_area(text: str, area: float, unit: str) -> None:
    found = size_in(text)
    assert found is not None and (round(found.area, 2), found.unit) == (area, unit)


@pytest.mark.parametrize("text", ["3 x 4.50", "6'0\" x 6'34\"", "2 x milk", "3 cm x 4 m", "1920x1080", "4 m"])
def test_what_is_no_size_of_two_sides_in_one_unit_has_no_area(text: str) -> None:
    assert size_in(text) is None


PLAN = page(
    ("KITCHEN", 100, 100), ("3 x 4 m", 100, 122), ("BEDROOM 1", 300, 100), ("4 x 4 m", 305, 122),
    ("BEDROOM 2", 300, 300), ("5 x 4 m", 305, 322), ("Garage 6 x 3 m", 100, 300),
)  # fmt: skip


def test_the_size_at_a_label_is_its_own_and_the_largest_of_a_kind_is_found_by_area() -> None:
    assert t.sizes(PLAN, "kitchen").text == "KITCHEN: 3 x 4 m = 12 m²"
    assert t.sizes(PLAN, "garage").text == "Garage: 6 x 3 m = 18 m²"
    assert t.sizes(PLAN, "bedroom", "most").text == "BEDROOM 2: 5 x 4 m = 20 m²"
    assert t.sizes(PLAN, "卧室", "least").text == "BEDROOM 1: 4 x 4 m = 16 m²"
    assert t.sizes(PLAN, None, "least").text == "KITCHEN: 3 x 4 m = 12 m²"


def test_what_stands_above_a_label_is_the_other_thing_and_no_mere_size_of_it() -> None:
    plan = page(
        ("KITCHEN", 100, 100), ("3 x 4 m", 100, 122), ("STUDY", 100, 180), ("2 x 4 m", 100, 202),
        ("SPARE", 100, 300), ("ROOM", 100, 322), ("The study is warm", 400, 300),
    )  # fmt: skip
    assert t.label_beside(plan, "study", "above").text == "KITCHEN\n3 x 4 m"
    assert t.label_beside(plan, "study", "below").text == "SPARE\nROOM"
    assert t.label_beside(plan, "study", "nearest").text == "KITCHEN\n3 x 4 m"
    assert t.label_beside(plan, "spare room", "above").text == "STUDY\n2 x 4 m"
    assert t.label_beside(plan, "kitchen", "above").text == ""
    with pytest.raises(MissingInput):
        t.label_beside(plan, "attic", "above")


def test_nothing_is_the_largest_where_one_of_the_sizes_is_missing_or_misread() -> None:
    unsized = page(("BEDROOM 1", 300, 100), ("4 x 4 m", 305, 122), ("BEDROOM 2", 300, 300))
    with pytest.raises(MissingInput):
        t.sizes(unsized, "bedroom", "most")
    misread = page(("HALL", 300, 100), ("4'0\" x 4'0\"", 300, 122), ("BATH", 300, 300), ("6'0\" x 6'34\"", 300, 322))
    assert misread_sizes(misread.lines) == ["6'0\" x 6'34\""]
    with pytest.raises(MissingInput):
        t.sizes(misread, None, "most")
    with pytest.raises(MissingInput):
        t.sizes(PLAN, "balcony")


@pytest.mark.parametrize(
    "rows",
    [
        # The number left of its text, above it, and below it; lines of a text go on below one another.
        [("1", 10, 100), ("Fill the", 60, 95), ("kettle", 60, 117), ("2", 10, 200), ("Boil it", 60, 200),
         ("3", 10, 300), ("Pour", 60, 300)],
        [("1", 30, 100), ("2", 230, 100), ("3", 430, 100), ("Fill the", 10, 124), ("kettle", 10, 146),
         ("Boil it", 210, 124), ("Pour", 410, 124)],
        [("1", 30, 148), ("2", 230, 148), ("3", 430, 148), ("Fill the", 10, 100), ("kettle", 10, 122),
         ("Boil it", 210, 122), ("Pour", 410, 122)],
        [("1. Fill the", 10, 100), ("kettle", 30, 122), ("2. Boil it", 10, 146), ("3. Pour", 10, 168)],
        [("Step 1: Fill the", 10, 100), ("kettle", 30, 122), ("Step 2: Boil it", 10, 146), ("Step 3: Pour", 10, 168)],
    ],
)  # fmt: skip
def test_a_numbered_step_is_the_text_that_belongs_to_its_number(rows: list[Row]) -> None:
    instructions = page(*rows)
    assert t.count_steps(instructions).value == 3
    assert t.step(instructions, 1).text.endswith("Fill the\nkettle")
    assert t.step(instructions, 2).text.endswith("Boil it")
    assert t.step(instructions, -1).text.endswith("Pour")
    with pytest.raises(MissingInput):
        t.step(instructions, 4)


def test_numbers_between_two_texts_belong_to_neither() -> None:
    rows = [("Fill it", 10, 100), ("1", 30, 124), ("Boil it", 10, 148), ("2", 30, 172), ("Pour", 10, 196)]
    with pytest.raises(MissingInput):
        t.step(page(*rows), 1)


def test_two_lists_and_numbers_that_do_not_run_on_are_no_steps() -> None:
    twice = page(*((f"{number}. Stir", x, 100 + 30 * number) for x in (10, 300) for number in (1, 2)))
    axis = page(*((str(number), 10, 400 - 30 * number) for number in range(6)))
    for text in (twice, axis):
        with pytest.raises(MissingInput):
            t.count_steps(text)


def test_a_heading_says_how_many_steps_there_are_unless_the_numbers_say_otherwise() -> None:
    assert t.count_steps(page(("5 STEPS TO A BETTER BIKE", 10, 10))).value == 5
    assert t.count_steps(page(("Bread in four easy steps", 10, 10))).value == 4
    assert t.count_steps(page(("三步做好面包", 10, 10))).value == 3
    with pytest.raises(MissingInput):
        t.count_steps(page(("10,000 steps a day", 10, 10)))
    with pytest.raises(AmbiguousInput):
        t.count_steps(page(("4 easy steps", 10, 10), ("1. Mix", 10, 60), ("2. Bake", 10, 90)))


def test_steps_of_several_pictures_are_added_up() -> None:
    one, other = page(("1. Mix", 10, 60), ("2. Bake", 10, 90)), page(("3 simple steps", 10, 10))
    lines = [
        line.model_copy(update={"media": name}) for name, text in (("a", one), ("b", other)) for line in text.lines
    ]
    both = Text(text="", media="a", lines=tuple(lines), pictures=("a", "b"))
    assert t.count_steps(both).value == 5


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["Growth between 1901 and 1955"], "1901 to 1955 = 54 years"),
        (["1901-1930", "1930 - 1955"], "1901 to 1955 = 54 years"),
        (["1901-1930", "Growth from 1901 to 1955"], "1901 to 1955 = 54 years"),
        (["1901-1930", "1950-1955"], None),
        (["Built in 1901"], None),
        (["Call 1901-2000 555"], "1901 to 2000 = 99 years"),
    ],
)
def test_the_years_of_a_page_are_those_that_follow_one_another(lines: list[str], said: str | None) -> None:
    text = page(*((line, 10, 30.0 * at) for at, line in enumerate(lines)))
    if said is None:
        with pytest.raises(MissingInput):
            t.years(text)
    else:
        assert t.years(text).text == said


PACKET = page(
    ("STEAMER", 10, 10), ("1. Put it in.", 10, 32), ("2. Steam for 9 minutes.", 10, 54),
    ("OVEN", 10, 90), ("Bake it for 20-30 min", 10, 112), ("at 180 degrees.", 10, 134),
    ("Grill 4 min", 10, 200), ("Pan", 10, 260), ("3 minutes, then", 10, 282), ("2 minutes more", 10, 304),
)  # fmt: skip


def test_a_time_belongs_to_its_line_or_to_the_part_below_its_heading() -> None:
    assert t.time_for(PACKET, "steamer").text == "2. Steam for 9 minutes."
    assert t.time_for(PACKET, "oven").text == "Bake it for 20-30 min"
    assert t.time_for(PACKET, "grill").text == "Grill 4 min"
    # Which of the two it is, is not known.
    with pytest.raises(AmbiguousInput):
        t.time_for(PACKET, "pan")
    with pytest.raises(MissingInput):
        t.time_for(PACKET, "microwave")


MAP = page(
    ("12 km to Alderby", 10, 10), ("population 4,200", 10, 32), ("BENTON", 300, 10), ("Population: 900", 300, 32),
    ("Corby", 10, 200), ("3 km", 10, 222), ("Dale, 70 inhabitants", 300, 200),
)  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [("alderby", 4200), ("Benton", 900), ("Dale", 70)])
def test_the_number_that_says_what_it_counts_belongs_to_the_name_next_to_it(name: str, value: float) -> None:
    assert t.amount_for(MAP, name, "population").value == value


@pytest.mark.parametrize("name", ["Corby", "Eston"])
def test_a_distance_is_no_population(name: str) -> None:
    with pytest.raises(MissingInput):
        t.amount_for(MAP, name, "population")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["Stir well", "Bake at 180 °C for an hour"], "Bake at 180 °C for an hour"),
        (["preheat to 425 degress F"], "preheat to 425 degress F"),
        (["烤箱预热至200度"], "烤箱预热至200度"),
        (["Oven: 200°", "until the core is 75°"], "Oven: 200°"),
        # Two are two, and a dozen is no degree.
        (["Bake at 180°", "or at 160° with a fan"], None),
        (["12 dozens of eggs"], None),
    ],
)
def test_the_one_temperature_of_the_oven_is_told(lines: list[str], said: str | None) -> None:
    recipe = page(*((text, 0.0, 30.0 * row) for row, text in enumerate(lines)))
    if said is not None:
        assert t.temperature(recipe).text == said
    else:
        with pytest.raises(AmbiguousInput):
            t.temperature(recipe)
