"""Two pictures and a sentence: of which is it true? A sentence is asked twice, the pictures swapped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, all_right, by_category
from visagent.evaluation.agent_items import AgentItem
from visagent.evaluation.benchmark import read_lines
from visagent.evaluation.bootstrap import Estimate


class Line(BaseModel):
    """A line of the file: the pictures lie beside it."""

    id: str
    sentence: str
    first: str
    second: str
    meant: Literal["first", "second"]
    kind: str = ""


class Pairs(AgentBenchmark):
    """Which of two pictures a sentence is true of."""

    name = "pairs"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`; a line that is not in the format is named."""
        return [item for line in read_lines(path, Line) for item in _both_ways(line, path.parent)]

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Accuracy, and the share of sentences that are right whichever picture comes first."""
        return {**by_category(rows), "both ways": all_right(rows)}


def _both_ways(line: Line, folder: Path) -> list[AgentItem]:
    pictures = (folder / line.first, folder / line.second)
    right = "A" if line.meant == "first" else "B"
    asked = AgentItem(
        id=f"{line.id}/1",
        question=f"Of which picture is it true: {line.sentence}",
        media=pictures,
        gold=(right,),
        options={"A": "the first picture", "B": "the second picture"},
        category=line.kind,
        group=line.id,
    )
    swapped = {"id": f"{line.id}/2", "media": pictures[::-1], "gold": ("AB".replace(right, ""),)}
    return [asked, asked.model_copy(update=swapped)]
