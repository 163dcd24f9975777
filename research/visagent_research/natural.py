"""Questions as people type them, with the words that a right answer says: JSON lines, as in `data/natural`.

A line is `{"id", "media", "question", "any": [...], "kind"}`: an answer is right if it states one of `any`, or one of
each group of `all`, and nothing of `none`. A sentence that declines states nothing, and a question of kind
`unanswerable` is right where the answer declines. Media are relative to the folder above the file's, or
`package:NAME/PATH`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, Field

from visagent.answering.sentences import CITATION
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, by_category, share
from visagent.evaluation.agent_items import AgentItem, Attempt
from visagent.evaluation.benchmark import data_file
from visagent.evaluation.bootstrap import Estimate, ratio
from visagent.evidence.answer import Answer
from visagent_research.closed_sets.files import entries

UNANSWERABLE = "unanswerable"
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_DECLINES = re.compile(
    r"^(i can(no|')t|i could not|i did not get|could not|there is no readable|i found no|no tool"
    r"|我无法|我找不到|我没有|无法|没有可读)"
)


class _Line(BaseModel):
    id: str
    media: list[str] = Field(min_length=1)
    question: str
    kind: str
    any: list[str] = []
    all: list[list[str]] = []
    none: list[str] = []


class Natural(AgentBenchmark):
    """A file of natural questions."""

    name = "natural"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        file = data_file(path, "questions.jsonl")
        return [
            AgentItem(
                id=one.id,
                question=one.question,
                media=tuple(_place(medium, file.parent.parent) for medium in one.media),
                gold=tuple(one.any or ["/".join(group) for group in one.all]),
                category=one.kind,
                facts={
                    "groups": [list(group) for group in ([one.any] if one.any else one.all)],
                    "none": list(one.none),
                },
                unscored="" if one.any or one.all or one.kind == UNANSWERABLE else "it does not say what is right",
            )
            for one in entries(file, _Line)
        ]

    def graded(self, item: AgentItem, variant: str, outcome: Answer | str) -> Attempt:
        """See `AgentBenchmark.graded`; which sentences decline is told by what they cite as well as by their words."""
        attempt = super().graded(item, variant, outcome)
        if isinstance(outcome, str):
            return attempt
        said = [(claim.text, _declines(claim.text, claim.cites, outcome)) for claim in outcome.claims]
        stated = [text for text, declines in said if not declines] if outcome.status == "answered" else []
        words = " ".join(stated)
        if item.category == UNANSWERABLE:
            right = not stated or self.grade(item, outcome.text) == 1
        elif len(stated) < len(said) and len(item.facts["groups"]) > 1:  # type: ignore[arg-type]
            right = False
        else:
            right = bool(stated) and self.grade(item, words) == 1
        return attempt.model_copy(update={"reply": words, "score": float(right)})

    def grade(self, item: AgentItem, reply: str) -> float:
        """Whether one of each group is said, and nothing that must not be."""
        groups, none = item.facts["groups"], item.facts["none"]
        assert isinstance(groups, list) and isinstance(none, list)
        said = bool(groups) and all(
            any(says(reply, str(word)) for word in group) for group in groups if isinstance(group, list)
        )
        return float(said and not any(says(reply, str(word)) for word in none))

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Right, of all and of each kind; stated, and right of what is stated."""
        stated = [(attempt.score, 1.0) if attempt.reply else (0.0, 0.0) for _, attempt in rows]
        return by_category(rows, "right") | {
            "stated": share(rows, lambda row: float(bool(row[1].reply))),
            "right of what is stated": ratio(stated),
        }


def says(text: str, wanted: str) -> bool:
    """Whether words stand in a text as whole words; a plural will do, a longer number will not.

    >>> says("There are 12 cups [q1].", "12"), says("There are 12.5 cups", "12"), says("Two dogs", "dog")
    (True, False, True)
    """
    text, wanted = _folded(text), _folded(wanted)
    if _CHINESE.search(wanted) or not re.search(r"\w", wanted):
        return wanted in text
    wide = "a-z0-9" if _CHINESE.search(text) else r"\w"
    left = rf"(?<![{wide}.])" if wanted[0].isalnum() else ""
    right = rf"(?:s|es)?(?![{wide}])" if wanted[-1].isalnum() else ""
    if wanted[-1].isdigit():
        right = rf"(?!\.?\d)(?![{wide}])"
    return re.search(left + re.escape(wanted) + right, text) is not None


def _folded(text: str) -> str:
    folded = CITATION.sub("", unicodedata.normalize("NFKC", text).casefold().replace("’", "'"))
    folded = re.sub(r"(?<=\d),(?=\d{3})", "", folded)
    return " ".join(re.sub(r"(?<=\d)\.0+(?!\d)", "", folded).split())


def _declines(text: str, cites: Sequence[str], answer: Answer) -> bool:
    found = answer.evidence.get(cites[0]) if cites else None
    return (found is not None and found.failed) or _DECLINES.match(_folded(text)) is not None


def _place(medium: str, folder: Path) -> Path:
    if not medium.startswith("package:"):
        return folder / medium
    package, _, inside = medium.removeprefix("package:").partition("/")
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    # A package that is not installed is a file that is not there, which is said of the item.
    return Path(places[0] if places else folder / package) / inside
