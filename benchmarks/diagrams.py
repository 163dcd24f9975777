"""How well questions about the coloured parts of drawings are answered: rendered ones whose parts are known.

    python benchmarks/diagrams.py --pictures 80 --first 1000

Each picture is drawn with a seed of its own: a flow chart, a map, a chart of bars, a pie, a table with marked cells or
bubbles, with several fonts, borders, shades and grounds, at several sizes, saved as PNG or as JPEG of several
qualities. One question about it, in English or Chinese, asks how many parts are of a colour, or whether there is one.
The embedded profile answers with its own planner. "Stated" are answers that do not decline; intervals are Wilson's,
95 %. With --baseline, `visagent_tools.drawings` is asked nothing.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

SHADES = {
    "green": ("#8fe89a", "#2ecc71", "#4caf50", "#8bc34a", "#b7e1a1", "#2e7d32", "#00b050"),
    "yellow": ("#ffff99", "#fff176", "#ffeb3b", "#f7dc6f", "#ffd93d", "#fff2a8"),
    "blue": ("#5b9bd5", "#4285f4", "#90caf9", "#1f77b4", "#bbdefb", "#0d47a1", "#3399ff"),
    "red": ("#e74c3c", "#d62728", "#f44336", "#c00000", "#ff4d4d"),
    "orange": ("#ff9800", "#f39c12", "#ff7f0e", "#fdb15c", "#ed7d31"),
    "purple": ("#9b59b6", "#7e57c2", "#b39ddb", "#6a1b9a", "#c39bd3"),
    "pink": ("#ffb6c1", "#f48fb1", "#ff80ab", "#f8bbd0"),
    "gray": ("#9e9e9e", "#bdbdbd", "#808080"),
}
"""Shades of each colour that style guides of drawing programs offer under its name."""
CHINESE = dict(zip(SHADES, "绿黄蓝红橙紫粉灰", strict=True))
WORDS = (
    "Start", "Load data", "Check input", "Valid?", "Save", "Retry", "Stop", "Send mail", "Wait 5 min", "Print report",
    "Approve", "Reject", "Call support", "Open ticket", "Ship order", "Pay", "Review", "Merge",
)  # fmt: skip
FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "LiberationSans-Regular.ttf", "LiberationSerif-Regular.ttf")


class Picture(NamedTuple):
    """A drawing and what it shows.

    Attributes:
        kind: What is drawn.
        data: The file.
        parts: How many parts of each colour there are.
        english: What people call a part, singular and plural.
        chinese: The same in Chinese, with its measure word.
        unclear: A colour of what some would call a part as well, such as a diamond among boxes: not asked about.
    """

    kind: str
    data: bytes
    parts: Counter[str]
    english: tuple[str, str]
    chinese: tuple[str, str]
    unclear: str = ""


class Sheet:
    """Something to draw on, twice as large as the picture, which smooths edges as drawing programs do."""

    def __init__(self, choice: random.Random, width: int, height: int) -> None:
        self.choice, self.width, self.height = choice, width, height
        self.ground = choice.choice(("#ffffff", "#ffffff", "#ffffff", "#fafafa", "#fdf6e3", "#f0f0f0"))
        self.image = Image.new("RGB", (2 * width, 2 * height), self.ground)
        self.draw = ImageDraw.Draw(self.image)
        self.line = choice.choice(("#000000", "#333333", "#777777"))
        self.font_file = choice.choice(FONTS)
        self.colors = choice.sample(list(SHADES), choice.randint(2, 4))
        self.shade = {color: choice.choice(shades) for color, shades in SHADES.items()}

    def font(self, size: float) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(self.font_file, round(2 * size))

    def text(self, x: float, y: float, text: str, size: float, fill: str = "#000000", anchor: str = "mm") -> None:
        self.draw.text((2 * x, 2 * y), text, fill=fill, font=self.font(size), anchor=anchor, align="center")

    def ink(self, fill: str) -> str:
        """A colour of letters that can be read on another one."""
        red, green, blue = (int(fill[at : at + 2], 16) for at in (1, 3, 5))
        return "#000000" if 0.3 * red + 0.6 * green + 0.1 * blue > 110 else "#ffffff"

    def save(self) -> bytes:
        """The file: smoothed, and compressed as pictures of the web are."""
        picture = self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)
        return saved(self.choice, picture)


def saved(choice: random.Random, picture: Image.Image) -> bytes:
    """A picture's file, as PNG or as JPEG, sometimes at another size."""
    if choice.random() < 0.3:
        factor = choice.uniform(0.7, 1.4)
        size = round(picture.width * factor), round(picture.height * factor)
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    if choice.random() < 0.4:
        picture.save(file, format="PNG")
    else:
        picture.save(file, format="JPEG", quality=choice.choice((65, 75, 85, 92)))
    return file.getvalue()


