"""Names of rows that run over several lines of a table, by where these stand. Pure; knows no picture."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping

from visagent.evidence.values import XYXY

WITHIN = 0.3
"""Gap between the lines of one name at most, in heights of a line."""
BETWEEN = 0.5
"""Gap between two names at least."""


def joined_rows(first: Mapping[int, XYXY], valued: Collection[int], lone: Collection[int]) -> dict[int, int]:
    """The row with values that each row belongs to which only goes on with its name, above or below it.

    Empty where rows stand as closely to one another as the lines of a name: then a line alone may be a heading.

    Args:
        first: Boxes of the words in the first column, by row, from top to bottom.
        valued: Rows that have numbers.
        lone: Rows of which the first cell alone is filled.
    """
    rows = [row for row in sorted(first) if row in valued or row in lone]
    if not rows:
        return {}
    height = sorted(first[row][3] - first[row][1] for row in rows)[len(rows) // 2]
    groups = [[rows[0]]]
    for above, below in itertools.pairwise(rows):
        gap = first[below][1] - first[above][3]
        if gap <= WITHIN * height:
            groups[-1].append(below)
        elif gap < BETWEEN * height:
            return {}
        else:
            groups.append([below])
    if any(sum(row in valued for row in group) > 1 for group in groups):
        return {}
    targets = {group[0]: [row for row in group if row in valued] for group in groups}
    return {row: targets[group[0]][0] for group in groups if targets[group[0]] for row in group if row not in valued}
