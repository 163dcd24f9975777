"""Questions with short answers in words or numbers: GQA, ChartQA, DocVQA, MM-Vet.

An agent answers in sentences, the authors' scorers expect the bare answer. So each set here has two figures: one for
which the right answer stands in the reply as whole words (or as its only number), and the authors' own on the reply
word for word, which is the one to compare with published figures.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from visagent.core.errors import InputError
from visagent.core.words import numbers_in_digits
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, by_category, plain, share
from visagent.evaluation.agent_items import YES_NO, AgentItem
from visagent.evaluation.benchmark import data_file
from visagent.evaluation.bootstrap import Estimate, ratio
from visagent_research.closed_sets.files import entries, entry, picture, read_document
from visagent_research.closed_sets.video_chat import word_f1
from visagent_research.metrics import mmvet_match

SHORT_WORDS = 4
"""Words that each part of an answer of MM-Vet may have for a string match."""
ANLS_FLOOR = 0.5
"""Similarity below which an answer of DocVQA counts as another one."""
RELATIVE_ERROR = 0.05
"""By which a number of ChartQA may be off."""


def says(reply: str, gold: str) -> bool:
    """Whether an answer stands in a reply as whole words.

    >>> says("There is a red cup.", "Cup"), says("A cupboard.", "cup"), says("It is 12.5 kg", "12")
    (True, False, False)
    """
    if not gold.strip():
        return False
    return re.search(rf"(?<![\w.]){re.escape(gold.strip())}(?!\.?\d)(?!\w)", reply, re.IGNORECASE) is not None


class _GqaQuestion(BaseModel):
    question: str
    imageId: str
    answer: str
    types: dict[str, str | None] = {}
    entailed: list[str] = []


class Gqa(AgentBenchmark):
    """GQA (Hudson and Manning 2019): `*_balanced_questions.json`, with the pictures in `images`.

    Questions are resampled by picture.
    """

    name = "gqa"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        file = path / "testdev_balanced_questions.json" if path.is_dir() else path
        rows = read_document(file)
        if not isinstance(rows, dict):
            raise InputError(f"{file.name} is no object of questions by id.", "Take GQA's *_questions.json.")
        items = []
        for id_, row in rows.items():
            one = entry(row, _GqaQuestion, f"{file.name}, question {id_}")
            items.append(
                AgentItem(
                    id=id_,
                    question=one.question,
                    media=(picture(file.parent, f"{one.imageId}.jpg", "images", "../images"),),
                    gold=(one.answer,),
                    form=YES_NO if one.answer in ("yes", "no") else "",
                    category="open" if one.types.get("structural") == "query" else "binary",
                    group=one.imageId,
                    facts={"entailed": [other for other in one.entailed if other != id_]},
                )
            )
        return items

    def grade(self, item: AgentItem, reply: str) -> float:
        """Whether the right answer stands in the reply."""
        return float(plain(reply) == item.gold[0] if item.form else says(reply, item.gold[0]))

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Accuracy, word for word too, and consistency: of right answers, the share of entailed questions right."""
        score = {item.id: attempt.score for item, attempt in rows}
        entailed: dict[str, list[float]] = defaultdict(list)
        for item, attempt in rows:
            others = item.facts["entailed"]
            right = [score[str(other)] for other in others if other in score] if isinstance(others, list) else []
            if attempt.score and right:
                entailed[attempt.group].append(sum(right) / len(right))
        found = by_category(rows)
        found["accuracy, word for word"] = share(rows, lambda row: float(plain(row[1].reply) == row[0].gold[0]))
        if entailed:
            found["consistency"] = ratio([(sum(values), float(len(values))) for values in entailed.values()])
        return found


class _ChartQuestion(BaseModel):
    imgname: str
    query: str
    label: str