def flow_chart(choice: random.Random) -> Picture:
    """Boxes with text on a grid, joined by lines; other shapes have colours of their own."""
    sheet = Sheet(choice, choice.randint(420, 900), choice.randint(380, 900))
    columns, rows = choice.randint(2, 3), choice.randint(3, 5)
    wide, high = sheet.width / columns, sheet.height / rows
    size = min(15.0, wide / 11, high / 4.5)
    places = [(column, row) for row in range(rows) for column in range(columns)]
    places = sorted(choice.sample(places, choice.randint(4, min(9, len(places)))), key=lambda one: one[::-1])
    border, rounded = choice.choice((0, 1, 1, 2, 3)), choice.choice((0, 0, 6, 12))
    parts: Counter[str] = Counter()
    other = next(color for color in sheet.choice.sample(list(SHADES), len(SHADES)) if color not in sheet.colors)
    middles = [((column + 0.5) * wide, (row + 0.5) * high) for column, row in places]
    for (x1, y1), (x2, y2) in itertools.pairwise(middles):
        line = [(2 * x1, 2 * y1), (2 * x1, y1 + y2), (2 * x2, y1 + y2), (2 * x2, 2 * y2)]
        sheet.draw.line(line if abs(y1 - y2) > 1 else [line[0], line[-1]], fill=sheet.line, width=choice.choice((2, 4)))
        sheet.draw.regular_polygon((x1 + x2, y1 + y2, 9), 3, fill=sheet.line, rotation=choice.choice((180, 90)))
    words = choice.sample(WORDS, len(places))
    for (x, y), word in zip(middles, words, strict=True):
        half_wide, half_high = wide * 0.38, high * choice.choice((0.26, 0.3))
        box = [2 * (x - half_wide), 2 * (y - half_high), 2 * (x + half_wide), 2 * (y + half_high)]
        outline = {"outline": sheet.line, "width": 2 * border} if border else {}
        if choice.random() < 0.15:
            shape = choice.choice(("ellipse", "diamond"))
            fill = sheet.shade[other]
            if shape == "ellipse":
                sheet.draw.ellipse(box, fill=fill, **outline)
            else:
                corners = [(2 * x, box[1]), (box[2], 2 * y), (2 * x, box[3]), (box[0], 2 * y)]
                sheet.draw.polygon(corners, fill=fill, **outline)
        else:
            color = choice.choice(sheet.colors)
            parts[color] += 1
            fill = sheet.shade[color]
            sheet.draw.rounded_rectangle(box, radius=2 * rounded, fill=fill, **outline)
        sheet.text(x, y, word.replace(" ", "\n") if choice.random() < 0.4 else word, size, sheet.ink(fill))
    noun = choice.choice((("box", "boxes"), ("box", "boxes"), ("rectangle", "rectangles")))
    return Picture("flow chart", sheet.save(), parts, noun, ("方框", "个"), other)


