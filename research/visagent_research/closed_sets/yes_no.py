"""Questions that are answered with yes or no: MME and POPE.

A reply that is neither is wrong; the authors of MME say so too, those of POPE count it as a yes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, all_right, share
from visagent.evaluation.agent_items import YES_NO, AgentItem
from visagent.evaluation.benchmark import numbered_lines
from visagent.evaluation.bootstrap import Estimate, estimate, pooled_f1, ratio
from visagent_research.closed_sets.files import entries, picture

PERCEPTION = (
    *("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"),
)
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
_ASKS_FOR_WORD = "Please answer yes or no."


class Mme(AgentBenchmark):
    """MME (arXiv 2306.13394): a folder a category, in it a text file a picture with two questions, tab, Yes or No.

    acc counts questions, acc+ pictures both of whose questions are right; a category's score is their sum, at most 200.
    The sums over the ten categories of perception and the four of cognition are given as parts of their maximum.
    """

    name = "mme"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        items = []
        for category in (*PERCEPTION, *COGNITION):
            folder = path / category
            texts = folder / "questions_answers_YN"
            for file in sorted((texts if texts.is_dir() else folder).glob("*.txt")):
                items += self._of(file, category, folder)
        if not items:
            raise InputError(f"{path} has no folder of MME with questions.", f"Expected for example {path}/existence.")
        return items

    def _of(self, file: Path, category: str, folder: Path) -> list[AgentItem]:
        names = [f"{file.stem}{ending}" for ending in (".jpg", ".png", ".jpeg")]
        places = [picture(folder, name, "images") for name in names]
        shown = next((place for place in places if place.is_file()), places[0])
        found = []
        for number, line in numbered_lines(file):
            question, tab, label = line.strip().partition("\t")
            if not tab or label.strip().lower() not in ("yes", "no"):
                raise InputError(
                    f"{category}/{file.name}, line {number}: no question, tab, and Yes or No.",
                    "Take MME's files as its authors publish them.",
                )
            found.append(
                AgentItem(
                    id=f"{category}/{file.stem}#{number}",
                    question=question.removesuffix(_ASKS_FOR_WORD).strip(),
                    media=(shown,),
                    gold=(label.strip().lower(),),
                    form=YES_NO,
                    category=category,
                    group=f"{category}/{file.stem}",
                )
            )
        return found

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """acc and acc+ by category, and the sums as parts of their maximum."""
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            parts[row[0].category].append(row)
        scores = {}
        for title, categories in (("perception", PERCEPTION), ("cognition", COGNITION)):
            present = [name for name in categories if name in parts]
            if present:
                chosen = [row for name in present for row in parts[name]]
                scores[f"{title} (of {200 * len(present)})"] = _sum(chosen, present)
        for category, part in parts.items():
            scores |= {f"{category}: acc": share(part), f"{category}: acc+": all_right(part)}
        return scores


def _sum(rows: Sequence[Row], categories: Sequence[str]) -> Estimate:
    """The sum of acc and acc+ over categories, as a part of its maximum; pictures are resampled."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[1].group].append(row)
    table = []
    for group in groups.values():
        counts = np.zeros((len(categories), 4))
        right = [attempt.score for _, attempt in group]
        counts[categories.index(group[0][0].category)] = (sum(right), len(right), min(right), 1)
        table.append(counts.ravel().tolist())

    def statistic(sums: NDArray[np.float64]) -> float:
        right, asked, both, pictures = sums.reshape(-1, 4).T
        return float(np.mean(right / np.maximum(asked, 1) + both / np.maximum(pictures, 1)) / 2)

    return estimate(table, statistic)


class _PopeLine(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    question_id: str
    image: str
    text: str
    label: str


class Pope(AgentBenchmark):
    """POPE (arXiv 2305.10355): `*_pope_random.json`, `…_popular.json`, `…_adversarial.json`, with COCO's pictures.

    Pictures are looked for in `val2014`, `images` and the folder itself.
    """

    name = "pope"
    settings = ("random", "popular", "adversarial")

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`; a single file is one setting."""
        files = [path] if path.is_file() else sorted(path.glob("*pope_*.json"))
        if not files:
            raise InputError(f"{path} has no *_pope_*.json.", "Give POPE's folder output/coco, or one of its files.")
        items = []
        for file in files:
            setting = next((name for name in self.settings if name in file.stem), file.stem)
            items += [
                AgentItem(
                    id=f"{setting}/{line.question_id}",
                    question=line.text,
                    media=(picture(file.parent, line.image, "val2014", "images"),),
                    gold=(line.label.strip().lower(),),
                    form=YES_NO,
                    category=setting,
                    group=f"{setting}/{line.image}",
                )
                for line in entries(file, _PopeLine)
            ]
        return items

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Accuracy, precision, recall and F1 of yes, and the share of yes, by setting."""
        scores: dict[str, Estimate] = {}
        for setting in dict.fromkeys(item.category for item, _ in rows):
            part = [row for row in rows if row[0].category == setting]
            scores |= {f"{setting}: {name}": value for name, value in detection(part, "yes").items()}
            scores[f"{setting}: yes ratio"] = share(part, lambda row: float(row[1].reply == "yes"))
        return scores


def detection(rows: Sequence[Row], positive: Literal["yes", "no"]) -> dict[str, Estimate]:
    """Accuracy, and precision, recall and F1 of one of the answers; groups are resampled.

    Args:
        rows: Yes-or-no questions with what was replied.
        positive: The answer that counts as a detection.
    """
    groups: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for item, attempt in rows:
        said, true = attempt.reply == positive, item.gold[0] == positive
        counts = groups[attempt.group]
        counts[0] += said and true
        counts[1] += said
        counts[2] += true
    table = [(counts[0], counts[1], counts[2]) for counts in groups.values()]
    return {
        "accuracy": share(rows),
        "precision": ratio([(right, said) for right, said, _ in table]),
        "recall": ratio([(right, true) for right, _, true in table]),
        "F1": pooled_f1(table),
    }
