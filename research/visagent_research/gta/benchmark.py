"""GTA: human-written requests about images with gold chains of tool calls, predicted step by step (arXiv 2407.08713).

Each gold step is predicted from the question and the gold steps before it, with their recorded replies: no tool runs.
All tools of `tools.json` are offered; `gold_tools` of the file gives the tools away and is not read. In items marked
`multi_image` the image arguments are wrong in the source, and are skipped; arguments marked `salvaged` are compared
loosely.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from visagent.core.errors import InputError, ModelError
from visagent.evaluation.benchmark import PROFILE, Predictor, Source, beside, data_file, read_lines
from visagent.evaluation.bootstrap import Estimate
from visagent.evaluation.metrics import GtaStep, gta_step_scores, gta_tool_scores
from visagent.evidence.values import Frozen
from visagent.models.protocol import MLLM, Message
from visagent.planning.prompts import render
from visagent_research.gta.states import ANSWER, GtaHabits, GtaMemory, GtaState, gta_splits, plausible

T = TypeVar("T")

LINEAR = "linear"
NEAREST = "nearest"
DEMONSTRATIONS = "demonstrations"
REPLY_LIMIT = 160
"""Characters of the latest reply that a planner is shown."""
EARLIER_LIMIT = 50
"""Characters of each reply before that."""
DESCRIPTION_LIMIT = 160
"""Characters of a tool's description."""
SHOWN = 3
"""States of other requests that are shown as demonstrations, each with the step that followed."""


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
        """As a planner is shown it: one line, without the example code that some descriptions end with."""
        shown = ", ".join(f"{given.name}{'?' if given.optional else ''}: {given.type}" for given in self.inputs)
        about = shorten(self.description.partition("\n")[0], DESCRIPTION_LIMIT, placeholder=" ...")
        return f"{self.name}({shown}): {about}"


class GtaBenchmark:
    """Step-by-step GTA; see `Benchmark`.

    Predictors: `profile` asks the profile's controller model for each next step, and holds it to what is likely to
    follow by `--train` if that is given; `demonstrations` asks it as it comes, after the most similar states of other
    requests with the steps that followed; `linear` takes the likeliest step by a linear classifier of words and calls
    so far, `nearest` the one that followed in the most similar state, both without arguments. Without `--train` the
    other folds are known, five by request, so that no request helps itself.
    """

    name = "gta"
    predictors = (PROFILE, DEMONSTRATIONS, LINEAR, NEAREST)

    def load(self, path: Path) -> Sequence[GtaItem]:
        """See `Benchmark.load`."""
        return read_lines(data_file(path), GtaItem)

    def predictor(self, name: str, source: Source, items: Sequence[GtaItem]) -> Predictor:
        """See `Benchmark.predictor`."""
        known = self.load(source.train) if source.train is not None else None
        if name == NEAREST:
            return nearest_step(_for_each(known, items, GtaMemory))
        if name == LINEAR:
            return likeliest_step(_for_each(known, items, GtaHabits))
        planner = GtaPlanner(source.planner(), load_gta_tools(source.path))
        habits = GtaHabits(known) if known and name == PROFILE else None
        memories = _for_each(known, items, GtaMemory) if name == DEMONSTRATIONS else {}

        async def predict(item: GtaItem) -> GtaPrediction:
            steps = []
            for place in range(len(item.gold)):
                shown = memories[item.id].nearest(item, place)[:SHOWN] if memories else []
                steps.append(await planner.step(item, place, habits, shown))
            return GtaPrediction(steps=tuple(steps))

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


def _for_each(
    known: Sequence[GtaItem] | None, items: Sequence[GtaItem], learn: Callable[[Sequence[GtaItem]], T]
) -> dict[str, T]:
    """For each request what is learned from the known requests, or from other folds where none are given."""
    if known is not None:
        return dict.fromkeys((item.id for item in items), learn(known))
    found: dict[str, T] = {}
    for others, fold in gta_splits(items):
        found |= dict.fromkeys((item.id for item in fold), learn(others))
    return found


def nearest_step(memories: Mapping[str, GtaMemory]) -> Predictor:
    """Predicts the step that followed in the most similar state.

    Args:
        memories: What is known when a request is judged, by its id.
    """

    async def predict(item: GtaItem) -> GtaPrediction:
        found = [memories[item.id].nearest(item, place)[:1] for place in range(len(item.gold))]
        return GtaPrediction(
            steps=tuple(_bare(near[0].step, item) if near else GtaStep(kind="error") for near in found)
        )

    return predict


