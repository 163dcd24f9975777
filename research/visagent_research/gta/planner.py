"""A model as a planner of GTA's steps: its prompt, the schema that it is held to, and its reply."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from visagent.core.errors import ModelError
from visagent.models.protocol import MLLM, Message
from visagent_research.gta.items import ANSWER, GtaItem, GtaTool
from visagent_research.gta.states import GtaState, LikelySteps, plausible
from visagent_research.metrics import GtaStep
from visagent_research.prompts import render

REPLY_LIMIT = 160
"""Characters of the latest reply that a planner is shown."""
EARLIER_LIMIT = 50
"""Characters of each reply before that."""


class GtaPlanner:
    """Asks a model for the next step, held to a schema of the tools and the final answer.

    Args:
        model: What plans.
        tools: All of them are offered.
    """

    def __init__(self, model: MLLM, tools: Sequence[GtaTool]) -> None:
        self._model, self._tools = model, tools

    async def step(
        self, item: GtaItem, place: int, habits: LikelySteps | None = None, shown: Sequence[GtaState] = ()
    ) -> GtaStep:
        """The step at a place, from the gold steps before it; an error step where the reply is unusable.

        Args:
            item: The request.
            place: Place of the step, from 0.
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
    *,
    latest: int = REPLY_LIMIT,
) -> list[dict[str, str]]:
    """The prompt for one step; training and evaluation share it, byte for byte.

    Args:
        tools: All that may be called.
        item: The request.
        place: Place of the step, from 0.
        likely: What often follows in such a state, and how often; see `LikelySteps.likely`.
        latest: Characters of the latest reply.
    """
    limits = [EARLIER_LIMIT] * (place - 1) + [latest]
    done = [
        {"call": _as_json(step.action, step.args), "reply": " ".join((step.response or "").split())[:limit]}
        for step, limit in zip(item.steps[:place], limits, strict=False)
    ]
    system = render("gta_step", tools=list(tools))
    shares = [f"{name} {share:.0%}" for name, share in (likely or {}).items()]
    user = render("gta_state", question=item.question, files=item.files, done=done, likely=shares)
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


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _as_json(tool: str, arguments: Mapping[str, JsonValue]) -> str:
    return json.dumps({"tool": tool, **arguments}, ensure_ascii=False, separators=(",", ":"))
