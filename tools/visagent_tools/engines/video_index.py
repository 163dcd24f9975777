"""What is known of a video, on disk: its frames that differ, what is in them, its shots, and the words that are spoken.

One SQLite file a video and detector, written while the video is decoded, so that what was indexed stays whatever
happens then. Rows are numbers and JSON and nothing else. Knows no tool and decodes nothing. Times are seconds from the
start of the clip.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from visagent.core.errors import StorageError
from visagent.core.files import private_folder
from visagent.evidence.overlap import lies_in
from visagent.evidence.values import XYXY, Box, Line

VERSION = "3"
"""Version of what the rows mean: an index of another version is made again."""

SILENT = "A region of a clip has no sound of its own."
"""Why nothing is heard in a rectangle."""

_BOXES: TypeAdapter[tuple[Box, ...]] = TypeAdapter(tuple[Box, ...])
_LINES: TypeAdapter[tuple[Line, ...]] = TypeAdapter(tuple[Line, ...])
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS frames (seconds REAL PRIMARY KEY, previous REAL, boxes TEXT, lines TEXT, weak TEXT);
CREATE TABLE IF NOT EXISTS described (start REAL PRIMARY KEY, until REAL, seconds REAL, caption TEXT, vector BLOB);
CREATE TABLE IF NOT EXISTS followed (seconds REAL PRIMARY KEY, boxes TEXT, weak TEXT);
CREATE TABLE IF NOT EXISTS cuts (seconds REAL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS words (start REAL, line TEXT, PRIMARY KEY (start, line));
CREATE TABLE IF NOT EXISTS sentences (start REAL, line TEXT, PRIMARY KEY (start, line));
"""


@dataclass(frozen=True)
class IndexedFrame:
    """A frame that differs from the one before it, and stands for all until the next.

    Attributes:
        seconds: When it is on screen.
        previous: When the picture was last looked at before; what is new here came in between.
        boxes: The objects in it, pixels of the upright frame.
        lines: The text in it; None where it was not read, being much like one that was.
        weak: What may be objects, with less confidence than the detector asks for: one that is where an object was
            just before or after is that object.
    """

    seconds: float
    previous: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...] | None = None
    weak: tuple[Box, ...] = ()


class Sighting(NamedTuple):
    """A frame of a stretch that is searched frame by frame.

    Attributes:
        seconds: When it is on screen.
        boxes: The objects in it.
        weak: Weak as of `IndexedFrame`.
    """

    seconds: float
    boxes: tuple[Box, ...]
    weak: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Description:
    """What a stretch of the picture shows, told of one frame in it.

    Attributes:
        start: Seconds.
        until: Seconds.
        seconds: Seconds of the frame.
        caption: Caption by a model; empty where none was asked.
        vector: Vector of length 1, float16, by an embedding model; empty where none was asked.
    """

    start: float
    until: float
    seconds: float
    caption: str = ""
    vector: bytes = b""


