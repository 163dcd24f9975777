"""Many questions from a file, answered into another one that a kill cannot spoil. Knows no user interface.

Both files are JSON lines. A row of the first is an `Item`; a row of the second is a `Row`, written whole as soon as its
question is answered. Run again, a batch asks only what has no row yet.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol, TypeAlias, Unpack

from pydantic import ConfigDict, JsonValue, ValidationError

from visagent.agent.request import AskOptions
from visagent.core.config import Mode
from visagent.core.errors import ConfigError, InputError, QuestionError, VisagentError
from visagent.core.files import require_document, write_whole
from visagent.core.json_text import read_json
from visagent.core.validation import first_problem
from visagent.evidence.answer import Answer
from visagent.evidence.values import Failure, Frozen
from visagent.media.media import MediaSource


class Asked(Protocol):
    """What a batch needs of an agent: see `visagent.agent.agent.Agent`."""

    async def warm_up(self) -> None: ...
    async def aask(self, question: str, *media: MediaSource, **options: Unpack[AskOptions]) -> Answer: ...


class Item(Frozen):
    """A question to ask.

    Attributes:
        id: Unique in its file; a line without one is known by its number, the first being 1.
        question: What is asked.
        media: Paths or URLs; in a file a relative path counts from the file's folder.
        mode: Mode as for `Agent.ask`.
        language: Language as for `Agent.ask`.
        form: Form as for `Agent.ask`.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str
    question: str
    media: tuple[str, ...]
    mode: Mode = "auto"
    language: str | None = None
    form: str | tuple[str, ...] | dict[str, JsonValue] | None = None


class BadLine(NamedTuple):
    """A line that is no item.

    Attributes:
        number: The first line's is 1.
        reason: What is wrong with it.
    """

    number: int
    reason: str


class RowError(Frozen):
    """Why a question could not be asked.

    Attributes:
        type: Name of the error's class.
        message: What is wrong.
        remedy: What to do about it; empty where nobody knows.
    """

    type: str
    message: str
    remedy: str = ""


class Row(Frozen):
    """What became of an item: an answer, which may be that there is none, or an error.

    Attributes:
        id: The item's.
        question: The item's.
        answer: Answer with its tree and evidence.
        error: Where the question could not be asked.
    """

    id: str
    question: str
    answer: Answer | None = None
    error: RowError | None = None

    def to_line(self) -> str:
        """As one line of JSON; what is not there is left out."""
        return self.model_dump_json(exclude={"answer" if self.answer is None else "error"})


class Report(NamedTuple):
    """What a batch did.

    Attributes:
        before: Items that had their row already.
        answered: Items that got an answer this time.
        unanswered: Items of which the evidence bore out no answer, this time.
        failed: Items whose row is an error, this time's or an earlier one's.
        bad_lines: Lines of the input that are no items.
    """

    before: int
    answered: int
    unanswered: int
    failed: int
    bad_lines: Sequence[BadLine]


Engine: TypeAlias = Callable[[Sequence[Item]], AsyncIterator[Row]]
"""Answers items, in any order; every item gets one row."""