class ChartQa(AgentBenchmark):
    """ChartQA (Masry et al. 2022): `test_human.json` and `test_augmented.json`, with the charts in `png`."""

    name = "chartqa"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`; a single file is one part."""
        files = [path] if path.is_file() else sorted(path.glob("*_human.json")) + sorted(path.glob("*_augmented.json"))
        if not files:
            raise InputError(f"{path} has no *_human.json.", "Give one of ChartQA's folders, for example test.")
        return [
            AgentItem(
                id=f"{file.stem}/{number}",
                question=one.query,
                media=(picture(file.parent, one.imgname, "png"),),
                gold=(one.label,),
                category=file.stem.rpartition("_")[2],
                group=one.imgname,
            )
            for file in files
            for number, one in enumerate(entries(file, _ChartQuestion), start=1)
        ]

    def grade(self, item: AgentItem, reply: str) -> float:
        """Relaxed: the reply, its only number, or words in it."""
        gold = item.gold[0]
        numbers = [f"{one.value}{reply[one.end : one.end + 1].strip(' .,')}" for one in numbers_in_digits(reply)]
        if relaxed(reply, gold) or (len(numbers) == 1 and relaxed(numbers[0], gold)):
            return 1.0
        return float(_number(gold) is None and says(reply, gold))

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Relaxed accuracy, in all and by part, and the authors' on the reply word for word."""
        word_for_word = share(rows, lambda row: float(relaxed(row[1].reply, row[0].gold[0])))
        return {**by_category(rows, "relaxed accuracy"), "relaxed accuracy, word for word": word_for_word}


def relaxed(reply: str, gold: str) -> bool:
    """ChartQA's relaxed match: numbers within 5 %, all else the same but for case.

    >>> relaxed("10.4", "10"), relaxed("10.6", "10"), relaxed("42%", "0.42"), relaxed("Red", "red"), relaxed("0", "0")
    (True, False, True, True, True)
    """
    said, true = _number(reply), _number(gold)
    if said is not None and true:
        return abs(said - true) <= RELATIVE_ERROR * abs(true)
    return reply.strip().lower() == gold.strip().lower()


def _number(text: str) -> float | None:
    bare = text.strip()
    try:
        return float(bare.rstrip("%")) / 100 if bare.endswith("%") else float(bare)
    except ValueError:
        return None


class _DocQuestion(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    questionId: str
    question: str
    image: str
    answers: list[str] = []


class DocVqa(AgentBenchmark):
    """DocVQA (Mathew et al. 2021): `val_v1.0_withQT.json`, with the pages in `documents`.

    The reply is what it quotes, where it quotes one thing, else all of it.
    """

    name = "docvqa"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        file = next(iter(sorted(path.glob("val_v1*.json"))), path / "val_v1.0_withQT.json") if path.is_dir() else path
        document = read_document(file)
        rows = document.get("data") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise InputError(f'{file.name} has no list "data".', "Take DocVQA's file as its authors publish it.")
        items = []
        for number, row in enumerate(rows, start=1):
            one = entry(row, _DocQuestion, f"{file.name}, entry {number}")
            items.append(
                AgentItem(
                    id=one.questionId,
                    question=one.question,
                    media=(picture(file.parent, one.image, ".", "spdocvqa_images"),),
                    gold=tuple(one.answers),
                    group=one.image,
                    unscored=""
                    if one.answers
                    else "it has no answers; the test split is scored by the authors' server",
                )
            )
        return items

    def grade(self, item: AgentItem, reply: str) -> float:
        """ANLS of the reply."""
        quoted = re.findall(r'["“«「]([^"”»」]+)["”»」]', reply)
        return anls((quoted[0] if len(quoted) == 1 else reply).strip().rstrip("."), item.gold)

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """ANLS, and the share of replies in which a right answer stands as whole words."""
        found = share(rows, lambda row: float(any(says(row[1].reply, gold) for gold in row[0].gold)))
        return {"ANLS": share(rows), "answer in the reply": found}


def anls(reply: str, gold: Sequence[str]) -> float:
    """Average normalised Levenshtein similarity of one question: the best answer's, and 0 below one half.

    >>> anls("Paris", ["paris"]), anls("Pari", ["paris"]), anls("It is in Rome", ["paris"])
    (1.0, 0.8, 0.0)
    """
    best = 0.0
    for answer in gold:
        one, two = " ".join(reply.lower().split()), " ".join(answer.lower().split())
        longest = max(len(one), len(two))
        best = max(best, 1 - levenshtein(one, two) / longest if longest else 1.0)
    return best if best >= ANLS_FLOOR else 0.0


def levenshtein(one: str, two: str) -> int:
    """How many characters to insert, delete or replace to make one text of another."""
    row = list(range(len(two) + 1))
    for number, left in enumerate(one, start=1):
        before, row[0] = row[0], number
        for place, right in enumerate(two, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (left != right))
    return row[-1]


class _VetQuestion(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    imagename: str
    question: str
    answer: str
    capability: list[str]


class _VetLine(BaseModel):
    id: str
    image: str
    question: str
    answer: str
    capability: list[str]


class MmVet(AgentBenchmark):
    """MM-Vet (arXiv 2308.02490): `mm-vet.json` with the pictures in `images`, or the same as lines in `dev.jsonl`.

    GPT-4 grades at its authors'. Here answers whose every part has at most four words are matched; the others are left
    out, and what is found is not comparable with the published figures.
    """

    name = "mm-vet"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        if (path / "mm-vet.json").is_file() or path.suffix == ".json":
            file = data_file(path, "mm-vet.json")
            rows = read_document(file)
            if not isinstance(rows, dict):
                raise InputError(f"{file.name} is no object of questions by id.", "Take MM-Vet's mm-vet.json.")
            found = {id_: entry(row, _VetQuestion, f"{file.name}, question {id_}") for id_, row in rows.items()}
            lines = [
                _VetLine(id=id_, image=f"images/{one.imagename}", **one.model_dump(exclude={"imagename"}))
                for id_, one in found.items()
            ]
        else:
            file = data_file(path)
            lines = entries(file, _VetLine)
        return [
            AgentItem(
                id=one.id,
                question=one.question,
                media=(file.parent / one.image,),
                gold=(one.answer,),
                category=" ".join(one.capability),
                group=one.image,
                facts={"capability": list(one.capability)},
                unscored="" if _short(one.answer) else "its answer is no short text, and a match would not be fair",
            )
            for one in lines
        ]

    def grade(self, item: AgentItem, reply: str) -> float:
        """Whether all parts of the answer stand in the reply."""
        return float(mmvet_match(reply, item.gold[0]))

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """The string match in all and by capability; a question with several counts for each."""
        scores = {"string match": share(rows)}
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            for capability in row[0].category.split():
                parts[capability].append(row)
        return scores | {f"string match: {name}": share(part) for name, part in parts.items()}


class MmVetOpen(MmVet):
    """All of MM-Vet's questions, those with long answers too, to be judged afterwards.

    What is counted without a judge is which words of the right answer are said; `visagent eval judge RUN --rubric
    tenths` grades in tenths, as GPT-4 does at its authors'.
    """

    name = "mm-vet-open"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        return [item.model_copy(update={"unscored": ""}) for item in super().load(path)]

    def grade(self, item: AgentItem, reply: str) -> float:
        """F1 of the words of the reply and of the right answer that is nearest."""
        wanted = item.gold[0].replace("<AND>", " ")
        return max(word_f1(reply, one) for one in wanted.split("<OR>"))

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """F1 of words, and the string match of the answers that are short."""
        short = [(item, attempt) for item, attempt in rows if _short(item.gold[0])]
        found = {"word F1": share(rows)}
        if short:
            match = share(short, lambda row: float(mmvet_match(row[1].reply, row[0].gold[0])))
            found["string match of short answers"] = match
        return found


def _short(answer: str) -> bool:
    return all(len(part.split()) <= SHORT_WORDS for part in re.split(r"<AND>|<OR>", answer))
