"""Choices about video clips: MVBench, Video-MME and Video-Bench."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from visagent.core.errors import InputError, MissingDependency
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, by_category
from visagent.evaluation.agent_items import AgentItem
from visagent.evaluation.bootstrap import Estimate, estimate
from visagent_research.closed_sets.choices import lettered
from visagent_research.closed_sets.files import entries, entry, picture, read_document


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


class _BenchQuestion(BaseModel):
    vid_path: str
    question: str
    choices: dict[str, str]
    answer: str


class VideoBench(AgentBenchmark):
    """Video-Bench (arXiv 2311.16103): `Eval_QA/NAME_QA_new.json`, with the clips where `vid_path` says.

    Its authors ask ChatGPT which option a reply means; here it is read by rules.
    """

    name = "video-bench"
    levels: Mapping[str, Mapping[str, float]] = {
        "video-exclusive understanding": {
            "ActivityNet": 1,
            "MSVD": 1,
            "MSRVTT": 1,
            "TGIF": 1,
            "Youcook2": 1,
            "Ucfcrime": 1,
            "MOT": 0.5,
        },
        "prior knowledge": {"TVQA": 1, "MV": 1, "NBA": 1},
        "decision-making": {"Driving-exam": 0.5, "Driving-decision-making": 1, "SQA3D": 1},
    }
    """Sets and their weights by level, as `Step3_compute_scores.py` has them (commit 3505205)."""

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        folder = path / "Eval_QA" if (path / "Eval_QA").is_dir() else path
        files = sorted(folder.glob("*_QA_new.json"))
        if not files:
            raise InputError(f"{folder} has no NAME_QA_new.json.", "Give Video-Bench's folder, with Eval_QA in it.")
        items = []
        for file in files:
            rows = read_document(file)
            if not isinstance(rows, dict):
                raise InputError(f"{file.name} is no object of questions by id.", "Take Video-Bench's own file.")
            name = file.name.removesuffix("_QA_new.json")
            for id_, row in rows.items():
                one = entry(row, _BenchQuestion, f"{file.name}, question {id_}")
                items.append(
                    AgentItem(
                        id=f"{name}/{id_}",
                        question=one.question,
                        media=(picture(path, one.vid_path, "."),),
                        gold=(one.answer,),
                        options=one.choices,
                        category=name,
                        group=one.vid_path,
                    )
                )
        return items

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Accuracy by set, the weighted mean of each level's sets, and the mean of the levels, over the sets here."""
        present = dict.fromkeys(item.category for item, _ in rows)
        places = {name: 2 * place for place, name in enumerate(present)}
        levels = {
            level: here
            for level, sets in self.levels.items()
            if (here := {n: w for n, w in sets.items() if n in present})
        }
        counts = []
        for item, attempt in rows:
            row = [0.0] * (2 * len(places))
            row[places[item.category] : places[item.category] + 2] = [attempt.score, 1.0]
            counts.append(tuple(row))

        def level_score(sums: Any, sets: Mapping[str, float]) -> float:
            shares = [(w, sums[places[n]] / max(1.0, sums[places[n] + 1])) for n, w in sets.items()]
            return float(sum(w * found for w, found in shares) / sum(w for w, _ in shares))

        scores = by_category(rows)
        for level, sets in levels.items():
            scores[level] = estimate(counts, lambda sums, sets=sets: level_score(sums, sets))  # type: ignore[misc]
        if levels:
            scores["final score"] = estimate(
                counts, lambda sums: sum(level_score(sums, sets) for sets in levels.values()) / len(levels)
            )
        return scores
