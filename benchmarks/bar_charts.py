"""How well `read_table` reads charts of bars, or of lines: rendered ones whose numbers are known, in many looks.

    python benchmarks/bar_charts.py --charts 60
    python benchmarks/bar_charts.py --charts 60 --lines

Each chart is drawn by matplotlib with a seed of its own: standing or lying, one to four colours, numbers printed at
the bars or an axis alone, gridlines, keys at different places, several sizes, saved as JPEG or PNG. A number is right
where it is the printed one, or within 2 % of the axis' range. Of a chart that is not read nothing is said. Intervals
are Wilson's, 95 %, over charts. The baseline is `read_table` without the reader of bars, or lines, on the same charts.
Of lines, with dots or without, one may hide a point of another one: such a number is not said, and not wrong.
"""

from __future__ import annotations

import argparse
import io
import random
import time
from typing import NamedTuple

from visagent import load_media
from visagent.evidence.values import Crop, Table
from visagent_tools.engines import table_reader
from visagent_tools.engines.bar_charts import bar_chart
from visagent_tools.engines.line_charts import line_chart
from visagent_tools.engines.memo import Memo
from visagent_tools.table_lookup import TableView

NAMES = (
    ("Apples", "Pears", "Plums", "Grapes", "Cherries", "Figs", "Melons", "Limes"),
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug"),
    ("2016", "2017", "2018", "2019", "2020", "2021", "2022", "2023"),
    ("North Bay", "Old Town", "Harbour", "West End", "Hillside", "Airport", "Campus", "Market"),
)
SERIES = (
    ("Britain", "France", "Italy", "Spain"),
    ("Men", "Women", "Children", "Seniors"),
    ("2019", "2020", "2021", "2022"),
)


class Chart(NamedTuple):
    """A chart and what it shows."""

    data: bytes
    numbers: dict[tuple[str, str], float]
    """By name and colour; the colour is "" where there is one."""
    within: float
    """How far a number may be off."""


def drawn(seed: int) -> Chart:
    """The chart of a seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    choice = random.Random(seed)
    names = choice.choice(NAMES)[: choice.randint(3, 8)]
    series = choice.choice(SERIES)[: choice.choice((1, 1, 2, 3, 4))]
    most = choice.choice((10, 50, 100, 250, 900, 5000))
    values = {
        (name, one): round(choice.uniform(0.08, 1.0) * most, 1 if most <= 50 else 0) for name in names for one in series
    }
    lying, printed = choice.random() < 0.4, choice.random() < 0.4
    figure, axes = pyplot.subplots(
        figsize=(choice.uniform(5, 10), choice.uniform(4, 7)), dpi=choice.choice((80, 100, 140))
    )
    palette = [pyplot.get_cmap(choice.choice(("tab10", "Set2", "Dark2")))(at) for at in range(4)]
    wide = choice.uniform(0.55, 0.85) / len(series)
    for at, one in enumerate(series):
        places = [row + (at - (len(series) - 1) / 2) * wide for row in range(len(names))]
        lengths = [values[name, one] for name in names]
        draw = axes.barh if lying else axes.bar
        bars = draw(places, lengths, wide, label=one, color=palette[at], zorder=2)
        if printed:
            axes.bar_label(bars, fmt="%g", fontsize=8 if len(series) > 2 else 10)
    (axes.set_yticks if lying else axes.set_xticks)(range(len(names)), names)
    if choice.random() < 0.5:
        axes.grid(axis="x" if lying else "y", zorder=0)
    if choice.random() < 0.4:
        axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        outside = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "ncol": len(series)}
        axes.legend(**choice.choice(({}, {"loc": "upper left", "bbox_to_anchor": (1, 1)}, outside)))
    axes.set_title(choice.choice(("Units sold", "Visitors by place", "Spending in pounds")))
    if choice.random() < 0.5:
        (axes.set_xlabel if lying else axes.set_ylabel)(choice.choice(("thousands", "number", "tonnes")))
    low, high = axes.get_xlim() if lying else axes.get_ylim()
    file = io.BytesIO()
    figure.savefig(file, format=choice.choice(("png", "jpeg")), bbox_inches="tight")
    pyplot.close(figure)
    numbers = {(name, one if len(series) > 1 else ""): value for (name, one), value in values.items()}
    return Chart(file.getvalue(), numbers, 0.0 if printed else 0.02 * (high - low))


def drawn_lines(seed: int) -> Chart:
    """The chart of lines of a seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    choice = random.Random(seed)
    names = choice.choice(NAMES)[: choice.randint(3, 8)]
    series = choice.choice(SERIES)[: choice.choice((2, 2, 3, 4))]
    most = choice.choice((10, 50, 100, 250, 900, 5000))
    figure, axes = pyplot.subplots(
        figsize=(choice.uniform(5, 10), choice.uniform(4, 7)), dpi=choice.choice((80, 100, 140))
    )
    look = {"linewidth": choice.choice((1.5, 2.0, 3.0)), "marker": choice.choice(("", "", "o", "s"))}
    colors = pyplot.get_cmap(choice.choice(("tab10", "Set2", "Dark2")))
    numbers = {}
    for at, one in enumerate(series):
        lengths = [round(choice.uniform(0.08, 1.0) * most, 1 if most <= 50 else 0) for _ in names]
        numbers |= {(name, one): value for name, value in zip(names, lengths, strict=True)}
        axes.plot(range(len(names)), lengths, label=one, color=colors(at), **look)
    axes.set_xticks(range(len(names)), names)
    if choice.random() < 0.5:
        axes.grid(axis="y", zorder=0)
    outside = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "ncol": len(series)}
    axes.legend(**choice.choice(({"loc": "upper left", "bbox_to_anchor": (1, 1)}, outside)))
    axes.set_title(choice.choice(("Units sold", "Visitors by place", "Spending in pounds")))
    low, high = axes.get_ylim()
    file = io.BytesIO()
    figure.savefig(file, format=choice.choice(("png", "jpeg")), bbox_inches="tight")
    pyplot.close(figure)
    return Chart(file.getvalue(), numbers, 0.02 * (high - low))


