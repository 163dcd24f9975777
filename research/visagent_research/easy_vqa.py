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

from pydantic import BaseModel, ConfigDict

from visagent.core.errors import InputError, VisagentError
from visagent.evaluation.benchmark import PROFILE, Predictor, Source
from visagent.evaluation.bootstrap import Estimate
from visagent.evidence.values import Frozen
from visagent_research.metrics import exact_match, most_common

FREQUENT = "frequent"
ANSWERS = (
    *("circle", "green", "red", "gray", "yes", "teal", "black"),
    *("rectangle", "yellow", "triangle", "brown", "blue", "no"),
)
"""All answers that there are."""


class EasyItem(BaseModel):
    """A question about one picture, with its answer."""

    model_config = ConfigDict(frozen=True)
    id: str
    question: str
    answer: str
    image: Path


class EasyPrediction(Frozen):
    """One of `ANSWERS`, or nothing.

    Attributes:
        answer: What was understood of the reply.
        reply: The agent's own words.
    """

    answer: str = ""
    reply: str = ""


class EasyVqaBenchmark:
    """Questions about pictures of one shape; see `Benchmark`.

    Predictors: `profile` asks the agent; `frequent` gives the commonest answer to the same question in the train part.
    """

    name = "easy-vqa"
    predictors = (PROFILE, FREQUENT)

    def load(self, path: Path) -> Sequence[EasyItem]:
        """See `Benchmark.load`; `path` is `easy_vqa/data`, or its part `test` or `train`."""
        folder = path / "test" if (path / "test").is_dir() else path
        file = folder / "questions.json"
        if not file.is_file():
            raise InputError(
                f"There is no {file}.", "Install easy-vqa (pip install easy-vqa) and give its folder easy_vqa/data."
            )
        try:
            return [
                EasyItem(id=str(place), question=question, answer=answer, image=folder / "images" / f"{image}.png")
                for place, (question, answer, image) in enumerate(json.loads(file.read_text("utf-8")))
            ]
        except ValueError as error:
            raise InputError(
                f"{file.name} holds no list of [question, answer, image id]: {error}.", "Take the file of easy-vqa 1.0."
            ) from error

    def predictor(self, name: str, source: Source, items: Sequence[EasyItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        if name == PROFILE:
            return _ask_agent(source.profile)
        train = source.train if source.train is not None else source.path / "train"
        given: dict[str, list[str]] = defaultdict(list)
        for item in self.load(train):
            given[item.question].append(item.answer)
        commonest = {question: most_common(answers) for question, answers in given.items()}

        async def predict(item: EasyItem) -> EasyPrediction:
            return EasyPrediction(answer=commonest.get(item.question, "no"))

        return predict

    def score(
        self, items: Sequence[EasyItem], predictions: Sequence[EasyPrediction], source: Source
    ) -> Mapping[str, Estimate]:
        """See `Benchmark.score`."""
        given = [prediction.answer for prediction in predictions]
        return {"exact match": exact_match(given, [item.answer for item in items])}


def understood(reply: str) -> str:
    """The first of `ANSWERS` in a reply; empty where there is none.

    >>> understood("The shape is grey [q1].")
    'gray'
    """
    words = re.findall(r"[a-z]+", reply.lower().replace("grey", "gray"))
    return next((word for word in words if word in ANSWERS), "")


def _ask_agent(profile: str | None) -> Predictor:
    from visagent.agent.agent import Agent

    agent = Agent(profile)

    async def predict(item: EasyItem) -> EasyPrediction:
        try:
            answer = await agent.aask(item.question, item.image)
        except VisagentError as error:
            return EasyPrediction(reply=str(error))
        return EasyPrediction(answer=understood(answer.text), reply=answer.text)

    return predict
