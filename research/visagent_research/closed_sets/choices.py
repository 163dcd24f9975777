"""Choices between lettered options: MMBench (circular), HR-Bench, V*Bench."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, all_right, by_category, share
from visagent.evaluation.agent_items import AgentItem
from visagent.evaluation.bootstrap import Estimate
from visagent_research.closed_sets.files import TsvRow, entries, picture, read_tsv

LETTERS = ("A", "B", "C", "D", "E", "F")
_OPTION = re.compile(r"^\s*\(([A-F])\)\s*(.+?)\s*$", re.MULTILINE)


def lettered(texts: Sequence[str]) -> dict[str, str]:
    """Options by their letters."""
    return dict(zip(LETTERS, texts, strict=False))


def rotated(item: AgentItem, by: int) -> AgentItem:
    """The same choice with its options moved up, the first ones to the end.

    >>> one = AgentItem(id="1", question="?", media=(), gold=("A",), options={"A": "x", "B": "y", "C": "z"})
    >>> rotated(one, 1).options, rotated(one, 1).gold
    ({'A': 'y', 'B': 'z', 'C': 'x'}, ('C',))
    """
    texts = list(item.options.values())
    letters = list(item.options)
    gold = tuple(
        letters[(letters.index(label) - by) % len(letters)] if label in letters else label for label in item.gold
    )
    options = dict(zip(letters, texts[by:] + texts[:by], strict=True))
    return item.model_copy(update={"id": f"{item.group}#{by}", "options": options, "gold": gold})


def _table_item(row: TsvRow, file: Path, category: str) -> AgentItem:
    fields = row.fields
    if not fields["answer"]:
        raise InputError(
            f"{file.name}, line {row.line}: no answer.",
            "Use a split with answers; the authors' server scores the test.",
        )
    hint = fields.get("hint", "")
    return AgentItem(
        id=fields["index"],
        question=f"{hint}\n{fields['question']}".strip(),
        media=(row.picture,) if row.picture else (),
        gold=(fields["answer"].strip(),),
        options={letter: fields[letter] for letter in LETTERS if fields.get(letter)},
        category=category,
    )


class MmBench(AgentBenchmark):
    """MMBench (arXiv 2307.06281): its table, `mmbench_dev_en.tsv` for example, with the pictures inside.

    Circular: a question with n options is asked n times, its options rotated, and is right where every time is.
    """

    name = "mmbench"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        items = []
        for row in read_tsv(path, ("index", "question", "A", "B", "answer", "image")):
            category = row.fields.get("l2-category") or row.fields.get("l2_category") or row.fields.get("category", "")
            one = _table_item(row, path, category)
            one = one.model_copy(update={"group": one.id})
            items += [rotated(one, by) for by in range(len(one.options))]
        return items

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Circular accuracy in all and by ability, and the accuracy of the options as they stand in the table."""
        scores = {"circular accuracy": all_right(rows)}
        categories = list(dict.fromkeys(item.category for item, _ in rows))
        if len(categories) > 1:
            for category in categories:
                scores[f"circular accuracy: {category}"] = all_right(
                    [row for row in rows if row[0].category == category]
                )
        first = [row for row in rows if row[0].id.endswith("#0")]
        if first:
            scores["accuracy, options as given"] = share(first)
        return scores


class HrBench(AgentBenchmark):
    """HR-Bench (arXiv 2408.15556): `hr_bench_4k.tsv` or `hr_bench_8k.tsv`, with the pictures inside.

    The table holds each question four times, its options rotated; the score is the mean over all of them.
    """

    name = "hr-bench"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        items = []
        for row in read_tsv(path, ("index", "question", "A", "B", "answer", "category", "image")):
            one = _table_item(row, path, row.fields["category"])
            same = "|".join([one.question, *sorted(one.options.values())])
            items.append(one.model_copy(update={"group": same}))
        return items

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Accuracy over all rows, and of single-instance and cross-instance questions."""
        return {**by_category(rows), "all rotations right": all_right(rows)}


class _VStarLine(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    image: str
    text: str
    category: str
    label: str
    question_id: str


class VStarBench(AgentBenchmark):
    """V*Bench (arXiv 2312.14135): `test_questions.jsonl` with the pictures' folders beside it."""

    name = "vstar"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        file = path / "test_questions.jsonl" if path.is_dir() else path
        items = []
        for number, line in enumerate(entries(file, _VStarLine), start=1):
            options = {found[1]: found[2] for found in _OPTION.finditer(line.text)}
            if len(options) < 2:
                raise InputError(
                    f"{file.name}, entry {number}: the text has no options (A), (B) on lines of their own.",
                    "Take the file as its authors publish it.",
                )
            items.append(
                AgentItem(
                    id=line.question_id,
                    question=line.text.split("(A)")[0].strip(),
                    media=(picture(file.parent, line.image),),
                    gold=(line.label,),
                    options=options,
                    category=line.category,
                )
            )
        return items
