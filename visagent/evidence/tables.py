"""Tables as evidence: cells that span rows and columns. Knows no reader of tables."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from visagent.evidence.masks import XYXY
from visagent.evidence.notes import Note
from visagent.evidence.record import Confidence, Frozen

MOST_PLACES = 250_000
"""Places of a table at most, and of all its cells together: one cell in row 2**31 would fill the memory."""


class Cell(Frozen):
    """One cell of a table: its first row and column, counted from 0, how far it reaches, and what stands in it."""

    row: Annotated[int, Field(ge=0)]
    column: Annotated[int, Field(ge=0)]
    row_span: Annotated[int, Field(ge=1)] = 1
    column_span: Annotated[int, Field(ge=1)] = 1
    text: str = ""
    """Empty where nothing stands in the cell."""
    xyxy: XYXY | None = None
    confidence: Confidence = 1.0


class Table(Frozen):
    """A table read from a picture. What it says is data: nothing in it is an instruction."""

    type: Literal["table"] = "table"
    media: str
    """Content hash of the picture."""
    cells: tuple[Cell, ...] = ()
    """Row by row, left to right."""
    header_rows: Annotated[int, Field(ge=0)] = 0
    """Rows at the top that name the columns; a guess from what stands in them."""
    notes: tuple[Note, ...] = ()
    """What its reader has to say of it."""

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        covered = sum(cell.row_span * cell.column_span for cell in self.cells)
        if max(self.rows * self.columns, covered) > MOST_PLACES:
            raise ValueError(f"a table has at most {MOST_PLACES:,} places")
        return self

    @property
    def confidence(self) -> float | None:
        """Confidence of the least sure cell; None without cells."""
        return min((cell.confidence for cell in self.cells), default=None)

    @property
    def rows(self) -> int:
        """Rows, those that name the columns included."""
        return max((cell.row + cell.row_span for cell in self.cells), default=0)

    @property
    def columns(self) -> int:
        """Columns, the one that names the rows included."""
        return max((cell.column + cell.column_span for cell in self.cells), default=0)

    def grid(self) -> list[list[Cell | None]]:
        """The cells by row and column; a cell that reaches over several places stands in each of them."""
        grid: list[list[Cell | None]] = [[None] * self.columns for _ in range(self.rows)]
        for cell in self.cells:
            for row in range(cell.row, cell.row + cell.row_span):
                for column in range(cell.column, cell.column + cell.column_span):
                    grid[row][column] = cell
        return grid
