"""Ask the questions of `made_questions.yaml` about clips and documents made here, and say which answers are right.

python tests/end_to_end/ask_made.py [--only FILE ...] [--fast] [--folder FOLDER] [--home HOME]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import documents
import video_clips

from visagent import Agent, Answer
from visagent.core.config import Budget
from visagent.core.settings import load_profile
from visagent.evaluation.questions import Expectation
from visagent.evidence.spans import united
from visagent.evidence.values import Boxes, Number, Spans, Text, Value
from visagent.planning.plan_language import read_plan
from visagent.testing import ScriptedModel

HERE = Path(__file__).parent
PHOTOS = HERE.parent / "data" / "samples" / "images"
WITHIN = 0.5
"""Seconds by which an edge may be off."""
DOCUMENTS = {
    "manual": lambda: documents.manual(60),
    "report": documents.report,
    "scanned": documents.scanned,
    "mixed": documents.mixed,
    "photocopied": documents.photocopied,
    "magazine": lambda: documents.magazine(PHOTOS / "chelsea.png"),
}
CLIPS = {clip.name: clip for clip in video_clips.CLIPS}


def questions(only: Sequence[str] = (), *, fast: bool = False) -> list[dict[str, Any]]:
    """The questions about some files, or all."""
    rows: list[dict[str, Any]] = yaml.safe_load((HERE / "made_questions.yaml").read_text("utf-8"))
    return [row for row in rows if (not only or row["file"] in only) and (not fast or row.get("fast"))]


def ask_made(rows: Sequence[Mapping[str, Any]], folder: Path, home: Path) -> Iterator[dict[str, Any]]:
    """Each question with its answer: file, question, right, answer, seconds of the processor.

    Args:
        rows: As `questions` gives them.
        folder: Where clips and documents are made, unless they are there.
        home: Of indexes and evidence.
    """
    # The packaged planner does not know the tools of time; a plan that is given may use them.
    folder.mkdir(parents=True, exist_ok=True)
    profile = load_profile("embedded").model_copy(update={"hidden_tools": ()})
    for row in rows:
        path, truth = made(row["file"], folder)
        if "plan" in row:
            agent = Agent(profile, home=home)
            steps = read_plan(row["plan"], {name: tool.spec for name, tool in agent.tools.items()})
            agent = Agent(profile, home=home, models={"controller": ScriptedModel(steps)})
        else:
            agent = Agent("embedded", home=home)
        began = time.process_time()
        # The clock says little: a machine may be busy with other things.
        answer = agent.ask(row["question"], path, budget=Budget(seconds=3600))
        yield {
            "file": row["file"],
            "question": row["question"],
            "right": holds(row["expect"], answer, truth),
            "answer": answer.text,
            "seconds": time.process_time() - began,
        }


def made(name: str, folder: Path) -> tuple[Path, video_clips.Truth]:
    """A clip or document, and what is so in it; of documents, the questions say it."""
    if name in CLIPS:
        return video_clips.make(CLIPS[name], folder, PHOTOS)
    path = folder / f"{name}.pdf"
    if not path.exists():
        path.write_bytes(DOCUMENTS[name]())
    return path, video_clips.Truth()


def holds(expect: Mapping[str, Any], answer: Answer, truth: video_clips.Truth) -> bool:
    """Whether an answer is right, and no claim of it is refuted by its own evidence."""
    own = {"times", "within", "about", "pages", "box"}
    values = [answer.evidence[sink].value for sink in answer.tree.sinks if sink in answer.evidence]
    return (
        Expectation.model_validate({key: value for key, value in expect.items() if key not in own}).holds(answer)
        and all(claim.verdict != "refuted" for claim in answer.claims)
        and ("times" not in expect or _in_time(values, _times(expect["times"], truth), expect.get("within", WITHIN)))
        and ("about" not in expect or any(_is_about(value, expect["about"]) for value in values))
        and ("pages" not in expect or {page for page, _ in _places(values, answer)} == set(expect["pages"]))
        and ("box" not in expect or any(_on(place, expect["box"]) for place in _places(values, answer)))
    )


def _times(given: str | list[list[float]], truth: video_clips.Truth) -> list[tuple[float, float]]:
    if isinstance(given, str):
        how, _, what = given.partition(" ")
        return united(getattr(truth, how)[what])
    return [(start, end) for start, end in given]


def _in_time(values: Sequence[Value], expected: Sequence[tuple[float, float]], within: float) -> bool:
    (spans,) = (value for value in values if isinstance(value, Spans))
    return len(spans.spans) == len(expected) and all(
        abs(span.start - start) <= within and abs(span.end - end) <= within
        for span, (start, end) in zip(spans.spans, expected, strict=True)
    )


def _is_about(value: Value, number: float) -> bool:
    return isinstance(value, Number) and abs(value.value - number) <= 0.1 * number + WITHIN


def _places(values: Sequence[Value], answer: Answer) -> list[tuple[int, tuple[float, ...]]]:
    """Page and box of all that was found."""
    page = {info.hash: info.page or 0 for info in answer.media.values()}
    return [
        (page[item.media or value.media or ""], item.xyxy or ())
        for value in values
        if isinstance(value, Boxes | Text)
        for item in (value.boxes if isinstance(value, Boxes) else value.lines)
    ]


def _on(place: tuple[int, tuple[float, ...]], expected: Sequence[float]) -> bool:
    page, box = place
    if page != expected[0] or len(box) != 4:
        return False
    x1, y1, x2, y2 = expected[1:]
    across, down = min(box[2], x2) - max(box[0], x1), min(box[3], y2) - max(box[1], y1)
    both = max(0.0, across) * max(0.0, down)
    return both / ((x2 - x1) * (y2 - y1) + (box[2] - box[0]) * (box[3] - box[1]) - both) >= 0.5


def main() -> None:
    """Ask, and print each question with its answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=(), help="files")
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    folder, home = (path or Path(tempfile.mkdtemp()) for path in (given.folder, given.home))
    rows = []
    for row in ask_made(questions(given.only, fast=given.fast), folder, home):
        rows.append(row)
        print(f"{'right' if row['right'] else 'WRONG'}  {row['file']}: {row['question']} ({row['seconds']:.1f} s)")
        print(f"       {' '.join(row['answer'].split())[:300]}", flush=True)
    right, seconds = sum(row["right"] for row in rows), sum(row["seconds"] for row in rows)
    print(f"{right} of {len(rows)} right, {seconds:.0f} s computed")


if __name__ == "__main__":
    main()