def told(table: Table, chart: Chart) -> int:
    """How many of a chart's numbers a table gives, rightly or wrongly."""
    view = TableView(table)
    return min(len(chart.numbers), sum(len(view.numbers_of_row(row)) for row in view.body))


def right(table: Table, chart: Chart) -> int:
    """How many of a chart's numbers a table has at their names."""
    view = TableView(table)
    several = any(one for _, one in chart.numbers)
    # The one column of a chart of one colour is called by the chart's title.
    found = {
        (view.row_name(row), name if several else ""): amount.value
        for row in view.body
        for name, amount, _ in view.numbers_of_row(row)
    }
    # The rows of a chart of lines are its lines.
    found |= {(name, row): value for (row, name), value in found.items()}
    return sum(
        abs(value - expected) <= chart.within + 1e-9
        for (name, one), expected in chart.numbers.items()
        for value in (found.get((name, one)),)
        if value is not None
    )


def share(good: int, of: int) -> str:
    """A share with Wilson's interval."""
    from scipy.stats import binomtest

    low, high = binomtest(good, of).proportion_ci(method="wilson")
    return f"{good} of {of} ({good / of:.0%}, {low:.0%} to {high:.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--charts", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="seed of the first chart")
    parser.add_argument("--show", action="store_true", help="name the charts that are not read rightly")
    parser.add_argument("--lines", action="store_true", help="charts of lines")
    given = parser.parse_args()
    print("| reader | charts read | all numbers right | numbers right | numbers wrong | seconds a chart |")
    print("|---|---|---|---|---|---|")
    draw, kind = (drawn_lines, "line") if given.lines else (drawn, "bar")
    charts = [draw(seed) for seed in range(given.first, given.first + given.charts)]
    for label, reader in (
        (f"without {kind}s", lambda *_: None),
        (f"with {kind}s", line_chart if given.lines else bar_chart),
    ):
        setattr(table_reader, f"{kind}_chart", reader)
        read = whole = numbers = wrong = 0
        started = time.perf_counter()
        for at, chart in enumerate(charts):
            table_reader.kept_tables = Memo(limit=64)
            (media,) = load_media(chart.data)
            table = table_reader.table_in(Crop.whole(media))
            good = 0 if table is None else right(table, chart)
            read += table is not None
            whole += good == len(chart.numbers)
            numbers += good
            wrong += 0 if table is None else (told(table, chart) if given.lines else len(chart.numbers)) - good
            if given.show and good < len(chart.numbers):
                print(f"{given.first + at}: {'not read' if table is None else f'{good} of {len(chart.numbers)}'}")
        seconds = (time.perf_counter() - started) / len(charts)
        print(
            f"| {label} | {share(read, len(charts))} | {share(whole, len(charts))} | {numbers} of "
            f"{sum(len(chart.numbers) for chart in charts)} | {wrong} | {seconds:.2f} |"
        )


if __name__ == "__main__":
    main()
