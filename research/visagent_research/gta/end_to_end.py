"""GTA end to end: the request and its files go to the agent with the tools it has, and its answer is scored.

AnsAcc as `gta_bench.py` of open-compass/GTA (commit 10eb3d2) counts it, over requests whose right answer is a list of
words to be said: each of its groups must occur in the answer as whole words, and none of the blacklist. Requests for a
picture, and answers that upstream compares by a sentence embedding, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, JsonValue

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, share
from visagent.evaluation.agent_items import AgentItem
from visagent.evaluation.bootstrap import Estimate
from visagent_research.closed_sets.files import entry, read_document

Groups = list[list[str]]


class _Turn(BaseModel):
    role: str
    content: JsonValue = None


class _File(BaseModel):
    path: str


class _Request(BaseModel):
    files: list[_File]
    dialogs: list[_Turn]
    gt_answer: JsonValue = None


class _Answer(BaseModel):
    whitelist: Groups
    blacklist: Groups | None = None


class GtaEndToEnd(AgentBenchmark):
    """GTA's requests (arXiv 2407.08713): `dataset.json` with the pictures in `image`."""

    name = "gta-agent"

    def load(self, path: Path) -> list[AgentItem]:
        """See `AgentBenchmark.load`."""
        file = path / "dataset.json" if path.is_dir() else path
        rows = read_document(file)
        if not isinstance(rows, dict):
            raise InputError(f"{file.name} is no object of requests by number.", "Take GTA's dataset.json.")
        items = []
        for id_, row in rows.items():
            where = f"{file.name}, request {id_}"
            one = entry(row, _Request, where)
            asked = next((turn.content for turn in one.dialogs if turn.role == "user"), None)
            if not isinstance(asked, str):
                raise InputError(f"{where}: no turn of the user has a text.", "Take GTA's dataset.json.")
            answer = entry(one.gt_answer, _Answer, f"{where}, gt_answer") if isinstance(one.gt_answer, dict) else None
            items.append(
                AgentItem(
                    id=id_,
                    question=asked,
                    media=tuple(file.parent / given.path for given in one.files),
                    gold=tuple("/".join(group) for group in answer.whitelist) if answer else (),
                    facts={"answer": answer.model_dump() if answer else None},
                    unscored="" if answer else "its right answer is a picture, or a sentence that takes an embedding",
                )
            )
        return items

    def grade(self, item: AgentItem, reply: str) -> float:
        """Whether the reply says what it has to and nothing that it must not."""
        return float(says_all(reply, _Answer.model_validate(item.facts["answer"])))

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """AnsAcc."""
        return {"AnsAcc": share(rows)}


def says_all(reply: str, answer: _Answer) -> bool:
    """Whether each group of the whitelist occurs as whole words, and none of the blacklist."""
    if not all(_occurs(group, reply) for group in answer.whitelist):
        return False
    return not any(_occurs(group, reply) for group in answer.blacklist or ())


def _occurs(aliases: list[str], reply: str) -> bool:
    return re.search(rf"\b(?:{'|'.join(map(re.escape, aliases))})\b", reply, re.IGNORECASE) is not None
