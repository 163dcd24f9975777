"""easy-VQA: simple questions about 64 x 64 pictures of one shape; a smoke test, not a bar.

The data come with the package `easy-vqa` of PyPI (github.com/vzhou842/easy-VQA, MIT): `easy_vqa/data` with the folders
`test` and `train`, each with `questions.json` ([question, answer, image id] each) and `images`.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from visagent.core.errors import InputError
from visagent.evaluation.agent_benchmark import AgentBenchmark, Row, share
from visagent.evaluation.agent_items import AgentItem, Attempt, as_attempt
from visagent.evaluation.benchmark import PROFILE, Predictor, Source
from visagent.evaluation.bootstrap import Estimate
from visagent_research.metrics import most_common

FREQUENT = "frequent"
ANSWERS = (
    *("circle", "green", "red", "gray", "yes", "teal", "black"),
    *("rectangle", "yellow", "triangle", "brown", "blue", "no"),
)
"""All answers that there are."""


class EasyVqaBenchmark(AgentBenchmark):
    """Questions about pictures of one shape; see `AgentBenchmark`.

    Predictors: `profile` asks the agent; `frequent` gives the commonest answer to the same question in the train part.
    """

    name = "easy-vqa"
    predictors = (PROFILE, FREQUENT)

    def load(self, path: Path) -> list[AgentItem]:
        """See `Benchmark.load`; `path` is `easy_vqa/data`, or its part `test` or `train`."""
        folder = path / "test" if (path / "test").is_dir() else path
        file = folder / "questions.json"
        if not file.is_file():
            raise InputError(
                f"There is no {file}.", "Install easy-vqa (pip install easy-vqa) and give its folder easy_vqa/data."
            )
        try:
            return [
                AgentItem(
                    id=str(place),
                    question=question,
                    media=(folder / "images" / f"{image}.png",),
                    gold=(answer,),
                    group=str(image),
                )
                for place, (question, answer, image) in enumerate(json.loads(file.read_text("utf-8")))
            ]
        except ValueError as error:
            raise InputError(
                f"{file.name} holds no list of [question, answer, image id]: {error}.", "Take the file of easy-vqa 1.0."
            ) from error

    def grade(self, item: AgentItem, reply: str) -> float:
        """Whether the first of `ANSWERS` in the reply is the right one."""
        return float(understood(reply) == item.gold[0])

    def metrics(self, rows: Sequence[Row]) -> Mapping[str, Estimate]:
        """Exact match; pictures are resampled."""
        return {"exact match": share(rows)}

    def predictor(self, name: str, source: Source, items: Sequence[AgentItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        if name == PROFILE:
            return super().predictor(name, source, items)
        train = source.train if source.train is not None else source.path / "train"
        given: dict[str, list[str]] = defaultdict(list)
        for item in self.load(train):
            given[item.question].append(item.gold[0])
        commonest = {question: most_common(answers) for question, answers in given.items()}

        async def predict(item: AgentItem) -> Attempt:
            reply = commonest.get(item.question, "no")
            made = as_attempt(item, name, "")
            return made.model_copy(update={"reply": reply, "text": reply, "score": self.grade(item, reply)})

        return predict


def understood(reply: str) -> str:
    """The first of `ANSWERS` in a reply; empty where there is none.

    >>> understood("The shape is grey [q1].")
    'gray'
    """
    words = re.findall(r"[a-z]+", reply.lower().replace("grey", "gray"))
    return next((word for word in words if word in ANSWERS), "")