async def run_batch(
    source: Path,
    target: Path,
    engine: Engine,
    *,
    retry_errors: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Answer the items of a file that have no row in another one yet, and append their rows.

    Args:
        source: Items.
        target: Rows; made where there is none.
        engine: What answers, for example `partial(answer_here, agent)`.
        retry_errors: Whether items whose row is an error are asked again.
        progress: Called with the number of items that have a row, and of all items.

    Raises:
        InputError: a file cannot be used, two items share an id, or the rows belong to other items.
        ModelError: a model cannot be loaded.
    """
    items, bad_lines = read_items(source)
    counts: Counter[str] = Counter()
    with Results(target, drop_errors=retry_errors) as results:
        for item in items:
            if results.questions.get(item.id, item.question) != item.question:
                raise InputError(
                    f"{target.name}: the row with the id {item.id!r} answers another question than {source.name} asks.",
                    "Name another file for the answers, or give every item an id of its own.",
                )
        todo = [item for item in items if item.id not in results.questions]
        before = len(items) - len(todo)
        progress(before, len(items))
        if todo:
            async for row in engine(todo):
                results.write(row)
                counts["failed" if row.answer is None else row.answer.status] += 1
                progress(before + counts.total(), len(items))
        failed = sum(item.id in results.errors for item in items)
    return Report(before, counts["answered"], counts["unanswered"], failed, bad_lines)


async def answer_items(agent: Asked, items: Iterable[Item], *, workers: int = 4) -> AsyncIterator[Row]:
    """Rows for items, in the order in which they are done; never more than `workers` of them are under way.

    Args:
        agent: Who is asked; warm it up first, so that a missing model is one error, and not one of each item.
        items: What is asked; read as workers become free.
        workers: Questions at once.
    """
    waiting = iter(items)
    running = {asyncio.create_task(answer_item(agent, item)) for item in islice(waiting, workers)}
    try:
        while running:
            finished, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running |= {asyncio.create_task(answer_item(agent, item)) for item in islice(waiting, len(finished))}
            for task in finished:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        # A run that is stopped closes its files first.
        await asyncio.gather(*running, return_exceptions=True)


async def answer_here(agent: Asked, items: Iterable[Item], *, workers: int = 4) -> AsyncIterator[Row]:
    """The engine that answers in this process; see `answer_items`.

    Raises:
        ModelError: the model cannot be loaded or run.
    """
    await agent.warm_up()
    async for row in answer_items(agent, items, workers=workers):
        yield row


async def answer_item(agent: Asked, item: Item) -> Row:
    """The row of one item; an error becomes a row too."""
    try:
        answer = await agent.aask(item.question, *item.media, mode=item.mode, language=item.language, form=item.form)
    except Exception as error:
        # A batch of ten thousand outlives what one row meets, a bug included.
        why = Failure.of(error)
        problem = RowError(type=why.error, message=why.message, remedy=why.remedy)
        return Row(id=item.id, question=item.question, error=problem)
    return Row(id=item.id, question=item.question, answer=answer)


async def answer_all(
    agent: Asked, items: Iterable[tuple[str, Sequence[MediaSource]]], *, concurrency: int, mode: Mode
) -> list[Answer | VisagentError]:
    """See `Agent.batch`, which this is for."""
    if concurrency < 1:
        raise ConfigError(f"concurrency is {concurrency}.", "Give 1 or more: how many questions are asked at once.")
    places = asyncio.Semaphore(concurrency)

    async def one(item: tuple[str, Sequence[MediaSource]]) -> Answer | VisagentError:
        async with places:
            try:
                question, media = _pair(item)
                return await agent.aask(question, *media, mode=mode)
            except VisagentError as error:
                return error

    return await asyncio.gather(*map(one, items))


def _pair(item: Any) -> tuple[str, Sequence[MediaSource]]:
    """A question with its media.

    Raises:
        QuestionError: it is something else.
    """
    way_out = 'Give pairs of a question and a list of media: [("What is this?", ["photo.jpg"])].'
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise QuestionError("An item of the batch is no pair.", way_out)
    question, media = item
    if not isinstance(media, tuple | list):
        raise QuestionError(f"The media of an item are of type {type(media).__name__}, and no list.", way_out)
    return question, media


def read_items(file: Path) -> tuple[list[Item], list[BadLine]]:
    """The items of a file, and the lines that are none; blank lines count for nothing.

    Raises:
        InputError: the file cannot be read or holds nothing, or two items share an id.
    """
    require_document(file)
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}).", 'Give a file of lines like {"question": …, "media": [...]}.'
        ) from error
    items: list[Item] = []
    bad: list[BadLine] = []
    numbers: dict[str, list[int]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = _item(line, number, file.absolute().parent)
        except (ValueError, InputError) as error:
            bad.append(BadLine(number, _reason(error)))
            continue
        items.append(item)
        numbers.setdefault(item.id, []).append(number)
    if not items and not bad:
        raise InputError(f"{file} is empty.", 'Give a file of lines like {"question": …, "media": [...]}.')
    twice = {id_: at for id_, at in numbers.items() if len(at) > 1}
    if twice:
        shown = "; ".join(f"{id_!r} on lines {', '.join(map(str, at))}" for id_, at in islice(twice.items(), 5))
        raise InputError(
            f"{file.name}: {len(twice)} {'id is' if len(twice) == 1 else 'ids are'} used more than once: {shown}.",
            "Give every item an id of its own; a line without one has its number as id.",
        )
    return items, bad


def _item(line: bytes, number: int, folder: Path) -> Item:
    data: Any = read_json(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    if not isinstance(data, dict):
        raise InputError("it is no JSON object", 'Write {"question": ..., "media": [...]} on each line.')
    item = Item.model_validate({"id": str(number), **data})
    is_url = re.compile(r"https?://", re.IGNORECASE).match
    return item.model_copy(update={"media": tuple(name if is_url(name) else str(folder / name) for name in item.media)})


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_problem(error)
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return error.fact if isinstance(error, VisagentError) else f"it is no JSON: {error}"


class Results:
    """The file of rows. Entering repairs what a kill left half-written, and keeps other processes out.

    Args:
        file: Made where there is none.
        drop_errors: Whether rows that are errors are taken out, so that their items are asked again.

    Raises:
        InputError: the file cannot be written, is in use, or holds something else than rows.
    """

    def __init__(self, file: Path, *, drop_errors: bool = False) -> None:
        self._path, self._drop_errors = file, drop_errors
        self._file: IO[bytes]
        self.questions: dict[str, str] = {}
        """The questions of the rows, by id."""
        self.errors: set[str] = set()
        """The ids of the rows that are errors."""

    def __enter__(self) -> Results:
        require_document(self._path)
        self._file = self._open()
        try:
            rows = self._read()
            if self._drop_errors:
                rows = [(line, row) for line, row in rows if "error" not in row]
                self._replace(line for line, _ in rows)
        except BaseException:
            self._file.close()
            raise
        self.questions = {row["id"]: row["question"] for _, row in rows}
        self.errors = {row["id"] for _, row in rows if "error" in row}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, row: Row) -> None:
        """Append a row; it is on the disk when this returns."""
        self._file.write(row.to_line().encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.questions[row.id] = row.question
        if row.error is not None:
            self.errors.add(row.id)

    def _open(self) -> IO[bytes]:
        try:
            file = self._path.open("a+b")
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be written ({error.strerror}).", "Name a file in a folder that is there."
            ) from error
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another batch may have put a new file in its place between the two steps: rows would go nowhere.
                taken = not os.path.samestat(os.fstat(file.fileno()), self._path.stat())
            except BlockingIOError as error:
                file.close()
                raise self._in_use() from error
            except OSError as error:  # a file system without locks, or the file is gone
                file.close()
                raise InputError(
                    f"{self._path} cannot be locked ({error.strerror}).", "Name a file on a disk of this machine."
                ) from error
            if taken:
                file.close()
                raise self._in_use()
        return file

    def _in_use(self) -> InputError:
        return InputError(
            f"Another batch is writing {self._path}.", "Wait for it, or name another file for the answers."
        )

    def _read(self) -> list[tuple[bytes, Mapping[str, Any]]]:
        """The rows with their lines. A last line that a kill cut off is removed, so that its item is asked again."""
        self._file.seek(0)
        rows = []
        for number, line in enumerate(self._file, start=1):
            row = _row(line)
            if row is not None:
                if not line.endswith(b"\n"):
                    self._file.write(b"\n")
                    line += b"\n"
                rows.append((line, row))
            elif not line.endswith(b"\n") and _may_begin_a_row(line):
                self._file.truncate(self._file.tell() - len(line))
                break
            else:
                raise InputError(
                    f"{self._path}: line {number} is no row of a batch.", "Name another file for the answers."
                )
        return rows

    def _replace(self, lines: Iterable[bytes]) -> None:
        """Put other content into the file, whole or not at all."""
        write_whole(self._path, b"".join(lines))
        self._file.close()
        self._file = self._open()


def _row(line: bytes) -> Mapping[str, Any] | None:
    """The row that a line holds; None where it holds none."""
    try:
        row = read_json(line)
    except ValueError:
        return None
    known = isinstance(row, dict) and isinstance(row.get("id"), str) and isinstance(row.get("question"), str)
    return row if known and ("answer" in row or "error" in row) else None


def _may_begin_a_row(line: bytes) -> bool:
    """Whether a line may be the beginning of what `Row.to_line` writes, and not a person's own text."""
    head = b'{"id":'
    return line.startswith(head) or head.startswith(line)
