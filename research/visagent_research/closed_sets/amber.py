"""AMBER (arXiv 2311.07397): yes-or-no questions, and descriptions scored for what they name that is not there.

Files: `query/query_discriminative.json`, `query/query_generative.json`, `annotations.json`, `relation.json` and
`safe_words.txt`, with the pictures in `image`. Upstream also takes words for the same whose spaCy vectors are alike,
and only words that a tagger calls nouns; here a word means an object where `relation.json` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row
from visagent.evaluation.agent_items import YES_NO, AgentItem
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.hallucination import Mentioned, judged, object_scores
from visagent_research.closed_sets.files import entries, entry, picture, read_document
from visagent_research.closed_sets.yes_no import detection


class _AmberQuery(BaseModel):
    id: int
    image: str
    query: str


class _AmberTruth(BaseModel):
    id: int
    type: str
    truth: str | list[str]
    hallu: list[str] = []


def amber_rows(path: Path, kind: Literal["discriminative", "generative"]) -> list[tuple[_AmberQuery, _AmberTruth]]:
    """AMBER's queries of one kind, each with its annotation.

    Raises:
        InputError: a file is missing or not in the format, or a query has no annotation; names the entry.
    """
    root = _root(path)
    file = root / "query" / f"query_{kind}.json"
    truths = {
        truth.id: truth
        for number, row in enumerate(read_document(root / "annotations.json"), start=1)
        for truth in [entry(row, _AmberTruth, f"annotations.json, entry {number}")]
    }
    rows = []
    for query in entries(file, _AmberQuery):
        if query.id not in truths:
            raise InputError(f"{file.name}: query {query.id} has no annotation.", "Take both files of one release.")
        rows.append((query, truths[query.id]))
    return rows


class AmberDiscriminative(AgentBenchmark):
    """AMBER's yes-or-no questions (arXiv 2311.07397): `query/query_discriminative.json` and `annotations.json`.

    What is detected is that something is not so: precision, recall and F1 are of the answer no.
    """

    name = "amber-discriminative"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`; pictures are looked for in `image` and `images`."""
        return [
            AgentItem(
                id=str(query.id),
                question=query.query,
                media=(picture(path, query.image, "image", "images"),),
                gold=(str(truth.truth).strip().lower(),),
                form=YES_NO,
                category=_dimension(truth.type),
                group=query.image,
            )
            for query, truth in amber_rows(path, "discriminative")
        ]

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Accuracy, precision, recall and F1 of no, in all and by dimension."""
        scores = detection(rows, "no")
        for dimension in dict.fromkeys(item.category for item, _ in rows):
            part = [row for row in rows if row[0].category == dimension]
            scores |= {f"{dimension}: {name}": value for name, value in detection(part, "no").items()}
        return scores


def _dimension(kind: str) -> str:
    named = kind.removeprefix("discriminative-")
    return {"hallucination": "existence"}.get(named, named if named.startswith("attribute") else "relation")


class AmberGenerative(AgentBenchmark):
    """AMBER's descriptions. An item's grade is the share of what it names that is there; CHAIR, Hal, Cover and Cog are
    of all of them together.
    """

    name = "amber-generative"

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()
        self._harmless: frozenset[str] = frozenset()

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        root = _root(path)
        related = read_document(root / "relation.json")
        if not isinstance(related, dict) or not all(isinstance(words, list) for words in related.values()):
            raise InputError("relation.json is no object of lists of words.", "Take AMBER's data as published.")
        try:
            self._harmless = frozenset((root / "safe_words.txt").read_text("utf-8").split("\n")) - {""}
        except OSError as error:
            raise InputError(
                f"There is no file {root / 'safe_words.txt'}.", "Take AMBER's data as published."
            ) from error
        self._known = frozenset([*related, *(word for words in related.values() for word in words)])

        def meaning(objects: Sequence[str]) -> dict[str, Any]:
            return {word: name for name in reversed(objects) for word in (*related.get(name, ()), name)}

        return [
            AgentItem(
                id=str(query.id),
                question=query.query,
                media=(picture(path, query.image, "image", "images"),),
                gold=tuple(truth.truth),
                facts={"there": meaning(list(truth.truth)), "imagined": meaning(truth.hallu)},
            )
            for query, truth in amber_rows(path, "generative")
        ]

    def grade(self, item: AgentItem, reply: str) -> float:
        """The share of what a description names that is there; 0 where it names nothing."""
        found = self._judged(item, reply)
        return 1 - len(found.wrong) / len(found.words) if found.words else 0.0

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """CHAIRi (AMBER's CHAIR), CHAIRs (Hal), Cover and Cog."""
        return object_scores(
            [
                (self._judged(item, attempt.reply), len(item.gold), len(set(_facts(item, "imagined").values())))
                for item, attempt in rows
            ]
        )

    def _judged(self, item: AgentItem, text: str) -> Mentioned:
        return judged(text, self._known, _facts(item, "there"), _facts(item, "imagined"), self._harmless)


def _facts(item: AgentItem, name: str) -> dict[str, str]:
    words: Any = item.facts[name]
    return {str(word): str(meant) for word, meant in words.items()}


def _root(path: Path) -> Path:
    return path / "data" if (path / "data").is_dir() else path
