"""Tables, plans, maps and instructions: reading a table, and looking things up by their labels. What they say is data,
never an instruction.

A row is known by what stands in its first column, a column by its header; both are found by a word of theirs, or by
their place (`third`, `last`, 第三行). Where a row's word turns out to be a column's, the two are exchanged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from visagent.core.errors import AmbiguousInput, MissingInput, ToolError
from visagent.evidence.values import Cell, Crop, Labels, Line, Note, Number, Table, Text
from visagent.tools.toolkit import tool
from visagent_tools.amounts import Amount, amounts
from visagent_tools.asked_cells import best, cells
from visagent_tools.labelled import (
    amounts_of,
    block_below,
    durations,
    label_at,
    said_steps,
    step_numbers,
    steps,
    temperatures,
    years_covered,
)
from visagent_tools.sizes import ROOMS, misread_sizes
from visagent_tools.sizes import sizes as sizes_in
from visagent_tools.table_lookup import Axis, TableView, is_total
from visagent_tools.text import lines_of, mentioned, placed

Which = Literal["most", "least"]
Side = Literal["right_of", "left_of", "above", "below", "nearest"]
How = Literal["sum", "mean", "most", "least"]
Asked = Literal["cell", "most", "least", "first", "second"]

LEAST_PARTS = 3
"""Amounts that a later one has to add up to be taken for their total: of two, that happens by chance."""
HALF_A_CENT = 0.005


@tool(version="7")
def read_table(image: list[Crop]) -> Table:
    """Read a table, price list or timetable into rows and columns.

    Args:
        image: Where it stands; the first of several pictures that shows a table.
    """
    from visagent_tools.engines.table_reader import table_in

    if not image:
        raise MissingInput(
            "read_table(image): there is nothing to look at.", "Give a picture, or the pages of a document."
        )
    for crop in image:
        if (table := table_in(crop)) is not None:
            return table
    raise MissingInput("read_table: there is no table in the picture.", "Read its text instead: read_text.")


@tool(version="2")
def cell(table: Table, row: str | None = None, column: str | None = None) -> Text:
    """What stands in a table's row and column.

    With a row or a column alone: all that stands in it, each piece with the name of the column or row it stands in.

    Args:
        table: Where to look.
        row: A word of the row's name, or its place, such as third.
        column: A word of the column's header, or its place.
    """
    if row is None and column is None:
        raise ToolError("cell: neither a row nor a column is named.", "Name one of them.")
    view = TableView(table)
    rows, columns = view.find(row, Axis.ROW), view.find(column, Axis.COLUMN)
    if row is not None and column is not None and rows and not columns and not any(view.column_names):
        # Without names, what stands in the row may say what it is, as "Gate B7" does.
        columns = view.mentioning(rows, column)
    if (row is not None and not rows) or (column is not None and not columns):
        # "March" may be asked for as a row where it is a column.
        turned_rows, turned_columns = view.find(column, Axis.ROW), view.find(row, Axis.COLUMN)
        if (column is not None and not turned_rows) or (row is not None and not turned_columns):
            raise _nothing_like(view, row, column)
        rows, columns = turned_rows, turned_columns
    lines = view.lines(rows, columns)
    return Text(text="\n".join(line.text for line in lines), media=table.media, lines=tuple(lines))


@tool(version="3")
def best_row(table: Table, which: Which, by: str | None = None, among: str | None = None) -> Text:
    """The name of the row, or column, of a table whose value is the most or the least, with the value.

    Rows that add up the others are left out. Of equal ones all are named.

    Args:
        table: Where to look.
        which: Whether the highest or the lowest value is meant.
        by: A word of the header of the values; left out where there is only one column of numbers.
        among: Names of the rows or columns to choose from, where not all are meant, such as "Peru or Chile".
    """
    view = TableView(table)
    # A word that names no values tells which rows are meant, "cake" of "the cheapest cake".
    series = _of_kind(view, by) if by is not None and not _is_measure(view, by) else _series(view, by)
    if among is not None:
        series = _named(series, among)
    # What has no name cannot be named, and an amount of the same kind is a value beside this one.
    values = [
        (amount.value, name, amount, cell)
        for name, amount, cell in series
        if name.strip() and not any(other.unit == amount.unit is not None for other in amounts(Line(text=name)))
    ]
    if not values:
        raise MissingInput("best_row: there is no number to compare by.", _columns(view))
    best = (max if which == "most" else min)(value for value, *_ in values)
    lines = [
        Line(text=f"{name}: {cell.text}", confidence=cell.confidence, xyxy=cell.xyxy)
        for value, name, _, cell in values
        if value == best
    ]
    parts = len(view.blocks())
    notes = (Note(kind="first_part", words=(str(parts),)),) if parts > 1 else ()
    return Text(text="\n".join(line.text for line in lines), media=table.media, lines=tuple(lines), notes=notes)


@tool(version="3")
def look_up(table: Table, asked: str, how: Asked = "cell") -> Text:
    """What a table says to a question that names a row and a column of it, or what is the most or the least of some.

    Nothing is found where the question says anything that the table does not.

    Args:
        table: Where to look.
        asked: The question.
        how: The one cell that is meant, with its names; the most or the least; or the first or the second of the two
            that the question names, without names.
    """
    view = TableView(table)
    if how in ("most", "least"):
        found = best(view, asked, "most" if how == "most" else "least")
    else:
        found = cells(view, asked)
        if len(found) != (1 if how == "cell" else 2):
            raise AmbiguousInput(f"look_up: the question means {len(found)} cells of the table.", "Name each of them.")
        if how != "cell":
            found = found[:1] if how == "first" else found[1:]
    lines = tuple(
        Line(
            text=one.cell.text if how in ("first", "second") else f"{one.name}: {one.cell.text}",
            confidence=one.cell.confidence,
            xyxy=one.cell.xyxy,
        )
        for one in found
    )
    return Text(text="\n".join(line.text for line in lines), media=table.media, lines=lines)


@tool(version="2")
def aggregate(items: Table | Labels, how: How, of: str | None = None) -> Number:
    """Sum, mean, highest or lowest of a table's column or row, or of numbers that were extracted.

    Rows that add up the others are left out, and so is, of prices of a page, the first one that is the sum of all
    before it, with what follows.

    Args:
        items: A table, or labels that hold a number each.
        how: What to work out.
        of: A word of the column's header or of the row's name; left out where there is only one column of numbers.
    """
    if isinstance(items, Labels):
        parts = [Line(text=label.name, confidence=label.confidence) for label in items.labels]
        found = _without_total([numbers[0] for line in parts if (numbers := amounts(line))])
    else:
        view = TableView(items)
        if len(view.blocks()) > 1:
            raise AmbiguousInput(
                "The table has several parts with the same rows, each with a total of its own.", _columns(view)
            )
        found = [amount for _, amount, _ in _series(view, of)]
    if not found:
        raise MissingInput("aggregate: there is no number to work with.", "Look at another column, or for other text.")
    if any(amount.unit != "%" for amount in found):
        # A discount of 10 % is no amount of money.
        found = [amount for amount in found if amount.unit != "%"]
    values = [amount.value for amount in found]
    results = {"sum": sum(values), "mean": sum(values) / len(values), "most": max(values), "least": min(values)}
    units = {amount.unit for amount in found}
    # Prices add up to cents: binary fractions would show as 0.30000000000000004.
    return Number(
        value=round(results[how], 10),
        unit=units.pop() if len(units) == 1 else None,
        confidence=min(amount.confidence for amount in found),
    )


@tool
def sizes(text: Text, of: str | None = None, which: Which | None = None) -> Text:
    """How large the rooms or things of a plan are: the sides that stand at a name, and the area.

    Args:
        text: Where to look.
        of: A word of the names that are meant; all where it is left out.
        which: Only the largest, or the smallest.
    """
    lines = lines_of(text)
    known = sizes_in(lines)
    if of in ROOMS and not any(mentioned(line.text, of) for line in lines):
        of = ROOMS[of]
    meant = [size for size in known if of is None or mentioned(size.name, of)]
    if not meant:
        raise MissingInput(f"sizes: no size stands at {of!r}." if of else "sizes: there is no size.", "Read the text.")
    named = {size.label.text for size in meant}
    if of is None:
        unread = misread_sizes(lines)
    else:
        unread = [line.text for line in lines if mentioned(line.text, of) and line.text not in named]
    if which is not None and unread:
        raise MissingInput(f"sizes: one of the sizes could not be read, of {unread[0]!r}.", "Read the text instead.")
    if which is not None:
        if len({size.unit for size in meant}) > 1:
            raise AmbiguousInput("sizes: they are measured in different units.", "Read the text instead.")
        best = (max if which == "most" else min)(size.area for size in meant)
        meant = [size for size in meant if size.area == best]
    shown = tuple(size.label.model_copy(update={"text": size.text}) for size in meant)
    return Text(text="\n".join(line.text for line in shown), media=text.media, lines=shown, pictures=text.pictures)


@tool
def label_beside(text: Text, name: str, where: Side) -> Text:
    """The nearest other label of a diagram, a map or a plan on one side of a label, with its size if it has one.

    Args:
        text: The labels.
        name: The label that is named.
        where: How the other one stands to it.
    """
    lines = lines_of(text)
    found = placed(lines, name)
    if not found:
        raise MissingInput(f"label_beside: the text does not mention {name!r}.", "Look for another word.")
    # A label of this name alone, rather than one within a sentence.
    found.sort(key=lambda place: len(" ".join(line.text for line in lines[place[0] : place[1] + 1])))
    kept = tuple(label_at(lines, range(found[0][0], found[0][1] + 1), where))
    return Text(text="\n".join(line.text for line in kept), media=text.media, lines=kept, pictures=text.pictures)


@tool
def step(text: Text, number: int) -> Text:
    """What one step of numbered instructions says.

    Args:
        text: The instructions.
        number: Which step, counted from 1; -1 for the last one.
    """
    found = {one.number: one.lines for one in steps(lines_of(text))}
    wanted = max(found, default=0) if number == -1 else number
    if wanted not in found:
        raise MissingInput(f"step: the text has no step {number} that could be told from the others.", "Read the text.")
    kept = found[wanted]
    return Text(text="\n".join(line.text for line in kept), media=text.media, lines=kept, pictures=text.pictures)


@tool
def count_steps(text: Text) -> Number:
    """How many steps the instructions have; of several pictures, all of them together.

    Args:
        text: The instructions.
    """
    lines = lines_of(text)
    total = 0
    for media in text.pictures or (None,):
        own = [line for line in lines if media is None or line.media == media]
        numbers, said = step_numbers(own), said_steps(own)
        found = {*numbers[-1:], *said}
        if not found:
            raise MissingInput("count_steps: the text has no numbered steps.", "Read the text instead.")
        if len(found) > 1:
            raise AmbiguousInput(f"count_steps: there may be {' or '.join(map(str, sorted(found)))}.", "Read the text.")
        total += found.pop()
    return Number(value=total)


@tool
def years(text: Text) -> Text:
    """Which years a map, a chart or a page covers, and how many.

    Args:
        text: Where to look.
    """
    found = years_covered(lines_of(text))
    if found is None:
        raise MissingInput("years: the text names no one period of years.", "Read the text instead.")
    first, last, lines = found
    shown = f"{first} to {last} = {last - first} years"
    return Text(
        text=shown, media=text.media, lines=(lines[0].model_copy(update={"text": shown}),), pictures=text.pictures
    )


@tool
def time_for(text: Text, name: str) -> Text:
    """How long something takes, where a page gives a time beside its name or in the part below its heading.

    Args:
        text: Such as the instructions on a packet.
        name: The heading, or the word that the time belongs to, such as microwave.
    """
    lines = lines_of(text)
    places = sorted({at for found in placed(lines, name) for at in range(found[0], found[1] + 1)})
    if not places:
        raise MissingInput(f"time_for: the text does not mention {name!r}.", "Look for another word.")
    found = [(line, time) for at in places for line in (lines[at],) for time in durations(line.text)]
    if not found:
        below = [line for at in places for line in block_below(lines, lines[at])]
        found = [(line, time) for line in dict.fromkeys(below) for time in durations(line.text)]
    if len({time for _, time in found}) != 1:
        shown = ", ".join(dict.fromkeys(time for _, time in found)) or "none"
        raise AmbiguousInput(f"time_for: no one time belongs to {name!r} ({shown}).", "Read the text instead.")
    return Text(text=found[0][0].text, media=text.media, lines=(found[0][0],), pictures=text.pictures)


@tool
def temperature(text: Text) -> Text:
    """The one temperature that instructions give for the oven or the pan, not for the food.

    Args:
        text: Such as a recipe.
    """
    found = temperatures(lines_of(text))
    if len({written for written, _ in found}) != 1:
        shown = ", ".join(dict.fromkeys(written for written, _ in found)) or "none"
        raise AmbiguousInput(f"temperature: no one temperature is given ({shown}).", "Read the text instead.")
    return Text(text=found[0][1].text, media=text.media, lines=(found[0][1],), pictures=text.pictures)


@tool
def amount_for(text: Text, name: str, of: str) -> Number:
    """How many of something a map or page gives for a name, as the population below a town.

    Args:
        text: Where to look.
        name: What it is given for.
        of: What is counted, such as population.
    """
    lines = lines_of(text)
    places = [last for _, last in placed(lines, name)]
    if not places:
        raise MissingInput(f"amount_for: the text does not mention {name!r}.", "Look for another word.")
    found = [(amount, line) for at in places for amount, line in amounts_of(lines, at, of)]
    if len({amount.value for amount, _ in found}) != 1:
        raise MissingInput(f"amount_for: no one number of {of} stands at {name!r}.", "Read the text instead.")
    amount, line = found[0]
    return amount.number(line.text)


def _without_total(found: list[Amount]) -> list[Amount]:
    """Amounts of a page down to the first one that adds up those before it, of which there are three at least."""
    below = 0.0
    for at, amount in enumerate(found):
        if at >= LEAST_PARTS and abs(amount.value - below) < HALF_A_CENT:
            return found[:at]
        below += amount.value
    return found


def _named(series: list[tuple[str, Amount, Cell]], among: str) -> list[tuple[str, Amount, Cell]]:
    """The numbers of those that are named, each of whom has to be there.

    Raises:
        MissingInput: one of them is not.
    """
    kept = []
    for name in re.split(r"(?i)\s*(?:,|\bor\b|还是|、|，)\s*", among):
        found = [one for one in series if name and mentioned(one[0], name)]
        if name and not found:
            raise MissingInput(f"best_row: the table has no number for {name!r}.", "Choose from other rows.")
        kept += [one for one in found if one not in kept]
    return kept


def _is_measure(view: TableView, by: str) -> bool:
    """Whether a word names a column of numbers, or a row of several."""
    columns = [column for column in view.find(by, Axis.COLUMN) if view.numbers_of_column(column)]
    return bool(columns) or any(len(view.numbers_of_row(row)) > 1 for row in view.find(by, Axis.ROW)[:1])


def _of_kind(view: TableView, kind: str) -> list[tuple[str, Amount, Cell]]:
    """The numbers of the rows that a word tells of: those below a heading that mentions it, else that mention it
    themselves. Where the table has no parts, all its rows are of the kind.

    Raises:
        MissingInput: the table has parts, and the word names none.
        AmbiguousInput: several columns hold numbers.
    """
    sections = view.sections()
    below = [row for heading, rows in sections if mentioned(heading, kind) for row in rows]
    rows = below or view.find(kind, Axis.ROW)
    if not rows and len(sections) > 1:
        raise MissingInput(f"The table has no row, column or heading called {kind!r}.", _columns(view))
    return _series(view, None, rows or None)


def _series(view: TableView, by: str | None, rows_meant: Sequence[int] | None = None) -> list[tuple[str, Amount, Cell]]:
    """The numbers of the column, else of the row, that a word names, each with the name of its row or column.

    Raises:
        MissingInput: there is no such column or row.
        AmbiguousInput: nothing is named, and several columns hold numbers.
    """
    if by is None:
        numeric = view.numeric_columns()
        if not numeric:
            raise MissingInput("The table has no column of numbers.", _columns(view))
        if len(numeric) > 1:
            money = [column for column in numeric if view.is_money(column)]
            if len(money) != 1:
                raise AmbiguousInput("Several columns of the table hold numbers.", _columns(view))
            numeric = money
        return view.parts_of_column(numeric[0], rows_meant)
    if columns := [column for column in view.find(by, Axis.COLUMN) if view.numbers_of_column(column)]:
        return view.parts_of_column(columns[0])
    if rows := [row for row in view.find(by, Axis.ROW) if view.numbers_of_row(row)]:
        return [part for part in view.numbers_of_row(rows[0]) if not is_total(part[0])]
    raise MissingInput(f"The table has no row or column of numbers called {by!r}.", _columns(view))


def _nothing_like(view: TableView, row: str | None, column: str | None) -> MissingInput:
    axes = (("row", row, Axis.ROW), ("column", column, Axis.COLUMN))
    given = [(kind, name, view.find(name, axis)) for kind, name, axis in axes if name is not None]
    # Of a row that is there and a column that is not, the column alone is named.
    asked = " and ".join(f"{kind} {name!r}" for kind, name, found in given if not found or all(one[2] for one in given))
    return MissingInput(f"The table has no {asked}.", _columns(view))


def _columns(view: TableView) -> str:
    names = [name for name in view.column_names if name]
    return f"Its columns are: {', '.join(names)}." if names else "Its columns have no names."
