"""A run's checkpoints in its own SQLite file. Knows no graph."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.serde.types import ERROR
from langgraph.checkpoint.sqlite import SqliteSaver

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer


class RunSaver(SqliteSaver):
    """LangGraph's SQLite saver for async graphs, on the event loop's own thread.

    One run writes its file, a few kilobytes at a time: a thread in between, as `AsyncSqliteSaver` keeps one for each
    connection, costs several times what the writing does. What was written when a call returns survives the process,
    however it ends. After a power cut the last steps may be missing, and are taken again: waiting for the disk after
    each step would cost 1 to 20 ms.
    """

    def finish(self) -> None:
        """Nothing will be read from the file again: closing it need not wait for the disk."""
        self.conn.execute("PRAGMA synchronous=OFF")

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `SqliteSaver.get_tuple`; without an id, the checkpoint that was written last.

        LangGraph takes the highest id, and ids count by the clock: after it was put back, that is an old one.
        """
        place = config["configurable"]
        if not place.get("checkpoint_id"):
            namespace = place.get("checkpoint_ns", "")
            with self.lock:
                last = self.conn.execute(
                    "SELECT checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? "
                    "ORDER BY rowid DESC LIMIT 1",
                    (str(place["thread_id"]), namespace),
                ).fetchone()
            if last is None:
                return None
            found = {"thread_id": place["thread_id"], "checkpoint_ns": namespace, "checkpoint_id": last[0]}
            config = {"configurable": found}
        return super().get_tuple(config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `SqliteSaver.get_tuple`."""
        return self.get_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See `SqliteSaver.list`."""
        for found in self.list(config, filter=filter, before=before, limit=limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See `SqliteSaver.put`."""
        return self.put(config, checkpoint, metadata, new_versions)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `SqliteSaver.put_writes`; of a node that failed or was cancelled, the error alone is kept.

        LangGraph keeps what such a node had written so far as well, and would take it for all of it when the run goes
        on: a node that was cancelled between its result and what follows from it would end the run.
        """
        if any(channel == ERROR for channel, _ in writes):
            writes = [(channel, value) for channel, value in writes if channel == ERROR]
        super().put_writes(config, writes, task_id, task_path)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `SqliteSaver.put_writes`."""
        self.put_writes(config, writes, task_id, task_path)


@contextmanager
def checkpointer(file: Path) -> Iterator[RunSaver]:
    """A saver on one run's SQLite file that revives visagent's own types and no others.

    A file that cannot be read, as a power cut may leave one, is replaced by a new one.
    """
    try:
        saver = _open(file)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        for part in file.parent.glob(f"{file.name}*"):
            part.unlink()
        saver = _open(file)
    try:
        yield saver
    finally:
        saver.conn.close()


def _open(file: Path) -> RunSaver:
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        # An empty file holds nothing that could be lost.
        connection.execute("PRAGMA synchronous=OFF")
        saver = RunSaver(connection, serde=_serde())
        saver.setup()
        connection.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        connection.close()
        raise
    return saver


@cache
def _serde() -> JsonPlusSerializer:
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    from visagent.answering.decider import Decision
    from visagent.evidence.answer import Claim, Usage
    from visagent.evidence.tree import QuestionTree
    from visagent.evidence.values import Crop, Evidence
    from visagent.media.media import MediaInfo

    types = [MediaInfo, QuestionTree, Evidence, Crop, Decision, Claim, Usage]
    return JsonPlusSerializer(allowed_msgpack_modules=[(type_.__module__, type_.__name__) for type_ in types])
