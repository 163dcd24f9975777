"""Choices about video clips: MVBench and Video-MME."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from visagent.core.errors import InputError, MissingDependency
from visagent.evaluation.agent_benchmark import AgentBenchmark
from visagent.evaluation.agent_items import AgentItem
from visagent_research.closed_sets.choices import lettered
from visagent_research.closed_sets.files import entries, entry, picture


class _MvQuestion(BaseModel):
    video: str
    question: str
    candidates: list[str]
    answer: str
    start: float | None = None
    end: float | None = None


class MvBench(AgentBenchmark):
    """MVBench (arXiv 2311.17005): `json/TASK.json`, with the clips anywhere below `video`.

    Where an entry is about a part of its clip, the question says from which second to which.
    """

    name = "mvbench"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        files = sorted((path / "json").glob("*.json"))
        if not files:
            raise InputError(f"{path / 'json'} has no TASK.json.", "Give MVBench's folder, with json and video in it.")
        clips = {clip.name: clip for clip in (path / "video").rglob("*") if clip.is_file()}
        items = []
        for file in files:
            for number, one in enumerate(entries(file, _MvQuestion), start=1):
                options = lettered(one.candidates)
                question = one.question
                if one.start is not None and one.end is not None:
                    question = f"{question} (from {one.start:g} s to {one.end:g} s)"
                items.append(
                    AgentItem(
                        id=f"{file.stem}/{number}",
                        question=question,
                        media=(clips.get(Path(one.video).name, path / "video" / one.video),),
                        gold=(next((letter for letter, text in options.items() if text == one.answer), one.answer),),
                        options=options,
                        category=file.stem,
                        group=one.video,
                    )
                )
        return items


class _VideoMmeRow(BaseModel):
    videoID: str
    question_id: str
    question: str
    options: list[str]
    answer: str
    duration: str


class VideoMme(AgentBenchmark):
    """Video-MME (arXiv 2405.21075): the table `*.parquet`, with the clips as `data/ID.mp4`. Subtitles are not used."""

    name = "video-mme"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        file = path if path.is_file() else next(iter(sorted(path.rglob("*.parquet"))), path / "test.parquet")
        if not file.is_file():
            raise InputError(f"There is no file {file}.", "Give Video-MME's folder with its .parquet table.")
        folder = path if path.is_dir() else file.parent
        return [
            AgentItem(
                id=one.question_id,
                question=one.question,
                media=(picture(folder, f"{one.videoID}.mp4", "data", "video", "videos"),),
                gold=(one.answer,),
                options={text[0]: re.sub(r"^[A-F][.)]\s*", "", text).rstrip(".") for text in one.options if text},
                category=one.duration,
                group=one.videoID,
            )
            for one in _table(file)
        ]


def _table(file: Path) -> list[_VideoMmeRow]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingDependency("Tables in Parquet need pyarrow.", "pip install pyarrow") from error
    try:
        rows = parquet.read_table(file).to_pylist()
    except (OSError, ValueError) as error:
        raise InputError(f"{file.name} is no table: {error}.", "Take the file as its authors publish it.") from error
    return [entry(row, _VideoMmeRow, f"{file.name}, row {number}") for number, row in enumerate(rows, start=1)]
