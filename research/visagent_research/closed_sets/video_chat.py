"""Open questions about clips: Video-ChatGPT's benchmark of correctness, detail, context, time and consistency.

Its authors have GPT-3.5 grade each answer from 0 to 5. That is a judge's work here as well (`visagent eval judge RUN
--rubric video-chatgpt`); what is counted without one is which words of the right answer are said.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, by_category
from visagent.evaluation.agent_items import AgentItem
from visagent.evaluation.bootstrap import Estimate, mean
from visagent_research.closed_sets.files import entries

CLIPS = ("mp4", "avi", "mov", "mkv")
"""Endings of clips, in the order in which its authors try them."""
_PASSED_OVER = frozenset({"a", "an", "the"})


class _Single(BaseModel):
    Q: str
    A: str
    video_name: str


class _Double(BaseModel):
    Q1: str
    Q2: str
    A: str
    video_name: str


class VideoChatGpt(AgentBenchmark):
    """Video-ChatGPT (arXiv 2306.05424): `generic_qa.json`, `temporal_qa.json`, `consistency_qa.json`, `videos`.

    The two wordings of a question of consistency are two items of one group.
    """

    name = "video-chatgpt"
    files = ("generic", "temporal", "consistency")

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        found = [(kind, path / f"{kind}_qa.json") for kind in self.files if (path / f"{kind}_qa.json").is_file()]
        if not found:
            raise InputError(f"{path} has no generic_qa.json.", "Give the folder of Video-ChatGPT's questions.")
        items = []
        for kind, file in found:
            asked: list[tuple[tuple[str, ...], str, str]]
            if kind == "consistency":
                asked = [((two.Q1, two.Q2), two.A, two.video_name) for two in entries(file, _Double)]
            else:
                asked = [((one.Q,), one.A, one.video_name) for one in entries(file, _Single)]
            for number, (questions, answer, clip) in enumerate(asked, start=1):
                items += [
                    AgentItem(
                        id=f"{kind}/{number}" if len(questions) == 1 else f"{kind}/{number}#{wording}",
                        question=question,
                        media=(_clip(path, clip),),
                        gold=(answer,),
                        category=kind,
                        group=f"{kind}/{number}" if len(questions) > 1 else clip,
                    )
                    for wording, question in enumerate(questions, start=1)
                ]
        return items

    def grade(self, item: AgentItem, reply: str) -> float:
        """F1 of the words of the reply and of the right answer."""
        return word_f1(reply, item.gold[0])

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """F1 of words, by kind, and of the two replies to a question of consistency with one another."""
        scores = by_category(rows, "word F1")
        wordings: dict[str, list[str]] = defaultdict(list)
        for item, attempt in rows:
            if item.category == "consistency":
                wordings[item.group].append(attempt.reply)
        if pairs := [found for found in wordings.values() if len(found) == 2]:
            scores["consistency: word F1 of the two replies"] = mean([word_f1(*pair) for pair in pairs])
        return scores


def word_f1(one: str, other: str) -> float:
    """F1 of two texts as bags of words, without articles, case and punctuation, as SQuAD counts it.

    >>> word_f1("The man is riding a bike.", "A man rides a bike")
    0.5714285714285714
    """
    first, second = (
        Counter(word for word in re.findall(r"\w+", text.lower()) if word not in _PASSED_OVER) for text in (one, other)
    )
    shared = (first & second).total()
    return 2 * shared / (first.total() + second.total()) if shared else 0.0


def _clip(folder: Path, name: str) -> Path:
    places = [folder / inside / f"{name}.{ending}" for inside in ("videos", "Test_Videos", ".") for ending in CLIPS]
    return next((place for place in places if place.is_file()), places[0])
