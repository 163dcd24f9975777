"""Reads the kinds of files that benchmarks come in; what is not in the format is named by its line or entry."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from visagent.core.errors import InputError
from visagent.core.validation import first_problem
from visagent.evaluation.agent_items import Embedded
from visagent.evaluation.benchmark import numbered_lines

M = TypeVar("M", bound=BaseModel)
_WAY_OUT = "Take the file as its authors publish it; see docs/evaluation.md."
_LONGEST_FIELD = 1 << 30


def read_document(file: Path) -> Any:
    """A JSON file.

    Raises:
        InputError: there is no such file, or it is no JSON; names the line.
    """
    try:
        return json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"There is no file {file}.", "Give the benchmark's folder with --data.") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{file.name}, line {error.lineno}: {error.msg}.", _WAY_OUT) from error
    except ValueError as error:
        raise InputError(f"{file.name} is no UTF-8 text.", _WAY_OUT) from error


def entry(row: Any, model: type[M], where: str) -> M:
    """One entry of a file.

    Args:
        row: Row as read.
        model: What it has to be.
        where: File and place, for the error.

    Raises:
        InputError: it is no such entry; names the place and the field.
    """
    try:
        return model.model_validate(row)
    except ValidationError as error:
        raise InputError(f"{where}: {first_problem(error, 'the entry')}.", _WAY_OUT) from error


def entries(file: Path, model: type[M]) -> list[M]:
    """The entries of a JSON list, or of a file of JSON lines.

    Raises:
        InputError: the file cannot be read, or an entry is not in the format; names it.
    """
    if file.suffix == ".jsonl" or _holds_lines(file):
        found = []
        for number, line in numbered_lines(file):
            where = f"{file.name}, line {number}"
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{where}: {error.msg}.", _WAY_OUT) from error
            found.append(entry(row, model, where))
        return found
    rows = read_document(file)
    if not isinstance(rows, list):
        raise InputError(f"{file.name} holds no list.", _WAY_OUT)
    return [entry(row, model, f"{file.name}, entry {number}") for number, row in enumerate(rows, start=1)]


def _holds_lines(file: Path) -> bool:
    """Whether a .json file is JSON lines after all, as POPE's are."""
    try:
        with file.open("rb") as opened:
            return opened.read(1) == b"{"
    except OSError:
        return False


class TsvRow(NamedTuple):
    """A row of a table.

    Attributes:
        line: Where it begins, from 1.
        fields: Fields by column; empty texts where nothing stands.
        picture: Its column `image`, where that holds a picture in base64.
    """

    line: int
    fields: dict[str, str]
    picture: Embedded | None


def read_tsv(file: Path, columns: Iterable[str]) -> Iterator[TsvRow]:
    """The rows of a tab-separated table with pictures in base64, which are left in the file until they are asked for.

    A column `image` may hold the index of another row in place of a picture, which is that row's picture.

    Raises:
        InputError: there is no such file, a column is missing, or a row has too few fields; names the line.
    """
    if not file.is_file():
        raise InputError(f"There is no file {file}.", "Give the benchmark's table with --data.")
    csv.field_size_limit(_LONGEST_FIELD)
    pictures: dict[str, Embedded] = {}
    with file.open("rb") as opened:
        counted = _Counted(opened)
        reader = csv.reader(counted, delimiter="\t")
        names = next(reader, [])
        if missing := [name for name in columns if name not in names]:
            raise InputError(f"{file.name}, line 1: there is no column {missing[0]!r}.", _WAY_OUT)
        while True:
            line, start, counted.row = counted.line + 1, counted.read, b""
            values = next(reader, None)
            if values is None:
                return
            if len(values) != len(names):
                raise InputError(
                    f"{file.name}, line {line}: {len(values)} fields where the table has {len(names)}.", _WAY_OUT
                )
            fields = dict(zip(names, values, strict=True))
            shown = fields.pop("image", "")
            raw = shown.encode()
            if len(shown) > 64:
                at = counted.row.find(raw)
                pictures[fields.get("index", str(line))] = Embedded(file=file, start=start + at, size=len(raw))
                shown = fields.get("index", str(line))
            yield TsvRow(line, fields, pictures.get(shown))


class _Counted:
    """The lines of a file as text, counted, with the bytes of the row that is being read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.line, self.read, self.row = 0, 0, b""

    def __iter__(self) -> Iterator[str]:
        for raw in self._file:
            self.line, self.read, self.row = self.line + 1, self.read + len(raw), self.row + raw
            yield raw.decode("utf-8", "replace")


def picture(folder: Path, name: str, *inside: str) -> Path:
    """Where a picture or clip lies: in the folder, or in the first of its subfolders that has it.

    Args:
        folder: Folder of the data.
        name: Name as the data name it.
        *inside: Names of subfolders; where none has it, it is expected in the first one.
    """
    places = [folder / sub / name for sub in inside] + [folder / name]
    return next((place for place in places if place.is_file()), places[0])