@dataclass(frozen=True)
class VideoIndex:
    """What is known of one video.

    Attributes:
        media: Its content hash.
        frames: Frames in order of time.
        cuts: When a new shot begins; the first shot begins at 0 and is not among them.
        words: What is said, word by word, each with start and end.
        sentences: The same by the sentence.
        descriptions: What is shown, in words and as vectors, in order of time; empty where no model was named.
        language: Language of the speech, ISO 639-1; None where nothing is said.
        shown_until: Where the last frame that was decoded ends.
        heard_until: Where the sound that was heard ends.
        complete: Whether the whole clip is indexed, as far as it can be decoded.
        problem: Why the picture ends before the clip does; empty where it does not.
        deaf: Why speech could not be written down; empty where it could.
        described: Whether all descriptions that were asked for are there.
    """

    media: str
    frames: tuple[IndexedFrame, ...] = ()
    cuts: tuple[float, ...] = ()
    words: tuple[Line, ...] = ()
    sentences: tuple[Line, ...] = ()
    descriptions: tuple[Description, ...] = ()
    language: str | None = None
    shown_until: float = 0.0
    heard_until: float = 0.0
    complete: bool = False
    problem: str = ""
    deaf: str = ""
    described: bool = False

    @property
    def shots(self) -> list[tuple[float, float]]:
        """Start and end of each shot."""
        edges = [0.0, *self.cuts, self.shown_until]
        return [(start, end) for start, end in pairwise(edges) if end > start]

    def within(self, region: XYXY | None) -> VideoIndex:
        """The index of a rectangle of the picture: the objects and lines of which at least half lies in it, no sound.

        Args:
            region: Pixels of the upright frame; None for the whole picture.
        """
        if region is None:
            return self
        frames = tuple(
            replace(
                frame,
                boxes=tuple(box for box in frame.boxes if lies_in(box.xyxy, region)),
                weak=tuple(box for box in frame.weak if lies_in(box.xyxy, region)),
                lines=None if frame.lines is None else tuple(line for line in frame.lines if _stands_in(line, region)),
            )
            for frame in self.frames
        )
        return replace(self, frames=frames, words=(), sentences=(), descriptions=(), language=None, deaf=SILENT)

    def looks(self, every: float) -> list[tuple[float, Sequence[Box]]]:
        """The objects that are in the picture at regular times, as far as it is indexed.

        Args:
            every: Seconds from one time to the next.
        """
        begins = [frame.seconds for frame in self.frames]
        if not begins:
            return []
        times = [step * every for step in range(ceil(self.shown_until / every - 1e-6))]
        return [(at, self.frames[max(0, bisect_right(begins, at + 1e-6) - 1)].boxes) for at in times]

    def starts(self, place: int) -> float:
        """When what is new in a frame came: at the cut before it, else midway since the picture was last looked at."""
        if place >= len(self.frames):
            return self.shown_until
        frame = self.frames[place]
        if place == 0:
            return 0.0
        at = bisect_right(self.cuts, frame.seconds + 1e-6)
        if at and self.cuts[at - 1] > frame.previous:
            return self.cuts[at - 1]
        return (frame.previous + frame.seconds) / 2


def _stands_in(line: Line, region: XYXY) -> bool:
    return line.xyxy is not None and lies_in(line.xyxy, region)


class IndexFile:
    """The file of one video's index; safe to read while another process writes.

    Args:
        path: The file; made when first written, for its owner alone.
        media: Content hash of the video.
    """

    def __init__(self, path: Path, media: str) -> None:
        self.path, self._media = path, media

    def read(self) -> VideoIndex:
        """What is indexed so far; an empty index where nothing is, or nothing that can be read."""
        if not self.path.exists():
            return VideoIndex(self._media)
        try:
            with self._open() as rows:
                facts = dict(rows.execute("SELECT name, value FROM facts"))
                if facts.get("version") != VERSION:
                    return VideoIndex(self._media)
                frames = tuple(
                    IndexedFrame(
                        seconds,
                        previous,
                        _BOXES.validate_json(boxes),
                        _LINES.validate_json(lines) if lines else None,
                        _BOXES.validate_json(weak),
                    )
                    for seconds, previous, boxes, lines, weak in rows.execute("SELECT * FROM frames ORDER BY seconds")
                )
                cuts = tuple(row[0] for row in rows.execute("SELECT seconds FROM cuts ORDER BY seconds"))
                words = _lines_of(rows, "words")
                sentences = _lines_of(rows, "sentences")
                found = rows.execute("SELECT start, until, seconds, caption, vector FROM described ORDER BY start")
                descriptions = tuple(Description(*row) for row in found)
        except (sqlite3.DatabaseError, ValidationError, ValueError, TypeError):
            # A file that somebody damaged is no index; what it was made of is still there.
            return VideoIndex(self._media)
        return VideoIndex(
            self._media,
            frames,
            cuts,
            words,
            sentences,
            descriptions,
            facts.get("language"),
            float(facts.get("shown_until", 0)),
            float(facts.get("heard_until", 0)),
            facts.get("complete") == "yes",
            facts.get("problem", ""),
            facts.get("deaf", ""),
            facts.get("described") == "yes",
        )

    @contextmanager
    def writing(self) -> Iterator[IndexWriter]:
        """A writer; what it commits stays, whatever happens then.

        Raises:
            StorageError: the file cannot be written.
        """
        try:
            private_folder(self.path.parent)
            if self.path.exists() and not self._usable():
                self.path.unlink()
            self.path.touch(mode=0o600)
            with self._open() as rows:
                rows.executescript(_TABLES)
                writer = IndexWriter(rows)
                writer.tell(version=VERSION)
                writer.commit()
                yield writer
                writer.commit()
        except (sqlite3.DatabaseError, OSError) as error:
            raise StorageError(
                f"{self.path.parent} cannot be written ({error}).",
                "Free space, or name another folder: export VISAGENT_HOME=...",
            ) from error

    def _usable(self) -> bool:
        """Whether the file is an index of this version, and whole."""
        try:
            with self._open() as rows:
                if rows.execute("PRAGMA quick_check").fetchone() != ("ok",):
                    return False
                row = rows.execute("SELECT value FROM facts WHERE name = 'version'").fetchone()
                return bool(row == (VERSION,))
        except sqlite3.DatabaseError:
            return False

    def followed(self, start: float, end: float) -> list[Sighting]:
        """The frames of a stretch that were searched one by one."""
        if not self.path.exists():
            return []
        try:
            with self._open() as rows:
                found = rows.execute(
                    "SELECT seconds, boxes, weak FROM followed WHERE seconds >= ? AND seconds < ? ORDER BY seconds",
                    (start - 1e-6, end),
                )
                return [
                    Sighting(at, _BOXES.validate_json(boxes), _BOXES.validate_json(weak)) for at, boxes, weak in found
                ]
        except (sqlite3.DatabaseError, ValidationError):
            return []

    def stretches(self) -> list[tuple[float, float]]:
        """The stretches that were searched frame by frame."""
        try:
            with self._open() as rows:
                row = rows.execute("SELECT value FROM facts WHERE name = 'stretches'").fetchone()
            return [(float(start), float(end)) for start, end in json.loads(row[0])] if row else []
        except (sqlite3.DatabaseError, ValueError, TypeError):
            return []

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        rows = sqlite3.connect(self.path, timeout=30)
        try:
            yield rows
        finally:
            rows.close()


