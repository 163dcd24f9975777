"""GTA: human-written requests about images with gold chains of tool calls, predicted step by step (arXiv 2407.08713).

Each gold step is predicted from the question and the gold steps before it, with their recorded replies: no tool runs.
All tools of `tools.json` are offered; `gold_tools` of the file gives the tools away and is not read. In items marked
`multi_image` the image arguments are wrong in the source, and are skipped; arguments marked `salvaged` are compared
loosely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from visagent.errors import InputError, ModelError
from visagent.evaluation.benchmark import PROFILE, Predictor, Source, beside, data_file, read_lines
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.metrics import GtaStep, gta_step_scores, gta_tool_scores
from visagent.evaluation.retrieval import TextIndex
from visagent.evidence import Frozen
from visagent.models.protocol import MLLM, Message
from visagent.prompts import render

ANSWER = "answer"
NEAREST = "nearest"
FOLDS = 5
REPLY_LIMIT = 400
"""Characters of a tool's reply that a planner is shown."""
_PREVIOUS = 6
"""How often the names of earlier calls count beside the question's words when states are compared."""


class _Step(BaseModel):
    action: str
    args: dict[str, JsonValue] = {}
    response: str | None = ""
    args_status: Literal["ok", "salvaged"] = "ok"


class GtaItem(BaseModel):
    """A request with its gold chain, as a line of the file has it; other fields are ignored."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)
    id: str
    question: str
    files: tuple[str, ...] = ()
    multi_image: bool = False
    steps: tuple[_Step, ...]
    answer: str | None = None

    @property
    def gold(self) -> list[GtaStep]:
        """The gold calls, then the answer where it is a text."""
        skip = ("image",) if self.multi_image else ()
        calls = [
            GtaStep(kind="tool", tool=step.action, arguments=step.args, loose=step.args_status == "salvaged", skip=skip)
            for step in self.steps
        ]
        return calls if self.answer is None else [*calls, GtaStep(kind="answer", answer=self.answer)]


class GtaPrediction(Frozen):
    """One predicted step for each gold step, in order."""

    steps: tuple[GtaStep, ...]


class GtaTool(BaseModel):
    """One tool of `tools.json`; other fields are ignored."""

    class Input(BaseModel):
        """One argument."""

        name: str
        type: str
        optional: bool = False

    name: str
    description: str
    inputs: tuple[Input, ...]

    def signature(self) -> str:
        """As a planner is shown it: one line."""
        shown = ", ".join(f"{given.name}{'?' if given.optional else ''}: {given.type}" for given in self.inputs)
        return f"{self.name}({shown}): {self.description}"


class GtaBenchmark:
    """Step-by-step GTA; see `Benchmark`.

    Predictors: `profile` asks the profile's controller model for each next step; `nearest` takes the step that followed
    in the most similar state of other requests (question words and calls so far, by TF-IDF), without arguments, and in
    five folds by request, so that no request helps itself.
    """

    name = "gta"
    predictors = (PROFILE, NEAREST)

    def load(self, path: Path) -> Sequence[GtaItem]:
        """See `Benchmark.load`."""
        return read_lines(data_file(path), GtaItem)

    def predictor(self, name: str, source: Source, items: Sequence[GtaItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        if name == NEAREST:
            return _nearest(items if source.train is None else self.load(source.train), items, source.train is None)
        planner = GtaPlanner(source.planner(), load_gta_tools(source.path))

        async def predict(item: GtaItem) -> GtaPrediction:
            return GtaPrediction(steps=tuple([await planner.step(item, place) for place in range(len(item.gold))]))

        return predict

    def score(
        self, items: Sequence[GtaItem], predictions: Sequence[GtaPrediction], source: Source
    ) -> Mapping[str, Estimate]:
        """See `Benchmark.score`; P, O, L and C are of the steps predicted from gold prefixes, not of free runs."""
        steps = [list(prediction.steps) for prediction in predictions]
        gold = [item.gold for item in items]
        scores = gta_step_scores(steps, gold)
        called = [[step.tool for step in chain if step.kind == "tool"] for chain in steps]
        return scores | gta_tool_scores(
            called, [[step.tool for step in chain if step.kind == "tool"] for chain in gold]
        )


def state(item: GtaItem, place: int) -> str:
    """What is known before a step, as a bag of words: the question, and the calls so far."""
    earlier = [step.action for step in item.steps[:place]]
    marks = [f"step{place}", f"previous{earlier[-1] if earlier else 'none'}", *(f"called{name}" for name in earlier)]
    return " ".join([item.question, *marks * _PREVIOUS])


def _nearest(known: Sequence[GtaItem], items: Sequence[GtaItem], in_folds: bool) -> Predictor:
    """The step that followed in the nearest state of other folds; of all, where the items are not the known ones."""
    fold = {item.id: place % FOLDS for place, item in enumerate(items)} if in_folds else {}
    indices: dict[int | None, tuple[TextIndex, list[GtaStep]]] = {}
    folds: list[int | None] = [*sorted(set(fold.values()))] or [None]
    for left_out in folds:
        pool = [item for item in known if left_out is None or fold[item.id] != left_out]
        states = [(state(item, place), step) for item in pool for place, step in enumerate(item.gold)]
        indices[left_out] = TextIndex([text for text, _ in states]), [step for _, step in states]

    async def predict(item: GtaItem) -> GtaPrediction:
        index, steps = indices[fold.get(item.id)]
        found = [steps[index.nearest(state(item, place))] for place in range(len(item.gold))] if steps else []
        found = found or [GtaStep(kind="error")] * len(item.gold)
        return GtaPrediction(steps=tuple(_bare(step, item) for step in found))

    return predict


def _bare(step: GtaStep, item: GtaItem) -> GtaStep:
    """The same kind of step for another request: arguments and answers do not carry over, its image does."""
    arguments: dict[str, JsonValue] = {}
    if "image" in step.arguments and item.files:
        arguments["image"] = item.files[0]
    return GtaStep(kind=step.kind, tool=step.tool, arguments=arguments)


class GtaPlanner:
    """Asks a model for the next step, held to a schema of the tools and the final answer.

    Args:
        model: What plans.
        tools: All of them are offered.
    """

    def __init__(self, model: MLLM, tools: Sequence[GtaTool]) -> None:
        self._model, self._tools = model, tools

    async def step(self, item: GtaItem, place: int) -> GtaStep:
        """The step at a place, from the gold steps before it; an error step where the reply is unusable."""
        system, user = gta_messages(self._tools, item, place)
        messages = [Message("system", system["content"]), Message("user", user["content"])]
        try:
            reply = await self._model.chat(messages, schema=gta_schema(self._tools, item.files), max_tokens=200)
        except ModelError:
            return GtaStep(kind="error")
        return read_gta_step(reply.text)


def gta_messages(tools: Sequence[GtaTool], item: GtaItem, place: int, language: str = "en") -> list[dict[str, str]]:
    """The prompt for one step; training and evaluation share it, byte for byte."""
    done = [
        {"call": _as_json(step.action, step.args), "reply": " ".join((step.response or "").split())[:REPLY_LIMIT]}
        for step in item.steps[:place]
    ]
    system = render("gta_step", language, tools=list(tools))
    user = render("gta_state", language, question=item.question, files=item.files, done=done)
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def gta_target(step: GtaStep) -> str:
    """The reply that says a gold step."""
    if step.kind == "answer":
        return _as_json(ANSWER, {"text": step.answer})
    return _as_json(step.tool, step.arguments)


def gta_schema(tools: Sequence[GtaTool], files: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of one step: a call of any tool, or the answer."""
    text = {"type": "string", "maxLength": 400}
    kinds: dict[str, dict[str, Any]] = {
        "image": {"enum": list(files)} if files else text,
        "int": {"type": "integer"},
        "bool": {"type": "boolean"},
    }
    options = []
    for tool in tools:
        properties: dict[str, Any] = {"tool": {"const": tool.name}}
        properties |= {given.name: kinds.get(given.type, text) for given in tool.inputs}
        required = ["tool", *(given.name for given in tool.inputs if not given.optional)]
        options.append(_object(properties, required))
    options.append(_object({"tool": {"const": ANSWER}, "text": text}, ["tool", "text"]))
    return {"anyOf": options}


def read_gta_step(reply: str) -> GtaStep:
    """The step that a reply says; an error step where it says none."""
    try:
        step = json.loads(reply)
        name = str(step.pop("tool"))
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError):
        return GtaStep(kind="error")
    if name == ANSWER:
        return GtaStep(kind="answer", answer=str(step.get("text", "")))
    return GtaStep(kind="tool", tool=name, arguments=step)


def load_gta_tools(path: Path) -> list[GtaTool]:
    """The tools of `tools.json` beside the items, in its order.

    Raises:
        InputError: it is missing or not in the format.
    """
    file = beside(path, "tools.json")
    try:
        return [GtaTool.model_validate(entry) for entry in json.loads(file.read_text("utf-8")).values()]
    except (json.JSONDecodeError, AttributeError, ValidationError) as error:
        raise InputError(f"{file.name} holds no tools: {error}.", "See docs/evaluation.md for the format.") from error


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _as_json(tool: str, arguments: Mapping[str, JsonValue]) -> str:
    return json.dumps({"tool": tool, **arguments}, ensure_ascii=False, separators=(",", ":"))
