"""A bar chart as a table: bars by their colour and shape, names and numbers from the text around them.

A bar's number is the one printed at it, else its length against the axis, which is an estimate. Knows no reader and no
tool. Curves and pies are no bars; of stacked bars the whole is read, not their parts.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from visagent.evidence.overlap import shared_area
from visagent.evidence.values import XYXY, Cell, Line, Note, Table
from visagent_tools.amounts import only_amount
from visagent_tools.engines.bar_values import Bar, Word, bar_values
from visagent_tools.engines.color_blocks import NEAR_COLOR, Block, Paint
from visagent_tools.layout import box_of

LEAST_BARS = 3
LEAST_PIXELS = 4.0
"""What two edges differ by at least, if they are not on one line."""
MOST_NAME_LINES = 3
MOST_WORDS = 16
"""In a line that holds several names: there are many ways to cut a long one."""


def bar_chart(pixels: NDArray[np.uint8], lines: Sequence[Line], media: str) -> Table | None:
    """The names and numbers of a chart of upright or lying bars; None where there is none.

    A row for each name on the axis, a column for each colour that the key explains.

    Args:
        pixels: The picture, height x width x 3, RGB.
        lines: What was read in it, with places in its pixels.
        media: Content hash of the picture.
    """
    placed = [line for line in lines if line.xyxy is not None]
    if len(placed) < 2 * LEAST_BARS:
        return None
    paint = Paint(pixels)
    colors = paint.colors()
    blocks = paint.blocks(colors, NEAR_COLOR)
    tables = []
    for lying in (False, True):
        bars = _in_one_row([_bar(block, color, lying, pixels.shape[1]) for block, color in blocks])
        lengths = [bar.base - bar.top for bar in bars]
        if len(bars) < LEAST_BARS or max(lengths) - min(lengths) < LEAST_PIXELS:
            continue
        used = list(dict.fromkeys(bar.color for bar in bars))
        keys, others = dict[int, Line](), placed
        if len(used) > 1:
            # Compression smears the little blocks of a key: they are of the nearest colour.
            swatches = [
                (block, used[nearest - 1])
                for block, nearest in paint.blocks(colors[[0, *used]], 3 * NEAR_COLOR)
                if all(shared_area(block, bar.block) == 0 for bar in bars)
            ]
            keys, others = keys_of(swatches, placed)
        words = [word_of(line, lying, pixels.shape[1]) for line in others]
        tables.append(_table(bars, words, {color: keys.get(color) for color in used}, media))
    return max((table for table in tables if table is not None), key=lambda table: len(table.cells), default=None)


def bars_in_one_row(blocks: Sequence[Block], lying: bool, width: float) -> list[list[XYXY]]:
    """The rectangles of each bar of a chart, from the left, or from the bottom; more than one of a stacked bar.

    Args:
        blocks: Rectangles of one colour.
        lying: Whether to look for bars that lie.
        width: Width of the picture, pixels.
    """
    turned = [_bar(block, color, lying, width) for block, color in blocks]

    def is_part(bar: Bar, other: Bar) -> bool:
        within = other.top >= bar.top - LEAST_PIXELS and other.base <= bar.base + LEAST_PIXELS
        return within and abs(other.start - bar.start) <= LEAST_PIXELS and abs(other.end - bar.end) <= LEAST_PIXELS

    return [[other.block for other in turned if is_part(bar, other)] for bar in _in_one_row(turned)]


def keys_of(swatches: Sequence[Block], lines: Sequence[Line]) -> tuple[dict[int, Line], list[Line]]:
    """What each colour stands for, which is the text right of a small block of it; and the lines without those texts.

    Args:
        swatches: Rectangles that may be such blocks.
        lines: What was read.
    """
    keys: dict[int, Line] = {}
    others = []
    for line in lines:
        x1, y1, x2, y2 = box_of(line)
        high = y2 - y1
        near = sorted(
            (block, color)
            for block, color in swatches
            if 0.12 * high <= block[3] - block[1] <= 1.5 * high
            and block[2] - block[0] <= 5 * high
            and x1 - 1.5 * high <= block[2] < x2
            and y1 < (block[1] + block[3]) / 2 < y2
        )
        # A reader may take the block for a sign of the text.
        before = [
            (block, color) for block, color in near if block[0] <= x1 + 0.3 * high and block[2] <= x1 + 1.8 * high
        ]
        # Readers join the texts of a key. Strokes of letters are blocks as well, of one colour and of many heights.
        joined = _alike(near)
        if len(joined) > 1:
            ends = [block[0] for block, _ in joined[1:]] + [x2]
            widths = [end - block[2] for (block, _), end in zip(joined, ends, strict=True)]
            for (_, color), text in zip(joined, _shared_out(line.text, widths), strict=False):
                keys.setdefault(color, line.model_copy(update={"text": text}))
        elif before:
            keys.setdefault(before[-1][1], line)
        else:
            others.append(line)
    return keys, others


def _alike(blocks: Sequence[Block]) -> list[Block]:
    """One block of each colour, from the left: the one that stands and is as high as most of them do."""
    if not blocks:
        return []
    middle = np.median([box for box, _ in blocks], axis=0)
    best: dict[int, XYXY] = {}
    for box, color in sorted(blocks, key=lambda one: abs(one[0][1] - middle[1]) + abs(one[0][3] - middle[3])):
        best.setdefault(color, box)
    wide = max(x2 - x1 for x1, _, x2, _ in best.values())
    return sorted((box, color) for color, box in best.items() if 2 * (box[2] - box[0]) > wide)


def _shared_out(text: str, widths: Sequence[float]) -> list[str]:
    """A text cut between words into as many pieces as there are widths, each as long as its width says; or none."""
    words = re.findall(r"[A-Z]?[^\sA-Z]+|[A-Z]+(?![a-z])", text)
    if not len(widths) <= len(words) <= MOST_WORDS:
        return []
    length, width = len("".join(words)), sum(widths)

    def misfit(pieces: Sequence[str]) -> float:
        return sum(
            abs(len(piece.replace(" ", "")) / length - wide / width) for piece, wide in zip(pieces, widths, strict=True)
        )

    return min(_cuts(words, len(widths)), key=misfit)


def _upright(box: XYXY, lying: bool, width: float) -> XYXY:
    """A box as it is, or, where bars lie, with what is right turned up and what is below turned right."""
    return (box[1], width - box[2], box[3], width - box[0]) if lying else box


def _bar(block: XYXY, color: int, lying: bool, width: float) -> Bar:
    x1, y1, x2, y2 = _upright(block, lying, width)
    return Bar(start=x1, end=x2, base=y2, top=y1, color=color, block=block)


def word_of(line: Line, lying: bool = False, width: float = 0) -> Word:
    """A line of text, turned where bars lie."""
    x1, y1, x2, y2 = _upright(box_of(line), lying, width)
    return Word(line, start=x1, end=x2, top=y1, bottom=y2)


def _table(bars: Sequence[Bar], words: Sequence[Word], keys: dict[int, Line | None], media: str) -> Table | None:
    """The table of bars; None where their names or numbers are not found.

    Args:
        bars: The bars of one row, from the left.
        words: What was read around them.
        keys: What each of their colours stands for, as far as that is known.
        media: Content hash of the picture.
    """
    known = [key for key in keys.values() if key is not None]
    explained = known if len(keys) > 1 and len(known) == len(keys) else []
    groups = _groups(bars) if explained else [[bar] for bar in bars]
    names = _names(groups, words)
    values = bar_values(bars, words)
    if not names or not values or sum(_is_value(name) for name in names) > len(names) / 2:
        return None
    columns = {color: at if explained else 1 for at, color in enumerate(keys, start=1)}
    # What else is written, such as a title, says what the numbers are of.
    named = " ".join(name.text for name in names).split()
    texts = [word.line.text for word in words if only_amount(word.line) is None]
    title = " ".join(text for text in texts if not set(text.split()) <= set(named))
    above = 1 if explained and title else 0
    cells = [Cell(row=0, column=0, column_span=len(explained) + 1, text=title)] if above else []
    cells.append(Cell(row=above, column=0))
    cells += [_cell(above, at, key, worded(key.text)) for at, key in enumerate(explained, start=1)]
    if not explained:
        cells.append(Cell(row=0, column=1, text=title))
    of_bars = iter(values)
    for row, (group, name) in enumerate(zip(groups, names, strict=True), start=above + 1):
        cells.append(_cell(row, 0, name, name.text))
        here = [(columns[bar.color], value) for bar, value in zip(group, of_bars, strict=False)]
        if len(dict(here)) < len(here):
            return None
        cells += [_cell(row, column, value, value.text) for column, value in sorted(here, key=lambda one: one[0])]
    note = Note(kind="by_length" if any(value.xyxy is None for value in values) else "paired")
    return Table(media=media, cells=tuple(cells), header_rows=above + 1, notes=(note,))


def _groups(bars: Sequence[Bar]) -> list[list[Bar]]:
    """Bars that stand closer to each other than to the others, from the left."""
    gaps = [later.start - earlier.end for earlier, later in itertools.pairwise(bars)]
    wide = (min(gaps) + max(gaps)) / 2
    groups = [[bars[0]]]
    for bar, gap in zip(bars[1:], gaps, strict=True):
        if gap > wide:
            groups.append([])
        groups[-1].append(bar)
    return groups


def _in_one_row(bars: Sequence[Bar]) -> list[Bar]:
    """The largest group of bars that begin on one line and are about equally wide, from the left.

    What stands on a bar and is as wide as it, as the upper parts of stacked bars do, makes it longer.
    """
    best: list[Bar] = []
    for first in bars:
        wide = first.end - first.start
        group = [
            bar
            for bar in bars
            if abs(bar.base - first.base) <= LEAST_PIXELS and abs(bar.end - bar.start - wide) <= 0.2 * wide + 2
        ]
        apart = all(
            min(one.end, other.end) - max(one.start, other.start) <= 3
            for one, other in itertools.combinations(group, 2)
        )
        if apart and len(group) > len(best):
            best = group
    row = sorted(best, key=lambda bar: bar.start)
    # A block of the key may begin on the bars' line as well; it stands far from them.
    while len(row) > LEAST_BARS and _gap(row[-2:]) > 2 * max(_gap(row[at : at + 2]) for at in range(len(row) - 2)):
        row.pop()
    return [_with_what_it_bears(bar, bars) for bar in row]


def _gap(pair: Sequence[Bar]) -> float:
    """How far two bars are apart, at least half as far as one is wide."""
    return max(pair[1].start - pair[0].end, (pair[0].end - pair[0].start) / 2)


def _with_what_it_bears(bar: Bar, bars: Sequence[Bar]) -> Bar:
    for other in bars:
        same = abs(other.start - bar.start) <= 3 and abs(other.end - bar.end) <= 3
        if same and other.color != bar.color and abs(other.base - bar.top) <= LEAST_PIXELS and other.top < bar.top:
            return _with_what_it_bears(bar._replace(top=other.top, stacked=True), bars)
    return bar


def _names(groups: Sequence[Sequence[Bar]], words: Sequence[Word]) -> list[Line]:
    """What stands below each group of bars; none where one has no name."""
    base = max(bar.base for group in groups for bar in group)
    middles = [(group[0].start + group[-1].end) / 2 for group in groups]
    half = (middles[1] - middles[0]) / 2 if len(middles) > 1 else groups[0][-1].end - groups[0][0].start
    below = [
        (owner, part)
        for word in words
        if word.top >= base - LEAST_PIXELS
        for owner, part in _owned(word, middles, half)
    ]
    named: list[Line] = []
    for at in range(len(groups)):
        own = sorted((part for owner, part in below if owner == at), key=lambda word: (word.top, word.start))
        if not own:
            return []
        kept = own[:1]
        for word in own[1:]:
            # The second line of a name, not the title of the axis.
            if word.top - kept[-1].bottom > 0.8 * word.height or len(kept) == MOST_NAME_LINES:
                break
            kept.append(word)
        first = kept[0].line
        named.append(first.model_copy(update={"text": " ".join(word.line.text for word in kept)}))
    return named


def _owned(word: Word, middles: Sequence[float], half: float) -> Iterator[tuple[int, Word]]:
    """Which group each part of a line names: readers join the labels of an axis."""
    covered = [at for at, middle in enumerate(middles) if word.start <= middle <= word.end]
    if len(covered) > 1:
        for at, piece in zip(covered, _names_in(word, [middles[at] for at in covered]), strict=False):
            yield at, word._replace(line=word.line.model_copy(update={"text": piece}))
        return
    nearest = min(range(len(middles)), key=lambda at: abs(middles[at] - word.middle))
    if abs(middles[nearest] - word.middle) <= half:
        yield nearest, word


def _names_in(word: Word, middles: Sequence[float]) -> list[str]:
    """A line cut between words so that its pieces, evenly apart, are centred where the middles are; or none."""
    words = word.line.text.split()
    if not len(middles) <= len(words) <= MOST_WORDS:
        return []
    wide = word.end - word.start
    letter = min(word.height / 2, wide / len(word.line.text))

    def off(pieces: Sequence[str]) -> float:
        lengths = [letter * len(piece) for piece in pieces]
        gap = (wide - sum(lengths)) / (len(pieces) - 1)
        starts = itertools.accumulate((length + gap for length in lengths[:-1]), initial=word.start)
        return sum(
            abs(start + length / 2 - middle) for start, length, middle in zip(starts, lengths, middles, strict=True)
        )

    return min(_cuts(words, len(middles)), key=off)


def _cuts(words: Sequence[str], count: int) -> Iterator[list[str]]:
    """Every way to make so many pieces of words that follow each other."""
    for cuts in itertools.combinations(range(1, len(words)), count - 1):
        yield [" ".join(words[start:end]) for start, end in itertools.pairwise((0, *cuts, len(words)))]


def _is_value(name: Line) -> bool:
    """Whether what should name a bar is a number with a sign or a point, which no year or age has."""
    return only_amount(name) is not None and not name.text.strip().isalnum()


def worded(text: str) -> str:
    """The text of a key without the block before it, where the reader took that for a sign."""
    return re.sub(r"^\W+", "", text) or text


def _cell(row: int, column: int, line: Line, text: str) -> Cell:
    return Cell(row=row, column=column, text=text, xyxy=line.xyxy, confidence=line.confidence)