class IndexWriter:
    """Adds rows to an index; none counts before `commit`."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows

    def tell(self, **facts: str | float | None) -> None:
        """Keep facts about the whole; one that is None is taken back."""
        for name, value in facts.items():
            if value is None:
                self._rows.execute("DELETE FROM facts WHERE name = ?", (name,))
            else:
                self._rows.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, str(value)))

    def frame(self, frame: IndexedFrame) -> None:
        """Add a frame."""
        lines = None if frame.lines is None else _LINES.dump_json(frame.lines).decode()
        boxes, weak = (_BOXES.dump_json(found).decode() for found in (frame.boxes, frame.weak))
        row = (frame.seconds, frame.previous, boxes, lines, weak)
        self._rows.execute("INSERT OR REPLACE INTO frames VALUES (?, ?, ?, ?, ?)", row)

    def described(self, one: Description) -> None:
        """Add what a stretch shows."""
        row = (one.start, one.until, one.seconds, one.caption, one.vector)
        self._rows.execute("INSERT OR REPLACE INTO described VALUES (?, ?, ?, ?, ?)", row)

    def followed(self, seen: Sighting) -> None:
        """Add a frame of a stretch that is searched frame by frame."""
        row = (seen.seconds, *(_BOXES.dump_json(found).decode() for found in (seen.boxes, seen.weak)))
        self._rows.execute("INSERT OR REPLACE INTO followed VALUES (?, ?, ?)", row)

    def cut(self, seconds: float) -> None:
        """Add the beginning of a shot."""
        self._rows.execute("INSERT OR REPLACE INTO cuts VALUES (?)", (seconds,))

    def heard(self, sentences: Sequence[Line], words: Sequence[Line]) -> None:
        """Add what was said."""
        for table, lines in (("sentences", sentences), ("words", words)):
            rows = [(line.start, line.model_dump_json()) for line in lines]
            self._rows.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", rows)

    def commit(self) -> None:
        """Let all that was added count."""
        self._rows.commit()


def _lines_of(rows: sqlite3.Connection, table: str) -> tuple[Line, ...]:
    found: list[tuple[Any]] = rows.execute(f"SELECT line FROM {table} ORDER BY start").fetchall()
    return tuple(Line.model_validate_json(text) for (text,) in found)