def likeliest_step(habits: Mapping[str, GtaHabits]) -> Predictor:
    """Predicts the step that is likeliest to follow.

    Args:
        habits: What was learned when a request is judged, by its id.
    """

    async def predict(item: GtaItem) -> GtaPrediction:
        names = [next(iter(habits[item.id].likely(item, place))) for place in range(len(item.gold))]
        steps = (GtaStep(kind="answer") if name == ANSWER else GtaStep(kind="tool", tool=name) for name in names)
        return GtaPrediction(steps=tuple(steps))

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

    async def step(
        self, item: GtaItem, place: int, habits: GtaHabits | None = None, shown: Sequence[GtaState] = ()
    ) -> GtaStep:
        """The step at a place, from the gold steps before it; an error step where the reply is unusable.

        Args:
            item: The request.
            place: Of the step, from 0.
            habits: What says which steps are likely.
            shown: States of other requests that are shown as demonstrations, the most similar first.
        """
        likely = habits.likely(item, place) if habits is not None else {}
        system, user = gta_messages(self._tools, item, place, likely)
        messages = [Message("system", system["content"])]
        # The most similar one last, where a small model looks first.
        for known in reversed(shown):
            _, asked = gta_messages(self._tools, known.item, known.place, latest=EARLIER_LIMIT)
            messages.append(Message("user", asked["content"]))
            messages.append(Message("assistant", gta_target(known.step)))
        messages.append(Message("user", user["content"]))
        try:
            schema = gta_schema(self._tools, item.files, plausible(likely))
            reply = await self._model.chat(messages, schema=schema, max_tokens=200)
        except ModelError:
            return GtaStep(kind="error")
        return read_gta_step(reply.text)


def gta_messages(
    tools: Sequence[GtaTool],
    item: GtaItem,
    place: int,
    likely: Mapping[str, float] | None = None,
    language: str = "en",
    *,
    latest: int = REPLY_LIMIT,
) -> list[dict[str, str]]:
    """The prompt for one step; training and evaluation share it, byte for byte.

    Args:
        tools: All that may be called.
        item: The request.
        place: Of the step, from 0.
        likely: What often follows in such a state, and how often; see `GtaHabits.likely`.
        language: Of the prompt.
        latest: Characters of the latest reply.
    """
    limits = [EARLIER_LIMIT] * (place - 1) + [latest]
    done = [
        {"call": _as_json(step.action, step.args), "reply": " ".join((step.response or "").split())[:limit]}
        for step, limit in zip(item.steps[:place], limits, strict=False)
    ]
    system = render("gta_step", language, tools=list(tools))
    shares = [f"{name} {share:.0%}" for name, share in (likely or {}).items()]
    user = render("gta_state", language, question=item.question, files=item.files, done=done, likely=shares)
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]


def gta_target(step: GtaStep) -> str:
    """The reply that says a gold step."""
    if step.kind == "answer":
        return _as_json(ANSWER, {"text": step.answer})
    return _as_json(step.tool, step.arguments)


def gta_schema(tools: Sequence[GtaTool], files: Sequence[str], names: Collection[str] = ()) -> dict[str, Any]:
    """The JSON schema of one step: a call of any tool, or the answer.

    Args:
        tools: What may be called.
        files: What an image may be.
        names: The only tools that are left to choose from, `ANSWER` among them or not; all where none is given.
    """
    text = {"type": "string", "maxLength": 400}
    kinds: dict[str, dict[str, Any]] = {
        "image": {"enum": list(files)} if files else text,
        "int": {"type": "integer"},
        "bool": {"type": "boolean"},
    }
    options = {}
    for tool in tools:
        properties: dict[str, Any] = {"tool": {"const": tool.name}}
        properties |= {given.name: kinds.get(given.type, text) for given in tool.inputs}
        required = ["tool", *(given.name for given in tool.inputs if not given.optional)]
        options[tool.name] = _object(properties, required)
    options[ANSWER] = _object({"tool": {"const": ANSWER}, "text": text}, ["tool", "text"])
    left = [option for name, option in options.items() if name in names]
    return {"anyOf": left or list(options.values())}


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