def area_map(choice: random.Random) -> Picture:
    """Regions between crooked borders inside a coast, most of them of one pale colour, with names and towns as dots."""
    import cv2
    import numpy as np

    sheet = Sheet(choice, choice.randint(420, 800), choice.randint(340, 620))
    width, height = 2 * sheet.width, 2 * sheet.height
    across, down = choice.randint(4, 6), choice.randint(3, 5)
    seeds = [
        ((column + choice.uniform(0.25, 0.75)) / across, (row + choice.uniform(0.25, 0.75)) / down)
        for row in range(down)
        for column in range(across)
    ]
    noise = np.random.default_rng(choice.randrange(2**31))
    # Borders wind: each pixel is moved by smooth noise before it is given to the nearest seed.
    bent = [
        cv2.resize(noise.normal(0, 0.02, (12, 16)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / width + bent[0], y / height + bent[1]
    owner = np.argmin([((x - sx) * across) ** 2 + ((y - sy) * down) ** 2 for sx, sy in seeds], axis=0)
    land = ((x - 0.5) / 0.44) ** 4 + ((y - 0.5) / 0.44) ** 4 < 1
    usual = choice.choice(("#eeeeee", "#e0e0e0", "#f5f0dc", "#ffffff"))
    colors = [color for color in sheet.colors if color != "gray"][: choice.randint(1, 3)]
    # Two regions of one colour are parted by a border, as on every map that has any.
    fills = [sheet.shade[choice.choice(colors)] if choice.random() < 0.35 else usual for _ in seeds]
    shown, whole = [], np.zeros((height, width), bool)
    for at in range(len(seeds)):
        _, pieces, sizes, _ = cv2.connectedComponentsWithStats((land & (owner == at)).astype(np.uint8))
        largest = 1 + int(sizes[1:, cv2.CC_STAT_AREA].argmax()) if len(sizes) > 1 else 0
        if largest and sizes[largest, cv2.CC_STAT_AREA] > 0.012 * width * height:
            shown.append(at)
            whole |= pieces == largest
    land = whole
    pixels = np.asarray(sheet.image).copy()
    parts: Counter[str] = Counter()
    for at in shown:
        pixels[land & (owner == at)] = [int(fills[at][place : place + 2], 16) for place in (1, 3, 5)]
        parts += Counter(color for color in colors if sheet.shade[color] == fills[at])
    borders = np.zeros((height, width), np.uint8)
    for at in shown:
        outlines, _ = cv2.findContours(
            (land & (owner == at)).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(borders, outlines, -1, 255, 1)
    thick = choice.choice((2, 3, 4))
    borders = cv2.dilate(borders, np.ones((thick, thick), np.uint8))
    stroke = choice.choice(("#555555", "#888888", "#000000", "#ffffff"))
    pixels[borders > 0] = [int(stroke[place : place + 2], 16) for place in (1, 3, 5)]
    sheet.image = Image.fromarray(pixels)
    sheet.draw = ImageDraw.Draw(sheet.image)
    for at in shown:
        spots = np.argwhere(land & (owner == at))
        row, column = spots.mean(axis=0) / 2
        if choice.random() < 0.6:
            sheet.text(float(column), float(row), choice.choice(("Avon", "Brill", "Corran", "Dunmore", "Esk")), 9.0)
        elif choice.random() < 0.3:
            dot = sheet.shade[choice.choice(colors)]
            if dot != fills[at]:
                sheet.draw.ellipse(
                    [2 * column - 9, 2 * row - 9, 2 * column + 9, 2 * row + 9], fill=dot, outline="#555555", width=2
                )
    noun = choice.choice((("state", "states"), ("country", "countries"), ("region", "regions")))
    return Picture("map", sheet.save(), parts, noun, choice.choice((("州", "个"), ("国家", "个"))))


def bars(choice: random.Random) -> Picture:
    """A chart of bars, each of one of a few colours."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colors = choice.sample([color for color in SHADES if color != "gray"], choice.randint(2, 3))
    shade = {color: choice.choice(SHADES[color]) for color in colors}
    names = choice.sample(
        ("Italy", "Spain", "France", "Norway", "Peru", "Chile", "Kenya", "Japan"), choice.randint(4, 8)
    )
    each = [choice.choice(colors) for _ in names]
    values = [choice.uniform(10, 100) for _ in names]
    lying = choice.random() < 0.4
    figure, axes = pyplot.subplots(
        figsize=(choice.uniform(5, 9), choice.uniform(3.5, 6)), dpi=choice.choice((80, 100, 130))
    )
    border = {"edgecolor": "black", "linewidth": 1} if choice.random() < 0.4 else {}
    draw = axes.barh if lying else axes.bar
    shown = draw(names, values, choice.uniform(0.5, 0.85), color=[shade[one] for one in each], zorder=2, **border)
    if choice.random() < 0.4:
        axes.bar_label(shown, fmt="%.0f", label_type=choice.choice(("edge", "center")))
    if choice.random() < 0.5:
        axes.grid(axis="x" if lying else "y", zorder=0)
    if choice.random() < 0.5:
        axes.spines[["top", "right"]].set_visible(False)
    if choice.random() < 0.3:
        axes.legend(
            handles=[
                pyplot.Rectangle((0, 0), 1, 1, color=shade[one], label=f"Group {one[0].upper()}") for one in colors
            ]
        )
    axes.set_title(choice.choice(("Sales in 2023", "Visitors by country", "Cost per head")))
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    pyplot.close(figure)
    picture = Image.open(file).convert("RGB")
    return Picture("bars", saved(choice, picture), Counter(each), ("bar", "bars"), ("柱子", "根"))


def pie(choice: random.Random) -> Picture:
    """A pie whose slices are parted by lines, two of one colour never side by side without one."""
    sheet = Sheet(choice, choice.randint(360, 640), choice.randint(340, 560))
    parts: Counter[str] = Counter()
    radius = min(sheet.width, sheet.height) * 0.38
    x, y = sheet.width / 2, sheet.height / 2
    cuts = [0.0]
    for _ in range(choice.randint(3, 6)):
        cuts.append(cuts[-1] + choice.uniform(0.5, 1.5))
    border = choice.choice(("#ffffff", "#000000"))
    wide = choice.choice((2, 4))
    box = [2 * (x - radius), 2 * (y - radius), 2 * (x + radius), 2 * (y + radius)]
    for start, end in itertools.pairwise(cuts):
        color = choice.choice(sheet.colors)
        parts[color] += 1
        first, last = 360 * start / cuts[-1], 360 * end / cuts[-1]
        fill = sheet.shade[color]
        sheet.draw.pieslice(box, first, last, fill=fill, outline=border, width=wide)
        middle = math.radians((first + last) / 2)
        share = f"{(last - first) / 3.6:.0f}%"
        sheet.text(
            x + 0.6 * radius * math.cos(middle), y + 0.6 * radius * math.sin(middle), share, 11.0, sheet.ink(fill)
        )
    sheet.text(x, sheet.height * 0.05, "Share by group", 13.0)
    return Picture("pie", sheet.save(), parts, ("slice", "slices"), ("扇形", "个"))


def table(choice: random.Random) -> Picture:
    """A table with lines, some of whose cells are marked."""
    sheet = Sheet(choice, choice.randint(420, 800), choice.randint(240, 480))
    columns, rows = choice.randint(3, 5), choice.randint(4, 7)
    wide, high = sheet.width * 0.92 / columns, sheet.height * 0.92 / rows
    colors = [color for color in sheet.colors if color != "gray"][:2]
    parts: Counter[str] = Counter()
    for row in range(rows):
        for column in range(columns):
            x, y = sheet.width * 0.04 + column * wide, sheet.height * 0.04 + row * high
            fill = sheet.ground
            if row and choice.random() < 0.2:
                color = choice.choice(colors)
                parts[color] += 1
                fill = sheet.shade[color]
            box = [2 * x, 2 * y, 2 * (x + wide), 2 * (y + high)]
            sheet.draw.rectangle(box, fill=fill, outline=sheet.line, width=choice.choice((2, 2, 4)))
            word = choice.choice(("12", "7.5", "yes", "no", "North", "310"))
            sheet.text(x + wide / 2, y + high / 2, word, min(14.0, high / 2.2), sheet.ink(fill))
    return Picture("table", sheet.save(), parts, ("cell", "cells"), ("格子", "个"))


def bubbles(choice: random.Random) -> Picture:
    """Circles apart from each other, with or without text; squares of other colours among them."""
    sheet = Sheet(choice, choice.randint(400, 800), choice.randint(340, 640))
    columns, rows = choice.randint(3, 5), choice.randint(2, 4)
    wide, high = sheet.width / columns, sheet.height / rows
    border = choice.choice((0, 1, 2))
    other = next(color for color in choice.sample(list(SHADES), len(SHADES)) if color not in sheet.colors)
    parts: Counter[str] = Counter()
    for row in range(rows):
        for column in range(columns):
            if choice.random() < 0.25:
                continue
            radius = min(wide, high) * choice.uniform(0.2, 0.42)
            x, y = (column + 0.5) * wide, (row + 0.5) * high
            box = [2 * (x - radius), 2 * (y - radius), 2 * (x + radius), 2 * (y + radius)]
            outline = {"outline": sheet.line, "width": 2 * border} if border else {}
            if choice.random() < 0.2:
                fill = sheet.shade[other]
                sheet.draw.rectangle(box, fill=fill, **outline)
            else:
                color = choice.choice(sheet.colors)
                parts[color] += 1
                fill = sheet.shade[color]
                sheet.draw.ellipse(box, fill=fill, **outline)
            if choice.random() < 0.5:
                sheet.text(x, y, choice.choice(("A", "B2", "Ada", "17")), max(8.0, radius / 3), sheet.ink(fill))
    noun = choice.choice((("circle", "circles"), ("circle", "circles"), ("bubble", "bubbles")))
    return Picture("bubbles", sheet.save(), parts, noun, ("圆圈", "个"))


KINDS: tuple[Callable[[random.Random], Picture], ...] = (flow_chart, area_map, bars, pie, table, bubbles)


class Asked(NamedTuple):
    """A question about a picture, and what is true."""

    text: str
    number: int
    counts: bool


def drawn(seed: int) -> Picture:
    """The picture of a seed."""
    choice = random.Random(seed)
    return KINDS[seed % len(KINDS)](choice)


def asked(picture: Picture, seed: int) -> Asked:
    """A question about a picture: mostly of a colour that it shows."""
    choice = random.Random(seed + 10**6)
    there = [color for color in picture.parts if picture.parts[color]]
    absent = [color for color in SHADES if not picture.parts[color] and color not in ("gray", picture.unclear)]
    color = choice.choice(there if there and choice.random() < 0.8 else absent)
    one, many = picture.english
    noun, measure = picture.chinese
    counting = (
        f"how many {color} {many} are there?",
        f"how many of the {many} are {color}",
        f"How many {many} are coloured in {color}?",
        f"number of {color} {many} please",
        f"图中有几{measure}{CHINESE[color]}色的{noun}？",
    )
    article = "an" if color[0] in "aeiou" else "a"
    whether = (f"is there {article} {color} {one}?", f"有没有{CHINESE[color]}色的{noun}？")
    counts = choice.random() < 0.75
    return Asked(choice.choice(counting if counts else whether), picture.parts[color], counts)


def right(question: Asked, text: str) -> bool:
    """Whether a stated answer is the true one."""
    plain = re.sub(r"\[q[\d, q]*\]|\(.*?\)|（.*?）", "", text).strip()
    if not question.counts:
        return bool(re.match(r"(?i)(?:probably )?yes|(?:很可能)?是", plain)) == (question.number > 0)
    numbers = re.findall(r"\d+", plain.split(". ")[0].split("。")[0])
    said = int(numbers[0]) if numbers else 0
    return said == question.number


def share(good: int, of: int) -> str:
    """A share with Wilson's interval."""
    from scipy.stats import binomtest

    if not of:
        return "0 of 0"
    low, high = binomtest(good, of).proportion_ci(method="wilson")
    return f"{good} of {of} ({good / of:.0%}, {low:.0%} to {high:.0%})"


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=72)
    parser.add_argument("--first", type=int, default=0, help="seed of the first picture")
    parser.add_argument("--keep", type=Path, help="folder into which the pictures are written")
    parser.add_argument("--show", action="store_true", help="print each answer that is not right")
    parser.add_argument("--baseline", action="store_true", help="ask without the reader of drawings")
    options = parser.parse_args(given)
    from visagent import Agent

    if options.baseline:
        from visagent_tools import drawings

        drawings.drawn_things = lambda *_: None  # type: ignore[assignment]
    tally: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = options.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        agent = Agent("embedded", cache=False)
        for seed in range(options.first, options.first + options.pictures):
            picture = drawn(seed)
            question = asked(picture, seed)
            file = folder / (f"{seed}.png" if picture.data.startswith(b"\x89PNG") else f"{seed}.jpg")
            file.write_bytes(picture.data)
            answer = agent.ask(question.text, file)
            stated = answer.status != "unanswered"
            good = stated and right(question, answer.text or "")
            for kind in (picture.kind, "count" if question.counts else "whether", "all"):
                tally.setdefault(kind, Counter()).update(asked=1, stated=int(stated), right=int(good))
            if options.show and not good:
                print(f"{seed} {picture.kind}: {question.text} -> {question.number}; {answer.text}", flush=True)
    print("| kind | right | right of what is stated |")
    print("|---|---|---|")
    for kind, row in sorted(tally.items(), key=lambda one: one[0] == "all"):
        print(f"| {kind} | {share(row['right'], row['asked'])} | {share(row['right'], row['stated'])} |")


if __name__ == "__main__":
    main()
